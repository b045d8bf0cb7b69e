"""Contractions on tensor cores: the product of `cuda.py`, y[m, c] = sum over k of a[m, k] * b[k, c], by `mma.sync`.

A block makes a tile of y from slabs of k, which travel into shared memory 16 bytes at a time while the one before is
multiplied. A chunk of 16 bytes is four channels of one place, eight in bf16; channels are counted up to whole chunks.
What is behind the last one is zero in memory, or, where it would be a row of weights, not read. Which way a tile lies
in shared memory follows from what the chunks run along:

    role        a               b
    "out"       [m][k]          [k][c]
    "data"      [m][k]          [c][k]    (weights as they are; [k][c] of transposed ones)
    "weight"    [k][m]          [k][c]

A warp makes 32 x 32 of y. Products are of tf32 or bf16, rounded from the float32 that lie in memory, and summed in
float32. Where there are too few tiles for a GPU, k is cut into parts by the shape, and a second launch adds them up.
"""

from typing import ClassVar

from netlang.primitives.contraction.epilogue import HIGH, SIDE, WIDE, Epilogue
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.sides import Axis
from netlang.primitives.contraction.slabs import CHUNK, Slabs, slab_of
from netlang.primitives.cuda_formula import CudaFormula
from netlang.primitives.cuda_joined import FILLED, Terms
from netlang.primitives.text import indented
from netlang.record import dataclass

STAGES = 3  # slabs in shared memory: one that is multiplied, two on their way (`all_but_one_copied`)
WARPS = ((4, 2), (4, 1), (2, 2))  # of a block, as rows x columns; best first. Not tuned: nothing has run on a GPU yet
FEWEST, MOST_PARTS = 8, 64  # slabs of a part at least; parts at most

# Numbers between the rows of a tile: where rows are m or c and a thread reads along them, and where rows are k. With
# tf32 the threads of a warp then read from 32 different banks; with bf16 two may meet: each reads every other number.
PADS = {"tf32": (4, 8), "bf16": (4, 4)}


def warps_for(rows: int, columns: int) -> tuple[int, int]:
    """The shape of a block that covers least."""

    def covered(warps: tuple[int, int]) -> int:
        high, wide = (SIDE * count for count in warps)
        return -(-rows // high) * high * -(-columns // wide) * wide

    return min(WARPS, key=covered)


def parts_for(tiles: int, depth: int, slab: int) -> int:
    """Into how many parts k is cut: a matter of the shape alone."""
    return max(1, min(-(-FILLED // tiles), -(-depth // slab) // FEWEST, MOST_PARTS))


@dataclass(frozen=True)
class Tile:
    """An operand in shared memory: rows of `length` numbers, each `pitch` words of 32 bits behind the one before.

    half: whether it is of bf16, two in a word
    """

    rows: int
    length: int
    pitch: int
    half: bool

    @property
    def chunk(self) -> int:
        """Numbers in 16 bytes."""
        return 2 * CHUNK if self.half else CHUNK

    @property
    def size(self) -> int:
        """Words of a slab."""
        return self.rows * self.pitch


@dataclass(frozen=True)
class TensorProduct:
    """The text.

    warps: of a block, high and wide; kind: of the products, "tf32" or "bf16"; parts: whether k is cut
    whole: whether the channels that k counts are whole chunks in all buffers
    halves: whether a, b and y are bf16 in memory; weights that lie as [c][k] are if a is, as their chunks go together
    formula: what y becomes, then what of `terms` is no square; terms: what is summed over the rows of y
    """

    primitive: Contraction
    formula: CudaFormula
    axes: tuple[Axis, Axis]
    warps: tuple[int, int]
    kind: str
    parts: bool
    whole: bool
    halves: tuple[bool, bool, bool]
    terms: Terms

    stages: ClassVar[int] = STAGES

    @property
    def threads(self) -> int:
        """Of a block."""
        return 32 * self.warps[0] * self.warps[1]

    @property
    def high(self) -> int:
        """Rows of y that a block makes."""
        return SIDE * self.warps[0]

    @property
    def wide(self) -> int:
        """Columns."""
        return SIDE * self.warps[1]

    @property
    def slab(self) -> int:
        """Steps of k."""
        return slab_of(self.primitive.role, self.axes, self.halves)

    @property
    def weight(self) -> bool:
        """Whether k counts positions, and m pairs of tap and channel."""
        return self.primitive.role == "weight"

    @property
    def turned(self) -> bool:
        """Whether b lies as [c][k]."""
        turned = self.primitive.role == "data" and not self.primitive.transposed
        assert not turned or self.halves[0] == self.halves[1], "halves.py sees to this"
        return turned

    @property
    def a(self) -> Tile:
        """See above."""
        return self._tile(self.high, self.halves[0], along_k=not self.weight)

    @property
    def b(self) -> Tile:
        """See above."""
        return self._tile(self.wide, self.halves[1], along_k=self.turned)

    def _tile(self, side: int, half: bool, *, along_k: bool) -> Tile:
        rows, length = (side, self.slab) if along_k else (self.slab, side)
        pad = CHUNK if half else PADS[self.kind][0 if along_k else 1]
        return Tile(rows, length, (length // 2 if half else length) + pad, half)

    @property
    def stage(self) -> int:
        """Words of a slab of both."""
        return self.a.size + self.b.size

    def lines(self) -> list[str]:
        """Everything behind the sizes."""
        slabs = Slabs(self)
        return [
            f"# y[m, c] = sum over k of a[m, k] * b[k, c] in {self.kind}: a block makes {self.high} x {self.wide} of y",
            *([] if self.parts else self.formula.prologue()),
            *Epilogue(self).own(),
            *slabs.own(),
            *self._registers(),
            *self._threads(),
            "item = cuda.blockIdx.x",
            "while item < items:",
            *indented(self._place()),
            f"    for t in range({HIGH * WIDE}):",
            "        for e in range(4):",
            "            sums[t, e] = f32(0.0)",
            *indented(slabs.begin()),
            "    stage = 0",
            f"    for slab in range(first - {STAGES - 1}, last):",
            *indented(self._slab(slabs), 2),
            "    all_copied()",
            "    cuda.syncthreads()",
            *indented(Epilogue(self).lines()),
            "    item += cuda.gridDim.x",
        ]

    def _threads(self) -> list[str]:
        """What a thread is in its warp, the warp in its block, and how many tiles there are."""
        pairs, pixels = "taps * a_whole", "team[0] * places"
        count, depth = (pairs, pixels) if self.weight else (pixels, pairs)
        return [
            "thread = cuda.threadIdx.x",
            "warp, lane = thread // 32, thread % 32",
            "group, four = lane // 4, lane % 4",
            f"down, right = warp // {self.warps[1]} * {SIDE}, warp % {self.warps[1]} * {SIDE}",
            f"count, depth = {count}, {depth}",
            f"slabs = (depth + {self.slab - 1}) // {self.slab}",
            f"across = (pitch + {self.wide - 1}) // {self.wide}",
            f"items = (count + {self.high - 1}) // {self.high} * across{' * parts' if self.parts else ''}",
        ]

    def _slab(self, slabs: Slabs) -> list[str]:
        """One slab is multiplied, and the one behind those on their way sets out."""
        return [
            "all_but_one_copied()",
            "cuda.syncthreads()",
            f"coming = slab + {STAGES - 1}",
            "if coming < last:",
            *indented(slabs.load()),
            "copied()",
            "if slab >= first:",
            *indented(self._multiply()),
            f"    stage += {self.stage}",
            f"    if stage == {STAGES * self.stage}:",
            "        stage = 0",
        ]

    def _registers(self) -> list[str]:
        return [
            f"tiles = cuda.shared.array({STAGES * self.stage}, f32)",
            f"sums = cuda.local.array(({HIGH * WIDE}, 4), f32)",
            f"ours = cuda.local.array(({HIGH}, 4), f32)",
            f"theirs = cuda.local.array(({WIDE}, 2), f32)",
            *(["two = cuda.local.array(2, f32)"] if self.kind == "bf16" else []),
        ]

    def _place(self) -> list[str]:
        """Which tile and which slabs an item is."""
        where = [f"top, left = tile // across * {self.high}, tile % across * {self.wide}"]
        if not self.parts:
            return ["tile, first, last = item, 0, slabs", *where]
        cut = ["tile = item // parts", "part = item - tile * parts"]
        return [*cut, *where, "first, last = slabs * part // parts, slabs * (part + 1) // parts"]

    def _multiply(self) -> list[str]:
        """All products of a slab."""
        deep = {"tf32": 8, "bf16": 16}[self.kind]
        sums = ", ".join(f"sums[t, {e}]" for e in range(4))
        factors = ", ".join([*(f"ours[i, {e}]" for e in range(4)), "theirs[j, 0]", "theirs[j, 1]"])
        return [
            f"for deep in range(0, {self.slab}, {deep}):",
            *indented(self._ours()),
            *indented(self._theirs(f"stage + {self.a.size}")),
            f"    for i in range({HIGH}):",
            f"        for j in range({WIDE}):",
            f"            t = i * {WIDE} + j",
            f"            {sums} = mma_{self.kind}({factors}, {sums})",
        ]

    def _ours(self) -> list[str]:
        """The registers of a: 16 rows of each of two products."""
        tile = self.a
        loop = f"for i in range({HIGH}):"
        if tile.half:
            row, column = f"(down + i * 16 + lane % 16) * {tile.pitch}", "deep // 2 + lane // 16 * 4"
            if self.weight:
                row = f"(deep + lane % 8 + lane // 16 * 8) * {tile.pitch}"
                column = "(down + i * 16) // 2 + lane // 8 % 2 * 4"
            read = f"{'turned_' if self.weight else ''}matrices(tiles, stage + {row} + {column})"
            return [loop, f"    found = {read}", *(f"    ours[i, {e}] = found[{e}]" for e in range(4))]
        if self.kind == "tf32" and not self.weight:
            row = "down + i * 16 + lane % 16"
            read = f"found = matrices(tiles, stage + ({row}) * {tile.pitch} + deep + lane // 16 * 4)"
            return [loop, f"    {read}", *(f"    ours[i, {e}] = tf32(found[{e}])" for e in range(4))]
        lines = [loop]
        for e in range(4):
            m, k = f"down + i * 16 + group + {e % 2 * 8}", e // 2
            lines += indented(self._element(f"ours[i, {e}]", tile, "stage", m, k, along_k=not self.weight))
        return lines

    def _theirs(self, base: str) -> list[str]:
        """The registers of b: 8 columns of each of four products."""
        tile = self.b
        if tile.half:
            row = f"(deep + lane % 8 + lane // 8 % 2 * 8) * {tile.pitch}"
            column = "(right + j * 16) // 2 + lane // 16 * 4"
            if self.turned:
                row = f"(right + j * 16 + lane % 8 + lane // 16 * 8) * {tile.pitch}"
                column = "deep // 2 + lane // 8 % 2 * 4"
            read = f"{'' if self.turned else 'turned_'}matrices(tiles, {base} + {row} + {column})"
            taken = (f"    theirs[j * 2 + {e // 2}, {e % 2}] = found[{e}]" for e in range(4))
            return [f"for j in range({WIDE // 2}):", f"    found = {read}", *taken]
        if self.kind == "tf32" and self.turned:
            row = "right + j * 16 + lane % 8 + lane // 16 * 8"
            read = f"found = matrices(tiles, {base} + ({row}) * {tile.pitch} + deep + lane // 8 % 2 * 4)"
            pairs = (f"    theirs[j * 2 + {e // 2}, {e % 2}] = tf32(found[{e}])" for e in range(4))
            return [f"for j in range({WIDE // 2}):", f"    {read}", *pairs]
        lines = [f"for j in range({WIDE}):"]
        for e in range(2):
            side = "right + j * 8 + group"
            lines += indented(self._element(f"theirs[j, {e}]", tile, base, side, e, along_k=self.turned))
        return lines

    def _element(self, into: str, tile: Tile, base: str, side: str, half: int, *, along_k: bool) -> list[str]:
        """A register becomes the number, or the pair of numbers, at `side` and this half of k."""

        def at(k: str) -> str:
            row, column = (side, k) if along_k else (k, side)
            return f"{base} + ({row}) * {tile.pitch} + {column}"

        if self.kind == "tf32":
            return [f"{into} = tf32(load_1(tiles, {at(f'deep + four + {half * 4}')}))"]
        low, high = (at(f"deep + four * 2 + {half * 8 + which}") for which in (0, 1))
        if along_k:
            return [f"load_2(two, tiles, {low})", f"{into} = pair(two[0], two[1])"]
        return [f"{into} = pair(load_1(tiles, {low}), load_1(tiles, {high}))"]
