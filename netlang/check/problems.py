"""Errors and notes, gathered until the whole file has been read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field, replace

from netlang.diagnostics import Diagnostic, Label, NetError
from netlang.record import dataclass
from netlang.source import Span

MOST = 100  # errors told at once
_ALLOWED = re.compile(r"#\s*allow:?\s+([\w-]+(?:[\s,]+[\w-]+)*)")


class Limit(NetError):
    """More than a net may have: nothing behind it is looked at."""


@dataclass
class Problems:
    """What is wrong with a file (errors), and what is allowed but rarely meant (notes)."""

    errors: list[Diagnostic] = field(default_factory=list)
    notes: list[Diagnostic] = field(default_factory=list)
    told: set[tuple[str, str, Span]] = field(default_factory=set)

    @contextmanager
    def collected(self, inside: tuple[str, ...] = ()) -> Iterator[None]:
        """Keep the NetErrors of the block and go on behind it; a `Limit` goes through."""
        try:
            yield
        except Limit:
            raise
        except NetError as problem:
            for found in problem.diagnostics:
                self.add(found, inside)

    def add(self, found: Diagnostic, inside: tuple[str, ...] = ()) -> None:
        """Keep an error; the copies of a repeat all make the same ones, of which the first is told."""
        key = (found.code, found.title, found.at.span)
        if key in self.told:
            return
        if len(self.errors) >= MOST:
            raise Limit(found)
        self.told.add(key)
        self.errors.append(replace(found, inside=found.inside or inside))

    def note(self, code: str, title: str, span: Span, remark: str = "", *, help: str | None = None) -> None:
        """Keep a note, unless the line says `# allow: code`."""
        key = (code, title, span)
        if key in self.told or code in _allowed(span):
            return
        self.told.add(key)
        self.notes.append(Diagnostic(code, title, Label(span, remark), help=help, severity="note"))

    def settle(self) -> None:
        """Raise what was found, in the order of the text."""
        if self.errors:
            raise NetError(*sorted(self.errors, key=lambda e: (e.at.span.source.name, e.at.span.start)))


def limit(title: str, span: Span, help: str | None = None) -> Limit:
    """The error for a file that asks for too much."""
    return Limit(Diagnostic("too-many", title, Label(span), help=help))


def _allowed(span: Span) -> list[str]:
    """The notes that the line's comment switches off."""
    found = _ALLOWED.search(span.source.line(span.row))
    return re.split(r"[\s,]+", found[1]) if found else []
