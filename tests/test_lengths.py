"""Examples of different lengths: each is what it is alone, cut to its length (RULINGS 59)."""

import numpy as np
import pytest

import netlang
from netlang.diagnostics import NetError
from netlang.differentiate import differentiate
from netlang.graph import Input, Lengths
from netlang.interpret import interpret
from netlang.layer import Kept, Weight
from netlang.lower import lower
from netlang.pipeline import compile_plan
from netlang.primitives.launch import Target
from netlang.primitives.reference import Run

TARGET = Target("test", "f32", ((6, 4), (6, 1), (1, 1)), 2)
T = 9
LENGTHS = (9, 6, 4, 7)

MINE = """cell mine(n):
    state h=n
    a = tanh(W [x, h] + b)
    z = sigmoid(W [x] + b)
    h = z*a + (1 - z)*h + 0.1
    output h
"""

# Each net reads 9 steps of 5 numbers, or tokens; what can be read of a sequence stands at the end.
NETS = {
    "conv": "input {t}x5\nconv3-4 tanh, conv2-3",
    "conv, its bias, an activation that is not 0 at 0": "input {t}x5\nconv3-4 sigmoid, conv3-3 softplus",
    "conv without bias": "input {t}x5\nconv3-4 bias=no act=tanh, conv5-3 bias=no linear",
    "strides": "input {t}x5\nconv3-4/2 tanh, conv5-3/2 linear",
    "dilation and no padding": "input {t}x5\nconv2-4 dilation=2 valid act=tanh, conv3-3 pad=2 linear",
    "dwconv": "input {t}x5\ndwconv3 mult=2 act=tanh, dwconv3/2 linear",
    "deconv": "input {t}x5\ndeconv3-4/2 tanh, deconv2-3 valid linear",
    "maxpool": "input {t}x5\nconv1-4 linear, maxpool, maxpool3/1",
    "avgpool": "input {t}x5\nconv1-4 linear, avgpool3/2, avgpool3/1",
    "a pool that counts its padding": "input {t}x5\nconv1-4 linear, avgpool3/1 count_padding=yes",
    "a pool that reaches over the end": "input {t}x5\nconv1-4 linear, maxpool3/2 ceil=yes, avgpool2/1 ceil=yes",
    "mean": "input {t}x5\nconv3-4 tanh, mean, FC-3 linear",
    "gap": "input {t}x5\nconv3-4 tanh, gap, FC-3 linear",
    "globalmaxpool": "input {t}x5\nconv3-4 linear, globalmaxpool, FC-3 linear",
    "last": "input {t}x5\nconv3-4 tanh, last, FC-3 linear",
    "first": "input {t}x5\nconv3-4 tanh, first, FC-3 linear",
    "ln": "input {t}x5\nconv3-4 ln act=tanh, conv3-3 linear",
    "gn": "input {t}x5\nconv3-4 gn=2 act=tanh, conv3-3 linear",
    "in": "input {t}x5\nconv3-4 in act=tanh, conv3-3 linear",
    "a norm without scale and shift": "input {t}x5\ngn 5 scale=no shift=no, conv3-3 linear",
    "lrn": "input {t}x5\nlrn size=3, conv3-3 linear",
    "softmax in between": "input {t}x5\nsoftmax, conv3-3 linear",
    "embed": "input {t} tokens vocab=7\nembed-4, conv3-3 linear",
    "onehot": "input {t} tokens vocab=7\nonehot, conv3-3 linear, last",
    "merges": "input {t}x5\nadd[conv3-4 linear | conv1-4 linear], mul[conv3-4 linear | identity]",
    "max": "input {t}x5\nmax[conv3-4 linear | conv1-4 linear], sub[conv3-4 linear | identity]",
    "concat": "input {t}x5\nconcat[conv3-4 linear | identity], conv3-3 linear",
    "residual": "input {t}x5\nresidual[conv3-4/2 tanh, conv3-4 linear]",
    "a vector spread over the steps": "input {t}x5\nconv3-4 tanh, mul[gap, FC-4 sigmoid | identity], conv3-3 linear",
    "upsample": "input {t}x5\nupsample2, conv3-3 linear",
    "pad and crop": "input {t}x5\npad 1, conv3-4 tanh, crop 2, conv3-3 linear",
    "another's size": "input {t}x5 @a\npad 2, conv3-4, crop like=@a, upsample2 @b, conv3-4/2 linear, upsample like=@b",
    "channelpool": "input {t}x5\nconv3-4 linear, channelpool2, conv3-3 linear",
    "prelu, scale, identity": "input {t}x5\nprelu, scale 2, identity, conv3-3 linear",
    "cross entropy of steps": "input {t}x5\nconv3-4 tanh, conv1-3 linear, softmax",
    "binary cross entropy of steps": "input {t}x5\nconv3-4 tanh, conv1-1 linear, sigmoid",
    "mae": "input {t}x5\nconv3-3 linear\ntrain: loss=mae",
    "smooth_l1": "input {t}x5\nconv3-3 linear\ntrain: loss=smooth_l1",
    "hinge": "input {t}x5\nconv3-3 linear\ntrain: loss=hinge",
    "perceptron": "input {t}x5\nconv3-3 linear, step\ntrain: loss=perceptron",
    "rnn": "input {t}x5\nrnn-4, conv3-3 linear",
    "lstm": "input {t}x5\nlstm-4 x2, conv1-3 linear",
    "lstm, its last step": "input {t}x5\nlstm-4 peephole last, FC-3 linear",
    "gru reverse": "input {t}x5\ngru-4 reverse, conv1-3 linear",
    "gru reverse, its last step": "input {t}x5\ngru-4 reset=before reverse last, FC-3 linear",
    "lstm bidirectional": "input {t}x5\nlstm-4 bidirectional, gru-4 bidirectional last, FC-3 linear",
    "last of a reverse recurrence": "input {t}x5\nrnn-4 reverse act=relu, last, FC-3 linear",
    "a cell": MINE + "input {t}x5\nmine-4 bidirectional, conv1-3 linear",
    "a classifier": "input {t}x5\nconv3-4, maxpool, conv3-4, gap, FC-3, softmax",
}  # fmt: skip
EVERY = pytest.mark.parametrize("name", NETS)


def primitives(name, steps=T, *, lengths=False):
    net = netlang.from_text(NETS[name].format(t=steps)).checked
    inputs = [node.id for node in net.graph.made_by(Input)]
    return lower(net, training=True, dtype="f64", lengths=dict.fromkeys(inputs, inputs[0]) if lengths else None)


def given(graph, lengths=LENGTHS, seed=0):
    """Random numbers for everything that is fed; zeros beyond the ends, as programs put them there."""
    random = np.random.default_rng(seed)
    feeds = {}
    for node in graph.made_by(Lengths):
        feeds[node.id] = np.array([[node.made_by.steps[n - 1]] for n in lengths], float)
    for node in graph.made_by(Weight):
        feeds[node.id] = random.normal(size=node.type.arrayed(0))
    for node in graph.made_by(Input):
        if isinstance(node.made_by, Lengths):
            continue
        shape = node.type.arrayed(len(lengths))
        tokens = node.id == "input" and shape[-1] == 1
        whole = tokens or node.made_by.kind == "labels"
        value = random.integers(0, 3, shape).astype(float) if whole else random.normal(size=shape)
        if node.made_by.ends:
            real = np.arange(shape[1])[None, :, None] < feeds[node.made_by.ends][:, :, None]
            value = np.where(real, value, 0)
        feeds[node.id] = value
    return feeds


def alone(feeds, graph, k):
    """What the example k is fed alone: its own part of everything, cut."""
    own = {}
    for node in graph:
        if isinstance(node.made_by, Input):
            shape = node.type.arrayed(1)
            own[node.id] = feeds[node.id][k : k + 1][tuple(slice(size) for size in shape)]
        elif isinstance(node.made_by, Weight):
            own[node.id] = feeds[node.id]
    return own


@EVERY
def test_an_example_is_what_it_is_alone_and_a_loss_the_mean_over_what_is_real(name):
    graph = primitives(name, lengths=True)
    weights = [node.id for node in graph.made_by(Weight)]
    graph = differentiate(graph, wrt=weights)
    feeds = given(graph)
    values = interpret(graph, feeds)
    y = values[graph.outputs["output"]]

    totals, places = dict.fromkeys(["loss", *weights], 0.0), 0
    for k, steps in enumerate(LENGTHS):
        single = differentiate(primitives(name, steps), wrt=weights)
        found = interpret(single, alone(feeds, single, k))
        wanted = found[single.outputs["output"]][0]
        np.testing.assert_allclose(y[k][: len(wanted)], wanted, rtol=1e-11, atol=1e-13)
        assert not y[k][len(wanted) :].any(), "behind the end stands something"
        real = single[single.outputs["output"]].type.positions
        places += real
        for w in totals:
            totals[w] = totals[w] + real * found[single.outputs["loss" if w == "loss" else f"d:{w}"]]

    for w, total in totals.items():
        of = graph.outputs["loss" if w == "loss" else f"d:{w}"]
        np.testing.assert_allclose(values[of], total / places, rtol=1e-9, atol=1e-12, err_msg=w)


@pytest.mark.parametrize(
    "norm", ["conv1-4 linear bias=no, bn", "conv1-4 bias=no, prelu, scale 2, bn scale=no shift=no"]
)
def test_a_batch_norm_takes_its_statistics_over_the_real_steps_of_all_examples(norm):
    text = f"input {{t}}x5\n{norm}, conv1-3 linear"
    nets = [netlang.from_text(text.format(t=steps)).checked for steps in (T, sum(LENGTHS))]
    graph, joined = (
        differentiate(lower(net, training=True, dtype="f64", lengths=by))
        for net, by in zip(nets, ({"input": "input"}, None), strict=True)
    )
    feeds = given(graph)
    kept = {n.id: np.full(n.type.arrayed(0), n.made_by.start) for n in graph.made_by(Kept)}
    values = interpret(graph, feeds | kept)
    row = {
        name: np.concatenate([feeds[name][k, :n] for k, n in enumerate(LENGTHS)])[None] for name in ("input", "target")
    }
    wanted = interpret(joined, {**feeds, **kept, **row}, Run(examples=1))

    for name, of in graph.outputs.items():
        if name != "output":
            np.testing.assert_allclose(values[of], wanted[joined.outputs[name]], rtol=1e-10, err_msg=name)


PROGRAMS = {
    "labels": "input 9x5\nconv3-4 bn, avgpool3/2, last\nFC-3, soft-max\ntrain: optimizer=sgd lr=0.1",
    "steps": "input 9 tokens vocab=7\nembed-4, conv3-4 gn=2, maxpool3/1, conv1-3 linear, soft-max",
}


@pytest.fixture(scope="module")
def programs():
    made = {name: netlang.from_text(text).compile(5) for name, text in PROGRAMS.items()}
    yield made
    for program in made.values():
        program.close()


def examples(name, lengths=LENGTHS):
    """Beyond the ends lies what stands for nothing: NaN, words that the vocabulary and classes that the net lacks."""
    random = np.random.default_rng(5)
    n = len(lengths)
    beyond = np.arange(T) >= np.array(lengths)[:, None]
    if name == "labels":
        return np.where(beyond[..., None], np.nan, random.normal(size=(n, T, 5))), random.integers(0, 3, n)
    return np.where(beyond, -5, random.integers(0, 7, (n, T))), np.where(beyond, 99, random.integers(0, 3, (n, T)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_compiled_program_agrees_with_the_referee_whatever_stands_beyond_the_ends(programs, name):
    program, (x, target) = programs[name], examples(name)
    y = program(x, lengths=LENGTHS)
    loss, gradients = program.gradients(x, target, lengths=LENGTHS)

    stages = program.stages("gradients", (("input", "input"),))
    feeds = given(stages.gradient)
    beyond = np.arange(T) >= np.array(LENGTHS)[:, None]
    x, target = (np.where(beyond[..., None], 0, a.reshape(4, T, -1)) if a.ndim > 1 else a for a in (x, target))
    feeds |= {"input": x, "target": target.reshape(feeds["target"].shape)}
    feeds |= {w: program.weights[w] for w in program.weights}
    values = interpret(stages.gradient, feeds)

    assert loss == pytest.approx(float(values["loss"]), rel=1e-5)
    assert program.loss(*examples(name), lengths=LENGTHS) == loss
    for w, gradient in gradients.items():
        wanted = values[stages.gradient.outputs[f"d:{w}"]]
        if w == "input":  # beyond the ends nothing is read, and the gradient is 0
            wanted = np.where(beyond[..., None], 0, wanted)
        np.testing.assert_allclose(gradient, wanted, atol=2e-5 * np.abs(wanted).max(), err_msg=w)  # float32 sums
    evaluated = lower(program.checked, training=False, dtype="f64", lengths={"input": "input"})
    answer = interpret(evaluated, {k: v for k, v in feeds.items() if k != "target"})[evaluated.outputs["output"]]
    np.testing.assert_allclose(y, answer, atol=2e-6)


def packed(weights, x, target):
    """The same by `torch.nn.LSTM` on packed sequences: the answer, the loss and its gradients by its own weights."""
    torch = pytest.importorskip("torch")
    n = x.shape[2]
    theirs = torch.nn.LSTM(n, 4, bidirectional=True, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for suffix, way in (("", ""), ("_reverse", "back.")):
            joined = torch.as_tensor(np.concatenate([weights[f"lstm1.{way}{gate}.W"].T for gate in "ifgo"]))
            getattr(theirs, f"weight_ih_l0{suffix}")[:] = joined[:, :n]
            getattr(theirs, f"weight_hh_l0{suffix}")[:] = joined[:, n:]
            biases = np.concatenate([weights[f"lstm1.{way}{gate}.b"] for gate in "ifgo"])
            getattr(theirs, f"bias_ih_l0{suffix}")[:] = torch.as_tensor(biases)
            getattr(theirs, f"bias_hh_l0{suffix}")[:] = 0
    pack = torch.nn.utils.rnn.pack_padded_sequence
    sequences = pack(torch.as_tensor(x), LENGTHS, batch_first=True, enforce_sorted=False)
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(theirs(sequences)[0], batch_first=True, total_length=T)
    real = torch.as_tensor(np.arange(T) < np.array(LENGTHS)[:, None])
    loss = (y[real] - torch.as_tensor(target)[real]).square().mean()
    loss.backward()
    return y.detach().numpy(), float(loss.detach()), dict(theirs.named_parameters())


@pytest.mark.reference
def test_a_bidirectional_lstm_agrees_with_packed_sequences():
    net = netlang.from_text("input 9x5\nlstm-4 bidirectional")
    graph = differentiate(lower(net.checked, training=True, dtype="f64", lengths={"input": "input"}))
    feeds = given(graph)
    y, loss, theirs = packed(feeds, feeds["input"], feeds["target"])
    values = interpret(graph, feeds)

    np.testing.assert_allclose(values[graph.outputs["output"]], y, rtol=1e-10, atol=1e-14)
    assert values["loss"] == pytest.approx(loss, rel=1e-10)
    for suffix, way in (("", ""), ("_reverse", "back.")):
        parts = [theirs[f"{kind}_l0{suffix}"].grad.numpy() for kind in ("weight_ih", "weight_hh")]
        for k, gate in enumerate("ifgo"):
            own = values[graph.outputs[f"d:lstm1.{way}{gate}.W"]]
            wanted = np.concatenate([part[4 * k : 4 * k + 4].T for part in parts])
            np.testing.assert_allclose(own, wanted, rtol=1e-8, atol=1e-13, err_msg=gate)


def test_a_compiled_recurrence_ends_where_the_interpreted_one_does():
    net = netlang.from_text("input 9x5\nrnn-4 bidirectional, gru-4 last reverse")
    program = net.compile(5)
    graph = lower(net.checked, training=False, dtype="f64", lengths={"input": "input"})
    feeds = given(graph)
    for name in program.weights:
        program.weights[name] = feeds[name]
    x = np.where(np.arange(T)[:, None] < np.array(LENGTHS)[:, None, None], feeds["input"], np.nan)

    wanted = interpret(graph, feeds)[graph.outputs["output"]]
    np.testing.assert_allclose(program(x, lengths=LENGTHS), wanted, atol=1e-5)  # float32, two recurrences of nine steps
    program.close()


def test_examples_of_more_batches_than_one_keep_their_lengths(programs):
    lengths = (9, 6, 4, 7, 5, 1, 9, 2)
    x, _ = examples("labels", lengths)
    program = programs["labels"]

    apart = [program(x[k : k + 1], lengths=lengths[k : k + 1])[0] for k in range(8)]
    np.testing.assert_allclose(program(x, lengths=lengths), apart, rtol=1e-5)


def test_whole_sequences_are_as_without_lengths(programs):
    x, target = examples("labels", (T, T, T))
    program = programs["labels"]

    np.testing.assert_allclose(program(x, lengths=[T] * 3), program(x), rtol=1e-5)
    assert program.loss(x, target, lengths=[T] * 3) == pytest.approx(program.loss(x, target), rel=1e-5)


def test_another_number_of_steps_is_no_other_kernel():
    texts = []
    for steps in (9, 14):
        net = netlang.from_text(PROGRAMS["labels"].replace("9x5", f"{steps}x5")).checked
        plan = compile_plan(net, "train", TARGET, 5, lengths={"input": "input"}).plan
        texts.append({launch.draft.kernel.text for launches in plan.segments.values() for launch in launches})

    assert texts[0] == texts[1]


@pytest.mark.parametrize(("lengths", "message"), [
    ([9, 4], "the lengths of `input` are 2, and there are 4 examples"),
    ([9, 4, 0, 1], "example 2 of `input` has the length 0; a length is from 1 to 9"),
    ([9, 4, 10, 1], "example 2 of `input` has the length 10; a length is from 1 to 9"),
    ([9, 4, 1.5, 1], "the lengths of `input` are whole numbers, one for each example; got 4 of float64"),
    ([9, 4, float("nan"), 1], "the lengths of `input` are whole numbers"),
    ([[9], [4], [3], [1]], "the lengths of `input` are whole numbers, one for each example; got 4x1 of int64"),
    ({"x": [9, 4, 3, 1]}, "there are lengths for `x`; the inputs that are sequences are input"),
])  # fmt: skip
def test_wrong_lengths_are_refused(programs, lengths, message):
    with pytest.raises(ValueError, match=message):
        programs["labels"](examples("labels")[0], lengths=lengths)


def test_only_sequences_have_lengths():
    program = netlang.from_text("input 5x5x1\nconv3-2, gap").compile(2)

    with pytest.raises(ValueError, match="this net reads no sequence, and only sequences have lengths"):
        program(np.zeros((2, 5, 5, 1)), lengths=[3, 5])
    program.close()


@pytest.mark.parametrize(("text", "word"), [
    ("input 9x5\nflatten, FC-3", "flatten"),
    ("input 9x5\nreshape 3x15, gap", "reshape 3x15"),
    ("input 9x5\nlocal3-4, gap", "local3-4"),
])  # fmt: skip
def test_a_layer_that_is_made_for_one_length_is_named(text, word):
    checked = netlang.from_text(text).checked

    with pytest.raises(NetError, match="and here examples have lengths of their own") as error:
        lower(checked, training=False, lengths={"input": "input"})
    assert error.value.diagnostics[0].code == "lengths"
    assert error.value.diagnostics[0].at.span.text == word


@pytest.mark.parametrize(("text", "message"), [
    ("input 9x5\nconv5-3 valid, gap", r"example 1 has 4 steps; `conv5-3 valid` cannot take so many: a window of 1x5 "),
    ("input 9x5\nmaxpool3, gap", "example 1 has 4 steps; `maxpool3` cannot .* otherwise than in a sequence of 9"),
    ("input 9x5\nupsample2 how=bilinear, gap", "example 1 has 4 steps; `upsample2 how=bilinear` cannot take so many"),
    ("input 9x5\navgpool3/2 ceil=yes count_padding=yes, gap", "example 1 has 4 steps; `avgpool3/2 .*` cannot take"),
])  # fmt: skip
def test_a_length_that_a_layer_cannot_take_is_named(text, message):
    program = netlang.from_text(text).compile(2)

    with pytest.raises(ValueError, match=message):
        program(np.zeros((2, 9, 5)), lengths=[9, 4])
    program.close()


TWO = "input 6x5 @a\nconv3-4 linear @c\ninput 6x5 @b\nconv3-4 linear @d\n"


def test_inputs_have_lengths_by_name():
    program = netlang.from_text(TWO + "add[@c, mean | @d, last]").compile(2)
    random = np.random.default_rng(0)
    x = {name: random.normal(size=(2, 6, 5)) for name in "ab"}

    y = program(x, lengths={"b": [6, 2]})
    cut = {"a": x["a"], "b": np.where(np.arange(6)[None, :, None] < [[[6]], [[2]]], x["b"], np.nan)}
    np.testing.assert_array_equal(program(cut, lengths={"b": [6, 2]}), y)
    assert not np.allclose(program(x, lengths={"a": [6, 2]}), y)
    assert not np.allclose(program(x, lengths=[6, 2]), y)
    program.close()


def test_sequences_of_lengths_of_their_own_are_not_merged():
    checked = netlang.from_text(TWO + "add[@c | @d], mean").checked

    with pytest.raises(NetError, match="`add` reads what comes from several inputs, and here examples have lengths"):
        lower(checked, training=False, lengths={"a": "a", "b": "b"})
    assert "output" in lower(checked, training=False, lengths={"a": "a", "b": "a"}).outputs
