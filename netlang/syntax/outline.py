"""A tree as text for people: a line for each of its parts, with line and column where it starts in the file."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from netlang.source import Source, Span


def outline(part: Any, field: str = "", depth: int = 0) -> Iterator[str]:
    """The lines of a part and of those below it. field: of its parent; what is not there is left out."""
    named = f"{field}: " if field else ""
    if not is_dataclass(part):
        yield f"{'  ' * depth}{named}{part}"
        return
    values = [(f.name, getattr(part, f.name)) for f in fields(part)]
    said = [name if value is True else str(value) for name, value in values if _plain(value)]
    place = [":".join(map(str, value.source.position(value.start))) for _, value in values if isinstance(value, Span)]
    yield " ".join([f"{'  ' * depth}{named}{type(part).__name__}", *said, *(f"at {p}" for p in place)])
    for name, value in values:
        for child in _parts(value):
            yield from outline(child, name, depth + 1)


def _plain(value: Any) -> bool:
    return value is not None and value is not False and not isinstance(value, tuple) and not is_dataclass(value)


def _parts(value: Any) -> Iterator[Any]:
    """What stands below: parts, and what tuples of them hold."""
    if isinstance(value, tuple):
        for one in value:
            yield from _parts(one) if isinstance(one, tuple) else (one,)
    elif is_dataclass(value) and not isinstance(value, Span | Source):
        yield value
