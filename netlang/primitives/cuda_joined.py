"""Sums that several threads, and several blocks, share: joined in a tree, then part by part, always in one order.

A thread sums four neighbouring channels, in an array `acc0[e]` for each term, `acc1[e]`, ... Squares of distances from
a mean go with their sum: with the counts n and m of two parts, their sums s and t and their squares q and r,

    squares of both = q + r + (t/m - s/n)^2 * n*m/(n + m)        (Chan, Golub and LeVeque 1983)

which loses no digits where the mean is far from zero. Blocks leave their sums in the scratch, [part][term][pitch], and
a second launch joins the parts: nothing is added atomically, and the bits are the same each time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from math import prod

from netlang.primitives.cuda_formula import EIGHT, FOUR, each, local
from netlang.primitives.cuda_text import blocks, drafted, pitch
from netlang.primitives.launch import Also, Draft, Operand
from netlang.primitives.text import indented
from netlang.record import dataclass

FILLED = 264  # blocks that keep an H100 or H200 busy: two for each of 132 multiprocessors
SIXTEEN = 16  # channels of a block, that lines of memory are used up
QUADS = SIXTEEN // FOUR  # threads side by side that have them
FEWEST = 8  # fours that a thread adds at least before there is one part more


@dataclass(frozen=True)
class Terms:
    """What the threads of a block sum.

    squares: of the terms that are squares, by number, the term that is their sum; how: "sum" or "max"
    """

    count: int
    dtype: str
    threads: int
    squares: Mapping[int, int] = field(default_factory=dict)
    how: str = "sum"

    def own(self) -> list[str]:
        """The arrays of a thread, and the memory that the threads join in."""
        size = self.threads * FOUR
        lines = local((f"acc{k}" for k in range(self.count)), self.dtype)
        lines.append(f"joining = cuda.shared.array({self.count * size}, {self.dtype})")
        return lines + ([f"counts = cuda.shared.array({self.threads}, {self.dtype})"] if self.squares else [])

    def begin(self) -> list[str]:
        """Nothing summed yet."""
        start = f"{self.dtype}({'-math.inf' if self.how == 'max' else '0.0'})"
        lines = each(*(f"acc{k}[e] = {start}" for k in range(self.count)))
        return [*lines, f"count = {self.dtype}(0.0)"] if self.squares else lines

    def place(self, part: str, k: int) -> str:
        """Where a part's sums of term k lie in the scratch."""
        return f"({part} * {self.count} + {k}) * pitch + first" if self.count > 1 else f"{part} * pitch + first"

    def join(self, one: str, other: str) -> str:
        """`one` becomes what it and `other` make."""
        larger = f"{one} = {one} if {one} >= {other} or {one} != {one} else {other}"
        return larger if self.how == "max" else f"{one} += {other}"

    def joins(self, one: Sequence[str], other: Sequence[str], counts: tuple[str, str]) -> list[str]:
        """All terms of one part become what they and those of another make. counts: of the two"""
        lines, (n, m) = list[str](), counts
        for k, of in self.squares.items():
            lines += [
                f"if {n} > 0 and {m} > 0:",
                f"    away = {other[of]} / {m} - {one[of]} / {n}",
                f"    {one[k]} += away * away * ({n} * {m} / ({n} + {m}))",
            ]
        return lines + [self.join(a, b) for a, b in zip(one, other, strict=True)]

    def tree(self, left: int, threads: int | None = None, lane: str = "thread") -> list[str]:
        """Joins the sums of the threads until those of `left` have all of them.

        threads: neighbours that join, a power of 2, the whole block if not said; lane: the number of one among them
        """
        mine, theirs = (
            [f"joining[{f'{k * self.threads * FOUR} + ' if k else ''}{at}]" for k in range(self.count)]
            for at in ("mine", "theirs")
        )
        where = f"mine = thread * {FOUR} + e"
        joins = self.joins(mine, theirs, ("counts[thread]", "counts[thread + half]"))
        counted = ["counts[thread] += counts[thread + half]"] if self.squares else []
        return [
            *each(where, *(f"{place} = acc{k}[e]" for k, place in enumerate(mine))),
            *(["counts[thread] = count"] if self.squares else []),
            "cuda.syncthreads()",
            f"half = {(threads or self.threads) // 2}",
            f"while half >= {left}:",
            f"    if {lane} < half:",
            *indented([*each(where, f"theirs = (thread + half) * {FOUR} + e", *joins), *counted], 2),
            "    cuda.syncthreads()",
            "    half //= 2",
            *each(where, *(f"acc{k}[e] = {place}" for k, place in enumerate(mine))),
        ]


def parts_of(columns: int, fours: int) -> int:
    """Into how many parts a sum is cut, of so many blocks, whose threads add so many fours: a matter of the shape."""
    return max(1, min(-(-2 * FILLED // columns), fours // FEWEST))


def terms_of(summed: Sequence[Also], dtype: str, threads: int, how: str = "sum") -> Terms:
    """The terms of what a launch sums."""
    plain = {s.term: k for k, s in enumerate(summed) if not s.squares}
    return Terms(len(summed), dtype, threads, {k: plain[s.term] for k, s in enumerate(summed) if s.squares}, how)


def joined_squares(terms: Terms) -> list[str]:
    """Sums and squares of distances from `shift` become those from the thread's mean, the sums those of the numbers."""
    if not terms.squares:
        return []
    lines = list[str]()
    for k, of in terms.squares.items():
        lines += [f"acc{k}[e] -= acc{of}[e] * acc{of}[e] / count", f"acc{of}[e] += count * shift[e]"]
    return ["if count > 0:", *indented(each(*lines))]


def merged(results: Sequence[Operand], terms: Terms, rows: tuple[str, str, Mapping[str, int]], scratch: int) -> Draft:
    """The launch that joins what blocks left in the scratch: a block for four channels, a thread every so many parts.

    rows: the number of parts, in a text; how many positions the part `row` has, likewise; and the sizes both name
    scratch: bytes of it. A result of no axes is the sum of its four channels.
    """
    there, counted, sizes = rows
    named = {f"y{k}": result for k, result in enumerate(results)}
    one = not results[0].type.shape
    read = [f"load_4(part{k}, scratch, {terms.place('row', k)})" for k in range(terms.count)]
    stores = [f"    store_4({y}, first, acc{k})" for k, y in enumerate(named)]
    mine, theirs = ([f"{name}{k}[e]" for k in range(terms.count)] for name in ("acc", "part"))
    more = [f"more = {terms.dtype}({counted})"] if terms.squares else []
    lines = [
        *local((f"part{k}" for k in range(terms.count)), terms.dtype),
        *terms.own(),
        "thread = cuda.threadIdx.x",
        f"first = cuda.blockIdx.x * {FOUR}",
        "while first < pitch:",
        *indented(terms.begin()),
        f"    for row in range(thread, {there}, {terms.threads}):",
        *indented([*read, *more, *each(*terms.joins(mine, theirs, ("count", "more")))], 2),
        *(["        count += more"] if more else []),
        *indented(terms.tree(1)),
        *indented(_one(terms) if one else ["if thread == 0:", *stores]),
        "    cuda.syncthreads()",
        f"    first += cuda.gridDim.x * {FOUR}",
    ]
    wide = FOUR if one else pitch(results[0].type) * prod(results[0].type.arrayed(0)[:-1])
    grid = blocks(wide // FOUR), terms.threads
    return drafted("sum_merged", named, {}, {**sizes, "pitch": wide}, lines, grid, (0, scratch))


def _one(terms: Terms) -> list[str]:
    """The four joined as the one number of a row, whose other numbers are zero."""
    acc = [f"acc0[{e}]" for e in range(FOUR)]
    return [
        f"if thread < {EIGHT}:",
        f"    y0[thread] = {terms.dtype}(0.0)",
        "cuda.syncthreads()",
        "if thread == 0:",
        *indented([terms.join(acc[0], acc[1]), terms.join(acc[2], acc[3]), terms.join(acc[0], acc[2])]),
        "    y0[0] = acc0[0]",
    ]
