"""Functions with two bodies: plain Python, and LLVM instructions that Numba puts in its place.

An `@overload` compiles a Python body on its first use in every process (50 to 200 ms each); emitting the few
instructions directly costs nothing, and a kernel of a dozen such calls compiles in less time than one overload.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import lower_builtin

from netlang.simd.frontend import inline

INT32 = ir.IntType(32)
INT64 = ir.IntType(64)


def emits(function: Any, signature: Any) -> Any:
    """Declare `emit(builder, *arguments)`, the LLVM instructions of a plain Python function of scalars.

    signature: Numba's, e.g. int64(int64, int64); arguments are cast to it
    """

    def declare(emit: Any) -> Any:
        def lower(context: Any, builder: Any, given: Any, arguments: Any) -> Any:
            value = emit(builder, *arguments)
            if isinstance(signature.return_type, types.UniTuple):
                return context.make_tuple(builder, signature.return_type, value)
            return context.get_dummy_value() if signature.return_type == types.void else value

        _declare(function, signature, lower)
        return emit

    return declare


def inlined(signature: Any) -> Any:
    """Declare a plain Python function of scalars that is compiled into whatever calls it: its two bodies are one.

    Calls would bring status checks, and with them the Python runtime.
    """

    def declare(function: Any) -> Any:
        def lower(context: Any, builder: Any, given: Any, arguments: Any) -> Any:
            return inline(context, builder, function, signature, arguments)

        _declare(function, signature, lower)
        return function

    return declare


def _declare(function: Any, signature: Any, lower: Any) -> None:
    typing = type(f"{function.__name__}_typing", (ConcreteTemplate,), {"key": function, "cases": [signature]})
    infer_global(function, types.Function(typing))
    lower_builtin(function, *signature.args)(lower)


def pointer(builder: Any, address: Any, of: Any = INT64) -> Any:
    """The address, an int64 in bytes, as an LLVM pointer."""
    return builder.inttoptr(address, of.as_pointer())


def constant(value: int, of: Any = INT64) -> Any:
    """A literal integer."""
    return ir.Constant(of, value)


def past_caches(builder: Any, store: Any) -> None:
    """Let a store of whole lines go by the caches. The atomic additions of a barrier wait for it, as for any other."""
    store.set_metadata("nontemporal", builder.module.add_metadata([constant(1, INT32)]))


def extern(builder: Any, name: str, result: Any, *parameters: Any, variadic: bool = False) -> Any:
    """A C function of the running process, or an LLVM intrinsic."""
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, parameters, variadic), name)
