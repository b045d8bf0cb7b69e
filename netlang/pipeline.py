"""From a checked net to a plan: one short function over named types."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netlang import graph
from netlang.differentiate import differentiate, updates
from netlang.graph import Graph, Input
from netlang.layers import optimizer
from netlang.lower import lower
from netlang.passes import optimise
from netlang.plan import Plan, plan
from netlang.primitives.launch import Target

PURPOSES = ("evaluate", "gradients", "train")


@dataclass(frozen=True)
class Stages:
    """What each stage made of the one before it.

    purpose: "evaluate": the outputs; "gradients": the loss, and what it changes by with every weight and input;
        "train": the loss, and a step of the optimizer
    """

    purpose: str
    primitives: Graph
    gradient: Graph
    optimised: Graph
    plan: Plan


def compile_plan(
    net: graph.Net, purpose: str, settings: Mapping[str, Any], target: Target, batch: int, *, share: bool = True
) -> Stages:
    """Lower, differentiate, optimise, plan.

    settings: of training: `loss`, `optimizer` and its own
    share: whether values may lie in the same memory one after the other
    Raises NetError.
    """
    training = purpose != "evaluate"
    primitives = lower(net, training=training, loss=settings.get("loss"), dtype=target.dtype)
    gradient = primitives
    if purpose == "gradients":
        inputs = [node.id for node in primitives.made_by(Input) if node.made_by.kind == "values"]
        gradient = differentiate(primitives, wrt=[n.id for n in net.graph.made_by(Input) if n.id in inputs])
    elif purpose == "train":
        gradient = updates(differentiate(primitives), optimizer.chosen(settings))
    optimised = optimise(gradient, batch)
    return Stages(purpose, primitives, gradient, optimised, plan(optimised, target, batch, share=share))
