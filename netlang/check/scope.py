"""What stands where: names of a file, parameters of a block, labels (RULINGS 25-32)."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from netlang.check.constants import Constants
from netlang.check.shared import Said
from netlang.check.tree import Op
from netlang.check.values import NO_COPY, Copy, Names, Value
from netlang.diagnostics import error, meant
from netlang.layer import Layer
from netlang.record import dataclass
from netlang.source import Span
from netlang.syntax import ast


@dataclass(frozen=True)
class Labelled:
    """A labelled tensor. made: the steps of the one that made it, for `tie=`; what: its layer or block."""

    op: Op
    span: Span
    made: tuple[Op, ...] = ()
    what: str = ""


@dataclass
class Labels:
    """The labels of one scope: a file, a use of a block, or a copy of a repeated group."""

    outer: "Labels | None" = None
    known: dict[str, Labelled] = field(default_factory=dict)

    def define(self, name: ast.Name, found: Labelled) -> None:
        """Name a tensor."""
        if name.text in self.known:
            raise error(
                "twice",
                f"there is a label `@{name.text}` already",
                name.span,
                help=f"it stands on line {self.known[name.text].span.row}",
            )
        self.known[name.text] = found

    def find(self, text: str) -> Labelled | None:
        """The tensor of a label, here or further out."""
        scope: Labels | None = self
        while scope is not None:
            if text in scope.known:
                return scope.known[text]
            scope = scope.outer
        return None

    def look_up(self, text: str, span: Span, lines: tuple[ast.Line, ...]) -> Labelled:
        """Like `find`. lines: where labels may come later, for the message."""
        found = self.find(text)
        if found is not None:
            return found
        below = next((name for name in _labels(lines) if name.text == text and name.span.start > span.start), None)
        if below is not None:
            raise error(
                "unknown-label",
                f"the label `@{text}` is used before it exists",
                span,
                help=f"it stands on line {below.span.row}",
            )
        known: list[str] = []
        scope: Labels | None = self
        while scope is not None:
            known += (f"@{name}" for name in scope.known)
            scope = scope.outer
        raise error(
            "unknown-label",
            f"nothing here is labelled `@{text}`",
            span,
            help=meant(
                f"@{text}", known, f"`@{text}` behind a step labels its output; labels inside a block stay inside"
            ),
        )


@dataclass(frozen=True)
class Known:
    """A block: what it is, the file it is written in, and from where it may be used in the file that sees it."""

    block: ast.Block
    home: "Scope"
    visible: Span


@dataclass(frozen=True)
class Made:
    """A cell: its layer, or None where the cell is wrong; visible: as of a block."""

    statement: ast.Cell
    layer: type[Layer] | None
    visible: Span


@dataclass
class Scope:
    """The names of one file.

    defaults: by layer, the options of `default` and where they stand, in order; labels: those of the file's lines
    """

    constants: Constants
    blocks: dict[str, Known] = field(default_factory=dict)
    cells: dict[str, Made] = field(default_factory=dict)
    defaults: dict[type[Layer], list[tuple[int, ast.Option]]] = field(default_factory=dict)
    labels: Labels = field(default_factory=Labels)

    def block(self, word: ast.Name) -> Known | None:
        """The block a word names, if it names one. Raises NetError where it is defined below."""
        found = self.blocks.get(word.text)
        if found is not None:
            _refuse_early(word, "block", found.visible)
        return found

    def cell(self, word: ast.Name) -> Made | None:
        """The cell a word names, if it names one. Raises NetError where it is defined below."""
        found = self.cells.get(word.text)
        if found is not None:
            _refuse_early(word, "cell", found.visible)
        return found

    def steps(self) -> list[str]:
        """What a user's own steps are called."""
        return [*self.blocks, *self.cells]

    def added(self, cls: type[Layer], at: Span) -> list[ast.Option]:
        """The options that `default` statements above add to a layer."""
        rows = self.defaults.get(cls)
        return [option for _, option in rows[: bisect_left(rows, at.start, key=lambda row: row[0])]] if rows else []


def _refuse_early(word: ast.Name, what: str, visible: Span) -> None:
    """Raise NetError for a use above the definition, or inside it."""
    if visible.source is word.span.source and visible.end > word.span.start:
        inside = visible.start < word.span.start
        raise error(
            "unknown-block",
            f"`{word.text}` uses itself" if inside else f"the {what} `{word.text}` is defined below",
            word.span,
            help="a block may use those above it" if inside else f"move it above this line, from line {visible.row}",
        )


@dataclass(frozen=True)
class Parameters:
    """The names a block's expressions see: its parameters, then the constants of its file."""

    values: Mapping[str, Value]
    constants: Constants

    def look_up(self, word: ast.Word) -> Value:
        """The value of a parameter or constant."""
        found = self.values.get(word.text)
        return self.constants.look_up(word) if found is None else found

    def names(self) -> Iterable[str]:
        """All of them."""
        return [*self.values, *self.constants.names()]

    def __contains__(self, text: object) -> bool:
        return text in self.values or text in self.constants


@dataclass(frozen=True)
class Place:
    """Where a chain stands.

    path: of the block's use; counts: how often each word has been used in it; taken: the names given in it
    inside: the uses and repeats around, innermost first; said: settings of `shared` that a use of a block gives
    lines: of the block or file, for messages
    """

    scope: Scope
    names: Names
    labels: Labels
    copy: Copy = NO_COPY
    path: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    taken: set[str] = field(default_factory=set)
    inside: tuple[str, ...] = ()
    said: Mapping[str, Said] = field(default_factory=dict)
    lines: tuple[ast.Line, ...] = ()

    def labelled(self, name: ast.TensorName, step: ast.Step) -> Labelled:
        """The tensor a setting of a step names; one in a `default` is the file's, wherever the step stands."""
        text, at = step.span, name.span
        own = at.source is text.source and text.start <= at.start < text.end
        return (self.labels if own else self.scope.labels).look_up(name.text, at, self.lines)

    def called(self, word: str, label: str | None) -> tuple[str, ...]:
        """The path of the next step: its label, or its word and running number; unique in its block."""
        self.counts[word] += 1
        name = f"{word}{self.counts[word]}"
        if label is not None:
            self.counts[f"@{label}"] += 1
            name = _numbered(label, self.counts[f"@{label}"])
        number = 1
        while name in self.taken:
            number += 1
            name = _numbered(name, number)
        self.taken.add(name)
        return (*self.path, name)


def _labels(lines: Iterable[ast.Line]) -> Iterator[ast.Name]:
    """The labels set in some lines, brackets included."""
    chains = [line.chain for line in lines]
    while chains:
        for item in chains.pop().items:
            if item.label is not None:
                yield item.label
            chains += getattr(item.what, "branches", None) or ()


def _numbered(base: str, number: int) -> str:
    """`a`, `a2`, `a3`; behind a digit `e1`, `e1_2`."""
    return base if number == 1 else f"{base}_{number}" if base[-1:].isdigit() else f"{base}{number}"
