"""Between the user's arrays and the program's buffers: any stride and byte order in, public shapes out."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.memory import Buffer
from netlang.primitives.launch import LANES
from netlang.simd.fragments import bf16, wide

Array = NDArray[Any]


def pack(buffer: Buffer, memory: Array, value: Array) -> None:
    """Copy value[n, ..., c] (or a weight, or a scalar) into a buffer; the padding of the vectors it fills becomes zero.

    memory: the buffer's elements, flat; value: in the public shape of the buffer's type, up to its batch
    """
    inward(buffer, memory)(value)


def inward(buffer: Buffer, memory: Array) -> Callable[[Array], None]:
    """The same for any value, told of a buffer once: what does not depend on it takes longer than a small copy."""
    if buffer.half:
        return partial(_halved, buffer, memory)
    c = buffer.type.channels
    if buffer.lanes == "n":
        return partial(_turned, memory.reshape(-1, buffer.type.size, LANES))
    return partial(_padded, memory.reshape(-1, _pitch(buffer)), c, {})


def _padded(memory: Array, c: int, last: dict[tuple[int, ...], tuple[Array, Array]], value: Array) -> None:
    """last: where values of the last shape go, and their padding; to find out takes half of a small copy"""
    rows = value if value.shape[-1:] == (c,) else value.reshape(-1, c)
    if rows.shape not in last:
        places = memory[: rows.size // c].reshape(*rows.shape[:-1], memory.shape[1])
        last.clear()
        last[rows.shape] = places[..., :c], places[..., c:]
    to, padding = last[rows.shape]
    to[...] = rows
    if padding.size:
        padding.fill(0)


def _turned(blocks: Array, value: Array) -> None:
    n, elements = len(value), blocks.shape[1]
    rows = value.reshape(n, elements)
    full = n // LANES
    blocks[:full] = rows[: full * LANES].reshape(full, LANES, elements).transpose(0, 2, 1)
    if n % LANES:
        blocks[full, :, : n % LANES] = rows[full * LANES :].T
        blocks[full, :, n % LANES :] = 0


def _halved(buffer: Buffer, memory: Array, value: Array) -> None:
    whole = np.zeros(2 * memory.size, np.float32)
    pack(replace(buffer, half=False), whole, value)
    memory.view(np.uint16)[:] = bf16(whole)


def unpack(buffer: Buffer, memory: Array, n: int) -> Array:
    """A copy of a buffer in the public shape of its type, for a batch of n."""
    return outward(buffer, memory)(n)


def outward(buffer: Buffer, memory: Array) -> Callable[[int], Array]:
    """The same for any n, told of a buffer once."""
    if buffer.half:
        return lambda n: unpack(replace(buffer, half=False), wide(memory.view(np.uint16)), n)
    of, batched, elements = buffer.type.arrayed(0), buffer.type.batched, buffer.type.size
    shape = of[1:] if batched else of
    if buffer.lanes == "n":
        blocks = memory.reshape(-1, elements, LANES).transpose(0, 2, 1)
        return lambda n: np.array(blocks[: -(-n // LANES)], order="C").reshape(-1, elements)[:n].reshape(n, *shape)
    rows, each = memory.reshape(-1, _pitch(buffer))[:, : buffer.type.channels], prod(shape[:-1])
    if not batched:
        return lambda _: np.array(rows[:each], order="C").reshape(shape)
    examples = rows[: len(rows) // each * each].reshape(-1, *shape)  # no copy: only the first axis is divided
    return partial(_copied, examples, {})


def _copied(examples: Array, last: dict[int, Array], n: int) -> Array:
    """last: the first n of them, as they were asked for"""
    if n not in last:
        last.clear()
        last[n] = examples[:n]
    return last[n].copy()


def _pitch(buffer: Buffer) -> int:
    """Elements from a row to the next."""
    return -(-buffer.type.channels // buffer.pad) * buffer.pad
