"""A small net with the face of a real one (`train/face.py`): one dense layer in NumPy, trained with momentum."""

from typing import Any

import numpy as np

from netlang.types import Tensor


class LogisticNet:
    """Softmax over `classes`, or for one class a single sigmoid output."""

    name, variant, text, identity = "logistic", None, "input 8x8x1\nFC-10, soft-max\n", "logistic-1"

    def __init__(self, *shape: int, classes: int = 10, identity: str = "logistic-1", **train: Any) -> None:
        self.input = Tensor("f32", ("n", *(shape or (8, 8, 1))))
        self.output = Tensor("f32", ("n", classes))
        self.labelled = classes > 1
        self.identity = identity
        self.train = {"lr": 0.1, "epochs": 3, **train}

    def suited(self, targets: str) -> None:
        """Its loss suits classes and values."""

    def compile(self, batch: int, training: bool = False, seed: int = 0, **options: Any) -> "LogisticProgram":
        return LogisticProgram(self, batch, seed)


class LogisticProgram:
    """Loss: cross-entropy of the outputs."""

    def __init__(self, net: LogisticNet, batch: int, seed: int) -> None:
        self.net, self.batch, self.rate, self.steps, self.closed = net, batch, 0.05, 0, False
        shape = (net.input.size, net.output.channels)
        draw = np.random.default_rng(seed).normal(0, 0.01, shape).astype(np.float32)
        self.weights = {"fc1.w": draw, "fc1.b": np.zeros(shape[1], np.float32)}
        self.state = {name: np.zeros_like(w) for name, w in self.weights.items()}
        self.norm, self.whole_steps = 0.0, False
        self.choices: dict[str, str] = {}
        self.before_step: Any = None  # called with the number of the step: a test's chance to disturb

    def __call__(self, x: np.ndarray) -> np.ndarray:
        assert len(x) <= self.batch
        assert x.shape[1:] == self.net.input.shape[1:]
        assert x.dtype == np.float32
        z = x.reshape(len(x), -1) @ self.weights["fc1.w"] + self.weights["fc1.b"]
        if z.shape[1] == 1:
            return 1 / (1 + np.exp(-z))
        e = np.exp(z - z.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def train(self, batches: Any) -> Any:
        return (self.step(x, target) for x, target, _ in batches)

    def step(self, x: np.ndarray, target: np.ndarray) -> float:
        if self.before_step:
            self.before_step(self.steps)
        y = self(x)
        wanted = np.eye(y.shape[1], dtype=np.float32)[target] if self.net.labelled else target
        chance = (y * wanted).sum(1) if self.net.labelled else np.where(target > 0.5, y, 1 - y)
        dz = (y - wanted) / len(x)
        for name, dw in {"fc1.w": x.reshape(len(x), -1).T @ dz, "fc1.b": dz.sum(0)}.items():
            self.state[name] = np.float32(0.5) * self.state[name] + dw.astype(np.float32)
            self.weights[name] = self.weights[name] - np.float32(self.rate) * self.state[name]
        self.steps += 1
        self.norm = float(np.sqrt(np.square(dz).sum()))
        return float(-np.log(chance + 1e-12).mean())

    def gradient_norms(self) -> dict[str, float]:
        """Not of interest here."""
        return {}

    def close(self) -> None:
        self.closed = True
