"""A net in ONNX operators, under construction: what a layer is in the words of that format.

Values lie as ONNX orders them, images [n, c, h, w], sequences [n, c, t], vectors [n, c], tokens [n, t]; their types and
the shapes of weights are netlang's. Nothing here needs the package `onnx`: `netlang.export` writes the file.
Source of every operator: https://onnx.ai/onnx/operators/, as of opset 18.
"""

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netlang.formula import Call, Channel, Name, Number, Term, order
from netlang.layer import Layer, Misfit, Value
from netlang.layers.sliding import Pair, Sides, Windows, reach, slide, windows
from netlang.record import dataclass
from netlang.types import Tensor

Array = NDArray[Any]
Step = tuple[Literal["Transpose", "Reshape"], tuple[int, ...]]
Order = tuple[Step, ...]  # how a weight in netlang's shape becomes one in ONNX's, step by step
Writer = Callable[..., str]
END = 2**63 - 1  # behind the last element of an axis, in `Slice`
UNSAID = "the padding of this window depends on sizes that are not fixed, in a way that ONNX cannot say"
_WRITERS: dict[type[Layer], Writer] = {}

OPERATIONS = {  # of formulas
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "neg": "Neg",
    "gt": "Greater",
    "lt": "Less",
    "ge": "GreaterOrEqual",
    "le": "LessOrEqual",
    "equal": "Equal",
    "where": "Where",
    "maximum": "Max",
    "minimum": "Min",
    "absolute": "Abs",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
}


@dataclass(frozen=True, slots=True)
class Named(Value):
    """A value of the model by its name; the type is netlang's, channels last."""

    name: str
    type: Tensor


@dataclass(frozen=True, slots=True)
class Stored(Named):
    """A weight, or a tensor kept beside it, by its name in netlang.

    transposes: the name of the weight it is the transpose of, which has the numbers
    """

    transposes: str | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: its kind in ONNX, the names it reads and makes, its attributes, and the layer it belongs to.

    An attribute may be a `Body`.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    layer: str


@dataclass(frozen=True, slots=True)
class Body:
    """Operators that another one runs again and again: what they read anew each time, and what they leave."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    made: tuple[Operator, ...]


@dataclass(frozen=True, slots=True)
class Initial:
    """A stored tensor of the model.

    shape: in the file; of: the tensors of the net it is made of, by name; make: it, of their arrays
    """

    shape: tuple[int, ...]
    of: tuple[str, ...]
    make: Callable[..., Array]


@dataclass
class Operators:
    """The operators of a model so far, its constants and stored tensors by name.

    shared: the weights that several layers read: they are stored once, in netlang's shape, and ordered by operators
    layer: the id of the one being written; what is computed on the way is called `conv1/Conv`
    """

    shared: Collection[str] = ()
    layer: str = ""
    made: list[Operator] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    initial: dict[str, Initial] = field(default_factory=dict)
    _known: dict[Any, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def __call__(self, kind: str, *inputs: Named | str, result: int = 0, **attributes: Any) -> str:
        """The name of what an operator makes of these; of several results the one of this number, from 0."""
        read = tuple(map(self.name, inputs))
        outputs = (*(self.fresh(f"{kind}_unread") for _ in range(result)), self.fresh(kind))
        self.made.append(Operator(kind, read, outputs, attributes, self.layer))
        return outputs[-1]

    def end(self, kind: str, value: str, name: str, **attributes: Any) -> None:
        """An operator whose result is an output of the model, called so."""
        self.made.append(Operator(kind, (value,), (name,), attributes, self.layer))

    def name(self, value: Named | str) -> str:
        """What a value is called; a weight as it is stored."""
        if isinstance(value, Stored):
            return self.weight(value)
        return value.name if isinstance(value, Named) else value

    def weight(self, weight: Named, *order: Step) -> str:
        """A stored tensor, brought into another shape."""
        assert isinstance(weight, Stored), weight
        shape = weight.type.arrayed(0)
        if weight.transposes is None and weight.name not in self.shared:
            self.initial[weight.name] = _initial(weight.name, shape, order)
            return weight.name
        key = (weight.name, order)
        if key not in self._known:
            self._known[key] = self._arranged(weight, shape, order)
        return self._known[key]

    def _arranged(self, weight: Stored, shape: tuple[int, ...], order: Order) -> str:
        """A weight that is stored as netlang has it, brought into another shape by operators."""
        name = weight.name
        if weight.transposes is not None:  # only matrices are
            name = self("Transpose", weight.transposes, perm=[1, 0])
            shape = shape[::-1]
        base = weight.transposes or weight.name
        self.initial[base] = _initial(base, shape, ())
        for kind, numbers in order:
            if kind == "Transpose":
                name = self(kind, name, perm=list(numbers))
            else:
                name = self(kind, name, self.integers(*numbers))
        return name

    def constant(self, value: ArrayLike, dtype: Any = np.float32) -> str:
        """A tensor of numbers that no training changes; equal ones are one."""
        array = np.asarray(value, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = self._numbered("constant/" + "x".join(map(str, array.shape or (1,))))
            self.constants[self._known[key]] = array
        return self._known[key]

    def integers(self, *numbers: int) -> str:
        """A constant list of whole numbers: a shape, axes."""
        return self.constant(numbers, np.int64)

    def reshaped(self, x: Named | str, *shape: int) -> str:
        """The numbers in their order under another shape; 0 keeps a size, -1 is what is left."""
        return self("Reshape", x, self.integers(*shape))

    def channels_last(self, x: Named) -> str:
        """The value as netlang has it, [n, h, w, c]."""
        rank = len(x.type.shape)
        return self("Transpose", x, perm=[0, *range(2, rank), 1]) if rank > 2 else self.name(x)

    def channels_first(self, x: str, rank: int) -> str:
        """[n, h, w, c] as [n, c, h, w]."""
        return self("Transpose", x, perm=[0, rank - 1, *range(1, rank - 1)]) if rank > 2 else x

    def places(self, x: Named) -> str:
        """The sizes between batch and channels, as a list of whole numbers; read from x where they are not fixed."""
        if x.type.fixed:
            return self.integers(*x.type.arrayed(0)[1:-1])
        return self("Shape", x, start=2)

    def formula(self, term: Term, values: Mapping[str, Named | str], channels: str = "") -> str:
        """What a formula comes to. values: of its names; channels: the numbers of the channels, where it reads them."""
        known: dict[Term, str] = {}
        for part in order(term):
            match part:
                case Name(name):
                    known[part] = self.name(values[name])
                case Number(value):
                    known[part] = self.constant(value)
                case Channel():
                    known[part] = channels
                case Call(name, args):
                    known[part] = self(OPERATIONS[name], *(known[arg] for arg in args))
                case _:
                    raise TypeError(f"{part} has no meaning outside of training")
        return known[term]

    def composed(
        self, name: str, of: Sequence[Named], shape: tuple[int, ...], make: Callable[..., Array], *how: Any
    ) -> str:
        """A stored tensor made of several; one of the same tensors, made the same way, is the same.

        name: behind that of the layer, "W"; make: it, of their arrays in netlang's shapes; how: what else it depends on
        """
        key = (name, *(weight.name for weight in of), *how)
        if key not in self._known:
            self._known[key] = f"{self.layer}.{name}"
            self.initial[self._known[key]] = Initial(shape, tuple(weight.name for weight in of), make)
        return self._known[key]

    def inner(self) -> "Operators":
        """For the operators of a body, which may read the constants and stored tensors out here."""
        return replace(self, made=[])

    def fresh(self, name: str) -> str:
        """A name of the layer's that nothing has yet: `conv1/Conv`."""
        return self._numbered(f"{self.layer}/{name}")

    def _numbered(self, name: str) -> str:
        count = self._counts[name] = self._counts.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"


def _initial(name: str, shape: tuple[int, ...], order: Order) -> Initial:
    """A tensor of the net brought into another shape."""

    def make(array: Array) -> Array:
        for kind, numbers in order:
            array = array.transpose(numbers) if kind == "Transpose" else array.reshape(numbers)
        return array

    for kind, numbers in order:
        shape = tuple(shape[axis] for axis in numbers) if kind == "Transpose" else numbers
    return Initial(shape, (name,), make)


def transpose(*axes: int) -> Step:
    """A step of an `Order`."""
    return "Transpose", axes


def reshape(*shape: int) -> Step:
    """A step of an `Order`."""
    return "Reshape", shape


def in_onnx(*kinds: type[Layer]) -> Callable[[Writer], Writer]:
    """Declare the function (operators, layer, *inputs, *weights, *kept) -> name of some layers.

    conv/op.py finds conv/onnx.py. It may raise Misfit where a setting cannot be said.
    """

    def declare(write: Writer) -> Writer:
        _WRITERS.update(dict.fromkeys(kinds, write))
        return write

    return declare


def writer(layer: Layer) -> Writer | None:
    """The function of a layer's kind, or of the kind it is made after; None where there is none."""
    package = type(layer).__module__.rpartition(".")[0]
    try:
        importlib.import_module(f"{package}.onnx")
    except ModuleNotFoundError as missing:
        if missing.name != f"{package}.onnx":
            raise
    return next((_WRITERS[kind] for kind in type(layer).__mro__ if kind in _WRITERS), None)


def windowed(layer: Any, x: Tensor, *, end_first: bool = False) -> dict[str, Any]:
    """The attributes of a layer's windows. Raises Misfit for padding that ONNX cannot make depend on an open size."""
    at = windows(layer, x, end_first=end_first)
    axes = _axes(x)
    found: dict[str, Any] = {"kernel_shape": [at.kernel[a] for a in axes], "strides": [at.stride[a] for a in axes]}
    if at.dilation != (1, 1):
        found["dilations"] = [at.dilation[a] for a in axes]
    if x.fixed:
        return found | {"pads": pads(at.pad, x)}
    if getattr(layer, "ceil", False):
        return found | {"pads": pads(_ceil(at), x)}
    if layer.pad == "same":
        return found | _same([at.size[a] for a in axes], axes, reach(at.kernel, at.dilation), at.stride, end_first)
    return found | {"pads": pads(at.pad, x)}


def _ceil(at: Windows) -> Sides:
    """The padding of pools that round up, over open sizes: what rounding down leaves over is stride - 1 at most.

    ONNX takes less padding than the window has pixels; then no window starts behind the image either (RULINGS 45).
    `ceil_mode` would say the same, but ONNX Runtime 1.23 averages the last windows wrongly with it.
    """
    (top, left), (rows, columns) = at.pad[:2], at.stride
    below, beside = top + rows - 1, left + columns - 1
    if below >= at.kernel[0] or beside >= at.kernel[1]:
        raise Misfit(UNSAID)
    return top, left, below, beside


def pads(sides: Sides, x: Tensor) -> list[int]:
    """Rows above, columns left, rows below, columns right, as ONNX lists them for an image or a sequence."""
    return [sides[a] for a in _axes(x)] + [sides[a + 2] for a in _axes(x)]


def _axes(x: Tensor) -> tuple[int, ...]:
    return (1,) if len(x.shape) == 3 else (0, 1)


def _same(size: list[Any], axes: tuple[int, ...], span: Pair, stride: Pair, end_first: bool) -> dict[str, Any]:
    """`pad=same` of axes of which some are open: one padding for every size, or one that ONNX computes alike.

    The padding of n pixels depends on n modulo the stride alone, and is span - 1 in all at most; what lies behind the
    last window does not matter.
    """
    tried = {a: [n] if isinstance(n, int) else list(range(1, stride[a] + 1)) for a, n in zip(axes, size, strict=True)}
    before = {
        a: [slide((n, n), span, stride, "same", end_first=end_first)[1][a] for n in found] for a, found in tried.items()
    }
    if all(len(set(found)) == 1 for found in before.values()):
        first = [before[a][0] for a in axes]
        return {"pads": [*first, *(span[a] - 1 - before[a][0] for a in axes)]}
    for mode, more in (("SAME_UPPER", 0), ("SAME_LOWER", 1)):  # `more` where the odd pixel comes first
        if all(before[a] == [(_total(n, span[a], stride[a]) + more) // 2 for n in tried[a]] for a in axes):
            return {"auto_pad": mode}
    raise Misfit(UNSAID)


def _total(n: int, span: int, stride: int) -> int:
    """The padding before and behind n pixels, for ceil(n / stride) windows."""
    return max(span - stride + (-n) % stride, 0)
