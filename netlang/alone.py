"""One caller at a time: what writes inputs, runs and reads answers would mix up the examples of two."""

import functools
import os
import weakref
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from netlang.backend.exclusive import Exclusive

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="OneCaller")


class OneCaller:
    """What methods that are `alone` are of. exclusive: by which one of them runs at a time"""

    def __init__(self) -> None:
        self.exclusive = Exclusive()
        _ALL.add(self)


def alone(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """For methods of which a second one meanwhile raises BusyError."""

    @functools.wraps(method)
    def called(program: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return program.exclusive.run(functools.partial(method, program, *args, **kwargs))

    return called


_ALL: "weakref.WeakSet[OneCaller]" = weakref.WeakSet()


def _forked() -> None:
    """In the child of a fork: whoever was running a program stayed with the parent."""
    for program in list(_ALL):
        program.exclusive = Exclusive()


os.register_at_fork(after_in_child=_forked)
