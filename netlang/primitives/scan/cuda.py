"""Recurrences on CUDA: a block of threads takes an example through all of its steps, a thread some of the units.

No block waits for another, as examples do not meet. States and what products multiply lie in the scratch, where the
other threads of the block read them behind a barrier; each matrix is read again for each example and step.
"""

from netlang.formula import Name, Number, Term, text
from netlang.primitives.cuda_formula import EIGHT
from netlang.primitives.cuda_text import blocks, drafted, elementwise, moved, pitch
from netlang.primitives.launch import LANES, Draft, Operand, Target, drafts
from netlang.primitives.scan.op import Given, Line, Piece, Scan
from netlang.primitives.scan.phases import Bundle, Group, groups, kept, renamed
from netlang.primitives.text import SIZES, indented


@drafts("cuda", Scan)
def scan_draft(primitive: Scan, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a recurrence."""
    threads = LANES
    while threads < min(max(line.width for line in primitive.lines), target.threads):
        threads *= 2
    scan = _Scan(primitive, inputs, result, threads)
    operands = {f"i{k}": operand for k, operand in enumerate(inputs)}
    sizes = {"steps": result.type.positions, "pitch": pitch(result.type)}
    scratch = 0, batch * scan.size * SIZES[result.type.dtype]
    return drafted("scan", {"y": result}, operands, sizes, scan.lines(), (blocks(batch), threads), scratch)


class _Scan:
    """The text. size: numbers of an example in the scratch; at: where each state and value lies there.

    A state has two places, one to read and one to write, which change with each step.
    """

    def __init__(self, scan: Scan, inputs: tuple[Operand, ...], result: Operand, threads: int) -> None:
        self.scan, self.threads, self.dtype = scan, threads, result.type.dtype
        self.pitches = [pitch(operand.type) for operand in inputs]
        self.given = {given.name: given for given in scan.given}
        self.shared = {shared.name: shared for shared in scan.shared}
        self.states = {state.name: k for k, state in enumerate(scan.states)}
        self.at: dict[str, int] = {}
        self.size = 0
        for name, places in (*((s.name, 2) for s in scan.states), *((name, 1) for name in kept(scan))):
            self.at[name] = self.size
            self.size += places * scan.widths[name]

    def lines(self) -> list[str]:
        """Everything behind the sizes: examples, steps, and the groups of a step."""
        parts = groups(self.scan)
        wait = ["cuda.syncthreads()"]
        step = self._turned()
        for k, group in enumerate(parts):
            if k and group.phase != parts[k - 1].phase:
                step += wait
            step += self._group(group)
        if any(group.bundles for group in parts):
            step += wait
        return [
            "thread = cuda.threadIdx.x",
            "n = cuda.blockIdx.x",
            "while n < team[0]:",
            f"    own = n * {self.size}",
            *indented(self._zeroed()),
            "    cuda.syncthreads()",
            "    for step in range(steps):",
            f"        t = {'steps - 1 - step' if self.scan.reverse else 'step'}",
            *indented(step, 2),
            "    n += cuda.gridDim.x",
        ]

    def _zeroed(self) -> list[str]:
        """States are zero before the first step."""
        count = sum(2 * state.width for state in self.scan.states)
        if not count:
            return []
        return [
            f"for u in range(thread, {count}, {self.threads}):",
            f"    scratch[own + u] = {self.dtype}(0.0)",
        ]

    def _turned(self) -> list[str]:
        """Which place of a state is read in this step, and which is written."""
        lines = []
        for k, state in enumerate(self.scan.states):
            at, width = self.at[state.name], state.width
            lines.append(f"now{k} = own + {at} + step % 2 * {width}")
            lines.append(f"next{k} = own + {at} + (step + 1) % 2 * {width}")
        return lines

    def _group(self, group: Group) -> list[str]:
        """The units of a group, and zeros in the padding behind the last."""
        outside = [to for line in group.lines for to in self._put_out(line)]
        inside = [*(line for bundle in group.bundles for line in self._products(bundle)), *self._formulas(group)]
        if self.scan.lengths is not None:  # behind the end of an example all values are zero
            ends = f"int(i{self.scan.lengths}[n * {EIGHT}])"
            stores = [to for line in group.lines for to in self._stored(line)]
            inside = [f"if t < {ends}:", *indented(inside), "else:", *indented(self._zero(stores))]
        if group.width % LANES == 0 or not outside:
            return [f"for u in range(thread, {group.width}, {self.threads}):", *indented(inside)]
        return [
            f"for u in range(thread, {-(-group.width // LANES) * LANES}, {self.threads}):",
            f"    if u < {group.width}:",
            *indented(inside, 2),
            "    else:",
            *indented([line for to in outside for line in self._padded(to)], 2),
        ]

    def _padded(self, place: str) -> list[str]:
        """Zero behind a value's last unit, where the row goes on."""
        column = place.partition("pitch + ")[2].removesuffix("]")
        return [f"if {column} < pitch:", *indented(self._zero([place]))]

    def _zero(self, places: list[str]) -> list[str]:
        return [f"{to} = {self.dtype}(0.0)" for to in places] or ["pass"]

    def _products(self, bundle: Bundle) -> list[str]:
        """The unit's number of each line: all that is multiplied is read once."""
        lines = [f"{self._sum(line)} = {self.dtype}(0.0)" for line in bundle.lines]
        for s, value in enumerate(bundle.values):
            lines += [f"for r in range({self.scan.widths[value]}):", *indented(self._read(value, "seen", "r"))]
            for line in bundle.lines:
                p = line.products[s]
                row = f"(r + {p.row})" if p.row else "r"
                at = f"{row} * {self.pitches[p.operand]} + u" + (f" + {p.column}" if p.column else "")
                lines.append(f"    {self._sum(line)} += seen * i{p.operand}[{at}]")
        return lines

    def _sum(self, line: Line) -> str:
        return f"sum{self.scan.lines.index(line)}"

    def _formulas(self, group: Group) -> list[str]:
        """What is read, the formulas over it, and what is stored."""
        sums = {line.name: self._sum(line) for bundle in group.bundles for line in bundle.lines}
        own = {line.name for line in group.formulas}
        lines, given = list[str](), dict(sums)
        for name in dict.fromkeys(name for line in group.formulas for name in line.reads if name not in own):
            if name not in sums:
                given[name] = f"r{len(given)}"
                lines += self._read(name, given[name], "u")
        terms, local = renamed(group.formulas, given)
        lines += text("cuda", terms, *terms.values(), dtype=self.dtype) if terms else []
        for line in group.lines:
            lines += [f"{to} = {self._said(local[line.name])}" for to in self._stored(line)]
        return lines

    def _said(self, term: Term) -> str:
        assert isinstance(term, Name | Number)
        return term.name if isinstance(term, Name) else f"{self.dtype}({term.value!r})"

    def _read(self, name: str, into: str, unit: str) -> list[str]:
        """One number of a value."""
        if name in self.given:
            return self._from_sequence(self.given[name], into, unit)
        if name in self.shared:
            shared = self.shared[name]
            return [f"{into} = i{shared.operand}[{shared.start} + {unit}]"]
        where = f"now{self.states[name]}" if name in self.states else f"own + {self.at[name]}"
        return [f"{into} = scratch[{where} + {unit}]"]

    def _from_sequence(self, given: Given, into: str, unit: str) -> list[str]:
        at = f"t + {given.shift}" if given.shift else "t"
        first = f" + {given.start}" if given.start else ""
        found = f"i{given.operand}[(n * steps + {at}) * {self.pitches[given.operand]}{first} + {unit}]"
        if not given.shift:
            return [f"{into} = {found}"]
        return [f"{into} = {self.dtype}(0.0)", f"if 0 <= {at} < steps:", f"    {into} = {found}"]

    def _stored(self, line: Line) -> list[str]:
        """Where a line's value goes to."""
        found = self._put_out(line)
        found += [f"scratch[next{self.states[s.name]} + u]" for s in self.scan.states if s.value == line.name]
        return found + ([f"scratch[own + {self.at[line.name]} + u]"] if line.name in self.at else [])

    def _put_out(self, line: Line) -> list[str]:
        starts = self.scan.starts
        return [f"y[(n * steps + t) * pitch + {start} + u]" for name, start in starts.items() if name == line.name]


@drafts("cuda", Piece)
def piece_draft(primitive: Piece, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """Some channels of every place, or of the place before or behind it."""
    body = [
        f"v_y = {result.type.dtype}(0.0)",
        "if c < channels and 0 <= place + shift < places:",
        "    v_y = x[(position + shift) * x_pitch + start + c]",
    ]
    sizes = {"start": primitive.start, "shift": primitive.shift, "x_pitch": pitch(inputs[0].type)}
    return elementwise(
        "piece", {"y": result}, moved(result.type), target, batch,
        inputs={"x": inputs[0]}, sizes=sizes, body=body, image=True,
    )  # fmt: skip
