"""Exported nets: onnx.checker takes them, and ONNX Runtime computes what netlang does."""

import os
import re
from pathlib import Path

import cases
import numpy as np
import pytest

import netlang
from netlang.check import letters, sized
from netlang.export.onnx import NEWEST, OLDEST, Form, model, places
from netlang.export.operators import operators
from netlang.formula import operations
from netlang.layer import all_layers
from netlang.layers.onnx import OPERATIONS, writer
from netlang.start import shapes, started

onnx = pytest.importorskip("onnx", reason="the extra `reference` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `reference` is not installed")
from onnx_runs import assert_near, by_netlang, by_runtime, numbers, written  # noqa: E402 (needs onnx)
from test_generated_runs import programs  # noqa: E402

pytestmark = pytest.mark.reference
ZOO = Path(__file__).parents[1] / "examples"
GENERATED = 20
USUAL = ("xor-mlp",)
LENGTHS = {"H": 64, "W": 64, "T": 12}
VARIANCES = (0.5, 1.0, 4.0)  # kept by norms: with one of them a deep net's outputs are neither all alike nor one hot
REFEREE = 1e-4  # relative L2 of two ways of float32, through up to fifty layers
LATEST = min(NEWEST, onnx.defs.onnx_opset_version())


@pytest.mark.parametrize("opset", [OLDEST, LATEST])
@pytest.mark.parametrize("case", cases.LAYERS, ids=str)
def test_each_layer_agrees_at_any_batch(case, opset, tmp_path):
    net = cases.net(case)
    inputs, weights = numbers(net, reach=case.reach)
    path = written(net, weights, tmp_path / "x.onnx", Form(opset=opset))

    for n in (3, 1):
        some = {name: x[:n] for name, x in inputs.items()}
        assert_near(by_runtime(path, some), by_netlang(net, some, weights))


def test_every_layer_that_compiles_is_written():
    unknown = [kind.word for kind in all_layers() if writer(object.__new__(kind)) is None]

    assert not unknown


def test_generated_programs_agree(tmp_path):
    for seed, net in programs(GENERATED):
        inputs, weights = numbers(net, seed=seed, reach=1.0)
        path = written(net, weights, tmp_path / f"{seed}.onnx")

        assert_near(by_runtime(path, inputs), by_netlang(net, inputs, weights))


@pytest.mark.parametrize("path", sorted(ZOO.glob("*.net")), ids=lambda path: path.stem)
def test_the_checker_takes_every_example_at_its_full_size(path, tmp_path):
    """The weights are a hole in a file beside the model: onnx.checker asks for their place and length, not for them."""
    net = netlang.load(path)
    made = operators(net.checked)
    proto = model(net.checked, net.identity, made, Form(external=True), "hole")
    inside = {tensor.name: tensor for tensor in proto.graph.initializer}
    for name in made.initial.keys() - places(made).keys():
        inside[name].raw_data = bytes(4 * int(np.prod(made.initial[name].shape)))
    (tmp_path / "x.onnx").write_bytes(proto.SerializeToString())
    with (tmp_path / "hole").open("wb") as hole:
        hole.truncate(sum(4 * int(np.prod(initial.shape)) + 4096 for initial in made.initial.values()))

    onnx.checker.check_model(tmp_path / "x.onnx", full_check=True)
    assert {name for initial in made.initial.values() for name in initial.of} <= shapes(net.checked).keys()
    known = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    assert len(known.graph.value_info) >= len(made.made) - len(net.checked.running())


@pytest.mark.parametrize("name", ["lenet", "mlp", "xor-mlp", "logistic", "resnet-cifar", "resnet-cifar-projection"])
def test_examples_agree(name, tmp_path):
    net = netlang.load(ZOO / f"{name}.net").checked
    weights = dict(started(net, seed=1))
    path = written(net, weights, tmp_path / "x.onnx")

    inputs, _ = numbers(net, n=1)
    assert_near(by_runtime(path, inputs), by_netlang(net, inputs, weights))


def zoo():
    for path in sorted(ZOO.glob("*.net")):
        if os.environ.get("NETLANG_ZOO") == "all" or path.stem in USUAL:
            net = netlang.load(path)
            yield pytest.param(net, {letter: LENGTHS[letter] for letter in letters(net.checked)}, id=path.stem)


@pytest.mark.parametrize(("net", "sizes"), list(zoo()))
def test_what_is_compiled_agrees_at_full_size(net, sizes, tmp_path):
    """NETLANG_ZOO=all takes every example, the ordinary run one."""
    prog = net.compile(batch=2, seed=1, sizes=sizes)
    inputs, drawn = numbers(sized(net.checked, sizes), n=2, reach=1.0)
    norms = [name for name in drawn if name.endswith((".mean", ".variance"))]
    try:
        for variance in VARIANCES if norms else [1.0]:
            for name in norms:
                prog.weights[name] = (
                    0.1 * drawn[name] if name.endswith(".mean") else np.full_like(drawn[name], variance)
                )
            net.export(tmp_path / "x.onnx", prog.weights, external=True)
            answer = prog(inputs)
            expected = answer if isinstance(answer, dict) else {next(iter(net.graph.outputs)): answer}
            for name, y in by_runtime(tmp_path / "x.onnx", inputs).items():
                assert np.linalg.norm(y - expected[name]) <= REFEREE * np.linalg.norm(y), (name, variance)
    finally:
        prog.close()


def test_a_narrow_unet_agrees_on_images_of_any_size(tmp_path):
    text = re.sub(
        r"\b(64|128|256|512|1024)\b", lambda width: str(int(width[0]) // 32), (ZOO / "unet-same.net").read_text()
    )
    net = netlang.from_text(text.partition("expect")[0]).checked
    weights = dict(started(net, seed=1))
    path = written(net, weights, tmp_path / "x.onnx")

    for sizes in ({"H": 16, "W": 32}, {"H": 48, "W": 16}):
        inputs, _ = numbers(sized(net, sizes), n=2)
        assert_near(by_runtime(path, inputs), by_netlang(sized(net, sizes), inputs, weights))


IMAGE_SIZES = ({"H": 6, "W": 9}, {"H": 7, "W": 8}, {"H": 9, "W": 11})
SEQUENCE_SIZES = ({"T": 6}, {"T": 7}, {"T": 9})
SLIDING = (  # each on images and on sequences, their sizes open
    *("conv3-4", "conv3-4/2", "conv5-3/3", "conv4-3/2", "conv2-3/1", "conv3-4/2 dilation=2", "conv3-4/2 valid"),
    *("dwconv3/2", "deconv4-3/2", "deconv3-3/2", "deconv2-2/3", "deconv3-3 valid", "deconv3-3/2 pad=1"),
    *("maxpool", "maxpool3/2", "maxpool5/3", "maxpool3/2 ceil", "maxpool3/2 ceil pad=1", "maxpool ceil"),
    *("avgpool", "avgpool3/3", "avgpool3/2 ceil", "avgpool3/2 ceil pad=1 count_padding", "avgpool2 count_padding"),
    *("gap", "globalmaxpool", "ln", "in", "gn 3", "bn", "lrn", "softmax", "prelu", "channelpool3"),
    *("pad 1", "crop 1", "upsample2", "upsample3 bilinear"),
    *("concat[ conv3-2 | gap ]", "mul[ identity | gap, FC-3 sigmoid ]", "residual[ conv3-3 ]"),
    *("conv3-4 valid @a\n@start, crop like=@a", "maxpool @a\n@start, maxpool3/3 valid, upsample like=@a"),
    "maxpool @a\n@start, maxpool3/3 valid, upsample like=@a bilinear",
)


@pytest.mark.parametrize("line", [*SLIDING, "maxpool3x2/2", "conv4x3-2/2x3"])
def test_one_file_serves_every_size_that_is_open(line, tmp_path):
    heads = {"input HxWx3 @start": IMAGE_SIZES} | ({"input Tx3 @start": SEQUENCE_SIZES} if line in SLIDING else {})
    for head, sizes in heads.items():
        net = netlang.from_text(f"{head}\n{line}\n").checked
        _, weights = numbers(sized(net, sizes[0]))
        path = written(net, weights, tmp_path / f"{head[6]}.onnx")
        for each in sizes:
            inputs, _ = numbers(sized(net, each))
            assert_near(by_runtime(path, inputs), by_netlang(sized(net, each), inputs, weights))


LSTM = """cell same(n):
    state h=n, c=n
    f = sigmoid(W[x, h] + w * c + b)
    i = sigmoid(W[x, h] + w * c + b)
    g = tanh(W[x, h] + b)
    c = f * c + i * g
    o = sigmoid(W[x, h] + w * c + b)
    h = o * tanh(c)
    output h

"""
GRU = """cell same(n):
    state h=n
    z = sigmoid(W[x, h] + b)
    r = sigmoid(W[x, h] + b)
    g = tanh(W[x] + b + r * (W[h] + b))
    h = z * h + (1 - z) * g
    output h

"""


@pytest.mark.parametrize("way", ["", " reverse", " last", " bidirectional", " reverse last", " bidirectional last"])
@pytest.mark.parametrize(("cell", "word"), [(LSTM, "lstm-4 peephole"), (GRU, "gru-4")], ids=["lstm", "gru"])
def test_the_equations_of_a_cell_step_by_step_are_onnxs_own_operator(cell, word, way, tmp_path):
    one, other = (netlang.from_text(f"{cell}input Tx3\n{line}{way} @a\n").checked for line in (word, "same-4"))
    inputs, weights = numbers(sized(one, {"T": 6}))
    paths = [written(net, weights, tmp_path / f"{k}.onnx") for k, net in enumerate((one, other))]

    own, steps = (onnx.load(path).graph.node for path in paths)
    assert word.partition("-")[0].upper() in {node.op_type for node in own}
    assert "Scan" in {node.op_type for node in steps}
    assert_near(by_runtime(paths[0], inputs), by_runtime(paths[1], inputs))


OWN = """cell own(n, k=2):       # products in products, a state of another width, a weight number by number
    state h=n, c=2*n
    a = W[x] + b
    q = w * c + b
    c = tanh(W[x, h, k*h] + q) + 0.5*c
    s = sigmoid(W[W[x, c] + b, h] * a)
    h = s + relu(W[c] - a)
    output h

cell fixed(n):          # values that are the same for every example
    state h=n
    t = 1 - 0.5
    u = w * 3 + b
    v = W[x, b, 1]
    h = t*u + W[x, W[u]] + v
    output h

cell told(n):           # an output that is no state
    state h=n
    h = tanh(W[x, h] + b)
    y = W[h] * 2
    output y

"""
CELLS = (
    *("own-3", "own-3 k=3 bidirectional last", "own-3 reverse", "fixed-3", "told-3 last", "told-3 bidirectional"),
    *("own-6 @a, own-6 tie=@a", "lstm-6 peephole @a, lstm-6 peephole tie=@a", "rnn-5 act=relu bidirectional"),
    *("gru-5 reset=before reverse last", "gru-6, conv1-3, soft-max"),
)


@pytest.mark.parametrize("line", CELLS)
def test_recurrent_layers_agree_at_any_length(line, tmp_path):
    net = netlang.from_text(f"{OWN}input Tx6\n{line}\n").checked
    _, weights = numbers(sized(net, {"T": 1}))
    path = written(net, weights, tmp_path / "x.onnx")

    for steps in (5, 1):
        inputs, _ = numbers(sized(net, {"T": steps}))
        assert_near(by_runtime(path, inputs), by_netlang(sized(net, {"T": steps}), inputs, weights))


@pytest.mark.parametrize("line", ["avgpool2x3/2x3", "maxpool2/3 ceil"])
def test_padding_that_no_word_of_onnx_computes_is_refused_until_the_size_is_fixed(line):
    net = netlang.from_text(f"input HxWx3\n{line}\n")

    with pytest.raises(netlang.NetError, match="padding of this window depends on sizes that are not fixed") as refused:
        operators(net.checked)
    assert "--set H=224" in str(refused.value)
    assert operators(sized(net.checked, {"H": 7, "W": 8})).made


def test_every_operation_of_formulas_has_a_word():
    assert OPERATIONS.keys() == operations().keys()
