"""The settings of `train:` and of the command line."""

import pytest

from netlang.files import Problem
from netlang.train.settings import Settings, settle


def test_flags_win_over_the_file_and_the_file_over_the_defaults():
    settings, passed = settle({"epochs": 7, "lr": 0.1, "optimizer": "adam"}, {"epochs": 2, "lr": None})

    assert settings == Settings(epochs=2, lr=0.1)
    assert passed == {"optimizer": "adam"}


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"epochs": 0}, "`epochs` is 0, it must be at least 1"),
        ({"epochs": 2.5}, "`epochs=2.5` in `train:` is not a whole number"),
        ({"epochs": float("inf")}, "`epochs=inf` in `train:` is not a whole number"),
        ({"seed": 2**63}, "`seed` is 9223372036854775808, it must be at most 9223372036854775807"),
        ({"batch": "many"}, "`batch=many` in `train:` is not a number"),
        ({"lr": 0}, "`lr` is 0.0, a learning rate is a number above 0"),
        ({"lr": float("nan")}, "`lr` is nan"),
        ({"split": "first"}, "`split` is `first`, it may be `last` or `fifth`"),
        ({"schedule": "step"}, "`schedule` is `step`, it may be `constant` or `cosine`"),
    ],
)
def test_wrong_settings_are_refused(train: dict[str, object], message: str):
    with pytest.raises(Problem) as caught:
        settle(train, {})

    assert message in str(caught.value)


def test_a_large_seed_keeps_its_last_digit():
    assert settle({"seed": 2**53 + 1}, {})[0].seed == 2**53 + 1
