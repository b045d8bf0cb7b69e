"""From a checked net to a plan: one short function over named types."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from netlang.diagnostics import error
from netlang.differentiate import differentiate, updates
from netlang.graph import Graph, Input, Net
from netlang.layer import Misfit
from netlang.layers import optimizer
from netlang.layers.optimizer import Optimizer
from netlang.lower import lower
from netlang.passes import optimise
from netlang.plan import Plan, plan
from netlang.primitives.launch import Target

OPTIMIZER = "adam"  # where `train:` names none


@dataclass(frozen=True)
class Stages:
    """What each stage made of the one before it.

    purpose: "evaluate": the outputs; "gradients": the loss, and its gradient by every weight and input;
        "train": the loss, and a step of the optimizer
    """

    purpose: str
    primitives: Graph
    gradient: Graph
    optimised: Graph
    plan: Plan


def compile_plan(net: Net, purpose: str, target: Target, batch: int, *, share: bool = True) -> Stages:
    """Lower, differentiate, optimise, plan. `net.train` says the loss and the optimizer.

    share: whether values may lie in the same memory one after the other
    Raises NetError.
    """
    primitives = _lowered(net, purpose != "evaluate", target.dtype)
    gradient = primitives
    if purpose == "gradients":
        inputs = [node.id for node in net.graph.made_by(Input)]
        weights = [node.id for node in primitives if node.id in net.graph and not node.inputs]
        gradient = differentiate(primitives, wrt=dict.fromkeys([*inputs, *weights]))
    elif purpose == "train":
        gradient = updates(differentiate(primitives), optimizer_of(net.train))
    optimised = optimise(gradient, batch)
    return Stages(purpose, primitives, gradient, optimised, plan(optimised, target, batch, share=share))


def _lowered(net: Net, training: bool, dtype: str) -> Graph:
    try:
        return lower(net, training=training, dtype=dtype)
    except Misfit as misfit:  # the checker has fitted every layer: what is left is the loss
        last = net.graph[next(iter(net.graph.outputs.values()))]
        raise error("loss", str(misfit), last.span, help=misfit.help) from None


def optimizer_of(settings: Mapping[str, Any]) -> Optimizer:
    """The optimizer that `train:` settings name, with its own settings among them. Raises Misfit."""
    kind = optimizer.find(str(settings.get("optimizer", OPTIMIZER)))
    if kind is None:
        raise Misfit(
            f"there is no optimizer called `{settings['optimizer']}`; there are {', '.join(optimizer.words())}"
        )
    return kind(**{f.name: settings[f.name] for f in fields(kind) if f.name in settings})
