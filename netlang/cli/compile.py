"""`netlang compile`: fill the kernel cache, and show what any stage of the compiler made."""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from netlang.cli.file import set_option
from netlang.cli.nets import memory_option, opened, plainly
from netlang.files import Problem
from netlang.net import LARGEST_BATCH

if TYPE_CHECKING:
    from netlang.net import Net
    from netlang.pipeline import Stages
    from netlang.plan import Launch
    from netlang.primitives.launch import KernelText

STAGES = ("ast", "graph", "primitives", "gradient", "optimised", "plan", "kernels", "llvm", "asm", "ptx")
OF_ONE_DEVICE = {"llvm": "cpu", "asm": "cpu", "ptx": "cuda"}


@click.command()
@click.argument("file")
@click.option("--emit", type=click.Choice(STAGES), help="Print what this stage made.")
@click.option(
    "--batch", type=click.IntRange(1, LARGEST_BATCH), help="Examples of the largest batch  [default: the file's, or 1]"
)
@click.option(
    "--for", "purpose", type=click.Choice(("evaluate", "train", "gradients")), default="train", show_default=True
)
@click.option("--device", type=click.Choice(("cpu", "cuda")), default="cpu", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Threads to plan for.")
@memory_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@set_option
def command(
    file: str,
    emit: str | None,
    batch: int | None,
    purpose: str,
    device: str,
    threads: int | None,
    memory: int | None,
    as_json: bool,
    settings: tuple[str, ...],
) -> None:
    """Compile FILE[:VARIANT], and fill the kernel cache; or print one stage of it with --emit.

    For CUDA stages are printed, and nothing is kept or run: this version of netlang runs on the CPU.
    """
    if OF_ONE_DEVICE.get(emit or "", device) != device:
        raise click.UsageError(f"--emit {emit} is a stage of --device {OF_ONE_DEVICE[str(emit)]}")
    with plainly(as_json):
        if emit is None and device == "cuda":
            raise Problem("--device cuda: kernels for CUDA are printed, with --emit kernels or ptx, and not run yet")
        net = opened(file, settings)
        size = batch or int(net.train.get("batch", 1))
        if emit is None:
            _filled(net, size, purpose, threads, memory, as_json)
        else:
            text = _emitted(net, file, emit, size, purpose, device, threads, memory)
            click.echo(json.dumps({"net": net.name, "stage": emit, "text": text}) if as_json else text)


def _filled(net: "Net", batch: int, purpose: str, threads: int | None, memory: int | None, as_json: bool) -> None:
    """Compile what a run needs, and say what it took."""
    from netlang.backend.cache import counts

    began = time.perf_counter()
    program = net.compile(batch=batch, training=purpose == "train", threads=threads, memory=memory)
    plans = {use: program.loaded(use).plan for use in dict.fromkeys((purpose, "evaluate"))}
    seconds = time.perf_counter() - began
    program.close()
    launches = {use: sum(map(len, plan.segments.values())) for use, plan in plans.items()}
    size = plans[purpose].size + sum(plan.beside for use, plan in plans.items() if use != purpose)
    if as_json:
        figures = {"net": net.name, "batch": batch, "launches": launches, "compiled": counts.compiled}
        click.echo(json.dumps({**figures, "cached": counts.loaded, "bytes": size, "seconds": round(seconds, 3)}))
        return
    per_use = ", ".join(f"{count} to {use}" for use, count in launches.items())
    click.echo(f"{net.name}: {per_use} launches; {counts.compiled} kernels compiled, {counts.loaded} from the cache")
    click.echo(f"{size:,} bytes of memory at batch {batch}; {seconds:.1f} s")


def _emitted(
    net: "Net", file: str, stage: str, batch: int, purpose: str, device: str, threads: int | None, memory: int | None
) -> str:
    if stage == "ast":
        from netlang.syntax.outline import outline
        from netlang.syntax.parse import parse
        from netlang.syntax.read import divided, read

        return "\n".join(outline(parse(read(divided(file)[0]))))
    if stage == "graph":
        return str(net.graph)
    from netlang.backend.cpu import host_target
    from netlang.backend.cuda import gpu_target
    from netlang.pipeline import compile_plan

    target = gpu_target() if device == "cuda" else host_target(threads=threads)
    stages = compile_plan(net.checked, purpose, target, batch, memory=memory)
    if stage in ("primitives", "gradient", "optimised", "plan"):
        return str(getattr(stages, stage))
    show = _on_cuda if device == "cuda" else _on_cpu
    return "\n\n".join(show(stage, kernel, launches) for kernel, launches in _texts(stages).items())


def _on_cpu(stage: str, kernel: "KernelText", launches: "list[Launch]") -> str:
    from netlang.backend import cache

    show: Callable[[KernelText], str] = {"kernels": cache.source, "llvm": cache.llvm, "asm": cache.assembly}[stage]
    return show(kernel)


def _on_cuda(stage: str, kernel: "KernelText", launches: "list[Launch]") -> str:
    """A kernel under the nodes that launch it, with the blocks, threads and sizes of each."""
    from netlang.backend.cuda import ptx

    sign = "#" if stage == "kernels" else "//"
    head = [f"{sign} {kernel.name}"]
    for launch in launches:
        grid = "{} x {} threads".format(*launch.draft.grid)
        sizes = ", ".join(str(argument) for argument in launch.draft.args if isinstance(argument, int))
        head.append(f"{sign}   {launch.node}: {grid}, sizes {sizes}")
    return "\n".join([*head, kernel.text if stage == "kernels" else ptx(launches[0].draft)])


def _texts(stages: "Stages") -> "dict[KernelText, list[Launch]]":
    """The kernels of a plan, each once, in the order of their first launch, and their launches."""
    found: dict[KernelText, list[Launch]] = {}
    for segment in stages.plan.segments.values():
        for launch in segment:
            found.setdefault(launch.draft.kernel, []).append(launch)
    return found
