"""Recurrences on CUDA: blocks that stay for all steps, and wait for each other where products need whole values.

Who has which examples and units, `cuda_split.py` says; what lies where, `cuda_memory.py`. A thread has one unit of one
example at a time: it adds what the warps have summed of its products, lets it through the formulas, and stores it. In
`strict` precision, or in float64, a thread multiplies for itself.
"""

from dataclasses import replace

from netlang.formula import Name, Number, Term, text
from netlang.primitives.cuda_formula import EIGHT, each
from netlang.primitives.cuda_text import drafted, elementwise, moved, pitch
from netlang.primitives.launch import LANES, Draft, Operand, Target, drafts
from netlang.primitives.scan.cuda_memory import APART, PLACES, Memory, spot_of_a
from netlang.primitives.scan.cuda_split import UNITS, Split, columns, made, split_of, waits
from netlang.primitives.scan.cuda_warps import Warps
from netlang.primitives.scan.op import Given, Line, Piece, Scan
from netlang.primitives.scan.phases import Group, groups, renamed
from netlang.primitives.text import indented


@drafts("cuda", Scan)
def scan_draft(primitive: Scan, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a recurrence, behind the one that makes its memory ready."""
    scan = _computed(primitive)
    split = split_of(scan, result.type.dtype, target, batch)
    memory = Memory(scan, split, result.type.dtype)
    operands = {f"i{k}": operand for k, operand in enumerate(inputs)}
    of = _Scan(scan, operands, split, memory)
    sizes = {**memory.sizes, **of.sizes(), "steps": result.type.positions, "pitch": pitch(result.type)}
    grid = split.slices * split.sets, split.threads
    launch = drafted("scan", {"y": result}, operands, sizes, of.lines(), grid, memory.scratch)
    return replace(memory.ready(operands), then=replace(launch, together=True))


def _computed(scan: Scan) -> Scan:
    """A recurrence whose products multiply states and lines alone: what is given, or shared, becomes a line."""
    here = {state.name for state in scan.states} | {line.name for line in scan.lines}
    named = {p.value: f"{p.value} there" for line in scan.lines for p in line.products if p.value not in here}
    copies = tuple(Line(said, scan.widths[name], Name(name)) for name, said in named.items())
    lines = (
        replace(line, products=tuple(replace(p, value=named.get(p.value, p.value)) for p in line.products))
        for line in scan.lines
    )
    return replace(scan, lines=(*copies, *lines)) if named else scan


class _Scan:
    """The text."""

    def __init__(self, scan: Scan, operands: dict[str, Operand], split: Split, memory: Memory) -> None:
        self.scan, self.split, self.memory, self.dtype = scan, split, memory, memory.dtype
        self.operands = operands
        self.given = {given.name: given for given in scan.given}
        self.shared = {shared.name: shared for shared in scan.shared}
        self.groups = groups(scan)
        self.numbers = {line.name: k for k, line in enumerate(scan.lines)}
        self.warps = Warps(scan, split, memory) if split.kind != "fma" else None

    def sizes(self) -> dict[str, int]:
        """Those of operands and groups."""
        found = {f"i{k}_pitch": pitch(o.type) for k, o in enumerate(self.operands.values())}
        for k, group in enumerate(self.groups):
            found |= {f"width{k}": group.width, f"wide{k}": columns(group.width)}
        return found

    def lines(self) -> list[str]:
        """Everything behind the sizes: steps, the groups of a step, and tiles and columns of a block."""
        split, step = self.split, list[str]()
        for k, (group, wait) in enumerate(zip(self.groups, waits(self.scan), strict=True)):
            step += [*self._ahead(k, group), *(self._wait() if wait else []), *self._group(k, group)]
        return [
            f"# a block has every `slices`th column of {UNITS} units, of each {split.rows} examples that are its set's",
            *(self.warps.own() if self.warps else []),
            "thread = cuda.threadIdx.x",
            "ours, set_ = cuda.blockIdx.x % slices, cuda.blockIdx.x // slices",
            f"sets, tiles = cuda.gridDim.x // slices, (team[0] + {split.rows - 1}) // {split.rows}",
            "met = 0",
            *(self.warps.begin() if self.warps else []),
            "for step in range(steps):",
            f"    t = {'steps - 1 - step' if self.scan.reverse else 'step'}",
            *indented([*self._turned(), *step]),
        ]

    def _ahead(self, k: int, group: Group) -> list[str]:
        """What a thread reads of sequences for its only unit: on its way while it waits for the others."""
        names = self._early(group)
        if not names:
            return []
        read = [line for name, into in names.items() for line in self._from_sequence(self.given[name], into)]
        return [
            "tile, column, item = set_, ours, thread",
            *self._place(),
            *(f"{into} = {self.dtype}(0.0)" for into in names.values()),
            f"if item < {self.split.rows * UNITS} and n < team[0] and u < width{k}:",
            *indented(read),
        ]

    def _early(self, group: Group) -> dict[str, str]:
        """What is read so, and the names it gets."""
        if not self.split.lone(group.width):
            return {}
        read = dict.fromkeys(name for line in group.formulas for name in line.reads if name in self.given)
        return {name: f"early{list(self.given).index(name)}" for name in read}

    def _place(self) -> list[str]:
        """Which unit of which example an item is."""
        return [
            f"row, unit = item // {UNITS}, item % {UNITS}",
            f"n, u = tile * {self.split.rows} + row, column * {UNITS} + unit",
        ]

    def _wait(self) -> list[str]:
        """Until all slices of the set are here, and what they wrote can be read."""
        return [
            "met += slices",
            "cuda.syncthreads()",
            "if thread == 0:",
            f"    arrive(scratch, set_ * {APART})",
            f"    while arrived(scratch, set_ * {APART}) < met:",
            "        pass",
            "cuda.syncthreads()",
        ]

    def _turned(self) -> list[str]:
        """Which places are read in this step, and which are written."""
        lines, states = list[str](), {state.name for state in self.scan.states}
        for of, places in ((self.memory.shown, PLACES), (self.memory.own, 2)):
            for name, said in of.items():
                if name in states or places == PLACES:
                    lines.append(f"{said}_now = {said} + step % {places} * {said}_place")
                if name in states:
                    lines.append(f"{said}_next = {said} + (step + 1) % {places} * {said}_place")
        return lines

    def _group(self, k: int, group: Group) -> list[str]:
        """All columns that the block has of a group, of all tiles."""
        products = bool(made(group)) and self.warps is not None
        wait = ["cuda.syncthreads()"] * products
        body = [
            *(self.warps.lines(k, group) if self.warps and products else []),
            *wait,
            f"for item in range(thread, {self.split.rows * UNITS}, {self.split.threads}):",
            *indented(self._place()),
            "    if n < team[0]:",
            *indented(self._element(k, group), 2),
            *wait,
        ]
        return [
            "for tile in range(set_, tiles, sets):",
            f"    for column in range(ours, wide{k}, slices):",
            *indented(body, 2),
        ]

    def _element(self, k: int, group: Group) -> list[str]:
        """One unit of an example; zeros behind the example's end, and in the padding behind the last unit."""
        inside = [*self._sums(group), *self._formulas(group)]
        if self.scan.lengths is not None:
            stores = [to for line in group.lines for to in self._stored(line, f"{self.dtype}(0.0)")]
            ends = f"int(i{self.scan.lengths}[n * {EIGHT}])"
            inside = [f"if t < {ends}:", *indented(inside), "else:", *indented(stores or ["pass"])]
        padded = [line for each in group.lines for line in self._padded(each)] if group.width % LANES else []
        return [f"if u < width{k}:", *indented(inside), *(["else:", *indented(padded)] if padded else [])]

    def _padded(self, line: Line) -> list[str]:
        found = list[str]()
        for start, to in self._put_out(line):
            found += [f"if {start} + u < pitch:", f"    {to} = {self.dtype}(0.0)"]
        return found

    def _sums(self, group: Group) -> list[str]:
        """The unit's number of each product."""
        if self.warps:
            return self.warps.sums(group, self._sum)
        lines = list[str]()
        for bundle in group.bundles:
            lines += [f"{self._sum(line)} = {self.dtype}(0.0)" for line in bundle.lines]
            for s, value in enumerate(bundle.values):
                width, said = self.scan.widths[value], self.memory.shown[value]
                lines += [
                    f"for r in range({width}):",
                    f"    seen = fresh_1(scratch, {said}_now + tile * {said}_tile + row * {width} + r)",
                ]
                for line in bundle.lines:
                    p = line.products[s]
                    at = f"(r + {p.row}) * i{p.operand}_pitch + u + {p.column}"
                    lines.append(f"    {self._sum(line)} += seen * i{p.operand}[{at}]")
        return lines

    def _sum(self, line: Line) -> str:
        return f"sum{self.numbers[line.name]}"

    def _formulas(self, group: Group) -> list[str]:
        """What is read, the formulas over it, and what is stored."""
        sums = {line.name: self._sum(line) for line in made(group)}
        here = {line.name for line in group.formulas}
        lines, given = list[str](), {**sums, **self._early(group)}
        for name in dict.fromkeys(name for line in group.formulas for name in line.reads if name not in here):
            if name not in given:
                given[name] = f"r{len(given)}"
                lines += self._read(name, given[name])
        terms, named = renamed(group.formulas, given)
        lines += text("cuda", terms, *terms.values(), dtype=self.dtype) if terms else []
        return [*lines, *(to for line in group.lines for to in self._stored(line, self._said(named[line.name])))]

    def _said(self, term: Term) -> str:
        assert isinstance(term, Name | Number)
        return term.name if isinstance(term, Name) else f"{self.dtype}({term.value!r})"

    def _read(self, name: str, into: str) -> list[str]:
        """One number of a value."""
        if name in self.given:
            return self._from_sequence(self.given[name], into)
        if name in self.shared:
            shared = self.shared[name]
            return [f"{into} = i{shared.operand}[{shared.start} + u]"]
        said = self.memory.own[name]
        place = f"{said}_now" if any(state.name == name for state in self.scan.states) else said
        return [f"{into} = scratch[{place} + n * {self.scan.widths[name]} + u]"]

    def _from_sequence(self, given: Given, into: str) -> list[str]:
        at = f"t + {given.shift}" if given.shift else "t"
        first = f" + {given.start}" if given.start else ""
        found = f"i{given.operand}[(n * steps + {at}) * i{given.operand}_pitch{first} + u]"
        if not given.shift:
            return [f"{into} = {found}"]
        return [f"{into} = {self.dtype}(0.0)", f"if 0 <= {at} < steps:", f"    {into} = {found}"]

    def _stored(self, line: Line, value: str) -> list[str]:
        """A line's value to all places where it goes."""
        lines = [f"{to} = {value}" for _, to in self._put_out(line)]
        places = [(state.name, "_next") for state in self.scan.states if state.value == line.name]
        for name, which in [*places, (line.name, "")]:
            if name in self.memory.shown:
                lines.append(self._shown(f"{self.memory.shown[name]}{which or '_now'}", name, value))
            if name in self.memory.own:
                lines.append(f"scratch[{self.memory.own[name]}{which} + n * {self.scan.widths[name]} + u] = {value}")
        return lines

    def _shown(self, place: str, name: str, value: str) -> str:
        """To where products multiply it."""
        kind, start = self.split.kind, f"{place} + tile * {self.memory.shown[name]}_tile"
        if kind == "fma":
            return f"scratch[{start} + row * {self.scan.widths[name]} + u] = {value}"
        spot = spot_of_a("row", "column", "unit", kind, self.split.high)
        if kind == "bf16":
            return f"store_1_bf16(scratch, ({start}) * 2 + {spot}, {value})"
        return f"scratch[{start} + {spot}] = tf32({value})"

    def _put_out(self, line: Line) -> list[tuple[str, str]]:
        starts = self.scan.starts
        return [
            (str(start), f"y[(n * steps + t) * pitch + {start} + u]")
            for name, start in starts.items()
            if name == line.name
        ]


@drafts("cuda", Piece)
def piece_draft(primitive: Piece, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """Some channels of every place, or of the place before or behind it; a thread has four."""
    assert primitive.start % LANES == 0, "values of a scan begin at whole vectors"
    zero = f"found[e] = {result.type.dtype}(0.0)"
    fours = [
        *each(zero),
        "if 0 <= place + shift < places:",
        "    load_4(found, x, (position + shift) * x_pitch + start + first)",
        *(each("if first + e >= channels:", f"    {zero}") if primitive.width % EIGHT else []),
    ]
    sizes = {"start": primitive.start, "shift": primitive.shift, "x_pitch": pitch(inputs[0].type)}
    return elementwise(
        "piece", {"y": result}, moved(result.type), target, batch,
        inputs={"x": inputs[0]}, sizes=sizes, fours=fours, image=True,
    )  # fmt: skip
