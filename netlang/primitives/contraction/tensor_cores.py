"""Contractions on tensor cores: the product of `cuda.py`, y[m, c] = sum over k of a[m, k] * b[k, c], by `mma.sync`.

A block makes a tile of y from slabs of k, which travel into shared memory 16 bytes at a time while the one before is
multiplied. A chunk of 16 bytes is four channels of one place, in all buffers; channels are counted up to whole fours.
What is behind the last one is zero in memory, or, where it would be a row of weights, not read. Which way a tile lies
in shared memory follows from what the chunks run along:

    role        a               b
    "out"       [m][k]          [k][c]
    "data"      [m][k]          [c][k]    (weights as they are; [k][c] of transposed ones)
    "weight"    [k][m]          [k][c]

A warp makes 32 x 32 of y. Products are of tf32 or bf16, rounded from the float32 that lie in memory, and summed in
float32. Where there are too few tiles for a GPU, k is cut into parts by the shape, and a second launch adds them up.
"""

from dataclasses import dataclass

from netlang.formula import Name
from netlang.primitives.contraction.meeting import divided, inside, of_positions, of_taps, pair, position
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.sides import Axis
from netlang.primitives.cuda_text import CudaFormula
from netlang.primitives.text import indented

SLAB = 16  # of k: two products of tf32, one of bf16
STAGES = 3  # slabs in shared memory: one that is multiplied, two on their way (`all_but_one_copied`)
CHUNK = 4  # float32 in 16 bytes
SIDE = 32  # of what a warp makes: 2 products high, 4 wide
HIGH, WIDE = 2, 4
WARPS = ((4, 2), (4, 1), (2, 2))  # of a block, as rows x columns; best first. Not tuned: nothing has run on a GPU yet
FILLED = 264  # blocks that keep an H100 or H200 busy: two for each of 132 multiprocessors
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


def parts_for(tiles: int, depth: int) -> int:
    """Into how many parts k is cut: a matter of the shape alone."""
    return max(1, min(-(-FILLED // tiles), -(-depth // SLAB) // FEWEST, MOST_PARTS))


@dataclass(frozen=True)
class Tile:
    """An operand in shared memory: rows of `length` numbers, each `pitch` behind the one before."""

    rows: int
    length: int
    pitch: int

    @property
    def size(self) -> int:
        """Numbers of a slab."""
        return self.rows * self.pitch


@dataclass(frozen=True)
class TensorProduct:
    """The text. warps: of a block, high and wide; kind: of the products, "tf32" or "bf16"; parts: whether k is cut"""

    primitive: Contraction
    formula: CudaFormula
    axes: tuple[Axis, Axis]
    warps: tuple[int, int]
    kind: str
    parts: bool

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
    def weight(self) -> bool:
        """Whether k counts positions, and m pairs of tap and channel."""
        return self.primitive.role == "weight"

    @property
    def turned(self) -> bool:
        """Whether b lies as [c][k]."""
        return self.primitive.role == "data" and not self.primitive.transposed

    @property
    def a(self) -> Tile:
        """See above."""
        return self._tile(self.high, along_k=not self.weight)

    @property
    def b(self) -> Tile:
        """See above."""
        return self._tile(self.wide, along_k=self.turned)

    def _tile(self, side: int, *, along_k: bool) -> Tile:
        along, across = PADS[self.kind]
        return Tile(side, SLAB, SLAB + along) if along_k else Tile(SLAB, side, side + across)

    def lines(self) -> list[str]:
        """Everything behind the sizes."""
        return [
            f"# y[m, c] = sum over k of a[m, k] * b[k, c] in {self.kind}: a block makes {self.high} x {self.wide} of y",
            *([] if self.parts else self.formula.prologue()),
            *self._registers(),
            *self._threads(),
            "item = cuda.blockIdx.x",
            "while item < items:",
            *indented(self._place()),
            f"    for t in range({HIGH * WIDE}):",
            "        for e in range(4):",
            "            sums[t, e] = f32(0.0)",
            *indented(self._rows_of_a()),
            f"    for slab in range(first - {STAGES - 1}, last):",
            *indented(self._slab(), 2),
            "    all_copied()",
            "    cuda.syncthreads()",
            *indented(self._store()),
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
            f"slabs = (depth + {SLAB - 1}) // {SLAB}",
            f"across = (pitch + {self.wide - 1}) // {self.wide}",
            f"items = (count + {self.high - 1}) // {self.high} * across{' * parts' if self.parts else ''}",
        ]

    def _slab(self) -> list[str]:
        """One slab is multiplied, and the one behind those on their way sets out."""
        stage = self.a.size + self.b.size
        return [
            "all_but_one_copied()",
            "cuda.syncthreads()",
            f"coming = slab + {STAGES - 1}",
            "if coming < last:",
            f"    start, stage = coming * {SLAB}, (coming - first) % {STAGES} * {stage}",
            *indented([*self._load_a(), *self._load_b(self.a.size)]),
            "copied()",
            "if slab >= first:",
            f"    stage = (slab - first) % {STAGES} * {stage}",
            *indented(self._multiply()),
        ]

    def _registers(self) -> list[str]:
        kind = {"tf32": "f32", "bf16": "u32"}[self.kind]
        arrays = [
            f"tiles = cuda.shared.array({STAGES * (self.a.size + self.b.size)}, f32)",
            f"sums = cuda.local.array(({HIGH * WIDE}, 4), f32)",
        ]
        arrays += [f"ours = cuda.local.array(({HIGH}, 4), {kind})", f"theirs = cuda.local.array(({WIDE}, 2), {kind})"]
        passes = self._passes(self.a)
        return arrays + ([] if self.weight else [f"of = cuda.local.array(({passes}, 3), i64)"])

    def _place(self) -> list[str]:
        """Which tile and which slabs an item is."""
        where = [f"top, left = tile // across * {self.high}, tile % across * {self.wide}"]
        if not self.parts:
            return ["tile, first, last = item, 0, slabs", *where]
        cut = ["tile = item // parts", "part = item - tile * parts"]
        return [*cut, *where, "first, last = slabs * part // parts, slabs * (part + 1) // parts"]

    def _passes(self, tile: Tile) -> int:
        """How often the threads of a block copy a chunk each until a tile is there."""
        return tile.size // tile.pitch * tile.length // CHUNK // self.threads

    def _chunk(self, tile: Tile) -> tuple[str, str, int]:
        """Of a thread: its first row, its place in the row, and the rows from one pass to the next."""
        chunks = tile.length // CHUNK
        return f"thread // {chunks}", f"thread % {chunks} * {CHUNK}", self.threads // chunks

    def _rows_of_a(self) -> list[str]:
        """What of a's chunks depends on m alone."""
        row, place, step = self._chunk(self.a)
        if self.weight:
            h, w = of_taps(self.axes)
            return [f"m = top + {place}", *pair("m", "a_whole"), f"of_channel, of_h, of_w = channel, {h}, {w}"]
        h, w = of_positions(self.axes)
        return [
            f"for r in range({self._passes(self.a)}):",
            f"    m = top + {row} + r * {step}",
            *indented(position("m")),
            f"    of[r, 0], of[r, 1], of[r, 2] = image, {h}, {w}",
        ]

    def _load_a(self) -> list[str]:
        row, place, step = self._chunk(self.a)
        at, conditions = "((image * source_h + h) * source_w + w) * a_pitch + channel", [inside(self.axes)]
        if self.weight:
            h, w = of_positions(self.axes)
            fixed = []
            each = [f"k = start + {row} + r * {step}", *position("k"), f"h, w = of_h + {h}, of_w + {w}"]
            at = at.replace("channel", "of_channel")
            conditions += ["k < depth", "m < count"]
        else:
            h, w = of_taps(self.axes)
            fixed = [f"k = start + {place}", *pair("k", "a_whole"), f"k_h, k_w = {h}, {w}"]
            each = ["image, h, w = of[r, 0], of[r, 1] + k_h, of[r, 2] + k_w"]
            conditions += [f"top + {row} + r * {step} < count", "k < depth"]
        return [
            *fixed,
            f"for r in range({self._passes(self.a)}):",
            *indented([*each, *divided(self.axes)]),
            *indented(self._copy("a", self.a, 0, at, [c for c in conditions if c])),
        ]

    def _load_b(self, offset: int) -> list[str]:
        row, place, step = self._chunk(self.b)
        if self.turned:  # w[u, v, c] of f, taps counted backwards: k runs along f
            fixed = [f"k = start + {place}", *pair("k", "a_whole")[:2]]
            each = [f"c = left + {row} + r * {step}"]
            at, conditions = "((taps - 1 - tap) * channels + c) * b_pitch + channel", ["c < channels", "k < depth"]
        else:
            fixed = [f"c = left + {place}"]
            each = [f"k = start + {row} + r * {step}"]
            conditions = ["c < pitch", "k < depth"]
            if self.weight:
                at = "k * b_pitch + c"
            else:  # rows of weights are not counted up to fours
                each += pair("k", "a_whole")[:2]
                at = "(tap * a_channels + channel) * b_pitch + c"
                conditions.append("channel < a_channels")
        return [
            *fixed,
            f"for r in range({self._passes(self.b)}):",
            *indented([*each, *self._copy("b", self.b, offset, at, conditions)]),
        ]

    def _copy(self, name: str, tile: Tile, offset: int, at: str, conditions: list[str]) -> list[str]:
        row, place, step = self._chunk(tile)
        to = f"stage + {offset} + ({row} + r * {step}) * {tile.pitch} + {place}"
        return [
            f"there = {' and '.join(conditions)}",
            "at = 0",
            "if there:",
            f"    at = {at}",
            f"copy_16(tiles, {to}, {name}, at, there)",
        ]

    def _multiply(self) -> list[str]:
        """All products of a slab."""
        deep = {"tf32": 8, "bf16": 16}[self.kind]
        sums = ", ".join(f"sums[t, {e}]" for e in range(4))
        factors = ", ".join([*(f"ours[i, {e}]" for e in range(4)), "theirs[j, 0]", "theirs[j, 1]"])
        return [
            f"for deep in range(0, {SLAB}, {deep}):",
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
        if self.kind == "tf32" and not self.weight:
            row = "down + i * 16 + lane % 16"
            read = f"found = matrices(tiles, stage + ({row}) * {tile.pitch} + deep + lane // 16 * 4)"
            return [loop, f"    {read}", *(f"    ours[i, {e}] = tf32(found[{e}])" for e in range(4))]
        lines = [loop]
        for e in range(4):
            m, k = f"down + i * 16 + group + {e % 2 * 8}", e // 2
            lines.append(f"    ours[i, {e}] = {self._element(tile, 'stage', m, k, along_k=not self.weight)}")
        return lines

    def _theirs(self, base: str) -> list[str]:
        """The registers of b: 8 columns of each of four products."""
        tile = self.b
        if self.kind == "tf32" and self.turned:
            row = "right + j * 16 + lane % 8 + lane // 16 * 8"
            read = f"found = matrices(tiles, {base} + ({row}) * {tile.pitch} + deep + lane // 8 % 2 * 4)"
            pairs = (f"    theirs[j * 2 + {e // 2}, {e % 2}] = tf32(found[{e}])" for e in range(4))
            return [f"for j in range({WIDE // 2}):", f"    {read}", *pairs]
        lines = [f"for j in range({WIDE}):"]
        for e in range(2):
            element = self._element(tile, base, "right + j * 8 + group", e, along_k=self.turned)
            lines.append(f"    theirs[j, {e}] = {element}")
        return lines

    def _element(self, tile: Tile, base: str, side: str, half: int, *, along_k: bool) -> str:
        """A register: the number, or the pair of numbers, at `side` and this half of k."""

        def one(k: str) -> str:
            row, column = (side, k) if along_k else (k, side)
            return f"tiles[{base} + ({row}) * {tile.pitch} + {column}]"

        if self.kind == "tf32":
            return f"tf32({one(f'deep + four + {half * 4}')})"
        low, high = (one(f"deep + four * 2 + {half * 8 + which}") for which in (0, 1))
        return f"pair({low}, {high})"

    def _store(self) -> list[str]:
        """The sums, through the formula, to where they belong; those of a part into the scratch."""
        plain = self.formula.terms == (Name("y"),)
        if self.parts:
            made = ["scratch[(part * rows + position) * pitch + c] = {sum}"]
        else:
            pasted = [] if plain else ["v_y = {sum}", *self.formula.lines(("new_y",))]
            made = ["at = position * pitch + c", *pasted, f"y[at] = {'{sum}' if plain else 'new_y'}"]
        lines = []
        for i, half in ((i, half) for i in range(HIGH) for half in (0, 1)):  # as loops they would not stay in registers
            element = f"sums[j + {i * WIDE}, e + {half * 2}]"
            lines += [
                f"m = top + down + group + {i * 16 + half * 8}",
                *self._row(),
                "if real:",
                f"    for j in range({WIDE}):",
                "        for e in range(2):",
                "            c = left + right + j * 8 + four * 2 + e",
                "            if c < pitch:",
                *indented([line.replace("{sum}", element) for line in made], 4),
            ]
        return lines

    def _row(self) -> list[str]:
        """Which row of y the row m is, and whether there is one."""
        if not self.weight:
            return ["position = m", "real = m < count"]
        return [
            "tap = m // a_whole",
            "channel = m - tap * a_whole",
            "position = tap * a_channels + channel",
            "real = m < count and channel < a_channels",
        ]
