"""The Python face: what programs take, answer, keep and refuse."""

import os

import numpy as np
import pytest

import netlang
from netlang.backend.exclusive import BusyError
from netlang.diagnostics import NetError
from netlang.files import Problem

XOR = "input 2\nFC-8 tanh, FC-1 sigmoid\ntrain: optimizer=adam lr=0.05"
IMAGES = "input 6x6x1\nconv3-4, maxpool\nFC-3, soft-max\ntrain: optimizer=sgd lr=0.1"
POINTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
ODD = np.array([[0], [1], [1], [0]], float)


@pytest.fixture
def xor():
    prog = netlang.from_text(XOR).compile(batch=4, training=True)
    yield prog
    prog.close()


@pytest.fixture
def images():
    prog = netlang.from_text(IMAGES).compile(batch=8, training=True, seed=3)
    yield prog
    prog.close()


def image_batch(n=8):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 6, 6, 1)), rng.integers(0, 3, n)


def test_an_mlp_learns_xor(xor):
    for _ in range(400):
        xor.step(POINTS, ODD)

    np.testing.assert_array_equal(xor(POINTS) > 0.5, ODD)


def test_a_perceptron_never_does():
    prog = netlang.from_text("input 2\nFC-1 step\ntrain: loss=perceptron optimizer=sgd lr=0.1").compile(
        4, training=True
    )

    wrong = []
    for _ in range(300):
        prog.step(POINTS, ODD)
        wrong.append(int((prog(POINTS) != ODD).sum()))

    assert min(wrong) >= 1
    prog.close()


def test_a_step_tells_the_length_of_its_gradients(images):
    program = images.net.compile(batch=8, training=True)
    x, y = image_batch()
    assert program.gradient_norms() == {}
    _, gradients = program.gradients(x, y)

    program.step(x, y)

    norms = program.gradient_norms()
    assert set(norms) == set(program.weights)
    assert norms == pytest.approx({name: np.linalg.norm(gradients[name]) for name in norms}, rel=1e-5)
    assert program.norm == pytest.approx(np.sqrt(sum(norm**2 for norm in norms.values())), rel=1e-5)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_gradients_vanish_or_explode_through_time_as_powers_of_the_recurrent_weights(factor):
    steps, units = 12, 4
    program = netlang.from_text(f"input {steps}x{units}\nrnn-{units} last\n").compile(batch=2, dtype="f64")
    program.weights["rnn1.h.W"] = np.vstack([np.eye(units), factor * np.eye(units)])
    x = np.full((2, steps, units), 1e-9)  # so near to zero that tanh is a straight line

    _, gradients = program.gradients(x, np.ones((2, units)))

    length = np.linalg.norm(gradients["input"], axis=(0, 2))
    assert length / length[-1] == pytest.approx(factor ** np.arange(steps - 1, -1, -1.0), rel=1e-6)


def test_any_number_of_examples_is_answered_in_batches(images):
    x, _ = image_batch(21)

    np.testing.assert_allclose(images(x), np.concatenate([images(x[:8]), images(x[8:])]), rtol=1e-5, atol=1e-7)


def test_evaluation_sees_each_step_without_compiling_again(images):
    x, y = image_batch()
    before = images(x)
    plans = dict(images._loaded)

    images.step(x, y)

    assert not np.array_equal(before, images(x))
    assert plans == images._loaded


def test_the_loss_alone_is_that_of_the_gradients_and_of_the_step(images):
    batch = image_batch()

    alone = images.loss(*batch)

    assert alone == pytest.approx(images.gradients(*batch)[0], rel=1e-6)
    assert images.step(*batch) == pytest.approx(alone, rel=1e-6)


def test_weights_are_copies_until_they_are_assigned(images):
    w = images.weights["conv1.w"]
    with pytest.raises(ValueError, match="read-only"):
        w[:] = 0

    images.weights["conv1.w"] = np.zeros_like(w)

    assert not images.weights["conv1.w"].any()
    assert len({tuple(row) for row in images(image_batch()[0]).round(6)}) == 1  # every image looks alike now


@pytest.mark.parametrize(("name", "value", "message"), [
    ("conv1.w", np.zeros((3, 3, 4)), r"`conv1.w` has the shape 3x3x1x4, not 3x3x4"),
    ("conv2.w", np.zeros(1), "there is no `conv2.w`, only conv1.w, conv1.b, fc1.w, fc1.b"),
])  # fmt: skip
def test_a_wrong_weight_is_refused(images, name, value, message):
    with pytest.raises((ValueError, KeyError), match=message):
        images.weights[name] = value


def test_weights_travel_through_a_file(images, tmp_path):
    path = tmp_path / "w.safetensors"
    images.weights.save(path)
    other = netlang.from_text(IMAGES).compile(batch=2, seed=99)
    x, _ = image_batch()
    assert not np.allclose(other(x), images(x))

    other.weights.load(path)

    np.testing.assert_allclose(other(x), images(x), rtol=1e-5, atol=1e-7)
    other.close()


def test_a_file_of_another_net_changes_nothing(images, xor, tmp_path):
    path = tmp_path / "w.safetensors"
    xor.weights.save(path)
    before = {name: images.weights[name] for name in images.weights}

    with pytest.raises(Problem, match=r"does not hold the weights of this net"):
        images.weights.load(path)

    for name, value in before.items():
        np.testing.assert_array_equal(images.weights[name], value)


@pytest.mark.parametrize(("x", "y", "message"), [
    (np.zeros((4, 5, 6, 1)), np.zeros(4, int), "`input` takes examples of 6x6x1, .* got 4x5x6x1"),
    (np.zeros((0, 6, 6, 1)), np.zeros(0, int), "`input` got no examples"),
    (np.array([["a"]]), np.zeros(1, int), "`input` takes numbers, not <U1"),
    (np.ma.masked_less(np.ones((2, 6, 6, 1)), 2), np.zeros(2, int), r"`input` .* masked here: 72; `.filled\(0\)`"),
    (list(np.ma.masked_less(np.ones((2, 6, 6, 1)), 2)), np.zeros(2, int), "`input` .* masked here: 72;"),
    (np.zeros((2, 6, 6, 1)), np.ma.array([0, 9], mask=[0, 1]), r"takes numbers; masked here: 1"),
    (np.zeros((9, 6, 6, 1)), np.zeros(9, int), "takes 8 examples at a time, not 9"),
    (np.zeros((2, 6, 6, 1)), np.array([0, 3]), "the net has 3 classes, 0 to 2; a target is 3"),
    (np.zeros((2, 6, 6, 1)), np.array([0.5, 1]), "whole class number for each of 2 examples; got 2 of float64"),
    (np.zeros((2, 6, 6, 1)), np.zeros(3, int), "whole class number for each of 2 examples; got 3 of int64"),
])  # fmt: skip
def test_a_wrong_array_is_told_what_is_wanted(images, x, y, message):
    with pytest.raises(ValueError, match=message):
        images.step(x, y)


@pytest.mark.parametrize("guarded", [False, True])
def test_tensors_may_be_called_as_parts_of_the_plan_are(guarded):
    text = (
        "block b: FC-3 bn\ninput 4 @weights\nFC-3, FC-3 bn @kept, FC-3 @gradients, FC-3 @values, FC-3 @scratch\n"
        "FC-3 @next\nb @d, b @update\nFC-2, soft-max"
    )
    x, labels = np.random.default_rng(0).normal(size=(8, 4)), np.arange(8) % 2
    strange, plain = (
        netlang.from_text(each).compile(8, training=True, check_memory=guarded)
        for each in (text, text.replace("@", "@my_"))
    )
    for name in plain.weights:
        plain.weights[name] = strange.weights[name.replace("my_", "")]

    losses = [[prog.step(x, labels) for _ in range(3)] for prog in (strange, plain)]

    assert losses[0] == losses[1]
    np.testing.assert_array_equal(strange(x), plain(x))
    strange.close()
    plain.close()


def test_a_missing_input_is_named():
    prog = netlang.from_text("input 2 @left\ninput 2 @right\nconcat[@left | @right], FC-1").compile(2)

    with pytest.raises(ValueError, match="nothing is given for the input `right`, only for left, rigth"):
        prog({"left": POINTS[:2], "rigth": POINTS[:2]})
    prog.close()


def test_sizes_that_are_no_mapping_are_refused():
    with pytest.raises(TypeError, match="`sizes` holds whole numbers by letter"):
        netlang.from_text("input Tx2\nconv3-4, last").compile(1, sizes=3)


def test_nan_in_the_data_names_the_example(images):
    x, y = image_batch()
    x[5, 2, 3, 0] = np.nan
    before = images.weights["conv1.w"]

    with pytest.raises(NetError, match=r"the data is not finite in example 5 of this batch"):
        images.step(x, y)

    np.testing.assert_array_equal(images.weights["conv1.w"], before)


def test_a_loss_that_overflows_names_the_first_bad_line(images):
    x, y = image_batch()
    images.weights["fc1.w"] = np.full(images.weights["fc1.w"].shape, 1e38)
    before = {name: images.weights[name] for name in images.weights}

    with pytest.raises(NetError) as caught:
        images.step(np.abs(x) * 1e3, y)

    assert caught.value.diagnostics[0].at.span.text.startswith("FC")
    assert caught.value.diagnostics[0].at.span.row == 3
    for name, value in before.items():
        np.testing.assert_array_equal(images.weights[name], value)


def test_a_learning_rate_that_is_no_number_is_refused_before_the_weights_are_lost(xor):
    xor.rate = float("nan")

    with pytest.raises(ValueError, match="the learning rate is nan"):
        xor.step(POINTS, ODD)

    assert np.isfinite(xor.weights["fc1.w"]).all()


def test_a_program_for_evaluation_does_not_step(xor):
    prog = netlang.from_text(XOR).compile(batch=4)

    with pytest.raises(ValueError, match="compiled without training=True"):
        prog.step(POINTS, ODD)

    prog.close()


@pytest.mark.parametrize(("options", "message"), [
    ({"device": "tpu"}, "programs run on `cpu` or `cuda` in f32 and f64, not tpu f32"),
    ({"dtype": "f16"}, "not cpu f16"),
    ({"batch": 0}, "`batch` is from 1 to"),
])  # fmt: skip
def test_what_cannot_be_compiled_for_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        netlang.from_text(XOR).compile(**{"batch": 4, **options})


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    first, again, other = (netlang.from_text(XOR).compile(batch=1, seed=s) for s in (7, 7, 8))

    np.testing.assert_array_equal(first.weights["fc1.w"], again.weights["fc1.w"])
    assert not np.allclose(first.weights["fc1.w"], other.weights["fc1.w"])


def test_the_identity_is_of_what_is_computed():
    net = netlang.from_text(XOR)

    assert netlang.from_text("# a remark\n" + XOR.replace("lr=0.05", "lr=0.5")).identity == net.identity
    assert netlang.from_text(XOR.replace("tanh", "sigmoid")).identity != net.identity


def test_compiling_another_batch_needs_no_new_kernel(images):
    from netlang.backend.cache import counts

    images.step(*image_batch())
    before = counts.compiled

    prog = netlang.from_text(IMAGES).compile(batch=7, training=True)
    prog.step(*image_batch(7))

    assert counts.compiled == before
    prog.close()


def test_a_second_caller_is_refused_before_it_writes_its_examples(images, monkeypatch):
    x, _ = image_batch()
    alone = images(x)
    loaded = images.loaded("evaluate")
    write, refused = loaded.write, []

    def written(buffer, value):
        write(buffer, value)
        monkeypatch.setattr(loaded, "write", write)
        with pytest.raises(BusyError, match="running in another thread"):
            images(-x)
        refused.append(True)

    monkeypatch.setattr(loaded, "write", written)

    np.testing.assert_array_equal(images(x), alone)
    assert refused == [True]


def test_after_a_fork_in_the_middle_of_a_run_the_child_can_run(images):
    x, _ = image_batch()
    alone = images(x)

    images.exclusive.inside[None] = "another thread"
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(images(x), alone) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({"batch": 2.5}, TypeError, "`batch` is a whole number, not 2.5"),
        ({"batch": 0}, ValueError, "`batch` is from 1 to"),
        ({"seed": 2**63}, ValueError, "`seed` is from 0 to"),
        ({"threads": 0}, ValueError, "`threads` is from 1 to"),
        ({"threads": 10**6}, ValueError, "number of threads"),
        ({"train": {"nonsense": 3}}, ValueError, "`train` has no setting `nonsense`"),
        ({"train": {"lr": "much"}}, TypeError, "`lr` is a number, not 'much'"),
        ({"train": {"lr": -1}}, ValueError, "`lr` is a number above 0"),
        ({"train": {"optimizer": "adm"}}, ValueError, "no optimizer called `adm`"),
        ({"train": {"optimizer": "momentum", "momentum": 2}}, ValueError, "momentum must be from 0 to below 1"),
        ({"train": [("lr", 1)]}, TypeError, "`train` holds settings by name"),
    ],
)
def test_arguments_that_cannot_be_are_told_before_anything_is_compiled(arguments, kind, said):
    with pytest.raises(kind, match=said):
        netlang.from_text(XOR).compile(**{"batch": 1, **arguments})


def test_settings_may_be_numbers_of_numpy_and_none_is_nothing_said():
    prog = netlang.from_text(XOR).compile(batch=np.int64(1), train={"lr": np.float32(0.5), "optimizer": None})

    assert prog.rate == 0.5
    prog.close()


def test_weights_are_real_numbers_in_their_shape(xor):
    with pytest.raises(ValueError, match="takes real numbers, not complex128"):
        xor.weights["fc1.w"] = np.zeros((2, 8), complex)
    with pytest.raises(ValueError, match="has the shape 2x8, not 8x2"):
        xor.weights["fc1.w"] = np.zeros((8, 2))


@pytest.mark.parametrize("setting", ["lr=1e38", "l2=1e38"])
def test_a_factor_of_one_layer_does_not_lose_its_weights(setting):
    prog = netlang.from_text(XOR.replace("FC-8", f"FC-8 {setting}")).compile(batch=4, training=True)
    before = prog.weights["fc1.w"]
    with pytest.raises(NetError, match="they are those before it"):
        prog.step(POINTS, ODD)

    np.testing.assert_array_equal(prog.weights["fc1.w"], before)
    prog.close()


def test_a_step_beyond_all_numbers_leaves_weights_and_state_as_they_were(xor):
    xor.step(POINTS, ODD)
    before = {name: tensors[name] for tensors in (xor.weights, xor.state) for name in tensors}
    xor.rate = 1e38
    with pytest.raises(NetError, match="this step would lose the weights"):
        xor.step(POINTS, ODD)

    assert xor.steps == 1
    for name, value in before.items():
        np.testing.assert_array_equal((xor.weights if name in xor.weights else xor.state)[name], value)


@pytest.mark.parametrize("text", ["input 5x7\nconv1-3\n", "input 5x7\nconv3-3, maxpool\n", "input 4x4x2\nflatten\n"])
def test_outputs_and_gradients_have_the_shapes_the_net_says(text):
    net = netlang.from_text(text + "train: loss=squared_error\n")
    program = net.compile(batch=4)
    x = np.ones(net.input.arrayed(3))

    y = program(x)
    _, grads = program.gradients(x, np.zeros(y.shape))
    assert y.shape == net.output.arrayed(3)
    assert grads["input"].shape == x.shape
