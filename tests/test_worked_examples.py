"""The worked examples of the lectures, by the compiled kernels."""

import numpy as np
import pytest

import netlang

NUMBERS, WINDOW = np.arange(9.0).reshape(3, 3), np.arange(4.0).reshape(2, 2)
IMAGE = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]], float)
CROSS = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], float)
CONVOLVED = [[4, 3, 4], [2, 4, 3], [2, 3, 4]]


def convolved(image, window, settings):
    """One image of one channel under one window without bias."""
    high, wide = image.shape
    size = "x".join(map(str, window.shape))
    net = netlang.from_text(f"input {high}x{wide}x1\nconv{size}-1{settings} bias=no linear\n")
    program = net.compile(batch=1)
    program.weights["conv1.w"] = window[..., None, None]
    return program(image[None, ..., None])[0, ..., 0]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (" valid", [[19, 25], [37, 43]]),
        (" pad=1", [[0, 3, 8, 4], [9, 19, 25, 10], [21, 37, 43, 16], [6, 7, 8, 0]]),
        ("/3x2 pad=1", [[0, 8], [6, 8]]),
    ],
)
def test_the_cross_correlation_of_nine_numbers(settings, expected):
    np.testing.assert_allclose(convolved(NUMBERS, WINDOW, settings), expected)


def test_the_binary_image_under_a_cross_and_its_largest_neighbours():
    found = convolved(IMAGE, CROSS, " valid")

    np.testing.assert_allclose(found, CONVOLVED)
    pool = netlang.from_text("input 3x3x1\nmaxpool2/1 valid\n").compile(batch=1)
    np.testing.assert_allclose(pool(found[None, ..., None])[0, ..., 0], [[4, 4], [4, 4]])


@pytest.mark.parametrize(("n", "f", "p", "s"), [(32, 5, 0, 1), (227, 11, 0, 4), (224, 7, 3, 2), (7, 3, 1, 3)])
def test_the_size_of_an_output_is_n_plus_2p_minus_f_over_s_plus_1(n, f, p, s):
    net = netlang.from_text(f"input {n}x{n}x3\nconv{f}-2/{s} pad={p}\n")

    assert net.output.shape[1] == (n + 2 * p - f) // s + 1


@pytest.mark.parametrize(("f", "c", "k"), [(5, 1, 6), (5, 6, 16), (11, 3, 96)])
def test_a_convolution_has_f_squared_c_k_plus_k_parameters(f, c, k):
    assert netlang.from_text(f"input 32x32x{c}\nconv{f}-{k}\n").summary().parameters == f * f * c * k + k


def test_even_windows_are_padded_more_above_than_below():
    """A window of 2 that takes its lower right corner alone leaves an image as it is."""
    corner = np.array([[0, 0], [0, 1]], float)

    np.testing.assert_allclose(convolved(IMAGE, corner, ""), IMAGE)


def test_a_convolution_of_1x1_is_a_dense_layer_at_each_pixel():
    one = netlang.from_text("input 3x4x5\nconv1-6 tanh\n").compile(batch=2)
    dense = netlang.from_text("input 5\nFC-6 tanh\n").compile(batch=24)
    dense.weights["fc1.w"] = one.weights["conv1.w"][0, 0]
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)

    np.testing.assert_allclose(one(x).reshape(24, 6), dense(x.reshape(24, 5)), rtol=1e-5, atol=1e-6)


def test_two_windows_of_3_see_as_much_as_one_of_5():
    rows = netlang.from_text("input 32x32x3\nconv3-4, conv3-4, conv3-4\n").summary().layers

    assert [row.receptive_field for row in rows] == [(3, 3), (5, 5), (7, 7)]


XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])


def test_a_net_with_a_hidden_layer_learns_xor():
    net = netlang.from_text("input 2\nFC-8 tanh, FC-2, soft-max\n")
    program = net.compile(batch=4, training=True, train={"optimizer": "adam", "lr": 0.05})
    for _ in range(300):
        program.step(*XOR)

    np.testing.assert_array_equal(program(XOR[0]).argmax(1), XOR[1])


@pytest.mark.parametrize("seed", range(3))
def test_a_perceptron_never_learns_xor(seed):
    net = netlang.from_text("input 2\nFC-1, step\ntrain: loss=perceptron\n")
    program = net.compile(batch=4, training=True, seed=seed, train={"optimizer": "sgd", "lr": 0.1})
    for _ in range(200):
        program.step(XOR[0], XOR[1][:, None])
        assert (program(XOR[0])[:, 0] != XOR[1]).any()  # no line parts the corners of a square so
