"""Whether weights may change: found on the GPU, between a step and its update, so that nobody has to wait and look."""

from typing import Any

from netlang.backend.cuda.launches import Ready, ready
from netlang.backend.cuda.ptx import Typed
from netlang.primitives.launch import KernelText

# As `Clock.allows` has it: x - x is 0 for finite numbers alone, and no comparison holds for NaN.
_TEXT = KernelText(
    "permit_cuda",
    """
from numba import cuda

def kernel(team, rate, loss, norm):
    if cuda.grid(1) == 0:
        if loss[0] - loss[0] == 0 and norm[0] <= rate[1]:
            team[4] = 1
        else:
            team[4] = 0
""",
)


def permit(control: tuple[Any, Any], loss: Any, norm: Any, stream: Any) -> Ready:
    """The launch that tells `team`, of its arrays `team` and `rate`, what is to become of the step."""
    numbers = f"{loss.dtype}[]"
    return ready(Typed(_TEXT, ("int64[]", numbers, numbers, numbers)), (1, 1), (*control, loss, norm), stream)
