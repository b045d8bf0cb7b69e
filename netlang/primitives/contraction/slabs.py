"""How slabs of k come into shared memory for a product on tensor cores: 16 bytes at a time, each thread some chunks.

A thread's place in a slab stays the same from slab to slab, so what it copies moves on by a slab: it counts
taps and channels, or images, rows and columns, instead of dividing (a division takes as long as several products).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlang.primitives.contraction.meeting import divided, inside, of_positions, of_taps, position
from netlang.primitives.contraction.sides import Axis, flat_along
from netlang.primitives.launch import Operand
from netlang.primitives.text import indented
from netlang.record import dataclass

if TYPE_CHECKING:
    from netlang.primitives.contraction.tensor_cores import TensorProduct, Tile

BEYOND = -(1 << 24)  # a row that no tap meets
CHUNK = 4  # float32 in 16 bytes; bf16 are 8


def whole(operand: Operand) -> int:
    """Its channels, counted up to whole chunks."""
    chunk = 2 * CHUNK if operand.half else CHUNK
    return -(-operand.type.channels // chunk) * chunk


def slab_of(role: str, axes: tuple[Axis, Axis], halves: tuple[bool, ...]) -> int:
    """Steps of k in a slab: one product of bf16 or two of tf32; two of bf16 where both operands lie in it in memory.

    Where k counts positions that have to be told apart, two would take more registers than there are for two blocks.
    """
    return 32 if all(halves[:2]) and (role != "weight" or flat_along(axes)) else 16


@dataclass(frozen=True)
class Slabs:
    """The text."""

    product: TensorProduct

    @property
    def single(self) -> bool:
        """Whether there is one tap."""
        return all(axis.taps == 1 for axis in self.product.axes)

    @property
    def flat(self) -> bool:
        """See `flat_along`."""
        return flat_along(self.product.axes)

    @property
    def straight(self) -> bool:
        """Whether the source has every pixel that a tap meets at a fixed distance."""
        return all(axis.div == 1 for axis in self.product.axes)

    @property
    def bounded(self) -> bool:
        """Whether it is looked at whether a tap meets a row, so that positions that are not there can be beyond all."""
        return not self.product.axes[0].inside

    @property
    def weights_by_row(self) -> bool:
        """Whether b's rows are weights of one k each, in order: all of them, as channels make whole chunks."""
        return not self.product.weight and not self.product.turned and self.product.whole

    @property
    def weights_by_pair(self) -> bool:
        """Whether they are weights, and have no row for what a's channels are counted up by."""
        return not self.product.weight and not self.product.turned and not self.product.whole

    def own(self) -> list[str]:
        """A thread's arrays: of each of its chunks of a, what stays, or where its position is; of b's, its pair."""
        passes = self._passes(self.product.a)
        if self.product.weight:
            return [] if self.flat else [f"met = cuda.local.array(({passes}, 3), i32)"]
        pairs = [f"pair_b = cuda.local.array(({self._passes(self.product.b)}, 2), i32)"] * self.weights_by_pair
        return [
            *pairs,
            f"of = cuda.local.array(({passes}, 2), i32)",
            f"of_at = cuda.local.array({passes}, i64)",
        ]

    def begin(self) -> list[str]:
        """Of an item: where its first slab lies."""
        slab, (row, place, _) = self.product.slab, self._chunk(self.product.b)
        lines = [*self._first_of_a(), f"filling, row_b, place_b = 0, {row}, {place}"]
        if self.product.weight or self.weights_by_row:
            lines.append(f"at_b = (first * {slab} + row_b) * b_pitch + left + place_b")
        if self.weights_by_pair:
            step = self._chunk(self.product.b)[2]
            pairs = [
                f"k = first * {slab} + row_b + r * {step}",
                "pair_b[r, 0] = k // a_whole",
                "pair_b[r, 1] = k - pair_b[r, 0] * a_whole",
            ]
            lines += [f"for r in range({self._passes(self.product.b)}):", *indented(pairs)]
        return lines

    def load(self) -> list[str]:
        """The slab `coming` sets out."""
        size = self.product.stage
        return [
            f"start = coming * {self.product.slab}",
            *self._load_a(),
            *self._load_b(self.product.a.size),
            *self._move_on(),
            f"filling += {size}",
            f"if filling == {self.product.stages * size}:",
            "    filling = 0",
        ]

    def _passes(self, tile: Tile) -> int:
        """How often the threads of a block copy a chunk each until a tile is there."""
        return max(1, self._chunks(tile) // self.product.threads)

    def _chunks(self, tile: Tile) -> int:
        return tile.rows * tile.length // tile.chunk

    def _chunk(self, tile: Tile) -> tuple[str, str, int]:
        """Of a thread: its first row, its place in the row, and the rows from one pass to the next."""
        chunks = tile.length // tile.chunk
        return f"thread // {chunks}", f"thread % {chunks} * {tile.chunk}", self.product.threads // chunks

    def _first_of_a(self) -> list[str]:
        axes, slab = self.product.axes, self.product.slab
        row, place, step = self._chunk(self.product.a)
        passes = self._passes(self.product.a)
        lines = [f"row_a, place_a = {row}, {place}"]
        if self.product.weight:
            lines += _pair("top + place_a", self.single)
            h, w = of_taps(axes)
            lines += ["of_channel = channel"] if self.single else [f"of_channel, of_h, of_w = channel, {h}, {w}"]
            if self.flat:
                return [*lines, f"at_a = (first * {slab} + row_a) * a_pitch + of_channel"]
            met = [
                f"k = first * {slab} + row_a + r * {step}",
                *position("k"),
                "met[r, 0], met[r, 1], met[r, 2] = image, i, j",
            ]
            return [*lines, "tall = places // width", f"for r in range({passes}):", *indented(met)]
        h, w = of_positions(axes)
        at = "((image * source_h + of[r, 0]) * source_w + of[r, 1]) * a_pitch" if self.straight else "image * source_h"
        beyond = ["if m >= count:", f"    of[r, 0] = i32({BEYOND})"] * self.bounded
        met = [f"m = top + row_a + r * {step}", *position("m"), f"of[r, 0], of[r, 1] = {h}, {w}", f"of_at[r] = {at}"]
        return [
            *lines,
            f"for r in range({passes}):",
            *indented([*met, *beyond]),
            *_pair(f"first * {slab} + place_a", self.single),
        ]

    def _load_a(self) -> list[str]:
        axes = self.product.axes
        step = self._chunk(self.product.a)[2]
        if self.product.weight:
            return self._load_positions(step)
        there = [
            "" if self.bounded else f"top + row_a + r * {step} < count",
            "channel < a_whole" if self.single else "tap < taps",
            inside(axes),
        ]
        taps = [] if self.single else ["k_h, k_w = {}, {}".format(*of_taps(axes))]
        moved = "" if self.single else " + k_h", "" if self.single else " + k_w"
        if self.straight:
            at = "of_at[r] + further"
            taps += ["further = (k_h * source_w + k_w) * a_pitch + channel" if taps else "further = channel"]
        else:
            at = "((of_at[r] + h) * source_w + w) * a_pitch + channel"
        narrow = self.product.turned or self.product.parts  # else it would cost registers, not save them
        of = "i32(of[r, {}]{})" if narrow else "of[r, {}]{}"
        met = [f"h, w = {of.format(0, moved[0])}, {of.format(1, moved[1])}", *divided(axes)]
        met = met if there[-1] or not self.straight else []
        return [
            *taps,
            f"for r in range({self._passes(self.product.a)}):",
            *indented([*met, *self._copy("a", self.product.a, at, there, "row_a", "place_a")]),
        ]

    def _load_positions(self, step: int) -> list[str]:
        """Of a weight gradient: k counts positions."""
        axes = self.product.axes
        there = [f"start + row_a + r * {step} < depth", "top + place_a < count", inside(axes)]
        h, w = of_positions(axes)
        tap = ("", "") if self.single else ("of_h + ", "of_w + ")
        met = ["image, i, j = met[r, 0], met[r, 1], met[r, 2]", f"h, w = {tap[0]}{h}, {tap[1]}{w}", *divided(axes)]
        at = "((image * source_h + h) * source_w + w) * a_pitch + of_channel"
        if self.flat:
            met, at = [], f"at_a + r * {step} * a_pitch"
        return [
            f"for r in range({self._passes(self.product.a)}):",
            *indented([*met, *self._copy("a", self.product.a, at, there, "row_a", "place_a")]),
        ]

    def _load_b(self, offset: int) -> list[str]:
        tile, product = self.product.b, self.product
        step = self._chunk(tile)[2]
        fixed = list[str]()
        if product.turned:  # w[u, v, c] of f, taps counted backwards: k runs along f, as it does in a
            there = [f"left + row_b + r * {step} < channels", "channel < a_whole" if self.single else "tap < taps"]
            tap = "channel" if self.single else "(taps - 1 - tap) * channels * b_pitch + channel"
            fixed, at = [f"of_tap = {tap}"], f"of_tap + (left + row_b + r * {step}) * b_pitch"
        else:
            there = ["left + place_b < pitch", f"start + row_b + r * {step} < depth"]
            at = f"at_b + r * {step} * b_pitch"
            if self.weights_by_pair:
                at = "(pair_b[r, 0] * a_channels + pair_b[r, 1]) * b_pitch + left + place_b"
                there[1:] = ["pair_b[r, 0] < taps", "pair_b[r, 1] < a_channels"]
        copied = self._copy("b", tile, at, there, "row_b", "place_b", offset)
        return [*fixed, f"for r in range({self._passes(tile)}):", *indented(copied)]

    def _copy(
        self, name: str, tile: Tile, at: str, there: list[str], row: str, place: str, offset: int = 0
    ) -> list[str]:
        """A chunk sets out. there: the conditions that it is in memory"""
        step = self._chunk(tile)[2]
        words, at_words = (f"{place} // 2", "at // 2") if tile.half else (place, "at")
        to = f"filling + {f'{offset} + ' if offset else ''}({row} + r * {step}) * {tile.pitch} + {words}"
        lines = [
            f"there = {' and '.join(one for one in there if one)}",
            "at = 0",
            "if there:",
            f"    at = {at}",
            f"copy_16(tiles, {to}, {name}, {at_words}, there)",
        ]
        idle = self._chunks(tile) < self.product.threads
        return [f"if thread < {self._chunks(tile)}:", *indented(lines)] if idle else lines

    def _move_on(self) -> list[str]:
        """To the next slab of k."""
        slab = self.product.slab
        lines = [f"at_b += {slab} * b_pitch"] if self.product.weight or self.weights_by_row else []
        if self.weights_by_pair:
            lines = [
                f"for r in range({self._passes(self.product.b)}):",
                f"    pair_b[r, 1] += {slab}",
                "    while pair_b[r, 1] >= a_whole:",
                "        pair_b[r, 1] -= a_whole",
                "        pair_b[r, 0] += 1",
            ]
        if self.product.weight and self.flat:
            return [*lines, f"at_a += {slab} * a_pitch"]
        if self.product.weight:
            return [
                *lines,
                f"for r in range({self._passes(self.product.a)}):",
                f"    met[r, 2] += {slab}",
                "    while met[r, 2] >= width:",
                "        met[r, 2] -= width",
                "        met[r, 1] += 1",
                "        if met[r, 1] == tall:",
                "            met[r, 0] += 1",
                "            met[r, 1] = 0",
            ]
        if self.single:
            return [*lines, f"channel = i32(channel + {slab})"]
        return [
            *lines,
            f"channel = i32(channel + {slab})",
            "while channel >= a_whole:",
            "    channel, tap, v = i32(channel - a_whole), i32(tap + 1), i32(v + 1)",
            "    if v == taps_w:",
            "        u, v = i32(u + 1), i32(0)",
        ]


def _pair(index: str, single: bool) -> list[str]:
    """The tap and the channel of a pair, channels counted up to whole chunks, and the tap's row u and column v."""
    if single:
        return [f"channel = i32({index})"]
    return [
        f"tap = i32(({index}) // a_whole)",
        f"channel = i32({index} - tap * a_whole)",
        "u = i32(tap // taps_w)",
        "v = i32(tap - u * taps_w)",
    ]
