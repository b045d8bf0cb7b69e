"""The default activation: where it stands, and where something else takes its place (RULINGS 1-7).

A layer that computes a weighted sum ends in the default activation, unless the next thing settles the
matter: an activation, a merge other than one that is looked through, a softmax, or the end of the net.
Read backwards, each step needs to know only whether what follows it settles.
"""

from dataclasses import replace

from netlang.check.tree import Activation, Checked, Fork, Placed, Steps
from netlang.layer import Layer, all_layers


def with_defaults(steps: Steps, default: Layer | None, settled: bool = True) -> Steps:
    """The steps with default activations. settled: whether what follows them settles; the end of a net does."""
    return _walk(steps, default, settled)[0]


def usual() -> Layer | None:
    """The activation that stands where none is written."""
    return next((kind() for kind in all_layers() if kind.usual), None)


def _walk(steps: Steps, default: Layer | None, settled: bool) -> tuple[Steps, bool]:
    """The steps, and whether their first one settles what stands before them."""
    done: list[Placed | Fork | Checked] = []
    for step in reversed(steps):
        if isinstance(step, Fork):
            step, settled = _fork(step, default, settled)
        elif isinstance(step, Placed):
            step, settled = _placed(step, default, settled), _settles(step.layer, settled)
        done.append(step)
    return tuple(reversed(done)), settled


def _fork(fork: Fork, default: Layer | None, settled: bool) -> tuple[Fork, bool]:
    """At a branch's end the next thing is the merge; the first branch is read first."""
    merge = fork.merge
    behind = _settles(merge.layer, settled or merge.activation is not None)
    branches, heads = zip(*(_walk(branch, default, behind) for branch in fork.branches), strict=True)
    return Fork(merge, tuple(branches)), heads[0]


def _placed(step: Placed, default: Layer | None, settled: bool) -> Placed:
    if step.layer is None or not step.layer.activated or step.activation or settled or default is None:
        return step
    return replace(step, activation=Activation(default, step.span, written=False))


def _settles(layer: Layer | None, follows: bool) -> bool:
    if layer is None:
        return False
    return layer.settles or layer.activation or (layer.transparent and follows)
