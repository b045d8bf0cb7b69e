"""Ctrl-C during training: a short step is finished first, so that the weights are those of a whole step.

Once heard it is not heard again before the weights are saved, however often and fast it comes: terminals, shells and
`timeout` like to send it twice.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 0.3  # seconds a step may already have taken; a longer one is broken off


class Interrupts:
    """Within `with listening() as interrupts`, Ctrl-C during a short step only sets `wanted`."""

    def __init__(self) -> None:
        self.wanted = False
        self._held = False
        self._step_began: float | None = None

    @contextmanager
    def step(self) -> Iterator[None]:
        """Around one optimizer step; at its end a Ctrl-C that came meanwhile is raised."""
        self._step_began = time.monotonic()
        try:
            yield
        finally:
            self._step_began = None

    def check(self) -> None:
        """Raise a KeyboardInterrupt that came during the step before."""
        if self.wanted:
            raise KeyboardInterrupt

    def hold(self) -> None:
        """From here on Ctrl-C only sets `wanted`: the weights are being saved."""
        self._held = True

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        self.wanted = True
        began = self._step_began
        if not self._held and (began is None or time.monotonic() - began > PATIENCE):
            self.hold()
            raise KeyboardInterrupt


@contextmanager
def listening() -> Iterator[Interrupts]:
    """Take SIGINT over while the block runs; in other threads than the main one it stays as it is."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = signal.signal(signal.SIGINT, interrupts._handle)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
