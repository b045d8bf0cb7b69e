from math import prod

import numpy as np
import pytest
from kernels import Store, assert_kernel_agrees, assert_padding_zero, lanes_of, uncompiled

from netlang.border import pack, unpack
from netlang.formula import Name, maximum, sigmoid
from netlang.primitives.band.op import Band
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Concat, Convert, Panels, Reshape, Slice, SpaceToDepth, Transpose
from netlang.primitives.reference import Run, reference
from netlang.primitives.region.op import Region
from netlang.primitives.window.op import Window
from netlang.types import Tensor

# size, kernel, stride, pad
POOLS = {
    "tiled": ((4, 6), (2, 2), (2, 2), (0, 0, 0, 0)),
    "overlapping, inside": ((7, 5), (3, 3), (2, 2), (0, 0, 0, 0)),
    "overlapping, padded": ((7, 6), (3, 3), (2, 2), (1, 1, 1, 0)),
    "larger, of which three pixels by three are inside": ((4, 6), (5, 4), (1, 2), (2, 2, 2, 1)),
    "gaps": ((7, 5), (1, 2), (3, 3), (0, 0, 0, 0)),
}
y, i0, i1, i2, i3 = Name("y"), *(Name(f"i{k}") for k in range(4))


def pooled(size, kernel, stride, pad):
    return tuple((size[d] + pad[d] + pad[d + 2] - kernel[d]) // stride[d] + 1 for d in (0, 1))


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize(("n", "channels", "dtype"), [(5, 17, "f32"), (17, 3, "f64")])
@pytest.mark.parametrize("role", ["out", "data"])
@pytest.mark.parametrize("how", ["max", "average"])
@pytest.mark.parametrize("name", POOLS)
def test_windows_agree_with_the_reference(name, how, role, n, channels, dtype, lanes):
    size, kernel, stride, pad = POOLS[name]
    primitive = Window(how, kernel, stride, pad, size, role)
    x = Tensor(dtype, ("n", *size, channels))
    dy = Tensor(dtype, ("n", *pooled(size, kernel, stride, pad), channels))
    types = [x] if role == "out" else [x, dy] if how == "max" else [dy]

    assert_kernel_agrees(primitive, types, n=n, lanes=lanes)


@pytest.mark.parametrize("name", POOLS)
def test_the_first_pixel_that_is_no_number_takes_the_gradient_of_its_window(name):
    """So that a fault that begins between two pools shows on both sides."""
    size, kernel, stride, pad = POOLS[name]
    types = [Tensor("f32", ("n", *size, 17)), Tensor("f32", ("n", *pooled(size, kernel, stride, pad), 17))]
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(size=t.arrayed(5)) for t in types)
    x[rng.random(x.shape) < 0.2] = np.nan

    assert_kernel_agrees(Window("max", kernel, stride, pad, size, "data"), types, n=5, values=[x, dy])


@pytest.mark.parametrize(
    ("n", "size", "pad", "channels", "dtype"),
    [
        (16, (28, 28), (2, 2, 2, 2), 1, "f32"),
        (37, (3, 6), (0, 1, 2, 0), 3, "f64"),
        (17, (2, 5), (1, 0, 0, 3), 3, "f32"),
    ],
)
def test_rows_become_images_with_zeros_around_them(n, size, pad, channels, dtype):
    rows = Tensor(dtype, ("n", size[0] * size[1] * channels))

    assert_kernel_agrees(Convert("n", size, pad), [rows], n=n, result_lanes="n")


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("how", ["max", "average"])
@pytest.mark.parametrize("name", POOLS)
def test_regions_around_the_gradient_of_a_pool_agree_with_the_reference(name, how, lanes):
    size, kernel, stride, pad = POOLS[name]
    types = [Tensor("f32", ("n", *size, 7)), Tensor("f32", ("n", *pooled(size, kernel, stride, pad), 7))]
    before, x = ((i0, i1), i0) if how == "max" else ((i0,), i1)
    types = types if how == "max" else types[::-1]
    region = Region(Window(how, kernel, stride, pad, size, "data"), before, y * (1.0 - x * x) + 0.5)

    assert_kernel_agrees(region, types, n=5, lanes=lanes)


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("role", ["out", "data"])
def test_regions_around_a_convolution_spread_their_operands(role, lanes):
    size, c, f = (5, 6), 3, 17
    transposed = role == "data" and lanes == "c"
    anchor = Contraction(role, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), size, transposed)
    source, result = (c, f) if role == "out" else (f, c)
    weight = (3, 3, f, c) if transposed else (3, 3, c, f)
    types = [("n", *size, source), weight, (result,), ("n", *size, result)]
    region = Region(anchor, (i0, i1), sigmoid(y + i2) * i3)

    assert_kernel_agrees(region, [Tensor("f32", t) for t in types], n=5, lanes=lanes)


@pytest.mark.parametrize("lanes", "cn")
def test_regions_around_a_dense_product_add_bias_and_image(lanes):
    types = [("n", 35), (35, 20), (20,), ("n", 1)]
    region = Region(Contraction(), (i0, i1), maximum(y + i2, 0.0) - i3)

    assert_kernel_agrees(region, [Tensor("f32", t) for t in types], n=18, lanes=lanes)


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize(
    ("shape", "to"), [((5, 4, 3), (60,)), ((60,), (3, 5, 4)), ((2, 2, 16), (64,)), ((3, 2, 5), (2, 3, 5))]
)
def test_reshape_keeps_the_order_of_elements(shape, to, lanes):
    assert_kernel_agrees(Reshape(to), [Tensor("f32", ("n", *shape))], n=17, lanes=lanes)


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("channels", [(1, 1, 1), (16, 3), (17, 16, 2), (5, 40)])
def test_concat_puts_channels_behind_one_another(channels, lanes):
    assert_kernel_agrees(Concat(), [Tensor("f32", ("n", 2, 3, c)) for c in channels], n=5, lanes=lanes)


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize(("start", "stop"), [(0, 16), (16, 40), (3, 5), (7, 39)])
def test_slice_takes_channels(start, stop, lanes):
    assert_kernel_agrees(Slice(start, stop), [Tensor("f32", ("n", 2, 3, 40))], n=5, lanes=lanes)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize(("n", "channels"), [(1, 1), (16, 16), (33, 17), (5, 35)])
@pytest.mark.parametrize(("lanes", "result"), [("c", "n"), ("n", "c"), ("c", "c")])
def test_convert_changes_no_element(lanes, result, n, channels, dtype):
    assert_kernel_agrees(Convert(result), [Tensor(dtype, ("n", 2, 3, channels))], n=n, lanes=lanes, result_lanes=result)


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize(("before", "after"), [(2, 2), (0, 3), (20, 1)])
@pytest.mark.parametrize("channels", [3, 16, 35])
def test_band_adds_the_channels_there_are(channels, before, after, lanes):
    assert_kernel_agrees(Band(before, after), [Tensor("f32", ("n", 2, 3, channels))], n=17, lanes=lanes)


@pytest.mark.parametrize(
    "shape", [(3, 2, 5, 17), (20, 3), (1, 2, 37, 150), (120, 84), (17, 16), (16, 15), (1024, 530), (1030, 530)]
)  # the last two past the caches, and not, as rows of 1030 are no multiple of a line
def test_transpose_flips_the_window_and_swaps_channels(shape):
    assert_kernel_agrees(Transpose(), [Tensor("f32", shape)], n=1)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("shape", [(3, 2, 5, 17), (2, 1, 18, 83), (20, 3), (37, 150), (64, 64), (1040, 521)])
def test_panels_have_the_rows_of_sixteen_filters_side_by_side(shape, turned):
    assert_kernel_agrees(Panels(turned), [Tensor("f32", shape)], n=1)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize(
    ("side", "made", "size", "before", "channels"),
    [
        (2, (5, 6), (7, 9), (3, 3), 3),
        (2, (2, 2), (9, 11), (0, 1), 1),
        (4, (4, 3), (11, 7), (2, 5), 8),
        (3, (1, 1), (1, 1), (2, 2), 7),
        (2, (4, 12), (9, 23), (1, 1), 5),
        (4, (3, 8), (11, 40), (2, 5), 8),
    ],
)
def test_squares_of_pixels_become_channels(side, made, size, before, channels, rows):
    primitive = SpaceToDepth(side, made, size, before, rows)

    shape = ("n", prod(size) * channels) if rows else ("n", *size, channels)
    assert_kernel_agrees(primitive, [Tensor("f32", shape)], n=3)


@pytest.mark.parametrize(
    ("side", "made", "shape"), [(2, (4, 4), (7, 7, 3, 64)), (4, (3, 2), (11, 5, 2, 17)), (2, (1, 2), (3, 3, 1, 3))]
)
def test_squares_of_taps_become_channels(side, made, shape):
    assert_kernel_agrees(SpaceToDepth(side, made, shape[:2]), [Tensor("f32", shape)], n=1)


@pytest.mark.parametrize("lanes", "cn")
def test_kernels_also_run_as_plain_python(lanes):
    """Under a debugger, and for coverage."""
    region = Region(Contraction("out", (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), (3, 4)), (i0, i1), sigmoid(y + i2))
    types = [Tensor("f32", t) for t in (("n", 3, 4, 2), (3, 3, 2, 5), (5,))]
    rng = np.random.default_rng(0)
    inputs = [Store(f"in{k}", t, lanes_of(t, lanes), 2) for k, t in enumerate(types)]
    values = [rng.normal(size=t.arrayed(2)).astype(np.float32) for t in types]
    for store, value in zip(inputs, values, strict=True):
        pack(store.buffer, store.memory, value)
    out = Store("out", region.infer(*types), lanes, 2)

    uncompiled(region, inputs, out, 2)

    assert_padding_zero(out, 2)
    made = unpack(out.buffer, out.memory, 2)
    assert np.abs(made - reference(region, tuple(values), out.buffer.type, Run(2))).max() <= 1e-6
