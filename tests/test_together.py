"""What is computed in one launch."""

import pytest

import netlang
from netlang.pipeline import compile_plan
from netlang.primitives.launch import Target

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
