"""The net of a file, read anew whenever one of the files it is made of was saved."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from netlang.diagnostics import Diagnostic, NetError
from netlang.files import Problem, State, followed, state
from netlang.graph import Net
from netlang.record import dataclass
from netlang.report import Summary, summary


@dataclass(frozen=True, eq=False)
class View:
    """What there is to show of a file.

    messages: errors and notes on the file as it is now; problem: what kept it from being read or drawn, if anything
    drawing, figures: an SVG image and the summary, of the last version without errors; none before there was one
    stale: whether the file has changed since, and is wrong
    """

    name: str
    messages: tuple[Diagnostic, ...] = ()
    problem: str = ""
    drawing: str = ""
    figures: Summary | None = None
    stale: bool = False


class Follower:
    """What a file shows now. Several threads may ask.

    load: reads and checks the net, and has notes on it; draw: makes an SVG image of it
    """

    def __init__(self, name: str, load: Callable[[], tuple[Net, tuple[Diagnostic, ...]]], draw: Callable[[Net], str]):
        self._load, self._draw = load, draw
        self._last = View(name)
        self._files: dict[Path, State] | None = None
        self._one_at_a_time = threading.Lock()

    def view(self) -> View:
        """What there is to show now. The file is read again only where something that was read for it has changed."""
        with self._one_at_a_time:
            if self._files is None or any(state(path) != before for path, before in self._files.items()):
                with followed() as self._files:
                    self._last = self._found()
            return self._last

    def _found(self) -> View:
        old = replace(self._last, stale=self._last.figures is not None, problem="")
        try:
            net, notes = self._load()
        except NetError as problem:
            return replace(old, messages=problem.diagnostics)
        except Problem as problem:
            return replace(old, messages=(), problem=str(problem))
        found = replace(old, messages=notes, figures=summary(net), stale=False)
        try:
            return replace(found, drawing=self._draw(net))
        except Problem as problem:
            return replace(found, drawing="", problem=str(problem))
