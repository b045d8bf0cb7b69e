"""Recurrent layers in PyTorch: its own where it has them, elsewhere a loop over the cell's equations."""

from typing import Any

import torch
from torch import nn

from netlang.formula import Call, Name, Number, Term, order
from netlang.layers.recurrent.cell import INPUT, before
from netlang.layers.recurrent.op import BACK, Gru, Lstm, Recurrent, Rnn
from netlang.layers.twin import to_netlang, to_torch, twin_of

GATES = {"LSTM": ("i", "f", "g", "o"), "GRU": ("r", "z", "g"), "RNN": ("h",)}  # in PyTorch's order


class Gate:
    """A weight of netlang's within PyTorch's: rows of some of its parameters, transposed where it is a matrix.

    places: (parameter, its rows); the columns of one follow those of the other
    """

    def __init__(self, *places):
        self.places = places

    def copy_(self, w):
        at = 0
        for parameter, rows in self.places:
            width = parameter.shape[1] if parameter.dim() == 2 else 0
            parameter[rows] = (w[at : at + width].T if width else w).to(parameter.dtype)
            at += width

    @property
    def grad(self):
        parts = [parameter.grad[rows] for parameter, rows in self.places]
        return torch.cat([part.T for part in parts]) if parts[0].dim() == 2 else parts[0]


class Directions(nn.Module):
    """One or two recurrences over [n, m, t]; `gates` are the weights under netlang's names."""

    def __init__(self, layer, ways):
        super().__init__()
        self.last, self.reversed = layer.flag("last"), [layer.flag("reverse"), True][: len(ways)]
        self.ways = nn.ModuleList(ways)
        prefixes = ("", BACK)
        self.gates = {
            prefix + name: gate
            for prefix, way in zip(prefixes, ways, strict=False)
            for name, gate in gates_of(way).items()
        }

    def __getattr__(self, name):
        gates = self.__dict__.get("gates", {})
        return gates[name] if name in gates else super().__getattr__(name)

    def forward(self, x):
        found = []
        for way, reverse in zip(self.ways, self.reversed, strict=True):
            y = run(way, to_netlang(x).flip(1) if reverse else to_netlang(x))
            if self.last:
                found.append(y[:, -1])
            else:
                found.append(to_torch(y.flip(1) if reverse else y))
        return torch.cat(found, 1) if len(found) > 1 else found[0]


def run(way, x):
    """All steps of [n, t, m]."""
    return way(x)[0] if isinstance(way, nn.RNNBase) else way(x)


def gates_of(way):
    """The weights of one direction."""
    if isinstance(way, Equations):
        return dict(way.weights)
    found: dict[str, Gate] = {}
    n = way.hidden_size
    for k, gate in enumerate(GATES[type(way).__name__]):
        rows = slice(k * n, (k + 1) * n)
        x, h = (way.weight_ih_l0, rows), (way.weight_hh_l0, rows)
        if type(way).__name__ == "GRU" and gate == "g":
            found |= {"g.W1": Gate(x), "g.b1": Gate((way.bias_ih_l0, rows))}
            found |= {"g.W2": Gate(h), "g.b2": Gate((way.bias_hh_l0, rows))}
        else:
            found |= {f"{gate}.W": Gate(x, h), f"{gate}.b": Gate((way.bias_ih_l0, rows))}
            with torch.no_grad():
                way.bias_hh_l0[rows] = 0  # netlang has one bias a gate
    return found


@twin_of(Recurrent)
def recurrent(layer, x):
    """nn.RNN, nn.LSTM or nn.GRU, or the equations step by step."""
    count = 2 if layer.flag("bidirectional") else 1
    return Directions(layer, [own(layer, x) or Equations(layer.of(x), x.channels) for _ in range(count)])


def own(layer, x):
    """PyTorch's own layer, None where it has none for these settings."""
    sizes = {"input_size": x.channels, "hidden_size": layer.width, "batch_first": True}
    if isinstance(layer, Lstm) and not layer.peephole:
        return nn.LSTM(**sizes)
    if isinstance(layer, Gru) and layer.reset == "after":
        return nn.GRU(**sizes)
    if isinstance(layer, Rnn) and layer.act != "sigmoid":
        return nn.RNN(**sizes, nonlinearity=layer.act)
    return None


class Equations(nn.Module):
    """The equations of a cell one after the other, on [n, t, m]: autograd is the referee."""

    def __init__(self, cell, features):
        super().__init__()
        self.cell = cell
        owned = [each for equation in cell.equations for each in equation.owned]
        self.weights = {
            each.name: nn.Parameter(
                torch.randn((cell.rows(each),) * (each.kind == "W") + (cell.widths[each.name],)) / 8
            )
            for each in owned
        }
        for name, parameter in self.weights.items():
            self.register_parameter(name.replace(".", "_"), parameter)

    def forward(self, x):
        states = {before(name): x.new_zeros(x.shape[0], width) for name, width in self.cell.states.items()}
        made = []
        for t in range(x.shape[1]):
            values = {INPUT: x[:, t], **states}
            for equation in self.cell.equations:
                values[equation.name] = self.value(equation.term, values, {o.name: o for o in equation.owned})
            states = {before(name): values[name] for name in self.cell.states}
            made.append(values[self.cell.output])
        return torch.stack(made, 1)

    def value(self, term, values, owned):
        """A formula; products and vectors where it names them."""
        found: dict[Term, Any] = {}
        for part in order(term):
            if isinstance(part, Call):
                found[part] = FUNCTIONS[part.name](*(found[a] for a in part.args))
            elif isinstance(part, Number):
                found[part] = torch.as_tensor(part.value, dtype=values[INPUT].dtype)
            elif not isinstance(part, Name):
                raise TypeError(f"the equations of a cell have no {part}")
            elif part.name in values:
                found[part] = values[part.name]
            elif owned[part.name].kind != "W":
                found[part] = self.weights[part.name]
            else:
                joined = [self.value(o, values, owned) for o in owned[part.name].operands]
                found[part] = torch.cat(joined, 1) @ self.weights[part.name]
        return found[term]


FUNCTIONS = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "neg": torch.neg,
    "gt": torch.gt, "lt": torch.lt, "ge": torch.ge, "le": torch.le, "equal": torch.eq,
    "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
    "softplus": nn.functional.softplus, "absolute": torch.abs, "maximum": torch.maximum, "minimum": torch.minimum,
    "where": torch.where,
}  # fmt: skip
