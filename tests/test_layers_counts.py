"""Shapes, parameters and MACs of every layer, against formulas written out by hand."""

import pytest

import netlang.layers  # noqa: F401 (makes the layers known)
from netlang.layer import Common, Misfit, find
from netlang.sizes import letter
from netlang.types import Tensor, shown

T = letter("T")


def of(word, **settings):
    return find(word)(**settings)


def numbers(*shape):
    return Tensor("f32", ("n", *shape))


TOKENS = Tensor("i32", ("n", "T"), 20_000)
n, m, k = 128, 28, 3
LSTM = 4 * (n * (n + m) + n)
COUNTS = [  # layer, input, output, parameters, MACs
    (of("conv", kernel=(3, 3), width=64), numbers(224, 224, 3), (224, 224, 64), 1792, 224 * 224 * 64 * 27),
    (
        of("conv", kernel=(11, 11), width=96, stride=(4, 4), pad=(2, 2)),
        numbers(224, 224, 3),
        (55, 55, 96),
        34_944,
        105_415_200,
    ),
    (
        of("conv", kernel=(5, 5), width=256, groups=2),
        numbers(27, 27, 96),
        (27, 27, 256),
        307_456,
        27 * 27 * 256 * 25 * 48,
    ),
    (of("conv", kernel=(5, 5), width=6, pad=(2, 2)), numbers(28, 28, 1), (28, 28, 6), 150 + 6, 28 * 28 * 150),
    (of("conv", kernel=(5, 5), width=16, pad="valid"), numbers(14, 14, 6), (10, 10, 16), 2400 + 16, 100 * 2400),
    (of("conv", kernel=(3, 3), width=7), numbers("T", 5), ("T", 7), 3 * 5 * 7 + 7, 105 * T),
    (of("conv", kernel=(3, 3), width=8, stride=(2, 2)), numbers("H", "W", 2), None, 152, None),
    (of("dwconv", kernel=(3, 3), stride=(2, 2), bias=False), numbers(112, 112, 64), (56, 56, 64), 576, 56 * 56 * 576),
    (of("dwconv", kernel=(3, 3), mult=2), numbers(8, 8, 3), (8, 8, 6), 54 + 6, 64 * 54),
    (
        of("deconv", kernel=(4, 4), width=21, stride=(2, 2)),
        numbers(8, 8, 21),
        (16, 16, 21),
        16 * 441 + 21,
        64 * 16 * 441,
    ),
    (of("deconv", kernel=(3, 3), width=2, stride=(2, 2), pad="valid"), numbers(4, 5, 3), (9, 11, 2), 56, 20 * 54),
    (of("local", kernel=(3, 3), width=4, pad="valid"), numbers(6, 5, 2), (4, 3, 4), 12 * (18 * 4 + 4), 12 * 72),
    (of("fc", width=4096), numbers(7, 7, 512), (4096,), 512 * 7 * 7 * 4096 + 4096, 512 * 7 * 7 * 4096),
    (of("maxout", kernel=2, width=64), numbers(10), (64,), 2 * 64 * 10 + 128, 1280),
    (of("channelpool", kernel=2), numbers(4, 4, 6), (4, 4, 3), 0, 0),
    (of("maxpool", kernel=(3, 3), stride=(2, 2), ceil=True), numbers(112, 112, 64), (56, 56, 64), 0, 0),
    (of("maxpool", kernel=(3, 3), stride=(2, 2), pad="valid"), numbers(55, 55, 96), (27, 27, 96), 0, 0),
    (of("avgpool"), numbers("T", 5), None, 0, 0),
    (of("gap"), numbers(7, 7, 2048), (2048,), 0, 0),
    (of("globalmaxpool"), numbers("T", 5), (5,), 0, 0),
    *((of(word), numbers("T", 5), (5,), 0, 0) for word in ("last", "first", "mean")),
    (of("prelu"), numbers(4, 4, 6), (4, 4, 6), 6, 0),
    *((of(word), numbers(4, 4, 6), (4, 4, 6), 12, 0) for word in ("bn", "ln", "in")),
    (of("bn", scale=False), numbers("T", 6), ("T", 6), 6, 0),
    (of("gn", groups=3, shift=False), numbers(4, 4, 6), (4, 4, 6), 6, 0),
    (of("lrn"), numbers(4, 4, 6), (4, 4, 6), 0, 0),
    (of("reshape", shape=(2, 48)), numbers(4, 4, 6), (2, 48), 0, 0),
    (of("pad", by=(1, 2), channels=3), numbers(4, 4, 6), (6, 8, 9), 0, 0),
    (of("crop", by=(1, 1)), numbers(4, "W", 6), None, 0, 0),
    (of("upsample", kernel=(2, 2)), numbers(4, 4, 6), (8, 8, 6), 0, 0),
    (of("scale", factor=0.17), numbers(4), (4,), 0, 0),
    (of("embed", width=n), TOKENS, ("T", n), 20_000 * n, 0),
    (of("onehot"), TOKENS, ("T", 20_000), 0, 0),
    (of("rnn", width=n), numbers("T", m), ("T", n), n * (n + m) + n, T * (n * (n + m))),
    (of("lstm", width=n), numbers("T", m), ("T", n), LSTM, T * (4 * n * (n + m))),
    (of("lstm", width=n, peephole=True), numbers("T", m), ("T", n), LSTM + 3 * n, T * (4 * n * (n + m))),
    (of("lstm", width=n, last=True), numbers(10, m), (n,), LSTM, 10 * 4 * n * (n + m)),
    (of("lstm", width=n, bidirectional=True, last=True), numbers(10, m), (2 * n,), 2 * LSTM, 80 * n * (n + m)),
    (of("gru", width=n), numbers("T", m), ("T", n), 3 * n * (n + m) + 4 * n, T * (3 * n * (n + m))),
    (of("gru", width=n, reset="before"), numbers("T", m), ("T", n), 3 * n * (n + m) + 3 * n, T * (3 * n * (n + m))),
]


@pytest.mark.parametrize(("layer", "x", "shape", "parameters", "macs"), COUNTS, ids=lambda v: str(v)[:40])
def test_shape_parameters_and_macs_are_those_of_the_formula(layer, x, shape, parameters, macs):
    y = layer.fitted(x)

    assert shape is None or y.shape == ("n", *shape)
    assert sum(w.type.size for w in layer.weights(x)) == parameters
    assert macs is None or layer.macs(y, x) == macs


@pytest.mark.parametrize(
    ("layer", "x", "shape"),
    [
        (of("conv", kernel=(3, 3), width=8, stride=(2, 2)), numbers("H", "W", 2), "ceil(H/2)xceil(W/2)x8"),
        (of("avgpool"), numbers("T", 5), "ceil(T/2)x5"),
        (of("conv", kernel=(3, 3), width=8, pad="valid"), numbers("H", 9, 2), "(H - 2)x7x8"),
        (of("crop", by=(1, 1)), numbers(4, "W", 6), "2x(W - 2)x6"),
        (of("deconv", kernel=(4, 4), width=3, stride=(2, 2)), numbers("H", "W", 2), "(2*H)x(2*W)x3"),
    ],
    ids=str,
)
def test_sizes_that_are_not_fixed_pass_through(layer, x, shape):
    assert shown(layer.fitted(x).shape) == shape


def test_flops_of_recurrent_layers_count_what_their_equations_do():
    x = numbers("T", m)
    for layer, extra in (
        (of("rnn", width=n), 2),
        (of("lstm", width=n), 13),
        (of("lstm", width=n, peephole=True), 19),
        (of("gru", width=n), 13),
        (of("gru", width=n, reset="before"), 11),
    ):
        y = layer.infer(x)
        assert layer.flops(y, x) == 2 * layer.macs(y, x) + T * (extra * n)


def test_pytorchs_ceil_drops_a_window_that_starts_behind_the_image():
    assert of("maxpool", kernel=(2, 2), stride=(3, 3), ceil=True).infer(numbers(6, 7, 1)).shape == ("n", 2, 3, 1)
    assert of("maxpool", kernel=(1, 1), stride=(2, 2), ceil=True).infer(numbers(4, 5, 1)).shape == ("n", 2, 3, 1)


@pytest.mark.parametrize(
    ("shortcut", "x", "y", "stride", "layers"),
    [
        ("auto", (8, 8, 4), (8, 8, 4), (1, 1), []),
        ("auto", (8, 8, 4), (4, 4, 6), (2, 2), ["conv1-6/2 bias=no", "bn"]),
        ("project", (8, 8, 4), (8, 8, 4), (1, 1), ["conv1-4 bias=no", "bn"]),
        ("auto", (8,), (6,), (1, 1), ["fc-6 bias=no", "bn"]),
        ("auto", ("T", 4), ("T", 6), (1, 1), ["conv1-6 bias=no", "bn"]),
        ("pad", (8, 7, 4), (4, 4, 6), (2, 2), ["maxpool1/2", "pad channels=2"]),
        ("pad", (8, 8, 4), (8, 8, 6), (1, 1), ["pad channels=2"]),
    ],
)
def test_a_shortcut_is_made_of_ordinary_layers_that_fit(shortcut, x, y, stride, layers):
    made = of("residual", shortcut=shortcut).around(numbers(*x), numbers(*y), stride, bias=False, norm=of("bn"))

    at = numbers(*x)
    for layer in made:
        at = layer.infer(at)
    assert [str(layer) for layer in made] == layers
    assert at == numbers(*y)


@pytest.mark.parametrize(
    ("shortcut", "x", "y", "stride", "message"),
    [
        ("identity", (8, 8, 4), (4, 4, 6), (2, 2), "the branches of `residual` do not add up"),
        ("auto", (8, 8, 4), (6, 6, 6), (1, 1), "the branches of `residual` do not add up"),
        ("pad", (8, 8, 4), (8, 8, 3), (1, 1), "`shortcut=pad` appends channels, and 4 are more than 3"),
    ],
)
def test_a_shortcut_that_cannot_fit_is_refused(shortcut, x, y, stride, message):
    with pytest.raises(Misfit) as refused:
        of("residual", shortcut=shortcut).around(numbers(*x), numbers(*y), stride, bias=True, norm=None)
    assert str(refused.value) == message


def test_only_tokens_are_embedded_and_nothing_else_reads_them():
    with pytest.raises(Misfit, match="reads numbers, and this is tokens"):
        of("relu").fitted(TOKENS)
    with pytest.raises(Misfit, match="reads tokens, and this is numbers"):
        of("embed", width=4).fitted(numbers(5, 4))
    with pytest.raises(Misfit, match="fixed number of channels"):
        of("relu").fitted(numbers(5, "T"))


def test_a_merge_of_sizes_that_agree_sometimes_says_when():
    half = of("upsample", kernel=(2, 2)).infer(of("maxpool").infer(numbers("H", 8, 3)))

    assert of("add").infer(numbers("H", 8, 3), half).shape == ("n", "H", 8, 3)
    assert of("concat").notes(numbers("H", 8, 3), half) == ("needs H even",)


def test_what_is_said_of_all_weights_holds_for_them():
    w, b = (Common(l2=5e-4, lr=0.1, freeze=True).on(w) for w in of("fc", width=3).weights(numbers(4)))

    assert (w.l2, w.rate, w.frozen) == (5e-4, 0.1, True)
    assert (b.l2, b.rate, b.frozen) == (0.0, 0.1, True)
    with pytest.raises(Misfit, match="l2 must be 0 or more"):
        Common(l2=-1.0)


def conv(kernel, width, **settings):
    return of("conv", kernel=(kernel, kernel), width=width, **settings)


def pool(**settings):
    return of("maxpool", kernel=(3, 3), stride=(2, 2), pad="valid", **settings)


FC = (of("fc", width=4096), of("fc", width=4096), of("fc", width=1000))
PUBLISHED = {  # layers, input, parameters, MACs in millions where the zoo has a figure
    "AlexNet, two towers": (
        (
            conv(11, 96, stride=(4, 4), pad="valid"),
            of("lrn"),
            pool(),
            conv(5, 256, groups=2),
            of("lrn"),
            pool(),
            conv(3, 384),
            conv(3, 384, groups=2),
            conv(3, 256, groups=2),
            pool(),
            *FC,
        ),
        (227, 227, 3),
        60_965_224,
        724,
    ),
    "AlexNet of torchvision": (
        (
            conv(11, 64, stride=(4, 4), pad=(2, 2)),
            pool(),
            conv(5, 192),
            pool(),
            conv(3, 384),
            conv(3, 256),
            conv(3, 256),
            pool(),
            *FC,
        ),
        (224, 224, 3),
        61_100_840,
        714,
    ),
    "ZFNet": (
        (
            conv(7, 96, stride=(2, 2), pad=(1, 1)),
            of("maxpool", kernel=(3, 3), stride=(2, 2)),
            of("lrn"),
            conv(5, 256, stride=(2, 2), pad="valid"),
            of("maxpool", kernel=(3, 3), stride=(2, 2)),
            of("lrn"),
            conv(3, 384),
            conv(3, 384),
            conv(3, 256),
            pool(),
            *FC,
        ),
        (224, 224, 3),
        62_357_608,
        None,
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_chains_have_their_published_counts(name):
    layers, shape, parameters, macs = PUBLISHED[name]
    x, counted, products = numbers(*shape), 0, 0
    for layer in layers:
        y = layer.fitted(x)
        counted += sum(w.type.size for w in layer.weights(x))
        products += layer.macs(y, x)
        x = y

    assert counted == parameters
    assert macs is None or round(products / 1e6) == macs
