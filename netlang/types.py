"""Tensor types: what the checker computes and every later stage reads. Never arrays."""

import math

from netlang.record import dataclass
from netlang.sizes import Count, Dim, Size, product

BATCH = "n"  # the batch axis; `.net` files never write it


@dataclass(frozen=True, slots=True)
class Tensor:
    """Element kind ("f32", "f64", "i32") and shape.

    A value that flows through a net has the batch axis "n" first and its channels last:
    ("n", h, w, c) for images, ("n", c) for vectors. A weight has no batch axis:
    (kh, kw, c, f) of a convolution, (c, f) of a dense layer, (c,) of a bias. A loss is ().
    A size that is not fixed yet is a letter, "T", or a `Size` made of letters; channels always are.

    classes: of tokens, how many words there are: ("n", t) whole numbers below it, dtype "i32"; 0 for other tensors
    """

    dtype: str
    shape: tuple[Dim, ...]
    classes: int = 0

    @property
    def batched(self) -> bool:
        """Whether the first axis is the batch."""
        return self.shape[:1] == (BATCH,)

    @property
    def channels(self) -> int:
        """The size of the last axis; 1 for a scalar."""
        return _size(self.shape[-1]) if self.shape else 1

    @property
    def positions(self) -> int:
        """Number of places between batch and channels: h*w of an image, 1 of a vector."""
        return math.prod(_size(d) for d in self.shape[1:-1]) if self.batched else 1

    @property
    def size(self) -> int:
        """Number of elements, per example where there is a batch axis; all sizes are fixed."""
        return math.prod(_size(d) for d in (self.shape[1:] if self.batched else self.shape))

    @property
    def count(self) -> Count:
        """Like `size`, also where sizes are not fixed yet: 128*T."""
        return product(self.shape[1:] if self.batched else self.shape)

    @property
    def fixed(self) -> bool:
        """Whether every size is a number, the batch aside."""
        return all(isinstance(d, int) for d in (self.shape[1:] if self.batched else self.shape))

    def with_shape(self, *shape: Dim) -> "Tensor":
        """The same element kind in another shape."""
        return Tensor(self.dtype, shape)

    def arrayed(self, n: int) -> tuple[int, ...]:
        """The shape as NumPy takes it, for a batch of n."""
        sizes = tuple(map(_size, self.shape[1:] if self.batched else self.shape))
        return (n, *sizes) if self.batched else sizes

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


def _size(dim: Dim) -> int:
    assert isinstance(dim, int), f"the size `{dim}` is not fixed yet"
    return dim


def decimal(value: float) -> str:
    """A number as `.net` files write it: 2, 0.5, 1e-05."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def shown(shape: tuple[Dim, ...]) -> str:
    """A shape as `.net` files write it: without the batch, joined by `x`: 28x28x6, Tx128, (2*H)x8."""
    return "x".join(map(_shown, shape[1:] if shape[:1] == (BATCH,) else shape)) or "one number"


def _shown(dim: Dim) -> str:
    text = str(dim)
    return f"({text})" if " " in text or "*" in text else text


__all__ = ["BATCH", "Count", "Dim", "Size", "Tensor", "decimal", "shown"]
