"""The tree of a `.net` file, as written: words unresolved, layers unknown, a span everywhere."""

from dataclasses import field
from fractions import Fraction

from netlang.record import dataclass
from netlang.source import Source, Span

Exact = int | Fraction  # `0.1` is one tenth; it becomes a float only where a layer takes it


@dataclass(frozen=True, slots=True)
class Name:
    """A word that names something: a layer, a setting, a constant, a label."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Number:
    """A number, exact."""

    value: Exact
    span: Span


@dataclass(frozen=True, slots=True)
class Pair:
    """`3x3`, or three and more sizes joined by `x`."""

    sizes: tuple[int, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Quantity:
    """`3858M`: a count rounded to the digits given. digits: 3858; unit: 10**6."""

    digits: Fraction
    unit: int
    span: Span


@dataclass(frozen=True, slots=True)
class Word:
    """A word as a value: a constant's name, or the setting itself (`data=digits`)."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string, without its quotes."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class TensorName:
    """`@name` as a value."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Anything:
    """`?` in a shape."""

    span: Span


@dataclass(frozen=True, slots=True)
class Items:
    """`[2, 1]`: one value per copy."""

    items: tuple["Value", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """`normal(0.05)`, or in an equation `tanh(c)`."""

    word: Name
    value: "Value"
    span: Span


@dataclass(frozen=True, slots=True)
class Negative:
    """A value with a `-` before it."""

    value: "Value"
    span: Span


@dataclass(frozen=True, slots=True)
class Chained:
    """A sum or product: the first value, then pairs of an operator, one of `+ - * /`, and a value."""

    first: "Value"
    rest: tuple[tuple[str, "Value"], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Joined:
    """`W[x, h]` in an equation: a word and what stands in its brackets."""

    word: Name
    operands: tuple["Value", ...]
    span: Span


Value = Number | Pair | Quantity | Word | Text | TensorName | Anything | Items | Call | Negative | Chained | Joined


@dataclass(frozen=True, slots=True)
class Option:
    """`pad=2` has a name and a value, the flag `valid` a name only, the bare `0.5` a value only."""

    name: Name | None
    value: Value | None
    span: Span


@dataclass(frozen=True, slots=True)
class Arguments:
    """`(64, s=2)` behind a word."""

    items: tuple[Option, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """`word-width/stride options [branch | branch] after`; branches is None where there are no brackets."""

    word: Name
    width: Value | None
    stride: Value | None
    options: tuple[Option | Arguments, ...]
    branches: tuple["Chain", ...] | None
    after: tuple[Option | Arguments, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Group:
    """`[a, b]`; more than one branch only in a wrong file."""

    branches: tuple["Chain", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Reference:
    """`@name` as a step."""

    name: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Repeat:
    """`x4` or `x(n)`."""

    times: Value
    span: Span


@dataclass(frozen=True, slots=True)
class Item:
    """A step, group or reference, with its repeat and label."""

    what: Step | Group | Reference
    repeat: Repeat | None
    label: Name | None
    span: Span


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps after one another; empty only in a wrong file."""

    items: tuple[Item, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Shape:
    """`14x14x6`: sizes joined by `x`."""

    sizes: tuple[Value, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Line:
    """A chain of steps, and the shape promised behind `->`."""

    chain: Chain
    shape: Shape | None
    span: Span


@dataclass(frozen=True, slots=True)
class Version:
    """`netlang 1`."""

    number: Number
    span: Span


@dataclass(frozen=True, slots=True)
class Input:
    """`input 28x28 gray`."""

    shape: Shape
    options: tuple[Option | Arguments, ...]
    label: Name | None
    span: Span


@dataclass(frozen=True, slots=True)
class Constant:
    """`w = 64`."""

    name: Name
    value: Value
    span: Span


@dataclass(frozen=True, slots=True)
class Variant:
    """`variant D: n1=2 n3=3`."""

    name: Name
    constants: tuple[Option | Arguments, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Default:
    """`default conv fc: bn`."""

    kinds: tuple[Name, ...]
    options: tuple[Option | Arguments, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Parameter:
    """`w`, `s=1` or `@skip` of a block; value is None where a use must give one, label says whether it is a tensor."""

    name: Name
    value: Value | None
    label: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Block:
    """`block bottleneck(w, s=1):` and its lines; span: of all of it."""

    name: Name
    parameters: tuple[Parameter, ...]
    lines: tuple[Line, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Use:
    """`use "blocks/resnet.net"`."""

    path: Text
    span: Span


@dataclass(frozen=True, slots=True)
class Train:
    """`train: lr=0.1`; variant: the only one it holds for, None for all."""

    variant: Name | None
    settings: tuple[Option | Arguments, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Expect:
    """`expect parameters=61706`; variant: the only one it holds for, None for all."""

    variant: Name | None
    figures: tuple[Option | Arguments, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class State:
    """`h=n` of a cell: what is remembered from step to step, and how wide it is."""

    name: Name
    width: Value
    span: Span


@dataclass(frozen=True, slots=True)
class Equation:
    """`f = sigmoid(W[x, h] + b)`."""

    name: Name
    value: Value
    span: Span


@dataclass(frozen=True, slots=True)
class Result:
    """`output h` of a cell."""

    name: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Cell:
    """`cell mine(n):` and its lines; span: of all of it."""

    name: Name
    parameters: tuple[Parameter, ...]
    states: tuple[State, ...]
    equations: tuple[Equation, ...]
    results: tuple[Result, ...]
    span: Span


Statement = Version | Input | Constant | Variant | Default | Block | Cell | Use | Train | Expect | Line


@dataclass(frozen=True, slots=True)
class File:
    """A whole file, statement by statement."""

    source: Source = field(repr=False)
    statements: tuple[Statement, ...]
