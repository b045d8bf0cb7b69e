"""Which element of a matrix each of the 32 threads of a warp holds in an `mma.sync`, in NumPy.

PTX ISA 9.0, section 9.7.14.5: "Matrix Fragments for mma.m16n8k8" (tf32) and "for mma.m16n8k16" (bf16). Each map is
[lane, register] of (row, column); of bf16, [lane, register, half], the low half first.
"""

import numpy as np

LANE = np.arange(32)
GROUP, FOUR = LANE // 4, LANE % 4

Map = np.ndarray


def _map(*registers: tuple[Map, Map]) -> tuple[Map, Map]:
    rows, columns = zip(*registers, strict=True)
    return np.stack(rows, 1), np.stack(columns, 1)


# a is 16 x 8, b 8 x 8
A_TF32 = _map((GROUP, FOUR), (GROUP + 8, FOUR), (GROUP, FOUR + 4), (GROUP + 8, FOUR + 4))
B_TF32 = _map((FOUR, GROUP), (FOUR + 4, GROUP))
# the result is 16 x 8 of both
SUMS = _map((GROUP, 2 * FOUR), (GROUP, 2 * FOUR + 1), (GROUP + 8, 2 * FOUR), (GROUP + 8, 2 * FOUR + 1))


def _halves(rows: Map, columns: Map) -> tuple[Map, Map]:
    """Two neighbours along the columns of a in one register."""
    return np.stack([rows, rows], 2), np.stack([columns, columns + 1], 2)


# a is 16 x 16, b 16 x 8: as those of tf32, with pairs in the place of numbers
A_BF16 = _halves(*_map((GROUP, 2 * FOUR), (GROUP + 8, 2 * FOUR), (GROUP, 2 * FOUR + 8), (GROUP + 8, 2 * FOUR + 8)))
B_BF16 = _halves(*_map((GROUP, 2 * FOUR), (GROUP, 2 * FOUR + 8)))[::-1]


def tf32(values: Map) -> Map:
    """float32 rounded to the 10 bits of tf32, to nearest and ties away from zero, as `cvt.rna.tf32.f32` does."""
    bits = np.asarray(values, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


def bf16(values: Map) -> Map:
    """float32 rounded to the 7 bits of bf16, to nearest and ties to even, as `cvt.rn.bf16x2.f32` does; uint32 bits."""
    bits = np.asarray(values, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(np.uint32)


def wide(halves: Map) -> Map:
    """The float32 of bf16 bits."""
    return (np.asarray(halves, np.uint32) << np.uint32(16)).view(np.float32)


def multiplied(a: Map, b: Map, sums: Map, kind: str) -> Map:
    """[lane, 4] of sums + a b, from the registers of a warp: a[lane, 4], b[lane, 2], float32 or pairs of bf16 bits."""
    if kind == "bf16":
        a, b = (wide(np.stack([of & np.uint32(0xFFFF), of >> np.uint32(16)], 2)) for of in (a, b))
    left, right, result = np.zeros((16, 16)), np.zeros((16, 8)), np.zeros((16, 8))
    left[A_BF16 if kind == "bf16" else A_TF32] = a
    right[B_BF16 if kind == "bf16" else B_TF32] = b
    result[SUMS] = sums
    return np.asarray(left @ right + result, np.float32)[SUMS]
