"""Numba's front end, cut down to the passes that a kernel's text needs.

Kernels are straight: no closures, no containers, no exceptions, nothing counted by reference, and a name has one
type wherever it stands. So most of Numba's passes find nothing to do in them, and its SSA form, which costs as much
as all of LLVM, is made by LLVM itself from stack slots. The object code is the same, in less than half the time
(docs/measurements/compile.md).
"""

from typing import Any

from numba import types
from numba.core import ir
from numba.core.cgutils import alloca_once
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, Flags
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.interpreter import Interpreter
from numba.core.lowering import Lower
from numba.core.typed_passes import BaseNativeLowering, NoPythonBackend, NopythonTypeInference
from numba.core.untyped_passes import FixupArgs, TranslateByteCode

_signatures: dict[tuple[Any, ...], Any] = {}  # by function and the types of its arguments: the same in all kernels
_bodies: dict[tuple[Any, ...], Any] = {}  # by function and signature: what emits its instructions


class TwoTypesError(AssertionError):
    """A name of a kernel stands for values of two types."""


class _Typing:
    """Numba's typing context, which looks up each call once in a process."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, arguments: Any, named: Any) -> Any:
        """The signature of a call."""
        if named:
            return self._context.resolve_function_type(function, arguments, named)
        key = function, tuple(arguments)
        if key not in _signatures:
            _signatures[key] = self._context.resolve_function_type(function, arguments, named)
        return _signatures[key]


class _Context:
    """Numba's target context, which finds once in a process what emits a function's instructions."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def get_function(self, function: Any, signature: Any) -> Any:
        """What emits a call of this signature: `emit(builder, arguments)`."""
        key = function, signature
        if key not in _bodies:
            _bodies[key] = self._context.get_function(function, signature)
        return _bodies[key]


class _Lower(Lower):
    def __init__(self, context: Any, *about: Any, **named: Any) -> None:
        super().__init__(_Context(context), *about, **named)

    def setup_function(self, described: Any) -> None:
        """What runs in a team keeps its loops as they are: bodies are long, or run once a tile. Products know no team.

        Unrolling them takes LLVM a third of its time, and no launch is faster for it.
        """
        super().setup_function(described)
        if "team" in described.args:
            self.function.attributes.add("optsize")

    def alloca_lltype(self, name: str, lltype: Any, datamodel: Any = None) -> Any:
        """A stack slot, of which no debugger is told: to do so Numba has LLVM parse a module for the slot's size."""
        return alloca_once(self.builder, lltype, name=name, zfill=False)

    def lower_binop(self, result: Any, expression: Any, operation: Any) -> Any:
        """By the signature that typing found: Numba looks for one of constant operands too, which no vector has."""
        function = self.context.typing_context.resolve_value_type(operation)
        signature = self.fndesc.calltypes[expression]
        operands = [
            self.context.cast(self.builder, self.loadvar(of.name), self.typeof(of.name), wanted)
            for of, wanted in zip((expression.lhs, expression.rhs), signature.args, strict=True)
        ]
        value = self.context.get_function(function, signature)(self.builder, operands)
        return self.context.cast(self.builder, value, signature.return_type, result)

    def lower_assign(self, kind: Any, instruction: Any) -> Any:
        """Refuses what Numba would convert: without SSA form a number that becomes a vector's address is none."""
        value = instruction.value
        made = None
        if isinstance(value, ir.Var):
            made = self.typeof(value.name)
        elif isinstance(value, ir.Expr):
            made = getattr(self.fndesc.calltypes.get(value), "return_type", None)
        elif isinstance(value, ir.Const):
            made = self.context.typing_context.resolve_value_type(value.value)
        if made is not None and types.unliteral(made) != types.unliteral(kind):
            raise TwoTypesError(f"`{instruction.target.name}` is {kind}, and set to {made} in {instruction.loc}")
        return super().lower_assign(kind, instruction)


class _Library(JITCodeLibrary):
    """A kernel whose functions LLVM goes through once, when what they call is a part of them, not three times.

    Kernels are written in vectors: LLVM need not look for any, whatever NUMBA_LOOP_VECTORIZE says.
    inlined: what was compiled into it by `inline`
    """

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.inlined: dict[Any, Any] = {}

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        for described in self.inlined.values():
            self._final_module.get_function(described.llvm_func_name).linkage = "internal"  # gone once it is inlined
        builder = self._codegen._pass_builder(opt=0, loop_vectorize=False, slp_vectorize=False)
        joining = builder.getModulePassManager()
        joining.add_sroa_pass()
        joining.add_ipsccp_pass()
        joining.add_global_dead_code_eliminate_pass()
        joining.run(self._final_module, builder)
        builder = self._codegen._pass_builder(loop_vectorize=False, slp_vectorize=False)
        for function in self._final_module.functions:
            if not function.is_declaration:
                builder.getFunctionPassManager().run(function, builder)


@register_pass(mutates_CFG=True, analysis_only=False)
class _KernelLowering(BaseNativeLowering):
    _name = "kernel_lowering"

    def run_pass(self, state: Any) -> bool:
        """Numba's, into a library of ours, which what it inlines becomes a part of."""
        if "team" in state.func_id.arg_names and not state.flags.forceinline:
            state.library = _Library(state.targetctx.codegen(), state.func_id.func_qualname)
            state.library.enable_object_caching()
        return bool(super().run_pass(state))

    @property
    def lowering_class(self) -> type[Lower]:
        return _Lower


class _Interpreter(Interpreter):
    def post_process(self, rewrites: Any, kernel: Any) -> Any:
        """The kernel as it is: rewrites are of `with`, of dictionaries, and of calls with stars. No kernel has any."""
        return kernel


@register_pass(mutates_CFG=True, analysis_only=False)
class _Translation(TranslateByteCode):
    _name = "kernel_translation"

    def run_pass(self, state: Any) -> bool:
        """Numba's, by an interpreter of ours."""
        state.func_ir = _Interpreter(state.func_id).interpret(state.bc)
        return True


class _Passes(PassManager):
    _ENFORCING = False  # after each pass Numba looks at all variables again: this pipeline is always the same


class KernelCompiler(CompilerBase):
    """For `cfunc(pipeline_class=)`."""

    def define_pipelines(self) -> list[PassManager]:
        """One, of five passes instead of twenty-seven."""
        self.state.typingctx = _Typing(self.state.typingctx)
        self.state.type_annotation = None
        passes = _Passes("kernel")
        for each in (
            _Translation,
            FixupArgs,
            NopythonTypeInference,
            _KernelLowering,
            NoPythonBackend,
        ):
            passes.add_pass(each, each.__name__)
        passes.finalize()
        return [passes]


def inline(context: Any, builder: Any, function: Any, signature: Any, arguments: Any) -> Any:
    """Call a plain Python function of scalars, compiled into the kernel at hand, once in each that runs in a team.

    Numba's own way compiles to machine code what it then inlines, 0.1 to 0.2 s for each function.
    """
    library = context.active_code_library
    if function not in library.inlined:
        flags = Flags()
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.forceinline = True
        flags.error_model = "numpy"
        compiler = KernelCompiler(
            context.typing_context, context, library, signature.args, signature.return_type, flags, {}
        )
        library.inlined[function] = compiler.compile_extra(function).fndesc
    return context.call_internal(builder, library.inlined[function], signature, arguments)
