"""The net with every word looked up and every repeat written out, before any shape is known."""

from collections.abc import Mapping
from dataclasses import dataclass

from netlang.layer import Layer
from netlang.source import Span
from netlang.syntax import ast


@dataclass(frozen=True)
class Activation:
    """An activation behind a layer: its option (written), or the default (not written)."""

    layer: Layer
    span: Span
    written: bool


@dataclass(frozen=True)
class Placed:
    """One layer in its place. layer is None where the step is wrong: its output is unknown.

    at: where each setting is written, so that a caret lands on it
    inside: the repeats it stands in, for messages
    """

    layer: Layer | None
    activation: Activation | None
    span: Span
    at: Mapping[str, Span]
    inside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fork:
    """Branches that read the same tensor, and the layer that merges them."""

    merge: Placed
    branches: tuple["Steps", ...]


@dataclass(frozen=True)
class Checked:
    """`-> 14x14x6`: what stands before must have this shape."""

    shape: ast.Shape


Steps = tuple[Placed | Fork | Checked, ...]
