"""Steps as lines, with branches in brackets where they belong together.

Read backwards from an output: a merge opens as many branches as it reads tensors, and each goes back to the tensor
that something else reads too. Where all branches of a merge meet, the line goes on.
"""

from collections import Counter
from collections.abc import Iterator

from netlang.expand.steps import Step
from netlang.graph import Input, Net, NodeId
from netlang.record import dataclass


@dataclass(frozen=True)
class Branch:
    """Steps inside brackets. start: the tensor they begin at; jumps: whether that is not what the others begin at"""

    start: NodeId
    parts: tuple["Part", ...]
    jumps: bool


@dataclass(frozen=True)
class Part:
    """A step of a line, with its branches if it is a merge. start: the tensor that its branches read"""

    step: Step
    branches: tuple[Branch, ...] = ()
    start: NodeId = ""

    @property
    def skipping(self) -> bool:
        """Whether it is a residual whose shortcut is the tensor that all its branches read."""
        if not self.step.layer.skips or any(branch.jumps for branch in self.branches):
            return False
        *inner, past = self.branches
        return not past.parts and all(branch.parts for branch in inner)


@dataclass(frozen=True)
class Series:
    """One line, from the tensor it starts at to one that is an output or that later lines read."""

    start: NodeId
    parts: tuple[Part, ...]
    end: NodeId


class Lines:
    """The lines of a net, each after those it reads from."""

    def __init__(self, net: Net, steps: dict[NodeId, Step]) -> None:
        self.graph, self.steps = net.graph, steps
        self.order = {id_: k for k, id_ in enumerate(node.id for node in net.graph)}
        self.readers = Counter(id_ for step in steps.values() for id_ in step.reads)
        self.readers.update(net.graph.outputs.values())
        self.written: set[NodeId] = {node.id for node in net.graph.made_by(Input)}
        self.done: list[Series] = []

    def to(self, end: NodeId) -> None:
        """Write the lines that lead to a tensor."""
        while True:
            parts, start = self.back(end, top=True)
            inside = set(_inside(parts))
            missing = [id_ for id_ in _named(parts) if id_ not in self.written and id_ not in inside]
            if not missing:
                break
            self.to(min(missing, key=self.order.__getitem__))
        self.written |= inside
        self.done.append(Series(start, parts, end))

    def back(self, end: NodeId, top: bool = False) -> tuple[tuple[Part, ...], NodeId]:
        """The parts that lead to a tensor, and where they start.

        top: on a line of its own a tensor that others read too is labelled on the way; in a branch it is the start
        """
        parts: list[Part] = []
        at, used = end, 1
        while at not in self.written and (top or self.readers[at] == used):
            step = self.steps[at]
            if step.layer.merge:
                part, used = self.merged(step)
                at = part.start
            else:
                part, used = Part(step), step.reads.count(step.reads[0])
                at = step.reads[0]
            parts.append(part)
        return tuple(reversed(parts)), at

    def merged(self, step: Step) -> tuple[Part, int]:
        """A merge with its branches, and how many of them begin where it does: at the last tensor any begins at."""
        found = [self.back(id_) for id_ in step.reads]
        start = max((at for _, at in found), key=self.order.__getitem__)
        branches = tuple(Branch(at, parts, at != start) for parts, at in found)
        return Part(step, branches, start), sum(not branch.jumps for branch in branches)


def _inside(parts: tuple[Part, ...]) -> Iterator[NodeId]:
    """The tensors that some parts make."""
    for part in parts:
        for branch in part.branches:
            yield from _inside(branch.parts)
        yield part.step.id


def named(part: Part) -> Iterator[NodeId]:
    """The tensors that a part names by their labels."""
    for branch in part.branches[:-1] if part.skipping else part.branches:
        if branch.jumps or not branch.parts:
            yield branch.start
        for inner in branch.parts:
            yield from named(inner)
    if not part.branches:
        yield from part.step.reads[1:]


def _named(parts: tuple[Part, ...]) -> Iterator[NodeId]:
    for part in parts:
        yield from named(part)


def lines(net: Net, steps: dict[NodeId, Step]) -> list[Series]:
    """The lines of a net: for each output those that lead to it and are not there yet."""
    found = Lines(net, steps)
    for node in net.graph.outputs.values():
        found.to(node)
    return found.done
