"""LLVM values under construction, with Python's operators.

The functions of `vector.py` and `math.py` are written once: given NumPy arrays they compute, given `Wire`s they emit
the instructions that compute. So a kernel runs uncompiled with the same formulas, and Numba has nothing to infer.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from netlang.simd.emitted import INT32

LANES = 16  # elements of a vector, of any dtype
FLOATS = {"f32": ir.FloatType(), "f64": ir.DoubleType()}


class Wire:
    """A vector, mask or scalar inside the block that `builder` writes."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    @property
    def dtype(self) -> str:
        """Of the elements: "f32" or "f64"."""
        element = getattr(self.value.type, "element", self.value.type)
        return "f32" if isinstance(element, ir.FloatType) else "f64"

    def lift(self, other: Any) -> Any:
        """The other operand as an LLVM value of this vector's type: a number goes to all lanes."""
        if not isinstance(other, Wire):
            return ir.Constant(self.value.type, [float(other)] * self.value.type.count)
        if other.value.type == self.value.type:
            return other.value
        return splat(self.builder, _cast(self.builder, other.value, self.value.type.element), self.value.type.count)

    def _arith(self, name: str, left: Any, right: Any) -> "Wire":
        return Wire(self.builder, getattr(self.builder, name)(self.lift(left), self.lift(right)))

    def __add__(self, other: Any) -> "Wire":
        return self._arith("fadd", self, other)

    def __radd__(self, other: Any) -> "Wire":
        return self._arith("fadd", other, self)

    def __sub__(self, other: Any) -> "Wire":
        return self._arith("fsub", self, other)

    def __rsub__(self, other: Any) -> "Wire":
        return self._arith("fsub", other, self)

    def __mul__(self, other: Any) -> "Wire":
        return self._arith("fmul", self, other)

    def __rmul__(self, other: Any) -> "Wire":
        return self._arith("fmul", other, self)

    def __truediv__(self, other: Any) -> "Wire":
        return self._arith("fdiv", self, other)

    def __rtruediv__(self, other: Any) -> "Wire":
        return self._arith("fdiv", other, self)

    def __neg__(self) -> "Wire":
        return Wire(self.builder, self.builder.fneg(self.value))

    def __gt__(self, other: Any) -> "Wire":
        return self.compare(">", other)

    def __lt__(self, other: Any) -> "Wire":
        return self.compare("<", other)

    def __ge__(self, other: Any) -> "Wire":
        return self.compare(">=", other)

    def __le__(self, other: Any) -> "Wire":
        return self.compare("<=", other)

    def compare(self, symbol: str, other: Any) -> "Wire":
        """A mask: false where either is NaN, but for "!="."""
        compare = self.builder.fcmp_unordered if symbol == "!=" else self.builder.fcmp_ordered
        return Wire(self.builder, compare(symbol, self.value, self.lift(other)))

    def call(self, name: str, *others: Any) -> "Wire":
        """The LLVM intrinsic of this type."""
        kind = self.value.type
        arguments = [self.value, *(self.lift(other) for other in others)]
        function = ir.FunctionType(kind, [kind] * len(arguments))
        full = f"llvm.{name}.v{kind.count}{self.dtype}"
        return Wire(
            self.builder,
            self.builder.call(cgutils.get_or_insert_function(self.builder.module, function, full), arguments),
        )


def splat(builder: Any, scalar: Any, lanes: int = LANES) -> Any:
    """An LLVM scalar in all lanes."""
    undefined = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(INT32, 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes))


def _cast(builder: Any, scalar: Any, to: Any) -> Any:
    if scalar.type == to:
        return scalar
    if isinstance(scalar.type, ir.IntType):
        return builder.sitofp(scalar, to)
    return builder.fptrunc(scalar, to) if isinstance(to, ir.FloatType) else builder.fpext(scalar, to)
