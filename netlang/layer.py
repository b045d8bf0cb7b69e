"""What a layer is. The layers themselves stand in `layers/`, a folder per family."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass, replace
from typing import Any, ClassVar, Protocol, TypeVar, get_args

from netlang.record import dataclass
from netlang.types import Count, Tensor, decimal, shown

OPTIONAL = {"bias": r"b\[[^]]*\] \+ ", "scale": r" \* scale\[c\]", "shift": r" \+ shift\[c\]"}  # parts of rules
SUFFIXES = ("kernel", "width", "stride")  # fields that are written behind a layer's word


class Misfit(Exception):
    """A layer's reason for refusing its inputs or settings.

    setting: the field to blame, so that the caret lands on `pad=9` and not on the whole layer
    help: what to try instead
    """

    def __init__(self, message: str, *, setting: str | None = None, help: str | None = None) -> None:
        super().__init__(message)
        self.setting, self.help = setting, help


@dataclass(frozen=True, slots=True)
class Weight:
    """A trained tensor a layer owns.

    name: "w" or "b"; its full name is path and name, as in `conv1.w`
    init: the word of an initialisation ("he", "zeros", "normal(0.05)", ...)
    fans: how many numbers each output sums over, and each input feeds (He et al. 2015, section 2.2)
    decays: whether `l2=` is for it: weights decay, biases, scales and shifts do not (RULINGS 54)
    frozen, rate, l2: whether training leaves it alone, the factor on the learning rate, and how much of the weight
        is added to its gradient
    transposes: the id of the weight it is the transpose of; it has no numbers of its own (`tie=@a transposed`)
    """

    name: str
    type: Tensor
    init: str
    fans: tuple[int, int] = (1, 1)
    decays: bool = False
    frozen: bool = False
    rate: float = 1.0
    l2: float = 0.0
    transposes: str | None = None

    def __str__(self) -> str:
        said = ["frozen"] if self.frozen else []
        said += [f"rate={self.rate:g}"] if self.rate != 1 else []
        said += [f"l2={self.l2:g}"] if self.l2 else []
        said += ["transposed"] if self.transposes else []
        return ", ".join([f"weight that starts as {self.init}", *said])


@dataclass(frozen=True, slots=True)
class Kept:
    """A tensor that training carries along and evaluation reads: the running mean of a norm. It is not learned.

    name: its full name is path and name, as a weight's; start: every number of it before the first step
    """

    name: str
    type: Tensor
    start: float

    def __str__(self) -> str:
        return f"kept, {self.start:g} at the start"


@dataclass(frozen=True)
class Common:
    """What may be said of every layer that trains something, beside its own settings.

    l2:     this times the weights is added to their gradient; not of biases, scales and shifts
    lr:     a factor on the learning rate
    freeze: whether training leaves the weights alone
    """

    l2: float = 0.0
    lr: float = 1.0
    freeze: bool = False

    def __post_init__(self) -> None:
        for name in ("l2", "lr"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise Misfit(f"{name} must be 0 or more", setting=name)

    def on(self, weight: Weight) -> Weight:
        """The weight with these settings."""
        return replace(weight, frozen=self.freeze, rate=self.lr, l2=self.l2 if weight.decays else 0.0)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How a layer goes through a sequence: what each step leaves to the next, and in which directions.

    ways: "forward", "backward" or both; last: whether it gives its last step alone
    """

    states: tuple[str, ...]
    ways: tuple[str, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class Working:
    """A step of arithmetic with the numbers put in: height ceil(224/2) = 112.

    text: an expression of whole numbers and the letters of sizes that are not fixed; `ceil`, `floor` and `max` are
        its only functions
    value: what it comes to; value and text are the same where there is nothing to compute
    """

    what: str
    text: str
    value: Any


class Value:
    """A handle to a tensor while a layer is lowered or a gradient written: it has a `type`.

    known: a formula without operands, where the value is told by one alone; such a value has no node yet
    ends: of a sequence whose examples have lengths of their own; its numbers beyond them are zero
    """

    type: Tensor
    known: Any = None
    ends: "Ends | None" = None


@dataclass(frozen=True)
class Ends:
    """Where the examples of a sequence end (RULINGS 59).

    count: ("n", 1), how many steps of each example are real; real: ("n", t, 1), 1 at those, else 0
    """

    count: Value
    real: Value


class Emit(Protocol):
    """Adds a primitive to the graph under construction and returns its value.

    path: of the layer that is lowered; it names the layer's random stream
    """

    path: tuple[str, ...]

    def __call__(self, primitive: Any, *inputs: Value) -> Value:
        """The result of a primitive on these."""
        ...

    def keep(self, kept: Value, value: Value) -> None:
        """What a kept tensor becomes when a step of training is taken."""
        ...


@dataclass(frozen=True)
class Layer:
    """A layer with its settings; subclasses are frozen dataclasses, by the `dataclass` of `netlang.record`.

    The fields are the settings a user may write, with their defaults; fields called `kernel`,
    `width` and `stride` are written as suffixes (`conv3-64/2`). `positional` names the field a bare
    number sets (`dropout 0.5`). Parsing, checking, `netlang layers`, docs and canonical text are read off
    the fields; the names and the number of inputs off the signature of `infer`.

    Two layers that compare equal compute the same function of inputs and weights.
    """

    word: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    elsewhere: ClassVar[tuple[str, ...]] = ()  # what others call it, for messages: small letters, no `_`, `-`, `2d`
    positional: ClassVar[str | None] = None
    activated: ClassVar[bool] = False  # ends in the default activation where the rules of section 4 say so
    activation: ClassVar[bool] = False  # may stand as an option of an `activated` layer
    usual: ClassVar[bool] = False  # the one activation that stands where none is written
    transparent: ClassVar[bool] = False  # "the next thing" looks through it (RULINGS 1)
    settles: ClassVar[bool] = False  # as the next thing, it stops the default activation (RULINGS 4)
    merge: ClassVar[bool] = False  # stands before branches: `concat[a | b]`
    skips: ClassVar[bool] = False  # a merge that also takes what its branches read: `residual[..]`
    slides: ClassVar[bool] = False  # has windows: `kernel stride pad dilation`, in pixels, widen the receptive field
    norm: ClassVar[bool] = False  # may stand as an option of an `activated` layer, before its activation
    centred: ClassVar[bool] = False  # as such an option, it turns the layer's bias off (RULINGS 48)
    final: ClassVar[bool] = False  # takes the last step of a sequence
    tokens: ClassVar[bool] = False  # reads tokens; every other layer reads numbers
    references: ClassVar[tuple[str, ...]] = ()  # settings that name a tensor, `like=@a`: inputs of `infer` by that name
    arguments: ClassVar[Mapping[str, str]] = {}  # settings in brackets, in order: what they are called there, and here
    per_example: ClassVar[bool] = True  # in training, a batch of n gives what n batches of one give

    def infer(self, *inputs: Any, **_: Any) -> Tensor:
        """The type of the output, or `Misfit`. Subclasses spell the inputs out: `infer(self, x)`."""
        raise TypeError(f"{type(self).__name__} must say what it makes of its inputs")

    def fitted(self, *inputs: Tensor) -> Tensor:
        """Like `infer`, and refuses what no layer of its kind reads: tokens, or channels of no fixed number."""
        for x in inputs:
            if x.classes and not self.tokens:
                raise Misfit(f"`{self.word}` reads numbers, and this is tokens", help="`embed-N` makes vectors of them")
            if self.tokens and not x.classes:
                raise Misfit(
                    f"`{self.word}` reads tokens, and this is numbers: {shown(x.shape)}",
                    help="tokens come from `input T tokens vocab=…`",
                )
            if not x.classes and not isinstance(x.shape[-1], int):
                raise Misfit(f"`{self.word}` needs a fixed number of channels, not {shown(x.shape)}")
        return self.infer(*inputs)

    def notes(self, *inputs: Tensor) -> tuple[str, ...]:
        """What must hold for the inputs to fit, as in "needs H even"; it is checked again when sizes are fixed."""
        return ()

    def weights(self, *inputs: Any, **_: Any) -> tuple[Weight, ...]:
        """What the layer trains, in the order `lower` takes it."""
        return ()

    def kept(self, *inputs: Any, **_: Any) -> tuple[Kept, ...]:
        """What training carries along beside the weights; `lower` takes it behind them."""
        return ()

    def macs(self, y: Tensor, *inputs: Any, **_: Any) -> Count:
        """Multiply-adds of its products per example, forward, biases not counted."""
        return 0

    def carried(self, y: Tensor, *inputs: Any, **_: Any) -> Count:
        """Those of `macs` that read what learned numbers made within the layer, as its state is a step later."""
        return 0

    def flops(self, y: Tensor, *inputs: Any, **_: Any) -> Count:
        """Two per MAC plus every other arithmetic operation, per example, forward."""
        return 2 * self.macs(y, *inputs)

    def workings(self, y: Tensor, *inputs: Any, **_: Any) -> tuple[Working, ...]:
        """How the size of the output comes about, with the numbers put in; none where it is that of the input."""
        return ()

    def rule(self, *inputs: Any, **_: Any) -> tuple[str, ...]:
        """What the layer computes, in lines: the first paragraph of what it says of itself.

        A bias, scale or shift that its settings leave out is left out.
        """
        doc = (type(self).__doc__ or "").strip().split("\n\n")[0]
        for setting, part in OPTIONAL.items():
            if getattr(self, setting, True) is False:
                doc = re.sub(part, "", doc)
        return tuple(line.strip() for line in doc.split("\n"))

    def statement(self) -> tuple[str, ...]:
        """The lines of the statement that defines the layer, where a user wrote it: `cell mine(n):`."""
        return ()

    def jump(self) -> tuple[int, int]:
        """Rows and columns from what one output sees to what the next one sees: the stride."""
        return 1, 1

    def alignment(self, *inputs: Any, **_: Any) -> object:
        """How the steps of the output lie against those of the inputs, where that depends on how many there are.

        A shorter example of a batch is what it is alone only if the two say the same (`lengths.py`).
        """
        return None

    def recurrence(self) -> Recurrence | None:
        """How it goes through a sequence step by step; None for a layer that does not."""
        return None

    def lower(self, emit: Emit, training: bool, *values: Any, **_: Any) -> Value:
        """The layer in primitives; `values` are its inputs, then its weights, then what it keeps."""
        raise TypeError(f"{type(self).__name__} must say how it is computed")

    @classmethod
    def takes(cls) -> tuple[str, ...]:
        """The names of the inputs; one starting with `*` stands for any number."""
        parameters = list(inspect.signature(cls.infer).parameters.values())[1:]
        return tuple(("*" if p.kind is p.VAR_POSITIONAL else "") + p.name for p in parameters)

    def __str__(self) -> str:
        return canonical(self)


_LAYERS: dict[str, type[Layer]] = {}
_LayerT = TypeVar("_LayerT", bound=type[Layer])


def register(cls: _LayerT) -> _LayerT:
    """Make a layer known by its word and aliases, which must be free."""
    assert is_dataclass(cls), cls
    for word in (cls.word, *cls.aliases):
        assert word not in _LAYERS, f"two layers are called {word}"
        _LAYERS[word] = cls
    return cls


def find(word: str) -> type[Layer] | None:
    """The layer of a word or alias, whatever its case."""
    return _LAYERS.get(word.lower())


def words(*, aliases: bool = False) -> list[str]:
    """Every layer word, sorted."""
    return sorted(word for word, cls in _LAYERS.items() if aliases or word == cls.word)


def all_layers() -> Iterator[type[Layer]]:
    """Every layer, in the order of its word."""
    return (_LAYERS[word] for word in words())


def canonical(layer: Layer) -> str:
    """The layer as `.net` text, defaults left out."""
    from dataclasses import MISSING, fields

    text, options = layer.word, ""
    for f in fields(layer):
        value = getattr(layer, f.name)
        any_length = Ellipsis in get_args(f.type)  # 5x5 of one number of sizes is 5; of any number it stays 5x5
        written = "x".join(map(str, value)) if any_length else setting(value)
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if f.name == "kernel":
            text += "" if value is None else pair(value)
        elif f.name == "width":
            text += f"-{value}"
        elif value == default or value is None:
            continue
        elif f.name == "stride":
            text += f"/{pair(value)}"
        elif f.name == layer.positional and "x" not in written:
            options += f" {written}"
        else:
            options += f" {f.name}={written}"
    return text + options


def pair(value: int | Sequence[int]) -> str:
    """A kernel or stride: 3 where both are 3, else 3x1."""
    sizes = (value,) if isinstance(value, int) else tuple(value)
    return str(sizes[0]) if len(set(sizes)) == 1 else "x".join(map(str, sizes))


def setting(value: Any) -> str:
    """A setting's value as `.net` text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return decimal(value)
    return pair(value) if isinstance(value, tuple) else str(value)
