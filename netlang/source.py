"""Text and places in it. Every later value carries a `Span`."""

from bisect import bisect_right
from functools import cached_property

from netlang.record import dataclass


@dataclass(frozen=True)
class Source:
    """A `.net` text and the name it goes by in messages.

    of_file: whether its lines and columns mean something; not so for what stands on a command line
    """

    name: str
    text: str
    of_file: bool = True

    @cached_property
    def _starts(self) -> list[int]:
        return [0] + [i + 1 for i, c in enumerate(self.text) if c == "\n"]

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset in characters, both counted from 1."""
        row = bisect_right(self._starts, offset)
        return row, offset - self._starts[row - 1] + 1

    def line(self, row: int) -> str:
        """The text of a line, counted from 1, without its end."""
        return self.text.split("\n")[row - 1].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Span:
    """The characters from `start` to before `end` of a source."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    @property
    def row(self) -> int:
        """The line it starts on, counted from 1."""
        return self.source.position(self.start)[0]

    def to(self, other: "Span") -> "Span":
        """From where this one starts to where the other ends."""
        return Span(self.source, self.start, other.end)

    def __str__(self) -> str:
        return f"{self.source.name}:{self.row}"


def unified(text: str) -> str:
    """The text with one newline at the end of every line, whatever system wrote it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


NOWHERE = Span(Source("<none>", ""), 0, 0)
