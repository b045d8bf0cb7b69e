"""How what a block has made on tensor cores leaves its registers: through the formula, and summed over its rows.

Of the 32 x 32 of y that a warp makes, thread 4 g + f has in sums[4 i + j, 2 h + e] row 16 i + 8 h + g, column
8 j + 2 f + e (`simd/fragments.py`). It writes two neighbours at once, so four threads fill the 32 bytes that memory
moves at least. Sums over rows go from thread to thread, then from warp to warp through shared memory, and each block
leaves one row of them in the scratch; `cuda_joined.py` joins these. Squares are taken once the block's mean is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlang.primitives.cuda_formula import local
from netlang.primitives.text import indented
from netlang.record import dataclass

if TYPE_CHECKING:
    from netlang.primitives.contraction.tensor_cores import TensorProduct

SIDE = 32  # of what a warp makes: 2 products high, 4 wide
HIGH, WIDE = 2, 4
ROWS = [
    (i, half) for i in range(HIGH) for half in (0, 1)
]  # of a thread; lines of the text, as in a loop they would not
# stay in registers


@dataclass(frozen=True)
class Epilogue:
    """The text of a product's end."""

    product: TensorProduct

    def own(self) -> list[str]:
        """A thread's arrays."""
        product = self.product
        names = ["out", *(f"acc{k}" for k in self._all)]
        return [*local(names, "f32"), *([] if product.parts else product.formula.own())]

    @property
    def _all(self) -> range:
        return range(self.product.terms.count)

    def lines(self) -> list[str]:
        """Of one tile: two columns of a thread after another."""
        sums = bool(self.product.terms.count)
        started = self._two(*(f"acc{k}[e] = f32(0.0)" for k in self._all)) if sums else []
        return [
            *(line for r in range(len(ROWS)) for line in self._row(r)),
            f"for j in range({WIDE}):",
            "    first = left + right + j * 8 + four * 2",
            *indented([*started, *(line for r in range(len(ROWS)) for line in self._stored(r))]),
            *indented(self._of_the_warp() if sums else []),
            *(self._of_the_block() if sums else []),
        ]

    def _row(self, r: int) -> list[str]:
        """Which row of y the row r of a thread is, and whether there is one."""
        i, half = ROWS[r]
        m = f"top + down + group + {i * 16 + half * 8}"
        if not self.product.weight:
            return [f"position{r} = {m}", f"real{r} = position{r} < count"]
        return [
            f"m = {m}",
            "tap = m // a_whole",
            "channel = m - tap * a_whole",
            f"position{r} = tap * a_channels + channel",
            f"real{r} = m < count and channel < a_channels",
        ]

    def _two(self, *lines: str) -> list[str]:
        return ["for e in range(2):", *indented(list(lines))]

    def _stored(self, r: int) -> list[str]:
        """One row of a thread: into y through the formula, or those of a part into the scratch."""
        product, half = self.product, ""
        where = [f"position = position{r}", "at = position * pitch + first"]
        if product.parts:
            where, to, made = [f"at = (part * rows + position{r}) * pitch + first"], "scratch", [f"out[e] = {_sum(r)}"]
        else:
            to, made = "y", self._made(_sum(r))
            half = "_bf16" if product.halves[2] else ""
            where += product.formula.fours(2)
        return [
            f"if real{r} and first < pitch:",
            *indented([*where, *self._two(*made), f"store_2{half}({to}, at, out)"]),
        ]

    def _made(self, element: str) -> list[str]:
        """One number, and what it adds to the sums of its column."""
        product, squares = self.product, self.product.terms.squares
        plain = [k for k in self._all if k not in squares]
        if product.formula.plain:
            return [f"out[e] = {element}"]
        return [
            f"v_y = {element}",
            *product.formula.each(("new_y", *(f"term{k}" for k in plain))),
            "out[e] = new_y",
            *([f"{element} = new_y"] if squares else []),
            *(f"acc{k}[e] += term{k}" for k in plain),
        ]

    def _of_the_warp(self) -> list[str]:
        """The sums of a thread's rows become those of the warp's, in shared memory."""
        terms = self.product.terms
        lines = self._across([k for k in self._all if k not in terms.squares])
        if terms.squares:
            lines.append(f"more = f32(min(max(count - top - down, 0), {SIDE}))")
        for r in range(len(ROWS)):  # of distances from the mean of the warp's rows
            added = []
            for k, of in terms.squares.items():
                added += [f"away = {_sum(r)} - acc{of}[e] / more", f"acc{k}[e] += away * away"]
            lines += [f"if real{r}:", *indented(self._two(*added))] if added else []
        lines += self._across(list(terms.squares))
        put = (
            f"tiles[{self._place(k, f'down // {SIDE}', 'right + j * 8 + four * 2 + e')}] = acc{k}[e]" for k in self._all
        )
        return [*lines, "if group == 0:", *indented(self._two(*put))]

    def _across(self, which: list[int]) -> list[str]:
        """From thread to thread of the same columns."""
        added = (f"acc{k}[e] += exchanged(acc{k}[e], {distance})" for distance in (4, 8, 16) for k in which)
        return self._two(*added) if which else []

    def _place(self, k: int, row: str, column: str) -> str:
        """Where the sums of term k of a row of warps lie in shared memory, which the slabs no longer need."""
        warps, wide = self.product.warps[0], self.product.wide
        return f"({k * warps} + {row}) * {wide} + {column}"

    def _of_the_block(self) -> list[str]:
        """The sums of all rows of warps, in order, into the scratch."""
        product, terms = self.product, self.product.terms
        below = [f"tiles[{self._place(k, 'row', 'thread')}]" for k in self._all]
        sums = [*(f"whole{k}" for k in self._all), *(["there"] if terms.squares else [])]
        counted = [f"more = f32(min(max(count - top - row * {SIDE}, 0), {SIDE}))"] if terms.squares else []
        return [
            "cuda.syncthreads()",
            f"if thread < {product.wide} and left + thread < pitch:",
            *(f"    {each} = f32(0.0)" for each in sums),
            "    first = left + thread",
            f"    for row in range({product.warps[0]}):",
            *indented([*counted, *terms.joins(sums[: terms.count], below, ("there", "more"))], 2),
            *(["        there += more"] if terms.squares else []),
            *(f"    scratch[{terms.place('(tile // across)', k)}] = whole{k}" for k in self._all),
            "cuda.syncthreads()",
        ]


def _sum(r: int) -> str:
    """Of row r, column 2 f + e of product j."""
    i, half = ROWS[r]
    return f"sums[j + {i * WIDE}, e + {half * 2}]"
