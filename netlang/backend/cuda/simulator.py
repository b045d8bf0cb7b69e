"""What Numba's simulator needs to run these kernels as a GPU would: for tests, and to look inside a kernel.

It runs one block after another, or all at once where they wait for each other, each thread of a block as a greenlet, so
it is for tiny nets. It proves the logic of a text; that it compiles, `ptx.py` proves.
"""

import math
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import numpy as np

from netlang.backend.cuda.ptx import Typed, function_of

BLOCKS = 2  # of a launch: each takes several items, as on a GPU; more would only take longer

# Functions that keep float32, and give infinity where Python's raise: a padding lane's log(0) is thrown away
MATH = SimpleNamespace(exp=np.exp, log=np.log, log1p=np.log1p, sqrt=np.sqrt, tanh=np.tanh, inf=np.inf)


def ready(
    kernel: Typed, grid: tuple[int, int], arguments: Sequence[Any], *, together: bool = False
) -> Callable[[], None]:
    """A kernel with its arguments: called, it runs. together: whether its blocks wait for each other"""
    function, (blocks, threads) = compiled(kernel), grid
    if not together:
        return lambda: function[min(blocks, BLOCKS), threads](*arguments)

    def run() -> None:
        with _at_once():
            function[blocks, threads](*arguments)

    return run


@contextmanager
def _at_once() -> Iterator[None]:
    """Meanwhile a launch runs all its blocks at once."""
    from numba.cuda.simulator import kernel

    from netlang.backend.cuda.turns import Block

    done, started = SimpleQueue[BaseException | None](), list[threading.Thread]()

    class Together(Block):
        def run(self, at: tuple[int, ...], *arguments: Any) -> None:
            started.append(threading.Thread(target=self.finish, args=(at, *arguments), daemon=True))
            started[-1].start()
            for _ in started if len(started) == math.prod(self._grid_dim) else ():
                if failed := done.get():  # others may wait for this one for good
                    raise failed

        def finish(self, at: tuple[int, ...], *arguments: Any) -> None:
            try:
                done.put(super().run(at, *arguments))
            except BaseException as error:
                done.put(error)

    kernel.BlockManager = Together
    try:
        yield
    finally:
        kernel.BlockManager = Block


@cache
def compiled(kernel: Typed) -> Any:
    """A kernel as the simulator runs it, with functions of numbers that behave as CUDA's do."""
    from netlang.backend.cuda.imported import cuda

    _prepare()
    function = function_of(kernel.kernel)
    function.__globals__["math"] = MATH
    return cuda.jit(function)


@cache
def _prepare() -> None:
    """Prepare the process."""
    from numba.cuda.simulator import kernel, kernelapi

    from netlang.backend.cuda.turns import Block

    class Shared(kernelapi.FakeCUDAShared):  # type: ignore[misc]  # Numba has no types
        def array(self, shape: Any, dtype: Any) -> Any:  # its own finds the line by reading the text of the whole stack
            asked = sys._getframe(1)
            thread: Any = threading.current_thread()
            block = thread._manager
            where = (asked.f_code, asked.f_lineno)
            if where not in block.shared:
                element = np.dtype(dtype)
                block.shared[where] = np.full(shape, np.nan if element.kind == "f" else -1, element)
            return block.shared[where]

    kernelapi.FakeCUDAShared = Shared
    kernel.BlockManager = Block


class Quiet(warnings.catch_warnings):
    """NumPy tells of what CUDA does in silence, such as 1/0 in a padding lane: not while kernels run."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore", RuntimeWarning)
