"""The settings of `train:` statements and of `netlang train`, checked and with their defaults."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from netlang.check.train import CHOICES
from netlang.diagnostics import either
from netlang.files import Problem
from netlang.net import LARGEST_BATCH, LARGEST_SEED
from netlang.record import dataclass


@dataclass(frozen=True)
class Settings:
    """How a net is trained.

    data: `digits` (built in), `xor` (built in) or the path of an .npz file
    split: which examples are the test: `last` (the last fifth; of the digits the last 360) or `fifth` (every fifth)
    shift: random moves of the training images, up to so many pixels of the net's input (default: `prepare.examples`)
    epochs: passes over the training examples
    batch: examples per optimizer step; the last batch of an epoch may be smaller
    lr: learning rate at the start; the optimizer's own where nothing is said
    schedule: `constant`, or `cosine`: from lr to 0 over all steps along half a cosine (Loshchilov and Hutter 2017)
    seed: of the initial weights, the order of the examples, the shifts and dropout
    """

    data: str = "digits"
    split: str = "last"
    shift: int | None = None
    epochs: int = 20
    batch: int = 64
    lr: float | None = None
    schedule: str = "constant"
    seed: int = 0

    def __post_init__(self) -> None:
        _choice("split", self.split)
        _choice("schedule", self.schedule)
        _at_least("epochs", self.epochs, 1)
        _at_least("batch", self.batch, 1)
        _at_least("seed", self.seed, 0)
        _at_least("shift", self.shift or 0, 0)
        _at_most("seed", self.seed, LARGEST_SEED)
        _at_most("batch", self.batch, LARGEST_BATCH)
        if self.lr is not None and not 0 < self.lr < float("inf"):
            raise Problem(f"`lr` is {self.lr}, a learning rate is a number above 0")


OURS = tuple(f.name for f in fields(Settings))


def settle(train: Mapping[str, Any], flags: Mapping[str, Any]) -> tuple[Settings, dict[str, Any]]:
    """The settings of training itself, and the others, which go to the compiler; flags that are not None win.

    The names in the file were checked with it (`check/train.py`). Raises Problem for a wrong value.
    """
    said = {name: getattr(value, "value", value) for name, value in train.items()}
    said |= {name: value for name, value in flags.items() if value is not None}
    ours = {name: _cast(name, value) for name, value in said.items() if name in OURS}
    passed = {name: value for name, value in said.items() if name not in OURS}
    return replace(Settings(), **ours), passed


def _cast(name: str, value: Any) -> Any:
    if name in ("data", "split", "schedule"):
        return str(value)
    if isinstance(value, int) and name != "lr":
        return int(value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise Problem(f"`{name}={value}` in `train:` is not a number") from None
    if name == "lr":
        return number
    if not number.is_integer():
        raise Problem(f"`{name}={value}` in `train:` is not a whole number")
    return int(number)


def _choice(name: str, value: str) -> None:
    if value not in CHOICES[name]:
        raise Problem(f"`{name}` is `{value}`, it may be {either(CHOICES[name])}")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise Problem(f"`{name}` is {value}, it must be at least {least}")


def _at_most(name: str, value: int, most: int) -> None:
    if value > most:
        raise Problem(f"`{name}` is {value}, it must be at most {most}")
