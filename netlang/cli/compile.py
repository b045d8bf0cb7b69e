"""`netlang compile`: fill the kernel cache, and show what any stage of the compiler made."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from netlang.check.train import CHOICES
from netlang.cli.file import set_option
from netlang.cli.nets import memory_option, opened, plainly
from netlang.diagnostics import count
from netlang.net import LARGEST_BATCH
from netlang.record import dataclass

if TYPE_CHECKING:
    from netlang.net import Net
    from netlang.pipeline import Stages
    from netlang.primitives.launch import Draft, KernelText

    Launches = list[tuple[str, Draft]]  # the node that each is for

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
@click.option("--arch", type=click.Choice(("sm_80", "sm_90")), help="Which GPUs CUDA kernels are for, at least.")
@click.option("--precision", type=click.Choice(CHOICES["precision"]), default="fast", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Threads to plan for.")
@memory_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@set_option
def command(
    file: str, emit: str | None, batch: int | None, as_json: bool, settings: tuple[str, ...], **options: Any
) -> None:
    """Compile FILE[:VARIANT], and fill the kernel cache; or print one stage of it with --emit.

    For CUDA nothing is kept: without --emit it tells what each kernel takes of a GPU (sm_90, if --arch says no other),
    for which it needs neither a GPU nor a driver.
    """
    how = How(**options)
    if how.arch and how.device != "cuda":
        raise click.UsageError("--arch is of --device cuda")
    if OF_ONE_DEVICE.get(emit or "", how.device) != how.device:
        raise click.UsageError(f"--emit {emit} is a stage of --device {OF_ONE_DEVICE[str(emit)]}")
    if how.precision == "bf16" and how.device != "cuda":
        raise click.UsageError("--precision bf16 is of --device cuda")
    with plainly(as_json):
        net = opened(file, settings)
        size = batch or int(net.train.get("batch", 1))
        if emit is None and how.device == "cuda":
            _assembled(net, size, how, as_json)
        elif emit is None:
            _filled(net, size, how, as_json)
        else:
            text = _emitted(net, file, emit, size, how)
            click.echo(json.dumps({"net": net.name, "stage": emit, "text": text}) if as_json else text)


@dataclass(frozen=True)
class How:
    """What to compile for. purpose: "evaluate", "train" or "gradients"; memory: bytes"""

    purpose: str
    device: str
    arch: str | None
    precision: str
    threads: int | None
    memory: int | None

    def stages(self, net: "Net", batch: int) -> "Stages":
        """What each stage made."""
        from netlang.backend.cpu import host_target
        from netlang.backend.cuda.target import gpu_target
        from netlang.fit import PRODUCTS
        from netlang.pipeline import compile_plan

        on_gpu = self.device == "cuda"
        target = gpu_target(products=PRODUCTS[self.precision]) if on_gpu else host_target(threads=self.threads)
        strict = self.precision == "strict"
        return compile_plan(net.checked, self.purpose, target, batch, memory=self.memory, strict=strict)


def _filled(net: "Net", batch: int, how: How, as_json: bool) -> None:
    """Compile what a run needs, and say what it took."""
    from netlang.backend.shelf import counts

    began = time.perf_counter()
    purpose, training = how.purpose, how.purpose == "train"
    program = net.compile(
        batch=batch, training=training, threads=how.threads, precision=how.precision, memory=how.memory
    )
    plans = {use: program.loaded(use).plan for use in dict.fromkeys((purpose, "evaluate"))}
    seconds = time.perf_counter() - began
    program.close()
    launches = {use: sum(map(len, plan.segments.values())) for use, plan in plans.items()}
    size = plans[purpose].size + sum(plan.beside for use, plan in plans.items() if use != purpose)
    if as_json:
        figures = {"net": net.name, "batch": batch, "launches": launches, "compiled": counts.compiled}
        click.echo(json.dumps({**figures, "cached": counts.loaded, "bytes": size, "seconds": round(seconds, 3)}))
        return
    per_use = ", ".join(f"{made} to {use}" for use, made in launches.items())
    kernels = f"{count(counts.compiled, 'kernel')} compiled, {counts.loaded} from the cache"
    click.echo(f"{net.name}: {per_use} launches; {kernels}")
    click.echo(f"{size:,} bytes of memory at batch {batch}; {seconds:.1f} s")


def _assembled(net: "Net", batch: int, how: How, as_json: bool) -> None:
    """What the kernels take of a GPU, by NVIDIA's assembler. Raises Problem where the extra `cuda` is missing."""
    from netlang.backend.cuda.assembled import use
    from netlang.backend.cuda.ptx import refuse_without_compiler

    refuse_without_compiler()
    arch, stages = how.arch or "sm_90", how.stages(net, batch)
    found = [(kernel, launches, use(launches[0][1], arch)) for kernel, launches in _texts(stages).items()]
    if as_json:
        rows = [
            {"kernel": kernel.name, "launches": len(launches), **asdict(used), "occupancy": used.occupancy}
            for kernel, launches, used in found
        ]
        figures = {"net": net.name, "batch": batch, "bytes": stages.plan.size, "moved": stages.plan.moved}
        click.echo(json.dumps({**figures, "kernels": rows}))
        return
    click.echo(
        f"{'kernel':<28}{'launches':>9}{'threads':>9}{'registers':>11}{'spilled':>9}{'shared':>9}{'occupancy':>11}"
    )
    for kernel, launches, used in found:
        name = kernel.name.removesuffix("_cuda")
        row = f"{used.registers:>11}{used.spilled:>9}{used.shared:>9,}{used.occupancy:>11.0%}"
        click.echo(f"{name:<28}{len(launches):>9}{used.threads:>9}{row}")
    click.echo(
        f"{net.name} for {arch}, batch {batch}: {stages.plan.size:,} bytes of memory, {stages.plan.moved:,} read and "
        "written in a step; assembled, nothing was run"
    )


def _emitted(net: "Net", file: str, stage: str, batch: int, how: How) -> str:
    if stage == "ast":
        from netlang.syntax.outline import outline
        from netlang.syntax.parse import parse
        from netlang.syntax.read import divided, read

        return "\n".join(outline(parse(read(divided(file)[0]))))
    if stage == "graph":
        return str(net.graph)
    stages = how.stages(net, batch)
    if stage in ("primitives", "gradient", "optimised", "plan"):
        return str(getattr(stages, stage))
    if how.device == "cuda":
        arch = how.arch or "sm_80"
        return "\n\n".join(_on_cuda(stage, kernel, launches, arch) for kernel, launches in _texts(stages).items())
    return "\n\n".join(_on_cpu(stage, kernel) for kernel in _texts(stages))


def _on_cpu(stage: str, kernel: "KernelText") -> str:
    from netlang.backend import cache

    show: Callable[[KernelText], str] = {"kernels": cache.source, "llvm": cache.llvm, "asm": cache.assembly}[stage]
    return show(kernel)


def _on_cuda(stage: str, kernel: "KernelText", launches: "Launches", arch: str) -> str:
    """A kernel under the nodes that launch it, with the blocks, threads and sizes of each."""
    from netlang.backend.cuda.assembled import ARCHITECTURES, assembled
    from netlang.backend.cuda.ptx import ptx, typed

    sign = "#" if stage == "kernels" else "//"
    head = [f"{sign} {kernel.name}"]
    for node, draft in launches:
        grid = "{} x {} threads".format(*draft.grid)
        sizes = ", ".join(str(argument) for argument in draft.args if isinstance(argument, int))
        head.append(f"{sign}   {node}: {grid}, sizes {sizes}")
    if stage == "kernels":
        return "\n".join([*head, kernel.text])
    first = launches[0][1]
    text = ptx(typed(first), ARCHITECTURES[arch])
    return "\n".join([*head, f"// {assembled(text, arch, first.grid[1])}", text])


def _texts(stages: "Stages") -> "dict[KernelText, Launches]":
    """The kernels of a plan, each once, in the order of their first launch, with the nodes they are launched for."""
    from netlang.primitives.launch import chain

    found: dict[KernelText, Launches] = {}
    for segment in stages.plan.segments.values():
        for launch in segment:
            for draft in chain(launch.draft):
                found.setdefault(draft.kernel, []).append((launch.node, draft))
    return found
