"""Which way each convolution is fastest on this machine: every candidate in the net itself, launch by launch.

The candidates take turns, whole net by whole net; of each launch the least time counts. So each is timed with what is
fused to it, and with the caches as its neighbours leave them.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from netlang.bench import profile
from netlang.bench.compare import inputs
from netlang.passes.winograd import WAYS, question, ways
from netlang.record import dataclass

if TYPE_CHECKING:
    from netlang.program import Program

TURNS, ROUNDS = 2, 3  # of all candidates, and steps of each turn
CLEAR = 0.05  # of the usual way's time, that another must save: less is noise


@dataclass(frozen=True)
class Convolution:
    """What one convolution takes, in ms: by the usual way, and by each.

    name: the question it answers (`passes/winograd.py`); line: of the file; count: how many of the net are alike
    """

    name: str
    line: int
    count: int
    usual: float
    ms: Mapping[str, float]

    @property
    def best(self) -> str | None:
        """The way that is clearly faster than the usual one; None where none is."""
        fastest = min(self.ms, key=lambda way: self.ms[way])
        return fastest if self.ms[fastest] < (1 - CLEAR) * self.usual else None

    def as_json(self) -> dict[str, Any]:
        """As `netlang tune --json` gives it."""
        ms = {way: round(spent, 4) for way, spent in self.ms.items()}
        return {**vars(self), "usual": round(self.usual, 4), "ms": ms, "chosen": self.best or "usual"}


def measure(net: Any, batch: int, mode: str, threads: int) -> list[Convolution]:
    """Time the candidates of every convolution of a net of `netlang.load`. Raises NetError or Problem."""
    names = {name for name, *_ in _timed(net, batch, mode, threads, {}, 0)}
    if not names:
        return []
    times: dict[tuple[str, str | None], float] = {}
    seen: dict[str, tuple[int, int]] = {}
    for _ in range(TURNS):
        for way in (None, *WAYS):
            choices = {} if way is None else {name: way for name in names if way in ways(name)}
            for name, line, count, ms in _timed(net, batch, mode, threads, choices, ROUNDS):
                times[name, way] = min(ms, times.get((name, way), ms))
                seen[name] = line, count
    return [
        Convolution(name, *seen[name], times[name, None], {way: times[name, way] for way in ways(name)})
        for name in sorted(names, key=lambda name: seen[name])
    ]


def _timed(
    net: Any, batch: int, mode: str, threads: int, choices: Mapping[str, str], rounds: int
) -> Iterator[tuple[str, int, int, float]]:
    """Of each convolution with a choice: its name, the first line, how many there are, and ms of all of them."""
    program: Program = net.compile(batch=batch, training=mode == "train", threads=threads, choices=choices)
    try:
        purpose = "train" if mode == "train" else "evaluate"
        graph = program.stages(purpose).optimised
        names = {node.id: name for node in graph if (name := question(graph, node, batch)) is not None}
        spent = _spent(program, purpose, batch, rounds) if rounds else {}
    finally:
        program.close()
    for name in dict.fromkeys(names.values()):
        alike = [graph[node] for node, other in names.items() if other == name]
        weights = {node.inputs[1] for node in alike}
        own = [node.id for node in alike] + [w for w in weights if w in spent and mode == "train"]
        yield name, min(node.span.row for node in alike), len(alike), 1e3 * sum(spent.get(i, 0.0) for i in own)


def _spent(program: "Program", purpose: str, batch: int, rounds: int) -> dict[str, float]:
    """Seconds of each launch, by its node."""
    x, target = inputs(program.net, batch)
    if purpose == "train":
        program.step(x, target)
    else:
        program(x)
    found: dict[str, float] = {}
    for launch, seconds in profile.least(program.loaded(purpose), batch, rounds):
        found[launch.node] = found.get(launch.node, 0.0) + seconds
    return found
