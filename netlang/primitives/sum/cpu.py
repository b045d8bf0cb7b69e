"""Reductions on the CPU. Sums over examples are cut into parts fixed by the shape and added in their order."""

from netlang.primitives.launch import LANES, Address, Also, Draft, Operand, Target, drafts
from netlang.primitives.primitive import broadcast
from netlang.primitives.sum.op import Squares, Sum
from netlang.primitives.text import Arguments, Formula, drafted, indented, over_positions
from netlang.types import Tensor

PARTS = 32  # at most, of a reduction over the batch: the same for any number of threads
CHAINS = 4  # of sums beside one another, where each would wait for the last addition


@drafts("cpu", Sum)
@drafts("cpu", Squares)
def sum_draft(
    primitive: Sum,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    *further: Also,
) -> Draft:
    """The sum, or the largest, of term(i0, i1, ...) over the named axes.

    further: over the batch, terms of the same operands that are summed on the way, and where to
    """
    full = _spread_over(inputs)
    lanes = next((o.lanes for o in inputs if o.type.batched), "w")
    operands = {f"i{k}": operand for k, operand in enumerate(inputs)}
    formula = Formula((primitive.term, *(more.term for more in further)), operands, full, lanes)
    reduction = _Reduction(primitive, formula)
    arguments = Arguments()
    places, columns = formula.geometry.places, formula.geometry.columns
    if reduction.merged:
        places, columns = places * columns, 1
    arguments.add(y=Address(result.buffer), **{f"y{k}": Address(more.to.buffer) for k, more in enumerate(further, 1)})
    arguments.add(places=places, columns=columns)
    formula.add_arguments(arguments)
    if "channels" not in arguments.values:
        arguments.add(channels=formula.geometry.channels)
    name = f"sum_{primitive.over}_{lanes}"
    if primitive.over == "channel":
        return drafted(name, arguments, reduction.over_channel())
    if primitive.over == "positions":
        return drafted(name, arguments, reduction.over_positions())
    if primitive.over == "examples":
        return drafted(name, arguments, reduction.over_examples())
    one = primitive.over == "all"
    sums = PARTS * (1 if one else formula.geometry.columns) * formula.geometry.vector * len(formula.terms)
    lines = [f"sums = {arguments.shared()}", *(reduction.over_all() if one else reduction.over_batch())]
    return drafted(name, arguments, lines, (0, sums))


def _spread_over(inputs: tuple[Operand, ...]) -> Tensor:
    """The type that the operands are spread over."""
    return broadcast(*(o.type for o in inputs))


class _Reduction:
    """The text of a reduction: `acc` is joined with the formula's `term` lane by lane."""

    def __init__(self, primitive: Sum, formula: Formula) -> None:
        self.how, self.formula, self.geometry = primitive.how, formula, formula.geometry
        across = primitive.over in ("batch", "examples", "all")  # lanes "n" are joined with one another
        padded = across if self.geometry.lanes == "n" else self.geometry.channels % LANES != 0
        self.fenced = self.how == "max" and padded  # a largest number must not see the zeros of padding
        self.merged = primitive.over == "all" and formula.flat and not self.fenced  # every vector is a position
        self.count = len(formula.terms)
        self.start = "-1e308 * 10.0" if self.how == "max" else "0.0"

    def term(self, to: str = "acc") -> list[str]:
        """Lines that join a sum with the formula at `position`, `column`."""
        return [*self._terms(["term"]), f"{to} = {self._joined(to, 'term')}"]

    def _terms(self, into: list[str]) -> list[str]:
        """Lines that assign the formulas at `position`, `column`."""
        g = self.geometry
        lines = [f"at = (position * columns + column) * {g.vector}", *self.formula.lines(tuple(into))]
        if self.fenced:
            real = f"lanes_{g.dtype}() < float({self.formula.real_lanes})"
            lines += [f"{term} = where({real}, {term}, splat_{g.dtype}({self.start}))" for term in into]
        return lines

    def begin(self) -> str:
        """The neutral number."""
        return f"acc = splat_{self.geometry.dtype}({self.start})"

    def fold(self) -> str:
        """The lanes of `acc` joined, a scalar."""
        return "largest(acc)" if self.how == "max" else "total(acc)"

    def over_channel(self) -> list[str]:
        """One number per position: in lanes "c" in lane 0, in lanes "n" one per lane."""
        g = self.geometry
        if g.lanes == "n":
            made = [f"acc = head_{g.dtype}(acc, count - image * 16)"] if self._must_mask else []
        else:
            made = [f"acc = head_{g.dtype}(splat_{g.dtype}({self.fold()}), 1)"]
        body = [
            self.begin(),
            "for column in range(columns):",
            *indented(self.term()),
            *made,
            f"store_{g.dtype}(y + position * {g.vector}, acc)",
        ]
        images = self.formula.needs_image or self._must_mask
        return [*self._head(), f"start, stop = {self._share}", *over_positions(body, images=images)]

    def over_positions(self) -> list[str]:
        """One number per image and channel."""
        g = self.geometry
        mask = f"acc = head_{g.dtype}(acc, {self.formula.real_lanes})"
        return [
            *self._head(),
            f"item, stop = split(({g.images}) * columns, thread, threads(team))",
            "while item < stop:",
            "    image = item // columns",
            "    column = item - image * columns",
            f"    {self.begin()}",
            "    for place in range(places):",
            "        position = image * places + place",
            *indented(self.term(), 2),
            *([f"    {mask}"] if self.how == "max" else []),
            f"    store_{g.dtype}(y + item * {g.vector}, acc)",
            "    item += 1",
        ]

    def over_examples(self) -> list[str]:
        """One number per place and channel: a thread owns whole sums, so the bits depend on no thread count."""
        g = self.geometry
        return [
            *self._head(),
            f"images = {g.images}",
            "row = (channels + 15) // 16 * 16",
            "item, stop = split(places * columns, thread, threads(team))",
            "while item < stop:",
            "    place = item // columns",
            "    column = item - place * columns",
            f"    {self.begin()}",
            "    for image in range(images):",
            "        position = image * places + place",
            *indented(self.term(), 2),
            *indented(self._written(f"y + place * row * {g.size}", one=False)),
            "    item += 1",
        ]

    def over_batch(self) -> list[str]:
        """Channel sums: parts of the positions into the shared scratch, then the parts in order."""
        finished = []
        for k in range(self.count):
            finished += self._parted(f"({self.count} * part + {k}) * columns + column")
            finished += self._written(f"y{k or ''}", one=False)
        return [
            *self._head(),
            f"row = columns * {self.geometry.vector}",
            *self._parts(),
            f"    first = sums + part * {self.count} * row",
            *indented(self._row_by_row()),
            "    part += 1",
            "barrier(team, thread)",
            "column, last = split(columns, thread, threads(team))",
            "while column < last:",
            *indented(finished),
            "    column += 1",
        ]

    def _row_by_row(self) -> list[str]:
        """A part's sums, `row` bytes from term to term: the positions are read as they lie."""
        g, terms = self.geometry, [f"term{k}" for k in range(self.count)]
        joined = [self._joined(f"load_{g.dtype}(to + {k} * row)", term) for k, term in enumerate(terms)]
        return [
            f"for slot in range({self.count} * columns):",
            f"    store_{g.dtype}(first + slot * {g.vector}, splat_{g.dtype}({self.start}))",
            "for position in range(start, stop):",
            *indented(self._placed),
            "    to = first",
            "    for column in range(columns):",
            *indented(self._terms(terms), 2),
            *(f"        store_{g.dtype}(to + {k} * row, {sum_})" for k, sum_ in enumerate(joined)),
            f"        to += {g.vector}",
        ]

    def over_all(self) -> list[str]:
        """One number: parts of the positions into the shared scratch, then the parts in order."""
        g = self.geometry
        return [
            *self._head(),
            *self._parts(),
            *indented(self._chained() if self.merged else self._one_by_one()),
            f"    store_{g.dtype}(sums + part * {g.vector}, acc)",
            "    part += 1",
            "barrier(team, thread)",
            "column, last = split(1, thread, threads(team))",
            "while column < last:",
            *indented(self._parted("part")),
            *indented(self._written("y", one=True)),
            "    column += 1",
        ]

    def _one_by_one(self) -> list[str]:
        """`acc`: the sum of a part's positions."""
        return [
            self.begin(),
            "for position in range(start, stop):",
            *indented(self._placed),
            "    for column in range(columns):",
            *indented(self.term(), 2),
        ]

    def _chained(self) -> list[str]:
        """The same in some sums at once, one of which every vector joins in turn."""
        joined = [self.term(f"acc{k}") for k in range(CHAINS)]
        return [
            "column, position = 0, start",
            *(f"acc{k} = splat_{self.geometry.dtype}({self.start})" for k in range(CHAINS)),
            f"while position + {CHAINS} <= stop:",
            *(line for lines in joined for line in indented([*lines, "position += 1"])),
            "while position < stop:",
            *indented([*joined[0], "position += 1"]),
            "acc = acc0",
            *(f"acc = {self._joined('acc', f'acc{k}')}" for k in range(1, CHAINS)),
        ]

    def _parts(self) -> list[str]:
        """The positions cut into parts, and those of this thread."""
        return [
            f"positions = ({self.geometry.images}) * places",
            f"parts = min_i64({PARTS}, positions)",
            "part, last = split(parts, thread, threads(team))",
            "while part < last:",
            "    start, stop = split(positions, part, parts)",
        ]

    def _parted(self, slot: str) -> list[str]:
        """`acc`: the parts' sums in their order."""
        g = self.geometry
        return [
            self.begin(),
            "for part in range(parts):",
            f"    acc = {self._joined('acc', f'load_{g.dtype}(sums + ({slot}) * {g.vector})')}",
        ]

    def _joined(self, one: str, other: str) -> str:
        return f"maximum({one}, {other})" if self.how == "max" else f"{one} + {other}"

    @property
    def _placed(self) -> list[str]:
        return ["image = position // places", "place = position - image * places"] if self._images else []

    def _written(self, to: str, *, one: bool) -> list[str]:
        """Store `acc` in the row of channels at `to`, or as the one number there."""
        g = self.geometry
        if one:
            return [f"store_{g.dtype}({to}, head_{g.dtype}(splat_{g.dtype}({self.fold()}), 1))"]
        if g.lanes != "n":
            mask = [f"acc = head_{g.dtype}(acc, channels - column * 16)"] if self.how == "max" else []
            return [*mask, f"store_{g.dtype}({to} + column * {g.vector}, acc)"]
        return [
            f"store_scalar_{g.dtype}({to} + column * {g.size}, {self.fold()})",
            "if column == columns - 1:",
            "    for lane in range(channels, (channels + 15) // 16 * 16):",
            f"        store_scalar_{g.dtype}({to} + lane * {g.size}, 0.0)",
        ]

    @property
    def _must_mask(self) -> bool:
        return self.how == "max" and self.geometry.lanes == "n"

    @property
    def _images(self) -> bool:
        return self.formula.needs_image or (self.fenced and self.geometry.lanes == "n")

    @property
    def _share(self) -> str:
        return f"split(({self.geometry.images}) * places, thread, threads(team))"

    def _head(self) -> list[str]:
        lines = self.formula.prologue()
        if self._must_mask and "count = examples(team)" not in lines:
            lines = [*lines, "count = examples(team)"]
        return lines
