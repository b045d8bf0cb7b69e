"""Whether two trees say the same, wherever it stands."""

from dataclasses import fields, is_dataclass
from typing import Any

from netlang.source import Source, Span


def same(a: Any, b: Any) -> bool:
    """Whether two trees are equal but for their spans. In a loop: deep trees must not overflow Python's stack."""
    pairs = [(a, b)]
    while pairs:
        one, other = pairs.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, Span | Source):
            continue
        if is_dataclass(one):
            pairs += [(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)]
        elif isinstance(one, tuple | list):
            if len(one) != len(other):
                return False
            pairs += zip(one, other, strict=True)
        elif one != other:
            return False
    return True
