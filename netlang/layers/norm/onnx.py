"""Normalisation in ONNX."""

from collections.abc import Iterator

import numpy as np

from netlang.layers.norm.local import LocalResponseNorm
from netlang.layers.norm.op import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, Norm
from netlang.layers.onnx import Named, Operators, in_onnx, reshape


@in_onnx(BatchNorm)
def batch(ops: Operators, layer: BatchNorm, x: Named, *values: Named) -> str:
    """BatchNormalization with the running mean and variance."""
    *weights, mean, variance = values
    return ops("BatchNormalization", x, *_scale_and_shift(ops, layer, x, weights), mean, variance, epsilon=layer.eps)


@in_onnx(InstanceNorm)
def instance(ops: Operators, layer: InstanceNorm, x: Named, *weights: Named) -> str:
    """InstanceNormalization."""
    return ops("InstanceNormalization", x, *_scale_and_shift(ops, layer, x, weights), epsilon=layer.eps)


@in_onnx(GroupNorm)
def group(ops: Operators, layer: GroupNorm, x: Named, *weights: Named) -> str:
    """InstanceNormalization of the groups; opset 18 scales groups where it scales channels later."""
    return _grouped(ops, layer, x, layer.groups, weights)


@in_onnx(LayerNorm)
def layer_norm(ops: Operators, layer: LayerNorm, x: Named, *weights: Named) -> str:
    """LayerNormalization over the features of sequences and vectors; an image is one group."""
    if len(x.type.shape) == 4:
        return _grouped(ops, layer, x, 1, weights)
    scaled = _scale_and_shift(ops, layer, x, weights)
    y = ops("LayerNormalization", ops.channels_last(x), *scaled, axis=-1, epsilon=layer.eps)
    return ops.channels_first(y, len(x.type.shape))


@in_onnx(LocalResponseNorm)
def response(ops: Operators, layer: LocalResponseNorm, x: Named) -> str:
    """LRN, which divides alpha by the size and takes images only."""
    alpha = layer.alpha * (1 if layer.average else layer.size)
    missing = 4 - len(x.type.shape)
    image = ops("Unsqueeze", x, ops.integers(*range(4 - missing, 4))) if missing else ops.name(x)
    y = ops("LRN", image, size=layer.size, alpha=alpha, beta=layer.beta, bias=layer.k)
    return ops("Squeeze", y, ops.integers(*range(4 - missing, 4))) if missing else y


def _scale_and_shift(
    ops: Operators, layer: Norm, x: Named, weights: tuple[Named, ...] | list[Named]
) -> tuple[Named | str, Named | str]:
    """The two weights; ones and zeros for one that is not learned."""
    given = iter(weights)
    c = x.type.channels
    scale = next(given) if layer.setting("scale") else ops.constant(np.ones(c))
    return scale, next(given) if layer.setting("shift") else ops.constant(np.zeros(c))


def _grouped(ops: Operators, layer: Norm, x: Named, groups: int, weights: tuple[Named, ...]) -> str:
    rows = ops.reshaped(x, 0, groups, -1)
    ones, zeros = ops.constant(np.ones(groups)), ops.constant(np.zeros(groups))
    normed = ops("InstanceNormalization", rows, ones, zeros, epsilon=layer.setting("eps"))
    y = ops("Reshape", normed, ops("Shape", x))
    across = (x.type.channels, *(1 for _ in x.type.shape[2:]))
    for kind, weight in zip(_learned(layer), weights, strict=True):
        y = ops(kind, y, ops.weight(weight, *([reshape(*across)] if len(across) > 1 else [])))
    return y


def _learned(layer: Norm) -> Iterator[str]:
    """What is done with each learned weight."""
    if layer.setting("scale"):
        yield "Mul"
    if layer.setting("shift"):
        yield "Add"
