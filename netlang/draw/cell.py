"""The inside of a recurrent layer: one step of its cell, each gate and operation a box, states led to the next step."""

from dataclasses import field

from netlang.check.counts import data
from netlang.draw.boxes import HIGH, PAD, SIZE
from netlang.draw.layered import Vertex, layered
from netlang.draw.letters import ascii_only, widest
from netlang.draw.markup import HEAD
from netlang.draw.page import MARGIN
from netlang.draw.placed import LABEL
from netlang.draw.route import CLEAR, Routes
from netlang.draw.scene import Box, Group, Item, Line, Point, Rect, Scene, Words, bounds, fitted
from netlang.draw.tree import plain
from netlang.files import Problem
from netlang.formula import Call, Name, Number, Term, names
from netlang.formula.term import SIGNS
from netlang.graph import Net, Node
from netlang.layer import Layer
from netlang.layers.recurrent.cell import INPUT, Equation, Fitted, before
from netlang.layers.recurrent.op import Recurrent
from netlang.layers.recurrent.text import function, part, shaped
from netlang.record import dataclass
from netlang.report import cells
from netlang.types import decimal

OP = 26.0  # the width of the box of an operation


@dataclass(frozen=True)
class Shown:
    """What a vertex looks like. rows: its text, the first large; said: what it says when pointed at."""

    rows: tuple[str, ...]
    fill: str
    said: str = ""
    line: str = ""


def scene(net: Net, cell: str) -> Scene:
    """One step of the recurrent layer of a word, or of a line of the file. Raises Problem where there is none."""
    node = _found(net, cell)
    layer: Recurrent = node.made_by
    inside = _Inside(layer.of(data(net.graph, node)[0].type))
    inside.all()
    return fitted(inside.drawn(ascii_only(f"one step of {plain(str(layer))}")), MARGIN)


def _found(net: Net, cell: str) -> Node:
    every = [node for node in net.graph.made_by(Layer) if isinstance(node.made_by, Recurrent)]
    if cell.isdecimal() and cell.isascii():
        named = [node for used in cells.used(net) if int(cell) in used.rows for node, _ in used.nodes]
        named += [node for node in every if node.span.row == int(cell)]
    else:
        named = [node for node in every if node.made_by.word == cell.lower()]
    if named:
        return named[0]
    known = ", ".join(dict.fromkeys(f"`{node.made_by.word}` (line {node.span.row})" for node in every))
    raise Problem(f"`{net.name}` has no recurrent layer `{cell}`: " + (f"it has {known}" if known else "it has none"))


@dataclass
class _Inside:
    """The boxes and edges of a cell so far. of: which box makes what a name stands for."""

    cell: Fitted
    shown: dict[str, Shown] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    of: dict[str, str] = field(default_factory=dict)

    def all(self) -> None:
        """Every equation, from the input and the states of the step before to those of this one."""
        wide = str(self.cell.widths[INPUT])
        self.of[INPUT] = self.box(Shown((INPUT, wide), "input", "the step of the sequence", "line"), [])
        for state, width in self.cell.states.items():
            said = f"{state} of the step before; zeros before the first"
            self.of[before(state)] = self.box(Shown((state, str(width)), "input", said, "skip"), [])
        for equation in self.cell.equations:
            self.of[equation.name] = self.term(equation.term, equation, outermost=True)
        for state, width in self.cell.states.items():
            said = f"{state} of this step" + (", which the next layer reads" if state == self.cell.output else "")
            self.box(Shown((state, str(width)), "block", said), [self.of[state]], f"out {state}")
        if self.cell.output not in self.cell.states:
            made = self.cell.output
            self.box(Shown((made, str(self.cell.widths[made])), "block", "what the next layer reads"), [self.of[made]])

    def box(self, shown: Shown, reads: list[str], name: str = "") -> str:
        """A new box that reads others."""
        name = name or f"box{len(self.shown)}"
        self.shown[name] = shown
        self.edges += [(read, name) for read in reads]
        return name

    def term(self, term: Term, of: Equation, outermost: bool = False) -> str:
        """The box that makes a term."""
        owned = {each.name for each in of.owned}
        if isinstance(term, Name) and term.name not in owned:
            return self.of[term.name]
        named = outermost and of.name not in self.cell.states
        label = f"{of.name} = " if named else ""
        said = shaped(of, self.cell)
        called = function(term)
        if called is not None and not self.affine(called[1], of):
            return self.box(Shown((label + called[0],), "activation", said), [self.term(called[1], of)])
        if self.affine(term if called is None else called[1], of):
            return self.gate(term, of, label)
        if isinstance(term, Call) and term.name in ("add", "sub", "mul", "div", "neg"):
            signed = [str(decimal(a.value)) if isinstance(a, Number) else "" for a in term.args]
            sign = "-" if term.name == "neg" else SIGNS[term.name][0]
            text = f"{signed[0]} {sign} {signed[-1]}".strip() if len(signed) > 1 else sign
            reads = [self.term(a, of) for a in term.args if not isinstance(a, Number)]
            return self.box(Shown((label + text,), "merge", said), reads)
        reads = [self.of[name] for name in dict.fromkeys(names(term)) if name not in owned]
        return self.box(Shown((label + part(term, of),), "other", said), reads)

    def affine(self, term: Term, of: Equation) -> bool:
        """Whether a term is a sum of products, biases and weighted values, and of nothing else."""
        kinds = {each.name: each.kind for each in of.owned}
        owned = [kinds.get(a.name, "") if isinstance(a, Name) else "" for a in _addends(term)]
        weighted = (_weighted(a, kinds) is not None for a in _addends(term))
        return "W" in owned and all(kind in ("W", "b") or other for kind, other in zip(owned, weighted, strict=True))

    def gate(self, term: Term, of: Equation, label: str) -> str:
        """A product with what is added to it, and the function around: one box, with the shapes of its weights."""
        called = function(term)
        inner = term if called is None else called[1]
        known = {each.name: each for each in of.owned}
        kinds = {each.name: each.kind for each in of.owned}
        reads: list[str] = []
        for addend in _addends(inner):
            if isinstance(addend, Name) and kinds[addend.name] == "W":
                reads.append(self.joined(known[addend.name].operands, of))
            elif not isinstance(addend, Name):
                weighted = _weighted(addend, kinds)
                reads.append(self.term(weighted, of)) if weighted is not None else None
        weights = [known[n] for n in names(inner) if n in known]
        shapes = ", ".join(f"{w.kind} {'x'.join(map(str, self.cell.shape(w)))}" for w in weights)
        fill = "full" if called is None else "activation"
        return self.box(Shown((label + part(term, of), shapes), fill, shaped(of, self.cell)), reads)

    def joined(self, operands: tuple[Term, ...], of: Equation) -> str:
        """What a product reads: several values in one box, once."""
        reads = [self.term(operand, of) for operand in operands]
        if len(reads) == 1:
            return reads[0]
        name = f"join {' '.join(reads)}"
        if name not in self.shown:
            wide = sum(self.cell.width(operand) for operand in operands)
            text = ", ".join(part(operand, of) for operand in operands)
            said = f"[{text}]: {wide} numbers behind one another"
            self.box(Shown((f"[{text}]", str(wide)), "other", said), reads, name)
        return name

    def drawn(self, title: str) -> tuple[Item, ...]:
        """All of it in its place, and the states led back."""
        rows = {name: tuple(map(ascii_only, shown.rows)) for name, shown in self.shown.items()}
        vertices = [
            Vertex(name, max(widest(text, SIZE) + 2 * PAD, OP), HIGH + 13 * (len(text) - 1))
            for name, text in rows.items()
        ]
        found = layered(vertices, self.edges)
        found_lines = [Line(points) for points in found.lines]
        items: list[Item] = list(found_lines)
        items += [_box(found.places[name], rows[name], shown) for name, shown in self.shown.items()]
        heads = (Box(Rect(x - 1, y - HEAD, 2, HEAD), "") for x, y in (line.points[-1] for line in found_lines))
        routes = Routes((*items, *heads))  # which may not run through them
        for state in self.cell.states:
            start, end = found.places[f"out {state}"], found.places[self.of[before(state)]]
            doors, ends = _doors(start, 1), _doors(end, -1)
            way = routes.add(list(doors), list(ends))
            items.append(Line((doors[way[0]], *way, ends[way[-1]]), "skip", dashed=True))
            label = routes.label(way, f"{state}, next step", LABEL)
            items += [label] if label else []
        r = bounds(items)
        return (Words(title, r.centre[0], r.y - 20), *items)


def _box(r: Rect, rows: tuple[str, ...], shown: Shown) -> Item:
    x, y = r.centre
    first = y - 6.5 * (len(rows) - 1)
    looks = [(SIZE, "ink"), *[(LABEL, "quiet")] * (len(rows) - 1)]
    words = [Words(text, x, first + 14 * k, *look) for k, (text, look) in enumerate(zip(rows, looks, strict=True))]
    return Group((Box(r, shown.fill, shown.line, dashed=shown.line == "skip"), *words), said=shown.said)


def _doors(r: Rect, way: int) -> dict[Point, Point]:
    """Where a state leaves or enters its box: beside it, or at the end of the flow."""
    (x, y), far = r.centre, CLEAR
    end = r.bottom if way > 0 else r.y
    return {(r.right + far, y): (r.right, y), (r.x - far, y): (r.x, y), (x, end + way * far): (x, end)}


def _addends(term: Term) -> list[Term]:
    if isinstance(term, Call) and term.name == "add":
        return [part for arg in term.args for part in _addends(arg)]
    return [term]


def _weighted(term: Term, kinds: dict[str, str]) -> Term | None:
    """The value that a weight `w` is multiplied by."""
    if isinstance(term, Call) and term.name == "mul":
        one, other = term.args
        for weight, value in ((one, other), (other, one)):
            if isinstance(weight, Name) and kinds.get(weight.name) == "w" and not set(names(value)) & kinds.keys():
                return value
    return None
