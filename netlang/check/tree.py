"""The net with every word looked up and every block, group and repeat written out, before any shape is known.

The steps stand in one list, in the order of the text; each knows the steps whose outputs it reads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field

from netlang.check.values import Names
from netlang.layer import Common, Layer
from netlang.record import dataclass
from netlang.source import Span
from netlang.syntax import ast
from netlang.types import Dim


@dataclass(frozen=True)
class Activation:
    """An activation behind a layer: its option (written), or the default (not written)."""

    layer: Layer
    span: Span
    written: bool


@dataclass(frozen=True)
class Norm:
    """A norm between a layer's sum and its activation, as its option."""

    layer: Layer
    span: Span
    at: Mapping[str, Span]


@dataclass(frozen=True)
class Start:
    """An input of the net: its name, its shape without the batch, and for tokens how many words there are."""

    name: str
    shape: tuple[Dim, ...]
    classes: int = 0


@dataclass(frozen=True)
class Stored:
    """A file of pretrained weights; below: the number of leading names in a weight's name that the file leaves out."""

    path: ast.Text
    below: int

    def name(self, of: str) -> str:
        """What the file calls a weight."""
        return ".".join(of.split(".")[self.below :])


@dataclass(frozen=True)
class Training:
    """What is said of a step's weights.

    common: the settings of `Common`; at: where each is written
    file: of pretrained weights
    init: how weights start where the layer has no setting for it
    """

    common: Common = field(default_factory=Common)
    at: Mapping[str, Span] = field(default_factory=dict)
    file: Stored | None = None
    init: str | None = None


@dataclass(eq=False)
class Op:
    """One layer in its place. what is None where the step is wrong: its output is unknown.

    inputs: the steps it reads, tensors that settings name (`like=@a`) last
    skipped: what a merge that `skips` reads beside its branches
    path: block, instance, copy and layer
    span: of the whole step; word: of its first word; at: where each setting is written, so that a caret lands on it
    usual: the activation it gets unless the next thing settles the matter
    inside: the blocks and repeats it stands in, innermost first
    readers: who reads its output, in the order of the text; None is an output of the net
    tied: the step whose weights it shares, and whether transposed
    """

    what: Layer | Start | None
    span: Span
    word: Span
    path: tuple[str, ...] = ()
    inputs: list["Op"] = field(default_factory=list)
    skipped: "Op | None" = None
    at: Mapping[str, Span] = field(default_factory=dict)
    norm: Norm | None = None
    activation: Activation | None = None
    usual: Layer | None = None
    inside: tuple[str, ...] = ()
    training: Training = field(default_factory=Training)
    readers: list["Op | None"] = field(default_factory=list)
    skips: int = 0  # readers that do not count for the default activation
    tied: "tuple[Op, bool, Span] | None" = None

    @property
    def layer(self) -> Layer | None:
        """The layer, if it is one."""
        return self.what if isinstance(self.what, Layer) else None

    @property
    def read(self) -> bool:
        """Whether anything reads its output."""
        return bool(self.readers) or self.skips > 0


@dataclass(frozen=True)
class Promise:
    """`-> 14x14x6`: what stands before must have this shape."""

    shape: ast.Shape
    op: Op
    names: Names
    inside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """`output aux1 side weight=0.3` as written."""

    name: str
    op: Op
    side: bool
    weight: float
    loss: str | None
    span: Span
    at: Mapping[str, Span] = field(default_factory=dict)


@dataclass
class Steps:
    """All steps and promises, in the order in which they are computed, and the net's outputs.

    calls: where each use of a block stands, by its path
    """

    items: list[Op | Promise] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    calls: dict[tuple[str, ...], Span] = field(default_factory=dict)

    def ops(self) -> Iterator[Op]:
        """The steps alone."""
        return (item for item in self.items if isinstance(item, Op))
