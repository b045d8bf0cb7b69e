"""One comparison: netlang and its peers in turns, beside what the machine can do, in one run."""

import platform
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path
from typing import Any

import numpy as np

from netlang.backend.cuda.machine import Gpu, shown
from netlang.backend.cuda.machine import found as found_gpu
from netlang.backend.shelf import counts
from netlang.bench import floor, jaxed, peers, runtime
from netlang.bench.alone import Measured
from netlang.bench.limits import Limits, of_gpu
from netlang.bench.measure import Timing, Work, interleaved
from netlang.diagnostics import count
from netlang.fit import PRODUCTS, precision_for
from netlang.graph import Input
from netlang.lower import loss_of
from netlang.program import Options
from netlang.record import dataclass

Apart = Callable[[str, list[str], Callable[[str], None]], Measured]
SEED = 0  # of inputs and labels
NETLANG = "netlang"
BUSY = 0.5  # spread beyond which a measurement says more about the machine's other work than about the net


@dataclass(frozen=True)
class Result:
    """One mode, `train` or `infer`.

    floor: seconds, None where the machine's limits are not known; peers: by name, the fastest counts
    compiled: seconds to a ready program, "cold" if any kernel was compiled, "warm" if the cache had all of them
    peaks: memory by contender, 10^6 bytes; empty where it was not measured
    """

    mode: str
    netlang: Timing
    floor: float | None
    peers: Mapping[str, Timing]
    compiled: Mapping[str, float]
    peaks: Mapping[str, float] = field(default_factory=dict)

    @property
    def best(self) -> str | None:
        """The fastest peer."""
        return min(self.peers, key=lambda name: self.peers[name].median, default=None)

    @property
    def ratio(self) -> float | None:
        """The fastest peer's median over netlang's: above 1, netlang is faster."""
        return self.peers[self.best].median / self.netlang.median if self.best else None

    def as_json(self) -> dict[str, Any]:
        """As `netlang bench --json` gives it; times in milliseconds."""
        return {
            "mode": self.mode,
            "netlang_ms": _ms(self.netlang.median),
            "netlang_spread": round(self.netlang.spread, 3),
            "floor_ms": None if self.floor is None else _ms(self.floor),
            "peers": {name: _ms(timing.median) for name, timing in self.peers.items()},
            "peer_spreads": {name: round(timing.spread, 3) for name, timing in self.peers.items()},
            "ratio": round(self.ratio, 3) if self.ratio else None,
            "compile_s": {kind: round(seconds, 3) for kind, seconds in self.compiled.items()},
            "peak_mb": dict(self.peaks),
        }


@dataclass(frozen=True)
class Comparison:
    """What one run measured. notes: what was left out, and why."""

    net: str
    batch: int
    threads: int
    limits: Limits | None
    results: tuple[Result, ...]
    notes: tuple[str, ...]
    on: str = "cpu"
    precision: str = "fast"

    @property
    def machine(self) -> str:
        """What was measured, by name."""
        gpu = found_gpu() if self.on == "cuda" else None
        return f"{gpu.name}, driver for CUDA {shown(gpu.driver)}" if isinstance(gpu, Gpu) else processor()

    def as_json(self) -> dict[str, Any]:
        """As `netlang bench --json` gives it."""
        return {
            "net": self.net,
            "batch": self.batch,
            "threads": self.threads,
            "device": self.machine,
            "precision": self.precision,
            "peak_gflops": round(self.limits.gflops, 1) if self.limits else None,
            "bandwidth_gbs": round(self.limits.gbs, 1) if self.limits else None,
            "versions": versions(),
            "results": [result.as_json() for result in self.results],
            "notes": list(self.notes),
        }


def compare(
    net: Any,
    batch: int,
    modes: tuple[str, ...],
    against: Collection[str],
    threads: int,
    repeat: int,
    limits: Limits | None,
    apart: Apart | None = None,
    device: str = "cpu",
    precision: str | None = None,
    tell: Callable[[str], None] = peers.silent,
) -> Comparison:
    """Measure a net of `netlang.load` in the given modes.

    against: of `torch`, `onnxruntime` and `jax`
    limits: of the processor, None where they are not known; device: "cpu" or "cuda"
    precision: of products, for all contenders; that of the file's `train:` if not said
    apart: measures the contenders of a mode, each in a process of its own
    tell: told what is under way, which may take minutes
    Raises NetError or Problem.
    """
    notes: list[str] = []
    precision = precision_for(net.checked, net.train, Options(batch, True, device=device, precision=precision))
    limits = _of_gpu(precision) if device == "cuda" else limits
    how = _How(batch, against, threads, repeat, limits, device, precision, tell)
    results = tuple(_measure(net, mode, how, notes.append) for mode in modes)
    if apart:
        tell("memory and compiling, in processes apart")
        alone = [apart(result.mode, list(result.peers), notes.append) for result in results]
        both = zip(results, alone, strict=True)
        results = tuple(replace(r, peaks=a.peaks, compiled={**r.compiled, **a.compiled}) for r, a in both)
    if any(t.spread > BUSY for r in results for t in (r.netlang, *([r.peers[r.best]] if r.best else []))):
        notes.append(f"a spread above {BUSY:.0%}: something else was running, measure again")
    called = f"{net.name}:{net.variant}" if net.variant else net.name
    return Comparison(called, batch, threads, limits, results, tuple(dict.fromkeys(notes)), device, precision)


def _of_gpu(precision: str) -> Limits | None:
    gpu = found_gpu()
    return of_gpu(gpu, PRODUCTS[precision]) if isinstance(gpu, Gpu) else None


@dataclass(frozen=True)
class _How:
    """What `compare` was told."""

    batch: int
    against: Collection[str]
    threads: int
    repeat: int
    limits: Limits | None
    device: str
    precision: str
    tell: Callable[[str], None]


def _measure(net: Any, mode: str, how: _How, note: Callable[[str], None]) -> Result:
    training = mode == "train"
    how.tell(f"{mode}: compiling {net.name}")
    began, before = time.perf_counter(), counts.compiled
    options = {"device": how.device, "training": training, "threads": how.threads, "precision": how.precision}
    program = net.compile(batch=how.batch, **options)
    compiled = {"cold" if counts.compiled > before else "warm": time.perf_counter() - began}
    try:
        x, target = inputs(net, how.batch)
        weights = {name: np.array(program.weights[name]) for name in program.weights}
        state = sum(int(np.asarray(program.state[name]).nbytes) for name in program.state) if training else 0
        given = _placed(program.device, x) if how.device == "cuda" else x
        mine: Work = (lambda: program.step(given, target)) if training else (lambda: program(given))
        case = peers.Case(net, weights, x, target, dict(net.train), how.threads, how.device, how.precision, how.tell)
        others = _others(case, training, how.against, note)
        how.tell(f"{mode}: {how.repeat} rounds of {', '.join([NETLANG, *others])}")
        timings = interleaved({NETLANG: mine, **others}, how.repeat)
    finally:
        program.close()
    cost = floor.training(net.graph, how.batch, state) if training else floor.inference(net.graph, how.batch)
    least = how.limits.floor(cost.flops, cost.moved) if how.limits else None
    return Result(mode, timings.pop(NETLANG), least, timings, compiled)


def _placed(device: Any, x: Any) -> Any:
    return {name: device.placed(one) for name, one in x.items()} if isinstance(x, dict) else device.placed(x)


def _others(case: peers.Case, training: bool, against: Collection[str], note: Callable[[str], None]) -> dict[str, Work]:
    """The peers that compute this. ONNX Runtime trains nothing."""
    found: dict[str, Work] = {}
    if "torch" in against:
        found |= (peers.training if training else peers.inference)(case, note)
    if "onnxruntime" in against and not training:
        found |= runtime.inference(case)
    if "jax" in against:
        found |= (jaxed.training if training else jaxed.inference)(case, note)
    return found


def inputs(net: Any, batch: int) -> tuple[Any, Any]:
    """Normal random inputs or random tokens, and labels or targets as the net's losses take them.

    An array each; of several inputs, or outputs, one by name
    """
    random = np.random.default_rng(SEED)
    given = {node.id: _given(node.type, batch, random) for node in net.graph.made_by(Input)}
    targets = {name: _target(net, name, batch, random) for name in net.graph.outputs}
    return _alone(given), _alone(targets)


def _given(type_: Any, batch: int, random: np.random.Generator) -> Any:
    shape = type_.arrayed(batch)
    return random.integers(0, type_.classes, shape) if type_.classes else random.standard_normal(shape, np.float32)


def _target(net: Any, output: str, batch: int, random: np.random.Generator) -> Any:
    made = net.graph[net.graph.outputs[output]].type
    if loss_of(net.checked, output).target == "labels":
        return random.integers(0, made.channels, made.arrayed(batch)[:-1])
    return random.random(made.arrayed(batch), np.float32)


def _alone(found: dict[str, Any]) -> Any:
    return found if len(found) > 1 else next(iter(found.values()))


def table(comparison: Comparison) -> str:
    """The comparison for people: a line per contender, the limits below."""
    lines, threads = [], count(comparison.threads, "thread")
    for result in comparison.results:
        rows = {NETLANG: result.netlang, **dict(sorted(result.peers.items(), key=lambda item: item[1].median))}
        precision = "" if comparison.precision == "fast" else f", {comparison.precision}"
        lines.append(f"{comparison.net}, batch {comparison.batch}, {threads}: {result.mode}{precision}")
        wide = max(map(len, [*rows, "torch channels-last"])) + 2
        lines += [f"  {name:<{wide}}{_said(t.median):>10} ms   spread {t.spread:.0%}" for name, t in rows.items()]
        if result.floor is not None:
            over = f"   netlang takes {result.netlang.median / result.floor:.2f} times that" if result.floor else ""
            lines.append(f"  {'floor':<{wide}}{_said(result.floor):>10} ms{over}")
        if result.peaks:
            lines.append("  memory: " + ", ".join(f"{name} {peak:.0f} MB" for name, peak in result.peaks.items()))
            lines.append(
                "  compiled in " + ", ".join(f"{s:.1f} s {kind}" for kind, s in sorted(result.compiled.items()))
            )
        if result.ratio is not None:
            lines.append(f"  ratio {result.ratio:.2f}: {result.best} / netlang")
    limits = comparison.limits
    kind = PRODUCTS[comparison.precision] if comparison.on == "cuda" and comparison.precision != "strict" else "float32"
    can = f", {limits.gflops:.0f} GFLOP/s of {kind}, {limits.gbs:.1f} GB/s of memory" if limits else ""
    lines.append(f"machine: {comparison.machine}{can}")
    return "\n".join([*lines, *(f"note: {note}" for note in comparison.notes)])


HEAD = (
    "| when | net, batch | mode | netlang ms | floor ms | fastest peer | its ms | ratio | spread | threads "
    "| machine | versions |"
)


def append(path: Path, comparison: Comparison, when: str) -> None:
    """Add a row per mode to a Markdown file of measurements, which is begun where there is none. Raises Problem.

    They come behind the last row of the table that is there, whatever else the file says.
    """
    from netlang.bench.history import text
    from netlang.files import write

    lines = text(path).split("\n") if path.exists() else []
    if HEAD not in lines:
        while lines and not lines[-1].strip():
            lines.pop()
        lines = lines or [f"# Measurements: {comparison.net}"]
        lines += ["", HEAD, "|" + "---|" * HEAD.count(" | ") + "---|", ""]
    last = lines.index(HEAD)
    while last + 1 < len(lines) and lines[last + 1].startswith("|"):
        last += 1
    lines[last + 1 : last + 1] = [_row(comparison, result, when) for result in comparison.results]
    write(path, "\n".join(lines).encode())


def _row(comparison: Comparison, result: Result, when: str) -> str:
    best = result.peers.get(result.best or "")
    spread = f"{result.netlang.spread:.0%}" + (f" / {best.spread:.0%}" if best else "")
    limits = comparison.limits
    cells = [
        when,
        f"{comparison.net}, {comparison.batch}",
        result.mode if comparison.precision == "fast" else f"{result.mode} {comparison.precision}",
        _said(result.netlang.median),
        "-" if result.floor is None else _said(result.floor),
        result.best or "-",
        _said(best.median) if best else "-",
        f"{result.ratio:.2f}" if result.ratio else "-",
        spread,
        str(comparison.threads),
        comparison.machine + (f", {limits.gflops:.0f} GFLOP/s, {limits.gbs:.0f} GB/s" if limits else ""),
        " ".join(f"{name} {version}" for name, version in versions().items()),
    ]
    return f"| {' | '.join(cells)} |"


def processor() -> str:
    """The name of the processor."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Of what takes part."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("netlang", "numba", "numba-cuda", "torch", "onnxruntime", "jax"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _ms(seconds: float) -> float:
    """Milliseconds, to 0.0001; below 0.1 to three digits: the floor of an example of a small net is a few ns."""
    return round(seconds * 1e3, 4) if seconds >= 1e-4 else float(f"{seconds * 1e3:.3g}")


def _said(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}" if seconds >= 1e-4 else f"{_ms(seconds):g}"
