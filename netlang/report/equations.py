r"""What is compiled as LaTeX: an equation for every primitive, forward and backward, layer by layer.

Values are y, weights by their own letters, both with their layer above: y^{\text{conv1}}, w^{\text{conv1}}; those of
the layer that is told of stand without. A bar is the gradient of the loss by what stands under it. Indices: n example;
i, j row and column of what is made; h, w of what is read; t step; u, v place in a window; c channel read, f channel
made; all from 0.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from itertools import groupby
from typing import Any

from netlang.formula import Term
from netlang.formula.breaks import aligned
from netlang.formula.latex import PRODUCT, latex, plain
from netlang.graph import Graph, Input, Node
from netlang.layer import Kept, Weight
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.grouped.op import Grouped
from netlang.primitives.lookup.op import Lookup
from netlang.primitives.map.op import Map, Update
from netlang.primitives.primitive import Primitive, broadcast
from netlang.primitives.scan.op import Line, Piece, Product, Scan
from netlang.primitives.sum.op import Sum
from netlang.primitives.unshared.op import Unshared
from netlang.primitives.window.op import Window
from netlang.record import dataclass
from netlang.types import Tensor

INDICES = {1: "f", 2: "n,f", 3: "n,t,f", 4: "n,i,j,f"}  # of values by the number of axes
LONGEST = 36  # letters of a layer's name above a symbol; of a longer one the end is kept
ROLES = {"inner": "s", "outer": "a", "product": "p"}  # letters of what a cell does not name (`lowering`, `gradient`)
STORED = {0: "", 1: "f", 2: "c,f", 4: "u,v,c,f", 6: "i,j,u,v,c,f"}  # of what has no batch


@dataclass(frozen=True)
class Equations:
    """Those of one layer, forward or backward. title: the layer's name and how its line calls it; line: of the file"""

    title: str
    line: int
    backward: bool
    lines: tuple[str, ...]


def equations(graph: Graph) -> Iterator[Equations]:
    """The equations of a graph of primitives, in the order in which it is computed."""
    wanted = [node for node in graph if isinstance(node.made_by, Primitive)]
    for (path, backward), nodes in groupby(wanted, key=lambda node: (node.path, _backward(node))):
        group = list(nodes)
        title = ".".join(path) or "the net"
        lines = tuple(line for node in group for line in _Equation(graph, node, title).lines())
        first = group[0]
        yield Equations(title, first.span.row if first.span.source.text else 0, backward, lines)


def page(found: list[Equations], *, document: bool, sizes: Mapping[str, int]) -> str:
    """A section for each pass, an `align*` for each layer (package amsmath); a whole document if asked for.

    sizes: those that the file leaves open and nobody chose, which a comment tells
    """
    lines: list[str] = []
    for backward, group in groupby(found, key=lambda each: each.backward):
        lines += [rf"\section*{{{'Backward' if backward else 'Forward'}}}", ""]
        for each in group:
            lines += [rf"\paragraph{{{plain(each.title)}}}" + (f" % line {each.line}" if each.line else "")]
            *above, last = aligned(each.lines)
            lines += [r"\begin{align*}", *(f"  {line} \\\\" for line in above), f"  {last}"]
            lines += [r"\end{align*}", ""]
    if document:
        head = [r"\documentclass{article}", r"\usepackage{amsmath}", r"\begin{document}", r"\allowdisplaybreaks", ""]
        lines = [*head, *lines, r"\end{document}"]
    chosen = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    told = [f"% with {chosen}, which the file leaves open: `--set {next(iter(sizes))}=...` chooses"] if sizes else []
    return "\n".join([*told, *lines])


def _backward(node: Node) -> bool:
    return node.id.startswith("d:")


def _tex(word: str, *arguments: str) -> str:
    r"""A command of LaTeX: \word{a}{b}."""
    return "\\" + word + "".join(f"{{{argument}}}" for argument in arguments)


def _barred(said: str, *, bar: bool) -> str:
    return _tex("bar", said) if bar else said


def _of(letter: str, owner: str, here: str) -> str:
    """A letter with the layer it belongs to above, unless it belongs to the layer that is told of."""
    owner = "" if owner == here else owner.removeprefix(f"{here}.")
    said = plain(owner) if len(owner) <= LONGEST else r"\dots " + plain(owner[-LONGEST:])
    return f"{letter}^{{{_tex('text', said)}}}" if owner else letter


def symbol(node: Node, here: str) -> str:
    """How a value is called in the equations of a layer."""
    name = node.id.removeprefix("d:")
    bar = name != node.id
    part = re.fullmatch(r"(.+)\.(\d+)", name)
    owner, below = (part[1], part[2]) if part else (name, "")
    if isinstance(node.made_by, Input):
        base = _tex("mathrm", plain(node.made_by.name))
    elif isinstance(node.made_by, Weight | Kept) or (bar and not below and "." in owner):
        owner, _, letter = owner.rpartition(".")
        return _of(_barred(letter if len(letter) == 1 else _tex("mathrm", plain(letter)), bar=bar), owner, here)
    elif name == "loss":
        base = "L"
    else:
        letter = _barred("y", bar=bar) if not below else _tex("delta") if bar else "z"
        return _of(letter, owner, here) + (f"_{{({below})}}" if below else "")
    return _barred(base, bar=bar)


def indexed(base: str, index: str) -> str:
    """A symbol with its index; one that has a number below gets both."""
    if not index:
        return base
    if base.endswith("}") and (found := re.fullmatch(r"(.*)_\{(\(\d+\))\}", base)):
        return f"{found[1]}_{{{found[2]},{index}}}"
    return f"{base}_{{{index}}}"


class _Equation:
    """One node of the graph."""

    def __init__(self, graph: Graph, node: Node, here: str) -> None:
        self.node, self.made_by, self.here = node, node.made_by, here
        self.inputs = [graph[i] for i in node.inputs]

    def lines(self) -> Iterator[str]:
        """Left side &= right side; a recurrence has its own lines behind it."""
        index, right = next((rule(self) for kind, rule in RULES.items() if isinstance(self.made_by, kind)), ("", ""))
        if not right:
            names = ", ".join(self.named(k) for k in range(len(self.inputs)))
            right = rf"{_word(self.made_by)}\left({names}\right)"
        yield f"{indexed(symbol(self.node, self.here), index)} &= {right}"
        if isinstance(self.made_by, Scan):
            yield from _steps(self)

    def named(self, k: int) -> str:
        """An input."""
        return symbol(self.inputs[k], self.here)

    def operand(self, k: int, index: str) -> str:
        """An input with an index of its own."""
        return indexed(self.named(k), index)

    def formula(self, term: Term, least: int = 0) -> str:
        """A formula, in brackets where it binds less; its operands are spread over the axes they lack."""

        def named(name: str) -> str:
            k = int(name[1:])
            return self.operand(k, own(self.inputs[k].type))

        return latex(term, named, least=least)


def _apart(*parts: str) -> str:
    """An index of longer parts, with a little space between them."""
    return r",\,".join(parts)


def own(type_: Tensor) -> str:
    """The index of a value's elements; an axis of one element has none."""
    letters = (INDICES if type_.batched else STORED).get(len(type_.shape), "f").split(",")
    return ",".join(letter for letter, size in zip(letters, type_.shape, strict=False) if size != 1)


def _map(e: _Equation) -> tuple[str, str]:
    return own(e.node.type), e.formula(e.made_by.term)


def _update(e: _Equation) -> tuple[str, str]:
    return own(e.node.type), e.formula(e.made_by.terms[0])


def _sum(e: _Equation) -> tuple[str, str]:
    full = broadcast(*(source.type for source in e.inputs))
    left = own(e.node.type)
    over = [part for part in own(full).split(",") if part not in left.split(",")]
    sign = r"\max" if e.made_by.how == "max" else r"\sum"
    return left, f"{sign}_{{{','.join(over)}}} {e.formula(e.made_by.term, PRODUCT)}"


def _window(e: _Equation) -> tuple[str, str]:
    at, p = _places(e.made_by, dilation=(1, 1)), e.made_by
    if p.role == "data":
        last = len(e.inputs) - 1
        share = r"\left[(h,w) \text{ is the largest}\right]" if p.how == "max" else r"\frac{1}{|\text{window}|}"
        return "n,h,w,f", rf"\sum_{{i,j,u,v:\;{at[0]}=h,\;{at[1]}=w}} {share}\, {e.operand(last, 'n,i,j,f')}"
    over = f"u<{p.kernel[0]},\\,v<{p.kernel[1]}"
    sign = rf"\max_{{{over}}}" if p.how == "max" else rf"\operatorname{{mean}}_{{{over}}}"
    return "n,i,j,f", f"{sign} " + e.operand(0, _apart("n", *at, "f"))


def _places(p: Any, dilation: tuple[int, int]) -> tuple[str, str]:
    """The row and column that a window's place u, v meets, for the output i, j."""
    made = []
    for d, (out, tap) in enumerate((("i", "u"), ("j", "v"))):
        said = (f"{p.stride[d]}" if p.stride[d] > 1 else "") + out
        if p.kernel[d] > 1:
            said += " + " + (f"{dilation[d]}" if dilation[d] > 1 else "") + tap
        made.append(said + (f" - {p.pad[d]}" if p.pad[d] else ""))
    return made[0], made[1]


def _product(e: _Equation, weight: str, inner: str, outer: str, width: int = 0) -> tuple[str, str]:
    """A trilinear form over images.

    weight: its index; inner, outer: the letter of the channel that is read, and that is made
    width: if there are groups, of so many channels, a filter reads those of its own
    """
    p = e.made_by
    h, w = _places(p, getattr(p, "dilation", (1, 1)))
    taps = [f"{tap}<{k}" for tap, k in zip("uv", p.kernel, strict=True)]
    read = rf"{width} \lfloor {outer}/{width} \rfloor + {inner}" if width else inner
    x, y = _apart("n", h, w, read), f"n,i,j,{outer}"
    if p.role == "out":
        over = _apart(*taps, *([f"{inner}<{width or e.inputs[0].type.channels}"] if inner != outer else []))
        return y, rf"\sum_{{{over}}} {e.operand(0, x)}\, {e.operand(1, weight)}"
    if p.role == "data":
        over = f"i,j,u,v,{outer}:\\;{h}=h,\\;{w}=w" if inner != outer else f"i,j,u,v:\\;{h}=h,\\;{w}=w"
        read = weight
        if getattr(p, "transposed", False):
            read = "u,v,f,c"
        if width:
            over += rf",\;\lfloor {outer}/{width} \rfloor = \lfloor {inner}/{width} \rfloor"
            read = rf"u,v,\,{inner} \bmod {width},\,{outer}"
        return f"n,h,w,{inner}", rf"\sum_{{{over}}} {e.operand(0, y)}\, {e.operand(1, read)}"
    over = "n" if "i" in weight else "n,i,j"
    return weight, rf"\sum_{{{over}}} {e.operand(0, x)}\, {e.operand(1, y)}"


def _contraction(e: _Equation) -> tuple[str, str]:
    p, rank = e.made_by, len(e.inputs[0].type.shape)
    if rank == 4:
        return _product(e, "u,v,c,f", "c", "f")
    front = "n,t" if rank == 3 else "n"
    if p.role == "out":
        over = f"c<{e.inputs[0].type.channels}"
        return f"{front},f", rf"\sum_{{{over}}} {e.operand(0, f'{front},c')}\, {e.operand(1, 'c,f')}"
    if p.role == "data":
        over = f"f<{e.inputs[0].type.channels}"
        return f"{front},c", rf"\sum_{{{over}}} {e.operand(0, f'{front},f')}\, {e.operand(1, 'c,f')}"
    return "c,f", rf"\sum_{{{front}}} {e.operand(0, f'{front},c')}\, {e.operand(1, f'{front},f')}"


def _grouped(e: _Equation) -> tuple[str, str]:
    width = e.made_by.width
    return _product(e, "u,v,f", "f", "f") if width == 1 else _product(e, "u,v,c,f", "c", "f", width)


def _unshared(e: _Equation) -> tuple[str, str]:
    return _product(e, "i,j,u,v,c,f", "c", "f")


def _lookup(e: _Equation) -> tuple[str, str]:
    return "n,t,f", e.operand(1, _apart(e.operand(0, "n,t"), "f"))


def _piece(e: _Equation) -> tuple[str, str]:
    p: Piece = e.made_by
    return "t", e.operand(0, _step(p.shift)) + _cut(p.start, p.width, e.inputs[0].type.channels)


def _scan(e: _Equation) -> tuple[str, str]:
    """What a recurrence leaves of each step."""
    p: Scan = e.made_by
    letters = _letters(e)
    put = ",\\; ".join(indexed(letters[name], "t") for name in (*p.outputs, *p.saved))
    return "t", rf"\left[{put}\right]"


def _steps(e: _Equation) -> Iterator[str]:
    """The equations of a step; a state of the step before has its index."""
    p: Scan = e.made_by
    letters = _letters(e)
    states = {state.name: state.value for state in p.states}
    given = {each.name: each for each in p.given}
    shared = {each.name: each for each in p.shared}

    def named(name: str) -> str:
        if name in states:
            return indexed(letters[states[name]], _step(1 if p.reverse else -1))
        if name in shared:
            part = shared[name]
            return e.named(part.operand) + _cut(part.start, part.width, e.inputs[part.operand].type.channels)
        if name in given:
            at = given[name]
            return e.operand(at.operand, _step(at.shift)) + _cut(at.start, at.width, e.inputs[at.operand].type.channels)
        return indexed(letters[name], "t")

    for line in p.lines:
        if line.term is not None:
            right = latex(line.term, named)
        else:
            right = " + ".join(f"{named(q.value)}\\, {_matrix(e, q, line)}" for q in line.products)
        yield f"{indexed(letters[line.name], 't')} &= {right}"


def _matrix(e: _Equation, q: Product, line: Line) -> str:
    """The rows and columns of an operand that a product takes."""
    rows, columns = e.inputs[q.operand].type.arrayed(0)
    found = [_range(q.row, e.made_by.widths[q.value], rows), _range(q.column, line.width, columns)]
    return e.named(q.operand) + (rf"\left[{_apart(*(part or '{:}' for part in found))}\right]" if any(found) else "")


def _step(shift: int) -> str:
    return f"t{shift:+d}" if shift else "t"


def _cut(start: int, width: int, channels: int) -> str:
    """The channels that are taken, unless they are all."""
    part = _range(start, width, channels)
    return rf"\left[{part}\right]" if part else ""


def _range(start: int, width: int, whole: int) -> str:
    return f"{start}{{:}}{start + width}" if width < whole else ""


def _letters(e: _Equation) -> dict[str, str]:
    """What each value of a scan is called: a letter of the cell, or the adjoint of one.

    Of what has no letter: s, and of its gradients a, what a matrix makes of one operand in front of an equation; v what
    a matrix multiplies; p what products hand back. An arrow: of a cell that goes from the last step to the first.
    """
    p: Scan = e.made_by
    names = {*(line.name for line in p.lines), *p.outputs, *p.saved, *(state.value for state in p.states)}
    parts = {name: _parted(name) for name in names}
    full = {(letter, owner) for _, letter, owner in parts.values()}
    several = Counter((letter, owner.partition(".")[0]) for letter, owner in full)
    arrow = p.reverse != _backward(e.node)
    found = {}
    for name, (bars, letter, owner) in parts.items():
        bare = letter.rstrip("'")
        said = bare if len(bare) == 1 else _tex("mathrm", plain(bare))
        said = _tex("overleftarrow", said) if arrow else said
        for _ in range(bars):
            said = _tex("bar", said)
        short = owner.partition(".")[0]
        above = short if several[letter, short] == 1 else owner
        found[name] = said + "'" * letter.count("'") + (f"^{{{_tex('text', plain(above))}}}" if owner else "")
    return found


def _parted(name: str) -> tuple[int, str, str]:
    """How many bars stand above a value of a scan, its letter, and what it belongs to, if not itself a value."""
    bars = 0
    while name.startswith("d ", 2 * bars):
        bars += 1
    bare = name[2 * bars :]
    role, _, owner = bare.rpartition(" ")
    if role:
        return bars, ROLES[role], owner.rstrip("'")
    return (bars, "v", bare) if "." in bare else (bars, bare, "")


def _word(primitive: Primitive) -> str:
    """A primitive without an equation of its own: its name, and its numbers below."""
    sizes = [value for f in fields(primitive) for value in [getattr(primitive, f.name)] if not isinstance(value, str)]
    flat = [str(part) for value in sizes for part in (value if isinstance(value, tuple) else (value,))]
    return _tex("operatorname", type(primitive).__name__.lower()) + (f"_{{{','.join(flat)}}}" if flat else "")


RULES: dict[type[Primitive], Callable[[_Equation], tuple[str, str]]] = {
    Map: _map, Update: _update, Sum: _sum, Window: _window, Contraction: _contraction, Grouped: _grouped,
    Unshared: _unshared, Lookup: _lookup, Piece: _piece, Scan: _scan,
}  # fmt: skip
