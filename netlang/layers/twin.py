"""The twin of a net in PyTorch, built from its graph of layers: a second opinion, and what netlang is timed against.

Not part of what runs nets: only `bench` and tests import it. Weights have netlang's names and shapes at the door.
"""

import importlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from netlang.layer import Layer, Weight

Array = Any
Part = Any  # tensors in, a tensor out; an nn.Module where there are weights
NAMES = {"w": "weight", "b": "bias", "scale": "weight", "shift": "bias", "slope": "weight"}  # PyTorch's
_PARTS: dict[type[Layer], Callable[..., Part]] = {}


def twin_of(*kinds: type[Layer]) -> Callable[[Callable[..., Part]], Callable[..., Part]]:
    """Declare the function (layer, *input types) -> part of some layers. conv/op.py finds conv/torch.py."""

    def declare(make: Callable[..., Part]) -> Callable[..., Part]:
        _PARTS.update(dict.fromkeys(kinds, make))
        return make

    return declare


def part(layer: Layer, *types: Any) -> Part:
    """The twin of one layer. It reads and makes images [n, c, h, w], sequences [n, c, t] and vectors [n, c]."""
    importlib.import_module(f"{type(layer).__module__.rpartition('.')[0]}.torch")
    return next(_PARTS[kind] for kind in type(layer).__mro__ if kind in _PARTS)(layer, *types)


class Twin(nn.Module):
    """x[n, h, w, c] -> the output in netlang's shape."""

    def __init__(self, net: Any, dtype: torch.dtype, channels_last: bool) -> None:
        super().__init__()
        self.graph, self.channels_last = net.graph, channels_last
        self.output = next(iter(net.graph.outputs.values()))
        self.layers = [node for node in net.graph if isinstance(node.made_by, Layer)]
        self.inputs = [n.id for n in net.graph if not isinstance(n.made_by, Layer | Weight)]
        self.held = nn.ModuleDict()
        self.parts: dict[str, Part] = {}
        for node in self.layers:
            reads = [i for i in node.inputs if not isinstance(net.graph[i].made_by, Weight)]
            made = part(node.made_by, *(net.graph[i].type for i in reads))
            self.parts[node.id] = made
            if isinstance(made, nn.Module):
                self.held[node.id.replace(".", "/")] = made
        self.reads = {n.id: [i for i in n.inputs if not isinstance(net.graph[i].made_by, Weight)] for n in self.layers}
        self.side = self._side(getattr(net, "checked", net).running())
        self.to(dtype)
        if channels_last:
            self.to(memory_format=torch.channels_last)

    def named_weights(self) -> Iterator[tuple[str, torch.Tensor, Callable[[Array], Array], Callable[[Array], Array]]]:
        """Each weight by its netlang name: the parameter, from netlang's array to its shape, and back."""
        for node in self.layers:
            weights = [i for i in node.inputs if isinstance(self.graph[i].made_by, Weight)]
            made = self.parts[node.id]
            for weight in weights:
                kind = self.graph[weight].made_by.name
                parameter = getattr(made, NAMES.get(kind, kind))
                to, back = getattr(made, "orders", {}).get(kind, (_same, _same))
                yield weight, parameter, to, back

    def load(self, weights: Mapping[str, Array]) -> "Twin":
        """Set all weights from arrays in netlang's shapes."""
        with torch.no_grad():
            for name, parameter, to, _ in self.named_weights():
                parameter.copy_(torch.as_tensor(np.array(to(weights[name]))))
        return self

    def gradients(self) -> dict[str, Array]:
        """The gradients in netlang's names and shapes, after `backward`."""
        return {
            name: back(parameter.grad.detach().numpy())
            for name, parameter, _, back in self.named_weights()
            if parameter.grad is not None
        }

    def _side(self, running: list[str]) -> frozenset[str]:
        """The layers that are there for training only."""
        needed = set(running)
        for node in reversed(self.layers):
            needed.update(self.reads[node.id] if node.id in needed else ())
        return frozenset(node.id for node in self.layers) - needed

    def forward(self, *inputs: Any) -> Any:
        """The output of images [n, h, w, c] or vectors [n, c]; in evaluation nothing else is computed beside."""
        return to_netlang(self.values(*inputs, without=frozenset() if self.training else self.side)[self.output])

    def score(self, loss: Any, target: Any, *inputs: Any) -> Any:
        """The loss of a batch, by PyTorch's own fused function. target: as netlang takes it."""
        first = next(iter(self.graph.outputs))
        return self.total({first: (loss, 1.0)}, {first: target}, *inputs)

    def total(self, losses: Mapping[str, tuple[Any, float]], targets: Mapping[str, Any], *inputs: Any) -> Any:
        """The losses of all outputs, each times its weight, added up. losses: (loss, weight) by output

        A loss that PyTorch fuses with the last layer reads what that layer reads.
        """
        from netlang.layers.loss.torch import scored

        ends = self.graph.outputs
        read = {i for reads in self.reads.values() for i in reads}
        fused = {ends[name] for name, (loss, _) in losses.items() if loss.of}
        found = self.values(*inputs, without=fused - read)
        scores = [
            weight * scored(loss, found[self.reads[ends[name]][0] if loss.of else ends[name]], targets[name])
            for name, (loss, weight) in losses.items()
        ]
        return sum(scores[1:], scores[0])

    def values(self, *inputs: Any, without: Collection[str] = ()) -> dict[str, Any]:
        """The value of every layer but these, as PyTorch orders it."""
        found = {name: self.entering(x) for name, x in zip(self.inputs, inputs, strict=True)}
        for node in self.layers:
            if node.id not in without:
                found[node.id] = self.parts[node.id](*(found[i] for i in self.reads[node.id]))
        return found

    def entering(self, x: Any) -> Any:
        """An image [n, h, w, c] as PyTorch's [n, c, h, w], in memory as the twin likes it."""
        turned = to_torch(x)
        return turned if self.channels_last or x.dim() != 4 else turned.contiguous()


def twin(net: Any, dtype: str = "f32", layout: str = "nchw") -> Twin:
    """The twin of a net, its weights at PyTorch's own start.

    layout: "nchw", or "nhwc" for PyTorch's channels_last memory format
    """
    return Twin(net, {"f32": torch.float32, "f64": torch.float64}[dtype], layout == "nhwc")


def to_netlang(y: Any) -> Any:
    """[n, c, h, w] as [n, h, w, c], [n, c, t] as [n, t, c]."""
    return y.movedim(1, -1)


def to_torch(x: Any) -> Any:
    """[n, h, w, c] as [n, c, h, w], [n, t, c] as [n, c, t]."""
    return x.movedim(-1, 1)


def _same(x: Array) -> Array:
    return x
