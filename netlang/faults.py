"""What a program says of wrong arrays, and of numbers that went wrong inside it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.diagnostics import Diagnostic, Label, NetError
from netlang.graph import Node
from netlang.loaded import Clock, Loaded, fetched, on_gpu
from netlang.net import Net
from netlang.plan import Launch
from netlang.ragged import cut
from netlang.source import NOWHERE, Span
from netlang.types import Tensor, shown

Array = NDArray[Any]


def checked_input(node: Node, value: Any, steps: Array | None = None) -> Array:
    """An input's array, of numbers and in its shape, zero beyond the real steps of each example.

    One on a GPU stays there, unless its numbers have to be looked at: tokens, and sequences with lengths.
    Raises ValueError that shows both shapes.
    """
    stays = type(value) is np.ndarray or (on_gpu(value) and not node.type.classes and steps is None)
    array: Array = value if stays else _plain(node, value)
    wanted = node.type.shape[1:]
    if array.dtype.kind not in "fiub":
        raise ValueError(f"`{node.id}` takes numbers, not {array.dtype}")
    if array.shape[1:] != wanted or not array.ndim:
        what = f"`{node.id}` takes examples of {shown(wanted)}, that is an array of nx{shown(wanted)}"
        raise ValueError(f"{what}; got {shown(array.shape)}")
    if not len(array):
        raise ValueError(f"`{node.id}` got no examples")
    if steps is not None:
        array = cut(array, steps)
    if node.type.classes:
        _check_tokens(node, array)
    return array


def _check_tokens(node: Node, array: Array) -> None:
    """Raise ValueError for what is no whole number below the vocabulary's size."""
    if array.dtype.kind not in "iu":
        raise ValueError(f"`{node.id}` takes tokens, which are whole numbers, not {array.dtype}")
    wrong = array[(array < 0) | (array >= node.type.classes)]
    if wrong.size:
        last = node.type.classes - 1
        raise ValueError(f"`{node.id}` has a vocabulary of {last + 1} words, 0 to {last}; a token is {wrong.flat[0]}")


def target_of(target: Any, output: str) -> Any:
    """The target of one output: what all share, or its own. Raises ValueError where it is missing."""
    if not isinstance(target, Mapping):
        return target
    if output not in target:
        raise ValueError(f"there is no target for the output `{output}`, only for {', '.join(target) or 'none'}")
    return target[output]


def checked_target(node: Node, target: Any, n: int, output: Tensor, steps: Array | None = None) -> Array:
    """A target's array in the shape of its buffer, zero beyond the real steps of each example. Raises ValueError."""
    array = _plain(node, target)
    if steps is not None and array.size == n * node.type.size:
        array = cut(array.reshape(node.type.arrayed(n)), steps)
    if node.made_by.kind == "labels":
        if array.size != n * node.type.size or array.dtype.kind not in "iub":
            raise ValueError(f"the target is one whole class number for each of {n} examples; got {_described(array)}")
        if array.size and (array.min() < 0 or array.max() >= output.channels):
            wrong = array[(array < 0) | (array >= output.channels)].flat[0]
            raise ValueError(f"the net has {output.channels} classes, 0 to {output.channels - 1}; a target is {wrong}")
    elif array.size != n * node.type.size or array.dtype.kind not in "fiub":
        raise ValueError(f"the target is {n}x{shown(node.type.shape)} numbers; got {_described(array)}")
    return array.reshape(node.type.arrayed(n))


def _plain(node: Node, value: Any) -> Array:
    """An array on the host. Raises ValueError where a mask hides numbers: they would count as if it were not there."""
    if type(value) is np.ndarray:
        return value
    parts = value if isinstance(value, list | tuple) else [value]
    if hidden := sum(np.count_nonzero(np.ma.getmaskarray(part)) for part in parts if np.ma.is_masked(part)):
        raise ValueError(f"`{node.id}` takes numbers; masked here: {hidden}; `.filled(0)` puts a number there")
    return np.asarray(fetched(value))


def _described(array: Array) -> str:
    return f"{shown(array.shape)} of {array.dtype}"


def check(loaded: Loaded, launch: Launch, n: int, net: Net, *, memory: bool, nan: bool) -> None:
    """Look at what one launch left behind. Raises NetError for NaN, MemoryError for a write beyond a buffer."""
    if memory and (damaged := loaded.damaged()):
        raise MemoryError(f"the kernel of {launch.node} wrote behind the end of {', '.join(damaged)}")
    if nan and any(not _finite(loaded, buffer, n) for buffer in launch.writes):
        raise NetError(_diagnostic(launch, net))


def first_bad(loaded: Loaded, n: int, clock: Clock, net: Net) -> NetError:
    """The step again, launch by launch: the error that names the first line whose result is not finite."""
    for node in loaded.plan.inputs:
        value = loaded.read(node.id, n)
        bad = [k for k in range(n) if not np.isfinite(value[k]).all()]
        if bad:
            title = (
                f"the {'data' if node.id in net.graph else 'target'} is not finite in example {bad[0]} of this batch"
            )
            return NetError(Diagnostic("not-finite", title, Label(node.span), help="look for NaN and inf in the data"))
    found: list[Launch] = []

    def look(launch: Launch) -> None:
        if not found and not all(_finite(loaded, buffer, n) for buffer in launch.writes):
            found.append(launch)

    for segment in ("prepare", "step"):
        loaded.run(segment, n, clock, each=look)
    return NetError(_diagnostic(found[0] if found else None, net))


def lost(net: Net, rate: float) -> NetError:
    """The error for a step that would have made weights infinite, or too large to compute with."""
    return NetError(
        Diagnostic(
            "not-finite",
            f"at a learning rate of {rate:g} this step would lose the weights; they are those before it",
            Label(_whole(net), ""),
            help="try a much smaller learning rate, such as `lr=0.01`",
        )
    )


def _finite(loaded: Loaded, buffer: str, n: int) -> bool:
    return bool(np.isfinite(loaded.read(buffer, n)).all())


def _diagnostic(launch: Launch | None, net: Net) -> Diagnostic:
    backward = launch is not None and launch.node.startswith("d:")
    what = "a gradient here" if backward else "the result of this layer"
    span = launch.span if launch is not None and launch.span != NOWHERE else _whole(net)
    return Diagnostic(
        "not-finite",
        "the loss or a gradient is not finite; the weights are those before this step",
        Label(span, f"{what} is the first that is not"),
        help="try a smaller learning rate, such as `lr=` a tenth of it, or smaller initial weights",
    )


def _whole(net: Net) -> Span:
    return next(iter(net.graph)).span
