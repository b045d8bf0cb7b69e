"""Numba's front end, cut down to the passes that a kernel's text needs.

Kernels are straight: no closures, no containers, no exceptions, nothing counted by reference, and a name has one
type wherever it stands. So most of Numba's passes find nothing to do in them, and its SSA form, which costs as much
as all of LLVM, is made by LLVM itself from stack slots. The object code is the same, in less than half the time
(docs/measurements/compile.md).
"""

from typing import Any

from numba import types
from numba.core import ir
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import AnnotateTypes, BaseNativeLowering, NoPythonBackend, NopythonTypeInference
from numba.core.untyped_passes import FixupArgs, IRProcessing, TranslateByteCode

_signatures: dict[tuple[Any, ...], Any] = {}  # by function and the types of its arguments: the same in all kernels


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


class _Lower(Lower):  # type: ignore[misc]  # Numba has no types
    def setup_function(self, described: Any) -> None:
        """What runs in a team keeps its loops as they are: bodies are long, or run once a tile. Products know no team.

        Unrolling them takes LLVM a third of its time, and no launch is faster for it.
        """
        super().setup_function(described)
        if "team" in described.args:
            self.function.attributes.add("optsize")

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


class _Library(JITCodeLibrary):  # type: ignore[misc]  # Numba has no types
    """A kernel whose functions LLVM goes through once, when what they call is a part of them, not three times.

    Kernels are written in vectors: LLVM need not look for any, whatever NUMBA_LOOP_VECTORIZE says.
    """

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
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
class _KernelLowering(BaseNativeLowering):  # type: ignore[misc]  # Numba has no types
    _name = "kernel_lowering"

    def run_pass(self, state: Any) -> bool:
        """Numba's, into a library of ours."""
        if "team" in state.func_id.arg_names:
            state.library = _Library(state.targetctx.codegen(), state.func_id.func_qualname)
            state.library.enable_object_caching()
        return bool(super().run_pass(state))

    @property
    def lowering_class(self) -> type[Lower]:
        return _Lower


class KernelCompiler(CompilerBase):  # type: ignore[misc]  # Numba has no types
    """For `cfunc(pipeline_class=)`."""

    def define_pipelines(self) -> list[PassManager]:
        """One, of seven passes instead of twenty-seven."""
        self.state.typingctx = _Typing(self.state.typingctx)
        passes = PassManager("kernel")
        for each in (
            TranslateByteCode,
            FixupArgs,
            IRProcessing,
            NopythonTypeInference,
            AnnotateTypes,
            _KernelLowering,
            NoPythonBackend,
        ):
            passes.add_pass(each, each.__name__)
        passes.finalize()
        return [passes]
