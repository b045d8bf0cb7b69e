"""From stored examples to what a net reads."""

import numpy as np
import pytest

from netlang.files import Problem
from netlang.train import data, prepare
from netlang.train.prepare import Statistics
from netlang.types import Tensor

OUTPUT = Tensor("f32", ("n", 10))


def tensor(*shape: int) -> Tensor:
    return Tensor("f32", ("n", *shape))


def ready(*shape: int, moves: int | None = None) -> prepare.Examples:
    return prepare.examples(data.load("digits", "last"), tensor(*shape), OUTPUT, True, moves)


def test_resizing_is_bilinear_between_the_centres_of_pixels():
    x = np.array([[0.0, 4.0], [8.0, 12.0]]).reshape(1, 2, 2, 1)

    wide = prepare.resize(x, 4, 4)[0, :, :, 0]

    assert wide.tolist() == [[0, 1, 3, 4], [2, 3, 5, 6], [6, 7, 9, 10], [8, 9, 11, 12]]


def test_an_image_of_the_right_size_passes_unchanged():
    assert np.array_equal(ready(8, 8, 1).x, data.load("digits", "last").x)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 1), (784,), (64,), (8, 8), (16, 16, 3)])
def test_digits_fit_any_picture_row_or_sequence(shape: tuple[int, ...]):
    x, y = ready(*shape).batch(np.arange(5), np.zeros((5, 2), int))

    assert x.shape == (5, *shape)
    assert x.dtype == np.float32
    assert y.tolist() == [0, 1, 2, 3, 4]


def test_a_vector_holds_the_picture_row_after_row():
    flat, square = ready(784).test(0, 3)[0], ready(28, 28, 1).test(0, 3)[0]

    assert np.array_equal(flat, square.reshape(3, 784))


@pytest.mark.parametrize("shape", [(10,), (8, 8, 2)])
def test_a_misfit_shows_both_shapes(shape: tuple[int, ...]):
    with pytest.raises(Problem, match=f"the examples are 8x8x1, the net's input is {'x'.join(map(str, shape))}"):
        ready(*shape)


def test_training_pictures_have_mean_0_and_deviation_1():
    examples = ready(28, 28, 1)
    x, _ = examples.batch(np.arange(len(examples.x)), np.zeros((len(examples.x), 2), int))

    assert abs(float(x.mean())) < 1e-5  # rounding of float32 sums
    assert abs(float(x.std()) - 1) < 1e-5


def test_statistics_do_not_see_the_test_part():
    digits = data.load("digits", "last")
    changed = data.Data("digits", digits.x, digits.y, digits.x_test + 100, digits.y_test, digits.peak)

    assert prepare.examples(changed, tensor(8, 8, 1), OUTPUT, True, 0).statistics == ready(8, 8, 1).statistics


def test_features_are_normalised_one_by_one():
    statistics = Statistics.of(np.array([[0.0, 10.0, 5.0], [2.0, 30.0, 5.0]]), 1.0)

    assert statistics.mean == (1, 20, 5)
    assert statistics.std == (1, 10, 1)  # a constant feature is only centred


def test_shifts_move_down_and_right_and_fill_with_paper():
    x = np.arange(1.0, 10.0).reshape(1, 3, 3, 1).repeat(3, axis=0)

    moved = prepare.shift(x, np.array([[1, 0], [0, -2], [0, 0]]))

    assert moved[0, :, :, 0].tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]
    assert moved[1, :, :, 0].tolist() == [[3, 0, 0], [6, 0, 0], [9, 0, 0]]
    assert moved[2, :, :, 0].tolist() == x[2, :, :, 0].tolist()


def test_only_training_pictures_of_digits_are_shifted():
    assert [ready(size, size, 1).moves for size in (8, 13, 14, 28, 32)] == [0, 0, 1, 2, 2]
    assert ready(28, 28, 1, moves=0).moves == 0
    assert prepare.examples(data.load("xor", "last"), tensor(2), tensor(1), False, None).moves == 0


def test_vectors_cannot_be_shifted():
    with pytest.raises(Problem, match="`shift=1` moves pictures"):
        prepare.examples(data.load("xor", "last"), tensor(2), tensor(1), False, 1)


def test_pictures_whose_pixels_have_classes_cannot_be_shifted():
    with pytest.raises(Problem, match="`shift=1` moves pictures, but not the class that shapes has for each pixel"):
        prepare.examples(data.load("shapes", "last"), tensor(24, 24, 1), tensor(24, 24, 4), True, 1)


def test_pictures_are_not_shifted_out_of_sight():
    with pytest.raises(Problem, match="`shift=28` moves pictures of 28x28 pixels out of sight"):
        ready(28, 28, 1, moves=28)


def test_neighbouring_large_seeds_give_other_orders():
    assert not np.array_equal(prepare.draws(50, 0, 2**62, 0)[0], prepare.draws(50, 0, 2**62 + 1, 0)[0])


def test_order_and_shifts_follow_from_seed_and_epoch_alone():
    first, again, later, other = (prepare.draws(50, 2, *key) for key in ((1, 0), (1, 0), (1, 1), (2, 0)))

    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], later[0])
    assert not np.array_equal(first[0], other[0])
    assert sorted(first[0]) == list(range(50))
    assert set(first[1].flat) == {-2, -1, 0, 1, 2}


def test_class_numbers_become_what_the_loss_takes():
    y = np.array([2, 0])

    assert prepare.targets(y, tensor(3), True, "d").tolist() == [2, 0]
    assert prepare.targets(y, tensor(3), False, "d").tolist() == [[0, 0, 1], [1, 0, 0]]
    assert prepare.targets(np.array([1, 0]), tensor(1), False, "d").tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("y", "labelled", "message"),
    [
        (np.array([0, 3]), True, "example 1 has label 3, but the net has 3 classes"),
        (np.array([0, 3]), False, "example 1 has label 3"),
        (np.array([0.5, 1.5]), True, "needs whole class numbers"),
        (np.eye(3, dtype=int)[:2], True, r"the labels are 3 each; the net's loss needs one class number each"),
        (np.zeros((2, 2)), False, r"the labels are 2 each, the net answers 3"),
    ],
)
def test_labels_that_do_not_fit_are_refused(y: np.ndarray, labelled: bool, message: str):
    with pytest.raises(Problem, match=message):
        prepare.targets(y, tensor(3), labelled, "d")


def test_an_input_of_no_fixed_size_asks_for_it():
    with pytest.raises(Problem, match=r"the net's input is Tx28: choose its size first, as in `--set T=64`"):
        prepare.fitted(np.zeros((3, 12, 28)), Tensor("f32", ("n", "T", 28)), "seq.npz")
