"""Where the time of a step goes, by line of the file: launches are run and timed one by one."""

import time
from collections.abc import Iterator
from dataclasses import field
from typing import Any

from netlang.bench import compare
from netlang.bench.limits import Limits
from netlang.bench.measure import Timing, interleaved
from netlang.check import counts
from netlang.diagnostics import count
from netlang.layer import Layer
from netlang.loaded import Clock
from netlang.passes.recompute import AGAIN
from netlang.plan import Launch
from netlang.record import dataclass
from netlang.sizes import fixed
from netlang.source import Source

SEGMENTS = ("step", "update")
FORWARD, BACKWARD = "forward", "backward"
STILL = Clock(1, 0, 0.0)  # a learning rate of 0: the weights stay as they are


@dataclass
class Spent:
    """What a line costs: seconds, and operations of its products, forward and backward."""

    seconds: dict[str, float] = field(default_factory=lambda: {FORWARD: 0.0, BACKWARD: 0.0})
    flops: dict[str, float] = field(default_factory=lambda: {FORWARD: 0.0, BACKWARD: 0.0})

    @property
    def whole(self) -> float:
        """Seconds, forward and backward."""
        return sum(self.seconds.values())

    def fraction(self, way: str, limits: Limits) -> float | None:
        """The speed of the products as a share of the machine's; None where there are none."""
        spent, flops = self.seconds[way], self.flops[way]
        return flops / spent / (limits.gflops * 1e9) if spent and flops else None


@dataclass(frozen=True)
class Profile:
    """The lines of a net's file, and of others it uses, with what each takes; `rest` has no line: the update of all
    weights.

    step: of the net as it runs, without stops between launches
    """

    name: str
    batch: int
    mode: str
    threads: int
    limits: Limits
    step: Timing
    lines: dict[tuple[Source, int], Spent]
    rest: float

    @property
    def whole(self) -> float:
        """Seconds of all launches, one by one."""
        return self.rest + sum(spent.whole for spent in self.lines.values())


def profile(net: Any, batch: int, mode: str, threads: int, repeat: int, limits: Limits) -> Profile:
    """Time a net of `netlang.load`: each launch alone, the least of `repeat` rounds. Raises NetError or Problem."""
    training = mode == "train"
    program = net.compile(batch=batch, training=training, threads=threads)
    try:
        x, target = compare.inputs(net, batch)
        whole = interleaved({"": (lambda: program.step(x, target)) if training else (lambda: program(x))}, repeat)[""]
        loaded = program.loaded("train" if training else "evaluate")
        found = least(loaded, batch, repeat)
        lines: dict[tuple[Source, int], Spent] = {}
        rest = 0.0
        for launch, seconds in found:
            if not launch.span.source.text:
                rest += seconds
                continue
            spent = lines.setdefault((launch.span.source, launch.span.row), Spent())
            again = launch.node.startswith(("d:", "update:")) or launch.node.endswith(AGAIN)
            spent.seconds[BACKWARD if again else FORWARD] += seconds
    finally:
        program.close()
    _counted(net.graph, batch, lines)
    return Profile(net.name, batch, mode, threads, limits, whole, lines, rest)


def least(loaded: Any, batch: int, repeat: int) -> list[tuple[Launch, float]]:
    """The launches of a step and the least time each takes; what weights become once, before it, is no part of it."""
    best: dict[int, float] = {}
    launches = {id(launch): launch for segment in SEGMENTS for launch in loaded.plan.segments[segment]}
    loaded.run("prepare", batch, STILL)
    for _ in range(repeat):
        for segment in SEGMENTS:
            clock = _Stopwatch(best)
            loaded.run(segment, batch, STILL, each=clock)
    return [(launches[key], seconds) for key, seconds in best.items()]


class _Stopwatch:
    """Called behind each launch: keeps the least time since the call before it."""

    def __init__(self, best: dict[int, float]) -> None:
        self.best = best
        self.last = time.perf_counter()

    def __call__(self, launch: Launch) -> None:
        now = time.perf_counter()
        self.best[id(launch)] = min(self.best.get(id(launch), float("inf")), now - self.last)
        self.last = time.perf_counter()


def _counted(graph: Any, batch: int, lines: dict[tuple[Source, int], Spent]) -> None:
    """Add the operations of direct products: forward, and of each gradient that training needs."""
    learned = counts.learned(graph)
    for node in graph.made_by(Layer):
        spent = lines.get((node.span.source, node.span.row))
        if spent is not None:
            spent.flops[FORWARD] += 2.0 * batch * fixed(counts.macs_of(graph, node), {})
            spent.flops[BACKWARD] += 2.0 * batch * fixed(counts.backward_macs_of(graph, node, learned), {})


def table(found: Profile) -> str:
    """The file with milliseconds, share and fraction of peak in the margin."""
    ways = (FORWARD, BACKWARD) if found.mode == "train" else (FORWARD,)
    head = "".join(f"{way:>12}  peak" for way in ways) + f"{'share':>8}  | "
    lines = [head.rstrip()]
    for source in dict.fromkeys(source for source, _ in found.lines):
        if len({s for s, _ in found.lines}) > 1:
            lines.append(f"{source.name}:")
        for row, text in enumerate(source.text.rstrip("\n").split("\n"), 1):
            lines.append(_row(found, found.lines.get((source, row)), ways, text))
    updates = f"{found.rest * 1e3:.3f} ms for the optimizer; " if found.mode == "train" else ""
    lines.append(
        f"{updates}{found.whole * 1e3:.3f} ms in all, launch by launch; "
        f"{found.step.median * 1e3:.3f} ms as it runs (spread {found.step.spread:.0%})"
    )
    threads = count(found.threads, "thread")
    lines.append(f"batch {found.batch}, {threads}; peak is {found.limits.gflops:.0f} GFLOP/s of float32")
    return "\n".join(lines)


def _row(found: Profile, spent: Spent | None, ways: tuple[str, ...], text: str) -> str:
    cells = []
    for way in ways:
        seconds = spent.seconds[way] if spent else 0.0
        share = spent.fraction(way, found.limits) if spent else None
        cells.append(f"{seconds * 1e3:9.3f} ms" if seconds else " " * 12)
        cells.append(f"{share:6.0%}" if share else " " * 6)
    part = f"{spent.whole / found.whole:8.1%}" if spent and spent.whole else " " * 8
    return f"{''.join(cells)}{part}  | {text}".rstrip()


def as_json(found: Profile) -> dict[str, Any]:
    """As `netlang profile --json` gives it; times in milliseconds."""
    return {
        "net": found.name,
        "batch": found.batch,
        "mode": found.mode,
        "threads": found.threads,
        "peak_gflops": round(found.limits.gflops, 1),
        "step_ms": round(found.step.median * 1e3, 4),
        "launches_ms": round(found.whole * 1e3, 4),
        "update_ms": round(found.rest * 1e3, 4),
        "lines": list(_lines(found)),
    }


def _lines(found: Profile) -> Iterator[dict[str, Any]]:
    for (source, row), spent in sorted(found.lines.items(), key=lambda item: (item[0][0].name, item[0][1])):
        shares = {f"{way}_peak": spent.fraction(way, found.limits) for way in (FORWARD, BACKWARD)}
        yield {
            "file": source.name,
            "line": row,
            **{f"{way}_ms": round(spent.seconds[way] * 1e3, 4) for way in (FORWARD, BACKWARD)},
            **{name: None if share is None else round(share, 4) for name, share in shares.items()},
            "share": round(spent.whole / found.whole, 4),
        }
