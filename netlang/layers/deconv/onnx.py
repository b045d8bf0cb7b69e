"""Transposed convolutions in ONNX."""

from netlang.layers.conv.onnx import filters_first
from netlang.layers.deconv.op import Deconv
from netlang.layers.onnx import Named, Operators, in_onnx, pads
from netlang.layers.sliding import along, plane
from netlang.types import BATCH


@in_onnx(Deconv)
def deconv(ops: Operators, layer: Deconv, x: Named, w: Named, *b: Named) -> str:
    """ConvTranspose; `output_padding` is what its formula lacks of the height and width.

    ONNX makes (n - 1)*stride + kernel - pads + output_padding pixels of n. Neither paddings nor what is lacking depend
    on n, so any number stands for a size that is not fixed.
    """
    some = x.type.with_shape(BATCH, *(d if isinstance(d, int) else 1 for d in x.type.shape[1:]))
    kernel, stride = along(layer, some, "kernel", layer.kernel), along(layer, some, "stride", layer.stride)
    size, sides = layer._size(some)
    axes = (1,) if len(some.shape) == 3 else (0, 1)
    of = plane(some, layer.word)
    lacking = []
    for a in axes:
        n, made = of[a], size[a]
        assert isinstance(n, int)
        assert isinstance(made, int)
        lacking.append(made + sides[a] + sides[a + 2] - (n - 1) * stride[a] - kernel[a])
    return ops(
        "ConvTranspose",
        x,
        ops.weight(w, *filters_first(x, w)),
        *b,
        kernel_shape=[kernel[a] for a in axes],
        strides=[stride[a] for a in axes],
        pads=pads(sides, some),
        output_padding=lacking,
    )
