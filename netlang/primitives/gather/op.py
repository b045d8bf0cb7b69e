"""Gathers: elements move, none is computed."""

from dataclasses import dataclass

from netlang.primitives.primitive import Primitive


@dataclass(frozen=True)
class Reshape(Primitive):
    """The same numbers in rows, columns, channels order under another shape (batch axis kept).

    shape: without the batch axis
    """

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Concat(Primitive):
    """The inputs' channels one after another: any number of inputs of the same places."""


@dataclass(frozen=True)
class Slice(Primitive):
    """The channels from `start` to before `stop`."""

    start: int
    stop: int


@dataclass(frozen=True)
class Convert(Primitive):
    """The same tensor with another axis in the vector lanes of its buffer: "c" channels or "n" examples."""

    lanes: str
