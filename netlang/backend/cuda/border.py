"""Arrays that callers have on the GPU, to and from buffers: kernels, so that nothing passes through the host."""

from functools import cache
from typing import Any

from numba import cuda

from netlang.backend.cuda import simulator
from netlang.backend.cuda.launches import prepare
from netlang.backend.cuda.target import simulated

THREADS = 256
SIMULATED_THREADS = 8
MOST_BLOCKS = 4096


def _pack(buffer: Any, value: Any, rows: int, channels: int, pitch: int) -> None:
    """Rows of `channels` numbers to rows of `pitch`, zeros behind."""
    at = cuda.grid(1)
    while at < rows * pitch:
        row = at // pitch
        c = at - row * pitch
        if c < channels:
            buffer[at] = value[row * channels + c]
        else:
            buffer[at] = 0
        at += cuda.gridsize(1)


def _unpack(buffer: Any, value: Any, rows: int, channels: int, pitch: int) -> None:
    """And back."""
    at = cuda.grid(1)
    while at < rows * channels:
        row = at // channels
        value[at] = buffer[row * pitch + at - row * channels]
        at += cuda.gridsize(1)


@cache
def _kernel(function: Any) -> Any:
    prepare()
    return cuda.jit(function)


def pack(buffer: Any, value: Any, channels: int, pitch: int, stream: Any) -> None:
    """Put value[..., channels], contiguous and on the GPU, into the first rows of a buffer."""
    _launched(_pack, buffer, value, value.size // channels, channels, pitch, stream)


def unpack(buffer: Any, value: Any, channels: int, pitch: int, stream: Any) -> None:
    """Fill value[..., channels], contiguous and on the GPU, from the first rows of a buffer."""
    _launched(_unpack, buffer, value, value.size // channels, channels, pitch, stream)


def _launched(function: Any, buffer: Any, value: Any, rows: int, channels: int, pitch: int, stream: Any) -> None:
    threads = SIMULATED_THREADS if simulated() else THREADS
    blocks = min(-(-rows * pitch // threads), simulator.BLOCKS if simulated() else MOST_BLOCKS)
    if blocks:
        _kernel(function)[blocks, threads, stream](buffer, value.reshape(value.size), rows, channels, pitch)
