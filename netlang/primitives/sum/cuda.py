"""Reductions on CUDA: a thread sums four channels at a time, and the threads of a block join in a tree.

Over positions, examples and the batch a block has 16 channels, four threads side by side, and its lines of threads take
one position after another. Over the channels some neighbours share a position. Sums over the batch, or over all, are
cut into parts by the shape, and a second launch joins those (`cuda_joined.py`): sixteen channels are too few blocks.
"""

from dataclasses import replace

from netlang.formula import Name
from netlang.primitives.cuda_formula import EIGHT, FOUR, CudaFormula, each, local
from netlang.primitives.cuda_joined import QUADS, SIXTEEN, joined_squares, merged, parts_of, terms_of
from netlang.primitives.cuda_text import blocks, drafted, pitch, positions
from netlang.primitives.launch import Also, Draft, Operand, Target, drafts
from netlang.primitives.primitive import broadcast
from netlang.primitives.sum.op import Squares, Sum
from netlang.primitives.text import SIZES, indented

AT = "at = position * pitch + first"


@drafts("cuda", Sum)
@drafts("cuda", Squares)
def sum_draft(
    primitive: Sum, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int, *further: Also
) -> Draft:
    """The sum, or the largest, of term(i0, i1, ...) over the named axes.

    further: over the batch, what else is summed on the way, and where to
    """
    operands = {f"i{k}": operand for k, operand in enumerate(inputs)}
    return _Reduction(primitive, operands, (Also(primitive.term, result), *further), target.threads).draft(batch)


class _Reduction:
    """The text, of one kernel for all that is summed."""

    def __init__(self, primitive: Sum, operands: dict[str, Operand], summed: tuple[Also, ...], threads: int) -> None:
        self.over, self.summed, self.threads = primitive.over, summed, threads
        full = broadcast(*(o.type for o in operands.values()))
        self.formula = CudaFormula(tuple(s.term for s in summed if not s.squares), operands, full)
        self.into = tuple(f"term{k}" for k, s in enumerate(summed) if not s.squares)
        self.terms = terms_of(summed, full.dtype, threads, primitive.how)

    def draft(self, batch: int) -> Draft:
        """The launch, and the one that joins its parts if there are several."""
        g = self.formula.geometry
        rows = g.most_images(batch) * g.places
        parts, wide = 1, pitch(self.formula.result)
        if self.over == "batch":
            parts = parts_of(g.columns, -(-rows // (self.threads // QUADS)))
            items, lines = g.columns * parts, self._over_lines()
        elif self.over == "all":
            wide, parts = FOUR, parts_of(1, -(-rows * g.columns * QUADS // self.threads))
            items, lines = parts, self._over_all()
        elif self.over == "channel":
            neighbours = self._neighbours(wide)
            items, lines = -(-rows * neighbours // self.threads), self._over_channels(neighbours)
        else:
            items = g.columns * (batch if self.over == "positions" else g.places)
            lines = self._over_lines()
        sizes = {**self.formula.sizes, "columns": g.columns, "parts": parts}
        results = {f"y{k}": s.to for k, s in enumerate(self.summed)}
        scratch = SIZES[g.dtype] * parts * len(results) * wide if self.over in ("batch", "all") else 0
        made = drafted(
            f"sum_{self.over}", results, self.formula.operands, sizes,
            self._blocks(lines), (blocks(items), self.threads), (0, scratch),
        )  # fmt: skip
        if parts == 1:
            return made
        total = f"({positions(g)})"
        counted = f"{total} * (row + 1) // parts - {total} * row // parts"
        return replace(made, then=merged([s.to for s in self.summed], self.terms, ("parts", counted, sizes), scratch))

    def _blocks(self, lines: tuple[str, list[str], list[str]]) -> list[str]:
        """A block takes one item after another. lines: how many items there are; of an item; how its sums are stored"""
        items, summed, stored = lines
        return [
            *self.formula.prologue(),
            *self.formula.own(),
            *local(["shift"] if self.terms.squares else [], self.terms.dtype),
            *self.terms.own(),
            "thread = cuda.threadIdx.x",
            "item = cuda.blockIdx.x",
            f"while item < {items}:",
            *indented([*self.terms.begin(), *summed, *stored]),
            "    cuda.syncthreads()",
            "    item += cuda.gridDim.x",
        ]

    def _add(self) -> list[str]:
        """The four terms from `at` on join the sums."""
        shifted = {of: k for k, of in self.terms.squares.items()}
        added = list[str]()
        for name in self.into:
            k = int(name.removeprefix("term"))
            if k in shifted:  # near zero, so that squares lose nothing
                added += [f"away = {name} - shift[e]", f"acc{k}[e] += away", f"acc{shifted[k]}[e] += away * away"]
            else:
                added.append(self.terms.join(f"acc{k}[e]", name))
        if self.terms.how == "max":  # the zeros of padding are no numbers
            added = ["if first + e < channels:", *indented(added)]
        counted = [f"count += {self.terms.dtype}(1.0)"] if self.terms.squares else []
        return [*self.formula.fours(), *each(*self.formula.each(self.into), *added), *counted]

    def _over_lines(self) -> tuple[str, list[str], list[str]]:
        """One number per channel: of each image, of each place, or of all positions."""
        total, step = positions(self.formula.geometry), self.threads // QUADS
        loop, row = [f"for position in range(start + line, stop, {step}):"], ""
        if self.over == "examples":
            items, where, row = "places * columns", ["spot = item // columns", "column = item - spot * columns"], "spot"
            loop = [f"for image in range(line, team[0], {step}):", "    position = image * places + spot"]
        elif self.over == "positions":
            items, row = "team[0] * columns", "number"
            where = ["number = item // columns", "column = item - number * columns"]
            where.append("start, stop = number * places, (number + 1) * places")
        else:
            items, where = "columns * parts", ["part = item // columns", "column = item - part * columns"]
            where.append(f"start, stop = {total} * part // parts, {total} * (part + 1) // parts")
        summed = [
            *where,
            f"line, first = thread // {QUADS}, column * {SIXTEEN} + thread % {QUADS} * {FOUR}",
            "if first < pitch:",
            *indented([*self._shift(), *loop, *indented([AT, *self._add()])]),
            *joined_squares(self.terms),
            *self.terms.tree(QUADS),
        ]
        return items, summed, [f"if thread < {QUADS} and first < pitch:", *indented(self._stored(row))]

    def _shift(self) -> list[str]:
        """The first number that a thread meets."""
        if not self.terms.squares:
            return []
        names = [self.summed[of].term for of in self.terms.squares.values()]
        assert isinstance(names[0], Name), "squares are of numbers that lie in memory"
        return [
            *each(f"shift[e] = {self.terms.dtype}(0.0)"),
            "if start + line < stop:",
            f"    {self.formula.operands[names[0].name].load(FOUR)}(shift, {names[0]}, (start + line) * pitch + first)",
        ]

    def _stored(self, row: str) -> list[str]:
        """The sums of a block, into their row of the result or of the scratch."""
        mask = each("if first + e >= channels:", f"    acc0[e] = {self.terms.dtype}(0.0)")
        at = f"{row} * pitch + first" if row else "first"
        stores = [f"store_4(y{k}, {at}, acc{k})" for k in range(self.terms.count)]
        if self.over == "batch":
            parted = [f"store_4(scratch, {self.terms.place('part', k)}, acc{k})" for k in range(self.terms.count)]
            stores = ["if parts > 1:", *indented(parted), "else:", *indented(stores)]
        return [*mask, *stores] if self.terms.how == "max" else stores

    def _over_all(self) -> tuple[str, list[str], list[str]]:
        """One number: threads take one four after another."""
        chunks = f"{positions(self.formula.geometry)} * (pitch // {FOUR})"
        flat = self.formula.flat and self.terms.how == "sum"
        where = [] if flat else ["position = at // pitch", "first = at - position * pitch"]
        summed = [
            f"chunks = {chunks}",
            "start, stop = chunks * item // parts, chunks * (item + 1) // parts",
            f"for chunk in range(start + thread, stop, {self.threads}):",
            *indented([f"at = chunk * {FOUR}", *where, *self._add()]),
            *self.terms.tree(1),
        ]
        part = ["    if thread == 0:", f"        store_4(scratch, item * {FOUR}, acc0)"]
        return "parts", summed, ["if parts > 1:", *part, "else:", *indented(self._one("0", "thread"))]

    def _neighbours(self, wide: int) -> int:
        """How many threads share a position: a power of 2."""
        count = QUADS
        while count < min(wide // FOUR, self.threads):
            count *= 2
        return count

    def _over_channels(self, neighbours: int) -> tuple[str, list[str], list[str]]:
        """One number per position, in lane 0; zeros in the others."""
        total, side = positions(self.formula.geometry), self.threads // neighbours
        summed = [
            f"lane, position = thread % {neighbours}, item * {side} + thread // {neighbours}",
            f"if position < {total}:",
            f"    for first in range(lane * {FOUR}, pitch, {neighbours * FOUR}):",
            *indented([AT, *self._add()], 2),
            *self.terms.tree(1, neighbours, "lane"),
        ]
        return f"({total} + {side - 1}) // {side}", summed, self._one("position", "lane", f" and position < {total}")

    def _one(self, row: str, lane: str, there: str = "") -> list[str]:
        """Four numbers joined into the first of a row, zeros behind it."""
        acc = [f"acc0[{e}]" for e in range(FOUR)]
        joins = [self.terms.join(acc[0], acc[1]), self.terms.join(acc[2], acc[3]), self.terms.join(acc[0], acc[2])]
        return [
            f"if {lane} < {EIGHT // FOUR}{there}:",
            *indented(joins),
            *(f"    {a} = {self.terms.dtype}(0.0)" for a in acc[1:]),
            f"    if {lane} > 0:",
            f"        acc0[0] = {self.terms.dtype}(0.0)",
            f"    store_4(y0, {row} * {EIGHT} + {lane} * {FOUR}, acc0)",
        ]
