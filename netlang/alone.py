"""One caller at a time: what writes inputs, runs and reads answers would mix up the examples of two."""

import functools
import os
import weakref
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from netlang.backend.executor import BUSY, BusyError

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="OneCaller")


class OneCaller:
    """What methods that are `alone` are of. callers: who runs one of them, at most one"""

    def __init__(self) -> None:
        self.callers: dict[None, object] = {}
        _ALL.add(self)


def alone(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """For methods of which a second one meanwhile raises BusyError."""

    @functools.wraps(method)
    def called(program: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        mine = object()
        try:
            if program.callers.setdefault(None, mine) is not mine:
                raise BusyError(BUSY)
            return method(program, *args, **kwargs)
        finally:  # nothing is called here: an interrupt is heard behind calls only, and would leave the program taken
            if None in program.callers and program.callers[None] is mine:
                del program.callers[None]

    return called


_ALL: "weakref.WeakSet[OneCaller]" = weakref.WeakSet()


def _forked() -> None:
    """In the child of a fork: whoever was running a program stayed with the parent."""
    for program in list(_ALL):
        program.callers = {}


os.register_at_fork(after_in_child=_forked)
