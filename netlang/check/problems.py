"""Errors and notes, gathered until the whole file has been read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from netlang.diagnostics import Diagnostic, Label, NetError
from netlang.source import Span


@dataclass
class Problems:
    """What is wrong with a file (errors), and what is allowed but rarely meant (notes)."""

    errors: list[Diagnostic] = field(default_factory=list)
    notes: list[Diagnostic] = field(default_factory=list)

    @contextmanager
    def collected(self, inside: tuple[str, ...] = ()) -> Iterator[None]:
        """Keep the NetErrors of the block and go on behind it."""
        try:
            yield
        except NetError as problem:
            for found in problem.diagnostics:
                self.add(found, inside)

    def add(self, found: Diagnostic, inside: tuple[str, ...] = ()) -> None:
        """Keep an error; the copies of a repeat all make the same ones, of which the first is told."""
        known = {(e.code, e.title, e.at.span) for e in self.errors}
        if (found.code, found.title, found.at.span) not in known:
            self.errors.append(Diagnostic(found.code, found.title, found.at, found.also, found.help, inside))

    def note(self, code: str, title: str, span: Span, remark: str = "", *, help: str | None = None) -> None:
        """Keep a note."""
        note = Diagnostic(code, title, Label(span, remark), help=help, severity="note")
        if note not in self.notes:
            self.notes.append(note)

    def settle(self) -> None:
        """Raise what was found, in the order of the text."""
        if self.errors:
            raise NetError(*sorted(self.errors, key=lambda e: (e.at.span.source.name, e.at.span.start)))


def not_yet(what: str, span: Span, help: str | None = None) -> NetError:
    """The error for a part of the language that this version lacks."""
    return NetError(Diagnostic("not-yet", f"this version of netlang does not have {what} yet", Label(span), help=help))
