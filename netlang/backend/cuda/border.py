"""Arrays that are on the GPU, to and from buffers: kernels, so that nothing passes through the host."""

from typing import Any

from netlang.backend.cuda.launches import ready
from netlang.backend.cuda.ptx import Typed
from netlang.backend.cuda.target import simulated
from netlang.primitives.launch import KernelText

THREADS = 256
SIMULATED_THREADS = 8
MOST_BLOCKS = 4096
_HEAD = """
from numba import cuda

def kernel(buffer, value, rows, channels, pitch):
    at = cuda.grid(1)
"""
# Rows of `channels` numbers to rows of `pitch`, zeros behind.
_PACK = KernelText(
    "pack_cuda",
    f"""{_HEAD}
    while at < rows * pitch:
        row = at // pitch
        c = at - row * pitch
        if c < channels:
            buffer[at] = value[row * channels + c]
        else:
            buffer[at] = 0
        at += cuda.gridsize(1)
""",
)
_UNPACK = KernelText(
    "unpack_cuda",
    f"""{_HEAD}
    while at < rows * channels:
        row = at // channels
        value[at] = buffer[row * pitch + at - row * channels]
        at += cuda.gridsize(1)
""",
)


def pack(buffer: Any, value: Any, channels: int, pitch: int, stream: Any) -> None:
    """Put value[..., channels], contiguous and on the GPU, into the first rows of a buffer."""
    _launched(_PACK, buffer, value, channels, pitch, stream)


def unpack(buffer: Any, value: Any, channels: int, pitch: int, stream: Any) -> None:
    """Fill value[..., channels], contiguous and on the GPU, from the first rows of a buffer."""
    _launched(_UNPACK, buffer, value, channels, pitch, stream)


def _launched(text: KernelText, buffer: Any, value: Any, channels: int, pitch: int, stream: Any) -> None:
    if not value.size:
        return
    rows = value.size // channels
    threads = SIMULATED_THREADS if simulated() else THREADS
    kernel = Typed(text, (f"{buffer.dtype}[]", f"{value.dtype}[]", "int64", "int64", "int64"))
    grid = min(-(-rows * pitch // threads), MOST_BLOCKS), threads
    ready(kernel, grid, (buffer, value.reshape(value.size), rows, channels, pitch), stream)()
