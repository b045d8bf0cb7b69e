"""What a line of a file comes to, with the arithmetic: `netlang explain`.

Every figure is that of `summary`; here it stands with the numbers it is made of.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

from netlang.check.counts import data, flops_of, macs_of, own
from netlang.diagnostics import count
from netlang.graph import Input, Net, Node
from netlang.layer import Layer, Weight, Working
from netlang.record import dataclass
from netlang.report import cells
from netlang.report.fields import Seen, receptive_fields
from netlang.report.rows import BYTES, Row, plain, summary, total
from netlang.sizes import product
from netlang.types import Count, Dim, Tensor, shown


@dataclass(frozen=True)
class Explained:
    """A layer with its norm and activation, a block, or an input; or several of them whose numbers are the same.

    names: of all of them; layer: as a file writes it, or how many layers a block has
    rule: what the layer computes, as it says itself; reads, makes: shapes without the batch
    """

    names: tuple[str, ...]
    layer: str
    rule: tuple[str, ...]
    reads: tuple[tuple[Dim, ...], ...]
    makes: tuple[Dim, ...]
    workings: tuple[Working, ...]

    def json(self) -> dict[str, Any]:
        """As `netlang explain --json` prints it."""
        workings = [{"what": w.what, "text": w.text, "value": plain(w.value)} for w in self.workings]
        return {**{name: plain(value) for name, value in vars(self).items()}, "workings": workings}


def explained(net: Net, line: int) -> tuple[Explained, ...]:
    """What stands on a line of the net's own file, counted from 1: layers, blocks and inputs; equal ones once."""
    return Arithmetic(net).on(line)


def lines(net: Net) -> tuple[int, ...]:
    """The lines of the net's own file that `explained` has something to say of."""
    return Arithmetic(net).all()


class Arithmetic:
    """What the explanations of one net are made from."""

    def __init__(self, net: Net) -> None:
        self.net, self.graph = net, net.graph
        self.rows = {row.path: row for row in summary(net).layers}
        self.fields = receptive_fields(net.graph)
        self.file = next(net.graph.made_by(Input)).span.source.name

    def of(self, path: tuple[str, ...]) -> Explained:
        """A layer, a block or an input, by its path."""
        if path in self.net.calls:
            return self._block(path)
        nodes = [node for node in self.graph if node.path == path and isinstance(node.made_by, Input | Layer)]
        return self._input(nodes[0]) if isinstance(nodes[0].made_by, Input) else self._layer(self.rows[path], nodes)

    def all(self) -> tuple[int, ...]:
        """The lines that there is something to say of."""
        spans = [node.span for node in self.graph if isinstance(node.made_by, Input | Layer)]
        rows = {span.row for span in [*spans, *self.net.calls.values()] if self._here(span)}
        return tuple(sorted(rows | {row for cell in cells.used(self.net) for row in cell.rows}))

    def on(self, line: int) -> tuple[Explained, ...]:
        """What stands on a line."""
        found = [self._input(node) for node in self.graph.made_by(Input) if self._on(node.span, line)]
        for path, span in self.net.calls.items():
            if self._on(span, line):
                found.append(self._block(path))
        for path, nodes in groupby(self.graph.made_by(Layer), key=lambda node: node.path):
            group = list(nodes)
            if self._on(group[0].span, line):
                found.append(self._layer(self.rows[path], group))
        found += [self._equations(node, part) for cell in cells.used(self.net) for node, part in cell.on(line)]
        return _once(found)

    def _equations(self, node: Node, part: cells.Part) -> Explained:
        """A line of a cell, with the sizes that it has in one use."""
        name = ".".join((*node.path, *part.name))
        weights = [Working(f"weight {what}", _times(shape), product(shape)) for what, shape in part.weights]
        macs = sum(product(shape) for _, shape in part.weights if len(shape) == 2)
        workings = [
            *weights,
            *([_sum("parameters", [w.value for w in weights])] if weights else []),
            *(_counted("MACs of a step", str(macs), macs) if macs else ()),
            *_flops("FLOPs of a step", macs, 2 * macs + part.operations, [_each(part.operations, (part.makes,))]),
        ]
        return Explained((name,), str(node.made_by), part.rule, (), (part.makes,), tuple(workings))

    def _here(self, span: Any) -> bool:
        return bool(span.source.name == self.file)

    def _on(self, span: Any, line: int) -> bool:
        return bool(self._here(span) and span.row == line)

    def _input(self, node: Node) -> Explained:
        shape = node.type.shape[1:]
        rule = (f"words of {node.type.classes:,}",) if node.type.classes else ("numbers from outside",)
        numbers = _counted("numbers", _times(shape), node.type.count)
        return Explained((node.made_by.name,), "input", rule, (), shape, numbers)

    def _block(self, path: tuple[str, ...]) -> Explained:
        """A block by the sums over its layers."""
        rows = [row for at, row in self.rows.items() if at[: len(path)] == path]
        inside = [node for node in self.graph.made_by(Layer) if node.path[: len(path)] == path]
        ids = {node.id for node in inside}
        outside = dict.fromkeys(s.id for n in inside for s in data(self.graph, n) if s.id not in ids)
        reads = tuple(self.graph[i].type.shape[1:] for i in outside)
        parts = ("parameters", "macs", "flops", "backward_macs")
        workings = (_sum(_NAMES[part], [getattr(row, part) for row in rows]) for part in parts)
        layers = tuple(f"{row.name}: {_written(row)}" for row in rows)
        return Explained((".".join(path),), count(len(rows), "layer"), layers, reads, rows[-1].output, tuple(workings))

    def _layer(self, row: Row, nodes: list[Node]) -> Explained:
        first = nodes[0]
        read = data(self.graph, first)
        types = [source.type for source in read]
        layer: Layer = first.made_by
        workings = [
            *layer.workings(first.type, *types),
            *self._parameters(row, nodes),
            *self._products(row, first, types),
            *_flops("FLOPs", row.macs, row.flops, [self._others(node) for node in nodes]),
            *self._sight(first, row),
            *_counted("memory, bytes", _memory(nodes), row.memory),
        ]
        reads = tuple(t.shape[1:] for t in types)
        rule = (*layer.rule(*types), *(line for node in nodes[1:] for line in self._then(node)))
        return Explained((row.name,), _written(row), rule, reads, row.output, tuple(workings))

    def _then(self, node: Node) -> Iterator[str]:
        """What a norm or an activation does with what stands before it in the same layer, its x."""
        first, *others = node.made_by.rule(*(source.type for source in data(self.graph, node)))
        yield f"then {node.made_by.word}: {first}"
        yield from others

    def _parameters(self, row: Row, nodes: list[Node]) -> Iterator[Working]:
        """Each weight by its shape; tied ones count where they stand first."""
        mine = {weight.id for node in nodes for weight in own(self.graph, node)}
        found = [self.graph[i] for node in nodes for i in node.inputs if isinstance(self.graph[i].made_by, Weight)]
        prefix = ".".join(row.path) + "."
        for weight in found:
            if weight.id in mine:
                name = weight.id.removeprefix(prefix)
                yield Working(f"weight {name}", _times(weight.type.shape), weight.type.size)
            else:
                yield Working(f"weight {weight.made_by.name}", f"that of {weight.id}", 0)
        if found:
            yield _sum("parameters", [weight.type.size for weight in found if weight.id in mine])

    def _products(self, row: Row, node: Node, types: list[Tensor]) -> Iterator[Working]:
        macs = macs_of(self.graph, node)
        if macs == 0:
            return
        weights = [self.graph[i].type.shape for i in node.inputs if isinstance(self.graph[i].made_by, Weight)]
        text = next((t for t in _multiplied(node.type, types[0], weights) if t[1] == macs), (str(macs), macs))[0]
        yield Working("MACs", text, macs)
        yield Working("backward MACs", _repeated(row.backward_macs, macs), row.backward_macs)

    def _others(self, node: Node) -> str:
        """The FLOPs of a node that are no products: so many for each number that it makes, or reads, or each step."""
        shapes = [node.type.shape[1:], *(source.type.shape[1:] for source in data(self.graph, node)[:1])]
        rest = flops_of(self.graph, node) - 2 * macs_of(self.graph, node)
        return _each(rest, *shapes, shapes[-1][:-1])

    def _sight(self, node: Node, row: Row) -> Iterator[Working]:
        """The receptive field and the jump."""
        if row.receptive_field is None:
            return
        seen = self.fields[data(self.graph, node)[0].id]
        fields = [_field(node.made_by, seen, a, size) for a, size in enumerate(row.receptive_field)]
        for what, text, value in _same(fields):
            yield Working(f"receptive field{what}", text, value)
        jumps = [_jump(node.made_by, seen, a, jump) for a, jump in enumerate(row.jump or ())]
        for what, text, value in _same(jumps):
            yield Working(f"jump{what}", text, value)


def said(working: Working) -> str:
    """The arithmetic and what it comes to: `5*5*6*16 = 2,400`."""
    value = f"{working.value:,}" if isinstance(working.value, int) else str(working.value)
    return value if working.text == str(working.value) else f"{working.text} = {value}"


SEVERAL = 4  # figures of copies that all stand
SIGHT = ("receptive field", "jump")  # what differs from copy to copy of the same layer
_NAMES = {"parameters": "parameters", "macs": "MACs", "flops": "FLOPs", "backward_macs": "backward MACs"}


def _once(found: Iterable[Explained]) -> tuple[Explained, ...]:
    """Those with the same numbers under all their names; what each sees of the input may differ."""
    alike: dict[Explained, list[Explained]] = {}
    for each in found:
        plainly = tuple(replace(w, text="", value=0) if w.what.startswith(SIGHT) else w for w in each.workings)
        alike.setdefault(replace(each, names=(), rule=_bare(each), workings=plainly), []).append(each)
    return tuple(_merged(group) for group in alike.values())


def _merged(group: list[Explained]) -> Explained:
    first, *others = group
    names = tuple(name for each in group for name in each.names)
    if all(other.workings == first.workings for other in others):
        return replace(first, names=names)
    columns = zip(*(each.workings for each in group), strict=True)
    return replace(first, names=names, workings=tuple(map(_ranged, columns)))


def _ranged(column: tuple[Working, ...]) -> Working:
    """One figure of several layers: what it is of each, where it differs; of many the first two and the last."""
    found = list(dict.fromkeys((w.text, str(w.value)) for w in column))
    if len(found) == 1:
        return column[0]
    shown_ = found if len(found) <= SEVERAL else [*found[:2], ("...", "..."), found[-1]]
    texts, values = (", ".join(part) for part in zip(*shown_, strict=True))
    return Working(column[0].what, texts, values)


def _bare(each: Explained) -> tuple[str, ...]:
    """The rule without the names of a block's layers, which differ from copy to copy."""
    return tuple(line.partition(": ")[2] or line for line in each.rule)


def _written(row: Row) -> str:
    return f"{row.layer} {row.activation}" if row.activation and row.activation not in row.layer.split() else row.layer


def _times(shape: Iterable[Dim]) -> str:
    return "*".join(shown((d,)) for d in shape) or "1"


def _counted(what: str, text: str, value: Count) -> tuple[Working, ...]:
    return (Working(what, text, value),)


def _sum(what: str, parts: list[Any]) -> Working:
    """The parts that are not 0, added up."""
    said = [str(part) for part in parts if part != 0]
    return Working(what, " + ".join(said) or "0", total(parts))


def _multiplied(y: Tensor, x: Tensor, weights: list[tuple[Dim, ...]]) -> Iterator[tuple[str, Count]]:
    """Ways in which products come about: a window for each output; the weights for each place of the input; once; or
    all matrices for each step.
    """
    w = weights[0]
    yield f"{_times(y.shape[1:])}*{_times(w[:-1])}", y.count * product(w[:-1])
    yield f"{_times(x.shape[1:-1])}*{_times(w)}", product(x.shape[1:-1]) * product(w)
    yield _times(w), product(w)
    matrices = [shape for shape in weights if len(shape) == 2]
    yield (
        f"{_times(x.shape[1:-1])}*({' + '.join(map(_times, matrices))})",
        product(x.shape[1:-1]) * sum(map(product, matrices)),
    )


def _flops(what: str, macs: Count, flops: Count, others: list[str]) -> tuple[Working, ...]:
    """Two FLOPs for each MAC, and the others: of the bias, the norm, the activation; "" where there are none."""
    if flops == 0:
        return ()
    parts = [f"2*{_term(macs)}"] if macs != 0 else []
    return (Working(what, " + ".join([*parts, *filter(None, others)]), flops),)


def _each(operations: Count, *shapes: tuple[Dim, ...]) -> str:
    """So many operations for each number of one of these shapes, of the first that divides them; "" for none."""
    for shape in shapes:
        numbers = product(shape)
        times = _leading(operations) // _leading(numbers)
        if times and numbers * times == operations:
            return _times(shape) if times == 1 else f"{times}*{_times(shape)}"
    return str(operations) if operations != 0 else ""


def _leading(size: Count) -> int:
    """The factor of a size's first product of letters."""
    return size if isinstance(size, int) else size.terms[0][1]


def _term(count: Count) -> str:
    text = str(count)
    return f"({text})" if " " in text else text


def _repeated(backward: Count, macs: Count) -> str:
    """Once for the weights, once for the data; of a first recurrent layer, for what is carried from step to step."""
    times = next((times for times in (0, 1, 2) if backward == times * macs), None)
    if times is None:
        return f"1*{_term(macs)} + {_term(backward - macs)}"
    return f"{times}*{_term(macs)}" if times else "0"


def _memory(nodes: list[Node]) -> str:
    """Four bytes for each number of each output: of the sum, the norm and the activation."""
    sizes = [f"{_times(node.type.shape[1:])}*{BYTES[node.type.dtype]}" for node in nodes]
    return f"{len(sizes)}*{sizes[0]}" if len(set(sizes)) == 1 and len(sizes) > 1 else " + ".join(sizes)


def _field(layer: Any, seen: Seen | None, axis: int, size: Dim) -> tuple[str, Dim]:
    """One axis of a receptive field: what the input sees, and (k - 1)*dilation*jump more."""
    if not (seen and layer.slides and len(seen.jump) > axis and isinstance(seen.field[axis], int)):
        return str(size), size
    axes = len(seen.jump)
    kernel = layer.kernel[-axes:][axis]
    dilation = getattr(layer, "dilation", (1, 1))[-axes:][axis]
    spread = f"*{dilation}" if dilation > 1 else ""
    text = f"{seen.field[axis]} + ({kernel} - 1){spread}*{seen.jump[axis]}"
    whole = seen.field[axis] + (kernel - 1) * dilation * seen.jump[axis] == size
    return text if whole else f"ceil({text})", size


def _jump(layer: Any, seen: Seen | None, axis: int, jump: Any) -> tuple[str, Any]:
    if not (seen and layer.slides and len(seen.jump) > axis):
        return str(jump), jump
    return f"{seen.jump[axis]}*{layer.jump()[-len(seen.jump) :][axis]}", jump


def _same(found: list[tuple[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """Height and width in one line where they are the same; a vector has neither."""
    if len(set(found)) == 1:
        yield ("", *found[0])
    elif found:
        for what, (text, value) in zip((", height", ", width"), found, strict=True):
            yield (what, text, value)
