"""Shapes in PyTorch."""

from torch.nn import functional

from netlang.layers.shape.op import Crop, Flatten, Identity, Pad, Reshaped, Upsample
from netlang.layers.twin import to_netlang, to_torch, twin_of


@twin_of(Flatten)
def flatten(layer, x):
    """Rows, columns, channels."""
    return lambda x: to_netlang(x).flatten(1)


@twin_of(Identity)
def identity(layer, x):
    """The input."""
    return lambda x: x


@twin_of(Reshaped)
def reshape(layer, x):
    """Rows, columns, channels."""
    return lambda x: to_torch(to_netlang(x).reshape(-1, *layer.shape))


@twin_of(Pad)
def pad(layer, x):
    """functional.pad."""
    rows, columns = layer.by
    places = (columns, columns, rows, rows) if len(x.shape) == 4 else (columns, columns)
    return lambda x: functional.pad(x, (*places, 0, layer.channels))


@twin_of(Crop)
def crop(layer, x, *like):
    """A slice from the middle."""
    old, new = x.arrayed(0)[1:-1], layer.infer(x, *like).arrayed(0)[1:-1]
    starts = [(a - b) // 2 for a, b in zip(old, new, strict=True)]
    inside = tuple(slice(start, start + size) for start, size in zip(starts, new, strict=True))

    def cut(x, *like):
        return x[:, :, *inside]

    return cut


@twin_of(Upsample)
def upsample(layer, x, *like):
    """functional.interpolate."""
    size = layer.infer(x, *like).arrayed(0)[1:-1]
    mode = layer.how if layer.how == "nearest" or len(size) == 2 else "linear"
    return lambda x, *_: functional.interpolate(x, size=size, mode=mode)
