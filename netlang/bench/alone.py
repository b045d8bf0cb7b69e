"""Each contender in a process of its own: the memory it takes at most, and how long netlang compiles.

Memory is the largest resident set while the contender is built and runs, minus what the process held after its imports.
What a peer compiles with (Inductor) counts; netlang's is measured with its cache full, where it needs no Numba.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from netlang.bench.measure import Work
from netlang.net import load
from netlang.record import dataclass

NETLANG, RUNTIME, EXPORT = "netlang", "onnxruntime", "export"
RUNS = 3
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from netlang.bench import alone; print(json.dumps(alone.answer(json.loads(sys.argv[2]))))"
)
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What a process does: build one contender for a net and run it.

    contender: netlang, onnxruntime or a mode of torch; or "export", which writes the net to `model`
    """

    path: str
    variant: str | None
    settings: Mapping[str, str]
    batch: int
    mode: str
    threads: int
    contender: str = NETLANG
    model: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """peaks: 10^6 bytes by contender; compiled: seconds to a ready program, "cold" and "warm"."""

    peaks: Mapping[str, float]
    compiled: Mapping[str, float]


def measure(request: Request, contenders: Iterable[str], note: Note) -> Measured:
    """Netlang twice, with an empty cache and with what it left there, and every other contender once."""
    peaks, compiled = {}, {}
    with TemporaryDirectory() as folder:
        cache = str(Path(folder) / "cache")
        for kind in ("cold", "warm"):
            if found := _asked(request, note, NETLANG_CACHE=cache):
                peaks[NETLANG], compiled[kind] = found["peak"], found["seconds"]
        request = replace(request, model=str(Path(folder) / "net.onnx"))
        for name in contenders:
            if name == RUNTIME:
                _asked(replace(request, contender=EXPORT), note)
            if found := _asked(replace(request, contender=name), note):
                peaks[name] = found["peak"]
    return Measured(peaks, compiled)


def _asked(request: Request, note: Note, **environment: str) -> dict[str, float] | None:
    """The answer of a fresh process; None, and a note, where it fails."""
    command = [sys.executable, "-c", _CHILD, json.dumps(sys.path), json.dumps(asdict(request))]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        note(f"{request.contender}: its memory was not measured: {said[-1]}")
        return None
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def answer(wanted: Mapping[str, Any]) -> dict[str, float]:
    """A process's side. peak: 10^6 bytes; seconds: to a contender that is ready to run."""
    request = Request(**wanted)
    _imported(request.contender)
    net = load(request.path, request.variant, **request.settings)
    _forgotten()
    before = _resident("VmRSS")
    began = time.perf_counter()
    work = _built(net, request)
    seconds = time.perf_counter() - began
    for _ in range(RUNS):
        work()
    return {"peak": round(max(0, _resident("VmHWM") - before) / 1e6, 1), "seconds": round(seconds, 3)}


def _imported(contender: str) -> None:
    modules = {RUNTIME: [RUNTIME], "torch": ["torch", "netlang.layers.twin"], "jax": ["jax"]}
    for name in ("netlang.program", *modules.get(contender.split()[0], [])):
        importlib.import_module(name)


def _built(net: Any, request: Request) -> Work:
    from netlang.bench import compare, jaxed, peers, runtime
    from netlang.start import started

    training = request.mode == "train"
    x, target = compare.inputs(net, request.batch)
    if request.contender == NETLANG:
        program = net.compile(batch=request.batch, training=training, threads=request.threads)
        return (lambda: program.step(x, target)) if training else (lambda: program(x))
    weights = {name: np.asarray(value, np.float32) for name, value in started(net.checked, 0)}
    case = peers.Case(net, weights, x, target, dict(net.train), request.threads)
    if request.contender == RUNTIME:
        return runtime.session(Path(request.model), case.inputs, request.threads)
    if request.contender == EXPORT:
        runtime.exported(case, Path(request.model))
        return lambda: None
    if request.contender == jaxed.NAME:
        return (jaxed.training if training else jaxed.inference)(case, _silent)[jaxed.NAME]
    found = (peers.training if training else peers.inference)(case, _silent, request.contender)
    return found[request.contender]


def _silent(said: str) -> None:
    """What a mode says was said when it was timed."""


def _forgotten() -> None:
    """The largest resident set counts from here on, where the system can forget the former."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def _resident(field: str) -> int:
    """Bytes in memory: VmRSS now, VmHWM at most."""
    status = Path("/proc/self/status")
    if status.exists():
        row = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return 1024 * int(row.split()[1])
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
