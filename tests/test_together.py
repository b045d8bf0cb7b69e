"""What is computed in one launch."""

import pytest

import netlang
from netlang.pipeline import compile_plan
from netlang.primitives.launch import Target
from netlang.primitives.text import Arguments, drafted, in_turn

TARGET = Target("avx512", "f32", ((6, 4), (1, 1)), 2)


def launches(text, batch=4):
    """What each launch of a training step makes, more than one node each."""
    plan = compile_plan(netlang.from_text(text).checked, "train", TARGET, batch).plan
    return [launch.writes for launch in plan.segments["step"] if len(launch.writes) > 1]


def test_statistics_leave_with_the_convolution_that_makes_the_numbers():
    made = launches("input 9x8x17\nconv3-35 bn relu, conv1-20 bn relu, gap, FC-2, soft-max")

    assert ("conv1", "conv1.bn.0", "conv1.bn.2") in made
    assert ("conv2", "conv2.bn.0", "conv2.bn.2") in made
    assert ("d:conv1.relu.0", "d:conv1.bn.shift", "d:conv1.bn.scale") in made


def test_so_do_gradients_of_biases():
    made = launches("input 32x32x16\nconv3-16 relu, conv3-32 relu, conv1-32 relu, gap, FC-2, soft-max")

    assert ("d:conv1.relu.0", "d:conv1.b") in made
    assert ("d:conv2.relu.0", "d:conv2.b") in made


def test_sums_that_would_read_further_numbers_of_full_size_have_a_launch_of_their_own():
    made = launches("input 6x6x17\nconv1-17 relu, residual [conv3-17 bn], relu, conv1-17 relu, gap, FC-2, soft-max")

    assert ("conv2", "conv2.bn.0", "conv2.bn.2") in made
    assert ("d:conv2.bn.shift", "d:conv2.bn.scale") in made


@pytest.mark.parametrize("text", ["input 28x28x1\nconv5-6 bn, conv5-16 bn", "input 40\nFC-30 bn, FC-30 bn"])
def test_products_of_vectors_and_with_examples_in_the_lanes_take_none(text):
    made = launches(f"{text}\nflatten, FC-2, soft-max" if "x" in text else f"{text}, FC-2, soft-max", batch=64)

    assert not any(writes[0] in ("conv1", "conv2", "FC1", "FC2") for writes in made)


def test_softmax_its_loss_and_their_gradient_are_made_row_by_row():
    plan = compile_plan(netlang.from_text("input 40\nFC-30 relu, FC-7, softmax").checked, "train", TARGET, 4).plan

    (rows,) = (launch for launch in plan.segments["step"] if launch.writes[0] == "softmax1.0")
    assert {"softmax1.1", "softmax1", "d:fc2.0"} < set(rows.writes)
    assert set(rows.reads) == {"fc2", "target"}
    assert not [launch for launch in plan.segments["step"] if launch.draft.kernel.name.startswith("sum_channel")]


def test_launches_in_turn_have_names_and_arguments_of_their_own():
    one, other = (Arguments(), Arguments())
    one.add(y=3, size=4)
    other.add(x=5, size=6)
    stages = drafted("one", one, ["at = y * size"]), drafted("two", other, ["at = splat_f32(x)", "y = at"])

    made = in_turn("both", stages)

    assert made.args == (3, 4, 5, 6)
    assert made.kernel.text.split("\n")[4:-1] == [
        "    y_of_0, size_of_0 = load_2_i64(args + 0)",
        "    at_of_0 = y_of_0 * size_of_0",
        "    args += 16",
        "    x_of_1 = load_i64(args + 0)",
        "    at_of_1 = splat_f32(x_of_1)",
        "    y_of_1 = at_of_1",
        "    args += 16",
    ]
