"""The lines of a file that define cells, with the sizes they have where the cells are used."""

from collections.abc import Iterator

from netlang.check.counts import data
from netlang.graph import Input, Net, Node
from netlang.layer import Layer
from netlang.layers.recurrent.cell import Equation, Fitted
from netlang.layers.recurrent.op import Recurrent, operations
from netlang.layers.recurrent.text import shaped
from netlang.record import dataclass
from netlang.source import Source, Span
from netlang.syntax import ast
from netlang.syntax.parse import parse


@dataclass(frozen=True)
class Part:
    """What one line of a cell comes to in one use.

    name: of its equation, or none; rule: the line with its sizes; makes: how wide what it makes is
    weights: what it trains, by name and shape; operations: of a step, beside the products
    """

    name: tuple[str, ...]
    rule: tuple[str, ...]
    makes: int
    weights: tuple[tuple[str, tuple[int, ...]], ...] = ()
    operations: int = 0


@dataclass(frozen=True)
class Used:
    """A cell of the net's own file, and the layers made of it, each with its equations and their sizes."""

    statement: ast.Cell
    nodes: tuple[tuple[Node, Fitted], ...]

    @property
    def rows(self) -> range:
        """The lines of its statement, counted from 1."""
        return _rows(self.statement.span)

    def on(self, line: int) -> Iterator[tuple[Node, Part]]:
        """What stands on a line, for each use."""
        for node, cell in self.nodes if line in self.rows else ():
            yield node, self._part(line, cell)

    def _part(self, line: int, cell: Fitted) -> Part:
        for written, one in zip(self.statement.equations, cell.equations, strict=True):
            if line in _rows(written.span):
                return _equation(one, cell)
        here = [state.name.text for state in self.statement.states if line in _rows(state.span)]
        if here:
            states = (f"{name}, {cell.states[name]} wide, is 0 before the first step" for name in here)
            return Part((), tuple(states), cell.states[here[0]])
        wide = cell.widths[cell.output]
        if any(line in _rows(result.span) for result in self.statement.results):
            return Part((), (f"{cell.output}, {wide} wide, is what the next layer reads",), wide)
        return _whole(cell)


def used(net: Net) -> Iterator[Used]:
    """The cells that the net's own file defines and uses."""
    made: dict[str, list[tuple[Node, Fitted]]] = {}
    for node in net.graph.made_by(Layer):
        layer = node.made_by
        if isinstance(layer, Recurrent) and layer.statement():
            made.setdefault(layer.word, []).append((node, layer.of(data(net.graph, node)[0].type)))
    if made:
        name = next(net.graph.made_by(Input)).span.source.name
        for statement in parse(Source(name, net.text)).statements:
            if isinstance(statement, ast.Cell) and statement.name.text in made:
                yield Used(statement, tuple(made[statement.name.text]))


def _equation(one: Equation, cell: Fitted) -> Part:
    weights = tuple((owned.name.rpartition(".")[2], cell.shape(owned)) for owned in one.owned)
    return Part((one.name,), (shaped(one, cell),), cell.widths[one.name], weights, operations(one, cell))


def _whole(cell: Fitted) -> Part:
    weights = tuple((owned.name, cell.shape(owned)) for one in cell.equations for owned in one.owned)
    rule = tuple(shaped(one, cell) for one in cell.equations)
    return Part((), rule, cell.widths[cell.output], weights, sum(operations(one, cell) for one in cell.equations))


def _rows(span: Span) -> range:
    return range(span.row, span.source.position(span.end)[0] + 1)
