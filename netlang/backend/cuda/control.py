"""What a program tells its kernels besides buffers and sizes, and what a training step tells it: a block of memory.

Whether weights may change is found on the GPU, between a step and its update, so that nobody has to wait and look.
"""

from typing import Any

import numpy as np

from netlang.backend.cuda.launches import Ready, ready
from netlang.backend.cuda.ptx import Typed
from netlang.primitives.launch import KernelText

TEAM, RATE = 5, 4  # numbers of the arrays `team` and `rate`
# As `Clock.allows` has it: x - x is 0 for finite numbers alone, and no comparison holds for NaN.
_LOOK = KernelText(
    "look_cuda",
    """
from numba import cuda

def kernel(team, rate, loss, norm):
    if cuda.grid(1) == 0:
        rate[2] = loss[0]
        rate[3] = norm[0]
        if loss[0] - loss[0] == 0 and norm[0] <= rate[1]:
            team[4] = 1
        else:
            team[4] = 0
""",
)


class Control:
    """The block of one plan.

    team: {examples, first example, step, seed, whether weights may change}
    rate: {learning rate, how long a squared gradient may be, loss, squared length of the gradient}; arrays on the GPU
    """

    def __init__(self, dtype: Any, stream: Any) -> None:
        from netlang.backend.cuda.imported import cuda

        self._stream, self._here = stream, np.zeros(TEAM + RATE, np.int64)
        self._numbers = self._here[TEAM:].view(dtype)
        self._there = cuda.to_device(self._here)
        self.team, self.rate = self._there[:TEAM], self._there[TEAM:].view(dtype)[:RATE]

    @property
    def arrays(self) -> tuple[Any, Any]:
        """As kernels take them."""
        return self.team, self.rate

    def tell(self, examples: int, step: int, seed: int, rate: float, within: float) -> None:
        """Behind what stands on the stream. Weights may change, until a step says otherwise."""
        self._here[:TEAM] = examples, 0, step, seed, 1
        self._numbers[:2] = rate, within
        self._there.copy_to_device(self._here, self._stream)

    def look(self, loss: Any, norm2: Any) -> Ready:
        """The launch that finds whether weights may change, and keeps both numbers."""
        numbers = f"{loss.dtype}[]"
        kernel = Typed(_LOOK, ("int64[]", numbers, numbers, numbers))
        return ready(kernel, (1, 1), (*self.arrays, loss, norm2), self._stream)

    def measured(self) -> tuple[float, float]:
        """The loss, and the squared length of the gradient, that a step left."""
        found = self._there.copy_to_host(stream=self._stream)
        self._stream.synchronize()
        _, _, loss, norm2 = found[TEAM:].view(self._numbers.dtype)[:RATE]
        return float(loss), float(norm2)
