"""Optimizers: the new weight as a formula of the weight, its gradient and what was kept. Kin of the layers."""

import math
from typing import ClassVar

from netlang.formula import Name, Runtime, Term, replace, sqrt, tanh
from netlang.layer import Misfit
from netlang.record import dataclass

Terms = tuple[Term, ...]
RATE, STEP = Runtime("rate"), Runtime("step")  # the learning rate; the number of this step, from 1


@dataclass(frozen=True)
class Optimizer:
    """A frozen dataclass; its fields are the settings `train:` takes.

    states: what is kept for each weight, of its shape, zero at the start
    rate:   the learning rate where none is given
    """

    word: ClassVar[str]
    states: ClassVar[tuple[str, ...]] = ()
    rate: ClassVar[float] = 0.01

    def terms(self, w: Term, g: Term, *states: Term) -> Terms:
        """The new weight, then the new states."""
        raise TypeError(f"{type(self).__name__} must say what it computes")

    def update(self, rate: float = 1.0, l2: float = 0.0) -> Terms:
        """The terms in the operands of an `Update`: i0 the weight, i1 its gradient, i2, ... the states.

        rate: a factor on the learning rate; l2: this times the weight is added to its gradient (RULINGS 54)
        """
        w, g, *states = (Name(f"i{k}") for k in range(2 + len(self.states)))
        terms = self.terms(w, g + l2 * w if l2 else g, *states)
        return tuple(replace(term, RATE, RATE * rate) for term in terms) if rate != 1 else terms


def _share(optimizer: Optimizer, *settings: str) -> None:
    for name in settings:
        if not 0 <= getattr(optimizer, name) < 1:
            raise Misfit(f"{name} must be from 0 to below 1", setting=name)


@dataclass(frozen=True)
class Sgd(Optimizer):
    """w <- w - rate*g        (Robbins and Monro 1951; Goodfellow et al. 2016, algorithm 8.1)"""

    word = "sgd"

    def terms(self, w: Term, g: Term, *states: Term) -> Terms:
        return (w - RATE * g,)


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v <- momentum*v + g;  w <- w - rate*v        (Polyak 1964; Sutskever et al. 2013, eq. 1-2)

    momentum: the share of the velocity that is kept
    """

    word = "momentum"
    states = ("velocity",)
    momentum: float = 0.9

    def __post_init__(self) -> None:
        _share(self, "momentum")

    def terms(self, w: Term, g: Term, *states: Term) -> Terms:
        velocity = self.momentum * states[0] + g
        return w - RATE * velocity, velocity


@dataclass(frozen=True)
class Nesterov(Optimizer):
    """v <- momentum*v + g;  w <- w - rate*(g + momentum*v)

    momentum: the share of the velocity that is kept

    Nesterov 1983, in the variables of Bengio et al. 2013 ("Advances in optimizing recurrent networks", section 3.5):
    w is the point looked ahead to, so the gradient is taken where the weights are.
    """

    word = "nesterov"
    states = ("velocity",)
    momentum: float = 0.9

    def __post_init__(self) -> None:
        _share(self, "momentum")

    def terms(self, w: Term, g: Term, *states: Term) -> Terms:
        velocity = self.momentum * states[0] + g
        return w - RATE * (g + self.momentum * velocity), velocity


@dataclass(frozen=True)
class Adam(Optimizer):
    """m <- beta1*m + (1-beta1)*g;  v <- beta2*v + (1-beta2)*g^2
    w <- w - rate * m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)

    beta1: the share of the mean that is kept
    beta2: the share of the mean square that is kept
    eps:   keeps the quotient finite

    Kingma and Ba 2015, algorithm 1; t counts the steps from 1.
    """

    word = "adam"
    states = ("mean", "square")
    rate = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _share(self, "beta1", "beta2")
        if self.eps <= 0:
            raise Misfit("eps must be above 0", setting="eps")

    def terms(self, w: Term, g: Term, *states: Term) -> Terms:
        mean = self.beta1 * states[0] + (1 - self.beta1) * g
        square = self.beta2 * states[1] + (1 - self.beta2) * g * g
        scaled = sqrt(square / _unbias(self.beta2)) + self.eps
        return w - RATE * (mean / _unbias(self.beta1)) / scaled, mean, square


def _unbias(beta: float) -> Term | float:
    """1 - beta^t. As 2h/(1+h) with h = tanh(-t*log(beta)/2): the difference itself would cancel at the first steps."""
    if beta == 0:
        return 1.0
    h = tanh(STEP * (-math.log(beta) / 2))
    return 2 * h / (1 + h)


USUAL = Adam.word  # where `train:` names none
OPTIMIZERS: tuple[type[Optimizer], ...] = (Sgd, Momentum, Nesterov, Adam)


def find(word: str) -> type[Optimizer] | None:
    """The optimizer of a word, whatever its case."""
    return next((optimizer for optimizer in OPTIMIZERS if optimizer.word == word.lower()), None)


def words() -> list[str]:
    """Every optimizer word, sorted."""
    return sorted(optimizer.word for optimizer in OPTIMIZERS)
