"""Ctrl-C, SIGTERM and SIGHUP during training: a short step is finished first, so that the weights are of a whole step.

Once heard it is not heard again before the weights are saved, however often and fast it comes: terminals, shells and
`timeout` like to send it twice.
"""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
PATIENCE = 0.3  # seconds a step may already have taken; a longer one is broken off


class Interrupts:
    """Within `with listening() as interrupts`, a signal during a short step only sets `wanted`, the signal's number."""

    def __init__(self) -> None:
        self.wanted: int | None = None
        self._held = False
        self._step_began: float | None = None

    @contextmanager
    def step(self, *, whole: bool = False) -> Iterator[None]:
        """Around one optimizer step; one that came meanwhile is raised by `check`. whole: it is not broken off"""
        self._step_began = math.inf if whole else time.monotonic()
        try:
            yield
        finally:
            self._step_began = None

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal came during the step before."""
        if self.wanted is not None:
            raise KeyboardInterrupt

    def hold(self) -> None:
        """From here on a signal only sets `wanted`: the weights are being saved."""
        self._held = True

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self.wanted = number
        began = self._step_began
        if not self._held and (began is None or time.monotonic() - began > PATIENCE):
            self.hold()
            raise KeyboardInterrupt


@contextmanager
def listening() -> Iterator[Interrupts]:
    """Take the signals over while the block runs, but for those the process ignores, as under `nohup`.

    In other threads than the main one they stay as they are.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, interrupts._handle) for number in heard}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
