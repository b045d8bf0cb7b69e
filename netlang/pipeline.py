"""From a checked net to a plan: one short function over named types."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from netlang.backend.limits import OutOfMemoryError, binary_size
from netlang.diagnostics import Diagnostic, Label, NetError, count, error
from netlang.differentiate import differentiate, updates
from netlang.graph import Graph, Input, Net, NodeId
from netlang.layer import Misfit, Weight
from netlang.layers import optimizer
from netlang.layers.optimizer import USUAL, Optimizer
from netlang.lower import NEXT, lower
from netlang.passes import optimise
from netlang.passes.recompute import recompute
from netlang.plan import Plan, plan
from netlang.primitives.launch import Target, has_draft
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.sizes import letters
from netlang.source import Span

CHOOSE = "as in `--set T=64`, or `compile(sizes={...})` in Python"


@dataclass(frozen=True)
class Stages:
    """What each stage made of the one before it.

    purpose: "evaluate": the outputs; "loss": the loss as it is in training; "gradients": that, and its gradient by
        every weight and input; "train": the loss, and a step of the optimizer
    """

    purpose: str
    primitives: Graph
    gradient: Graph
    optimised: Graph
    plan: Plan


def compile_plan(
    net: Net,
    purpose: str,
    target: Target,
    batch: int,
    *,
    share: bool = True,
    strict: bool = False,
    lengths: Mapping[NodeId, NodeId] | None = None,
    memory: int | None = None,
    beside: int = 0,
    choices: Mapping[str, str] = MappingProxyType({}),
) -> Stages:
    """Lower, differentiate, optimise, plan. `net.train` says the loss and the optimizer.

    share: whether values may lie in the same memory one after the other
    strict: no pass that loses digits for speed
    lengths: the inputs whose examples have lengths of their own (`lower`)
    memory: bytes that may be taken in all; what does not fit is computed again on the way back (`passes/recompute.py`)
    beside: bytes of them that are another plan's; choices: of convolutions that were measured (`backend/choices.py`)
    Raises NetError, or OutOfMemoryError where `memory` cannot be enough.
    """
    refuse_unready(net, purpose)
    primitives = _lowered(net, purpose != "evaluate", target.dtype, lengths)
    gradient = primitives
    if purpose == "gradients":
        starts = (node for node in primitives if node.id in net.graph and not node.inputs)
        gradient = differentiate(primitives, wrt=[node.id for node in starts if not node.type.classes])
        for name in [name for name in gradient.outputs if name.startswith(NEXT)]:
            del gradient.outputs[name]
    elif purpose == "loss":
        gradient.outputs = {"loss": gradient.outputs["loss"]}
    elif purpose == "train":
        gradient = updates(differentiate(primitives), optimizer_of(net.train))
    optimised = optimise(gradient, batch, strict=strict, device=target.device, choices=choices)
    refuse_undrafted(optimised, target.device)
    hold = purpose != "train"  # a training step changes the weights: what is made of them would not stay
    if memory is not None:
        optimised = _within(memory, beside, optimised, purpose, target, batch, hold=hold)
    return Stages(purpose, primitives, gradient, optimised, plan(optimised, target, batch, share=share, hold=hold))


def _within(memory: int, beside: int, graph: Graph, purpose: str, target: Target, batch: int, *, hold: bool) -> Graph:
    """The graph whose plan, and what lies beside it, takes at most `memory` bytes. Raises OutOfMemoryError."""
    whole = plan(graph, target, batch, hold=hold)
    if whole.size + beside <= memory:
        return graph
    smaller = recompute(graph, batch, memory - beside - whole.size + whole.arenas["values"], hold=hold)
    size = plan(smaller, target, batch, hold=hold).size + beside
    if size > memory:
        raise OutOfMemoryError(_least(purpose, batch, size, memory))
    return smaller


def _least(purpose: str, batch: int, least: int, memory: int) -> str:
    kind = {"train": "a training step", "evaluate": "evaluation"}.get(purpose, "a step")
    examples = count(batch, "example")
    return (
        f"{kind} on {examples} takes at least {least:,} bytes ({binary_size(least)}), and may take {memory:,} "
        f"({binary_size(memory)}). Use a smaller batch or smaller images."
    )


def refuse_unready(net: Net, purpose: str) -> None:
    """Raise NetError for a net whose sizes are open, all at once, or that has nothing to train."""
    found = []
    for node in net.graph.made_by(Input):
        if not node.type.fixed:
            title = f"the size `{letters(*node.type.shape[1:])[0]}` is chosen before a net is compiled"
            found.append(Diagnostic("open-size", title, Label(node.span, ""), help=CHOOSE))
    if found:
        raise NetError(*found)
    weights = list(net.graph.made_by(Weight))
    if purpose == "train" and all(node.made_by.frozen for node in weights):
        span = weights[0].span if weights else next(iter(net.graph)).span
        title = "every weight is frozen: there is nothing to train" if weights else "this net has no weights to train"
        raise error("untrained", title, span, help="take `freeze` off a layer" if weights else None)


def refuse_undrafted(graph: Graph, device: str) -> None:
    """Raise NetError for the lines whose primitives have no kernel on a device, all at once."""
    found: dict[Span, Diagnostic] = {}
    for node in graph.made_by(Primitive):
        if not has_draft(node.made_by, device):
            kind = type(node.made_by).__name__.lower()
            title = f"this version has no kernel for {device} of what this line becomes ({kind})"
            found.setdefault(node.span, Diagnostic("not-compiled", title, Label(node.span, "")))
    if found:
        raise NetError(*found.values())


def _lowered(net: Net, training: bool, dtype: str, lengths: Mapping[NodeId, NodeId] | None) -> Graph:
    try:
        return lower(net, training=training, dtype=dtype, lengths=lengths)
    except Misfit as misfit:  # the checker has fitted every layer: what is left is the loss
        last = net.graph[next(iter(net.graph.outputs.values()))]
        raise error("loss", str(misfit), last.span, help=misfit.help) from None


def optimizer_of(settings: Mapping[str, Any]) -> Optimizer:
    """The optimizer that `train:` settings name, with its own settings among them. Raises Misfit."""
    kind = optimizer.find(str(settings.get("optimizer", USUAL)))
    if kind is None:
        raise Misfit(
            f"there is no optimizer called `{settings['optimizer']}`; there are {', '.join(optimizer.words())}"
        )
    return kind(**{f.name: settings[f.name] for f in fields(kind) if f.name in settings})
