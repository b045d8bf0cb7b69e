"""`netlang doctor`: what this machine has, and what netlang keeps on it."""

import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from netlang.backend.limits import binary_size
from netlang.cli.nets import plainly

PACKAGES = ("netlang", "numpy", "numba", "llvmlite", "torch", "onnxruntime", "numba-cuda")
FEATURES = ("sse4.2", "avx", "avx2", "fma", "avx512f", "avx512vl", "avx512bf16", "amx-bf16", "neon", "sve")


@click.command("doctor")
@click.option("--cache", "only_cache", is_flag=True, help="Only the cache of compiled kernels.")
@click.option("--clear", is_flag=True, help="Empty the cache of compiled kernels.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def command(only_cache: bool, clear: bool, as_json: bool) -> None:
    """Say what this machine has: versions, processor, threads, cache, CUDA."""
    with plainly(as_json):
        report: dict[str, Any] = {"cache": _cache(clear)}
        if not only_cache and not clear:
            report = {
                "python": platform.python_version(),
                "system": f"{platform.system()} {platform.machine()}",
                "packages": {name: _version(name) for name in PACKAGES},
                "processor": _processor(),
                "threads": _threads(),
                **report,
                "cuda": _cuda(),
            }
    if as_json:
        click.echo(json.dumps(report))
        return
    for line in _lines(report):
        click.echo(line)


def _version(name: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(name)
    return None


def _processor() -> dict[str, Any]:
    from netlang.backend.features import has, override, processor
    from netlang.bench.compare import processor as name

    return {
        "name": name(),
        "llvm": processor()[0],
        "features": [feature for feature in FEATURES if has(feature)],
        "netlang_target": override() or None,
    }


def _threads() -> dict[str, Any]:
    from netlang.backend.limits import ControlGroups, thread_count

    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = ControlGroups().processors()
    return {"used": thread_count(), "affinity": affinity, "quota": quota}


def _cache(clear: bool) -> dict[str, Any]:
    from netlang.backend import folder

    found = folder.clear() if clear else folder.summary()
    return {"path": str(found.path), "entries": found.entries, "bytes": found.size, "cleared": clear}


def _cuda() -> dict[str, Any]:
    """The GPU that `--device cuda` would run on, and what is missing to do so."""
    from netlang.backend.cuda.machine import Gpu, found, missing, shown

    gpu = found()
    if not isinstance(gpu, Gpu):
        return {"gpu": None, "capability": None, "driver": None, "missing": missing()}
    capability = "{}.{}".format(*gpu.capability)
    return {"gpu": gpu.name, "capability": capability, "driver": shown(gpu.driver), "missing": missing()}


def _lines(report: Mapping[str, Any]) -> list[str]:
    lines = []
    if "python" in report:
        lines += [f"python      {report['python']} on {report['system']}"]
        lines += [f"{name:<12}{found or 'not installed'}" for name, found in report["packages"].items()]
        lines += _machine(report)
    cache = report["cache"]
    count = cache["entries"]
    size = f"{count} kernel{'' if count == 1 else 's'}, {binary_size(cache['bytes'])}, in {cache['path']}"
    lines.append(f"cache       {'cleared: it held ' if cache['cleared'] else ''}{size}")
    return [*lines, *_cuda_lines(report["cuda"])] if "cuda" in report else lines


def _machine(report: Mapping[str, Any]) -> list[str]:
    processor, threads = report["processor"], report["threads"]
    quota = f", quota {threads['quota']:g}" if threads["quota"] else ""
    target = f", but code is made for {processor['netlang_target']}" if processor["netlang_target"] else ""
    return [
        f"processor   {processor['name']} ({processor['llvm']}: {' '.join(processor['features'])}){target}",
        f"threads     {threads['used']} (affinity {threads['affinity']}{quota})",
    ]


def _cuda_lines(cuda: Mapping[str, Any]) -> list[str]:
    lines = [f"cuda        {lack}" for lack in cuda["missing"]]
    if cuda["gpu"]:
        said = f"{cuda['gpu']}, compute capability {cuda['capability']}, a driver for CUDA {cuda['driver']}"
        lines.insert(0, f"cuda        {said}")
    return lines
