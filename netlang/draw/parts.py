"""What a picture shows: series of steps, branches side by side, blocks and repeats folded as the file writes them."""

from collections.abc import Iterator
from dataclasses import fields

from netlang.graph import NodeId
from netlang.layer import Layer, Recurrence
from netlang.record import dataclass
from netlang.types import Dim, shown


@dataclass(frozen=True)
class Tap:
    """A tensor that is drawn elsewhere. name: of the step that made it."""

    id: NodeId
    name: str
    shape: str


@dataclass(frozen=True)
class Step:
    """One layer with its norm and activation, or a block that is not opened.

    text: as the file writes it; options: its norm and activation; sizes: of its output, without the batch
    first: those of the first copy, where it stands for several of different sizes; inside: of a block, what it does
    line: of the file; stands: that line with the file's name and its text
    family: see `family`
    place: where it is written: copies of a repeat share it
    id: the node that holds its output; block: the path of the block, if it is one
    also: what it reads beside what stands before it, as `crop like=@up` does
    layers: the paths of the layers it shows; of a block its own
    recurrence: of a layer that goes through a sequence step by step
    """

    text: str
    options: tuple[str, ...]
    sizes: tuple[Dim, ...]
    line: int
    stands: str
    family: str
    place: int
    id: NodeId
    block: tuple[str, ...] | None = None
    also: tuple[Tap, ...] = ()
    layers: tuple[tuple[str, ...], ...] = ()
    recurrence: Recurrence | None = None
    first: tuple[Dim, ...] = ()
    inside: tuple[str, ...] = ()

    @property
    def written(self) -> str:
        """Layer, norm and activation."""
        return "  ".join((self.text, *self.options))

    @property
    def shape(self) -> str:
        """Of its output, as a file writes it; of several copies from the first to the last."""
        return f"{shown(self.first)} .. {shown(self.sizes)}" if self.first else shown(self.sizes)


@dataclass(frozen=True)
class Fork:
    """Branches that read the same tensor, and the layer that merges them.

    An empty branch passes the tensor on; one that reads a tensor drawn elsewhere begins with a `Tap`.
    """

    branches: tuple["Series", ...]
    merge: Step


@dataclass(frozen=True)
class Frame:
    """A block that is opened: its call, and what it does."""

    step: Step
    series: "Series"

    @property
    def title(self) -> str:
        """The name of the block; its arguments show inside."""
        return self.step.text.partition("(")[0]


@dataclass(frozen=True)
class Repeat:
    """A series that stands several times. series: the last of the copies, its sizes told from those of the first."""

    series: "Series"
    copies: "tuple[Series, ...]"

    @property
    def times(self) -> int:
        """How often it stands."""
        return len(self.copies)


Part = Step | Fork | Frame | Repeat | Tap
Series = tuple[Part, ...]


@dataclass(frozen=True)
class End:
    """An output, and the series that leads to it. side: whether it is there in training only."""

    name: str
    side: bool
    series: Series


@dataclass(frozen=True)
class Key:
    """A block drawn once, beside the picture that shows only its name: its call, and what it does.

    title: its call, and where others are called by the same name, how often it stands
    reads: the tensor it reads, and input: its shape; "" where it reads several
    """

    step: Step
    reads: NodeId
    input: str
    series: Series
    title: str


@dataclass(frozen=True)
class Picture:
    """All there is to draw: the series of each output, the main one first, and the blocks that are not opened."""

    title: str
    ends: tuple[End, ...]
    keys: tuple[Key, ...] = ()


def family(layer: Layer) -> str:
    """By what it does, never by its name: "window" and "full" train weights, "pool" slides without, ..."""
    names = {field.name for field in fields(layer)}
    if layer.merge:
        return "merge"
    if "kernel" in names:
        return "window" if "width" in names else "pool"
    if "width" in names:
        return "full"
    return "activation" if layer.activation or layer.settles else "other"


def line_of(part: Part) -> int | None:
    """The line of the file a part is drawn with; None for what is no step, and for repeats of several."""
    match part:
        case Step():
            return part.line
        case Repeat(series=(Step() as only,)):
            return only.line
    return None


def shape_of(part: Part) -> str:
    """The shape a part gives."""
    match part:
        case Step() | Tap():
            return part.shape
        case Fork():
            return part.merge.shape
        case Frame():
            return part.step.shape
        case Repeat():
            return shape_of(part.copies[-1][-1])


def given(part: Part) -> NodeId:
    """The node that holds the tensor a part gives."""
    match part:
        case Fork():
            return part.merge.id
        case Frame():
            return part.step.id
        case Repeat():
            return given(part.series[-1])
    return part.id


def continues(series: Series) -> bool:
    """Whether a series reads what stands before it; else it begins with an input or a tensor drawn elsewhere."""
    match series[:1]:
        case (Tap(),):
            return False
        case (Step(family=family),):
            return family != "input"
        case (Fork(branches=branches),):
            return any(map(continues, branches))
        case (Frame(series=inner) | Repeat(series=inner),):
            return continues(inner)
    return True


def every(picture: Picture) -> list[Series]:
    """All series of a picture, those of blocks last."""
    return [end.series for end in picture.ends] + [key.series for key in picture.keys]


def taps(series: Series) -> Iterator[Tap]:
    """What a series reads that is drawn elsewhere."""
    for part in series:
        match part:
            case Tap():
                yield part
            case Step():
                yield from part.also
            case Fork():
                yield from (tap for branch in part.branches for tap in taps(branch))
                yield from part.merge.also
            case Frame() | Repeat():
                yield from taps(part.series)


def height(series: Series) -> int:
    """How many rows a series takes, roughly: one for a step, one for an arrow with a shape."""
    rows = 0
    for part in series:
        match part:
            case Step() | Tap():
                rows += 2
            case Fork():
                rows += 2 + max(map(height, part.branches), default=0)
            case Frame() | Repeat():
                rows += 1 + height(part.series)
    return rows
