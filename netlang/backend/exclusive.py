"""One caller at a time."""

import time
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")
BUSY = "this program is running in another thread; compile one for each thread, or use a lock"
NAP = 0.001  # seconds between two looks whether the one before is through


class BusyError(RuntimeError):
    """Two threads of Python called one program at once."""


class Exclusive:
    """Lets one caller in at a time. An interrupt, whenever it is heard, leaves nobody inside.

    A lock does not do: between taking it and the `try` that gives it back an interrupt is heard.
    """

    def __init__(self) -> None:
        self.inside: dict[None, object] = {}

    def run(self, function: Callable[[], R], *, wait: bool = False) -> R:
        """What the function returns. Raises BusyError while another one runs, unless it is to wait for its end."""
        mine = object()
        try:
            while self.inside.setdefault(None, mine) is not mine:
                if not wait:
                    raise BusyError(BUSY)
                time.sleep(NAP)
            return function()
        finally:  # nothing is called here: Python hears interrupts behind calls
            if None in self.inside and self.inside[None] is mine:
                del self.inside[None]
