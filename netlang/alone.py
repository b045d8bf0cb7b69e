"""One caller at a time: what writes inputs, runs and reads answers would mix up the examples of two."""

import functools
import os
import threading
import weakref
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from netlang.backend.executor import BusyError

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="OneCaller")


class OneCaller:
    """What methods that are `alone` are of. caller: held while one of them runs"""

    def __init__(self) -> None:
        self.caller = threading.Lock()
        _ALL.add(self)


def alone(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """For methods of which a second one meanwhile raises BusyError."""

    @functools.wraps(method)
    def called(program: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if not program.caller.acquire(blocking=False):
            raise BusyError("this program is running in another thread; compile one for each thread, or use a lock")
        try:
            return method(program, *args, **kwargs)
        finally:
            program.caller.release()

    return called


_ALL: "weakref.WeakSet[OneCaller]" = weakref.WeakSet()


def _forked() -> None:
    """In the child of a fork: whoever was running a program stayed with the parent."""
    for program in list(_ALL):
        program.caller = threading.Lock()


os.register_at_fork(after_in_child=_forked)
