"""The memory of a training step, in bytes: as `netlang summary --plan` says, as it is taken, and PyTorch's.

    PYTHONPATH=. python tests/memory.py FILE[:VARIANT]... > rows.md

prints a row of docs/measurements/memory.md for each file, batch 8, two threads.
"""

import sys

import numpy as np
import torch

from netlang.bench.peers import optimizers
from netlang.cli.file import opened
from netlang.cli.summary import with_plan
from netlang.gradcheck.point import point
from netlang.layers.twin import twin
from netlang.net import Net
from netlang.report import summary

BATCH, THREADS = 8, 2


def taken(net, x, target):
    """Bytes that a program of netlang has, and those of them that are scratch; it takes a step."""
    program = net.compile(batch=BATCH, training=True, threads=THREADS)
    program.step(x, target)
    loaded = program.loaded("train")
    found = loaded.store.memory.nbytes + loaded.arena.memory.nbytes
    own, shared = loaded.plan.scratch
    program.close()
    return found, own * THREADS + shared


def by_pytorch(net, x, target, layout):
    """The peak of PyTorch's own allocations in a step: what was there before it, and what it takes on the way.

    As its profiler tells them; the gradients are forgotten before, as `zero_grad(set_to_none=True)` does. What oneDNN
    takes for itself is not in it.
    """
    from agreement import scored

    made = twin(net.checked, "f32", layout)
    optimizer = optimizers(made, dict(net.train))["foreach"]
    inputs = [torch.as_tensor(np.asarray(v, np.float32)) for v in x.values()]
    wanted = {name: torch.as_tensor(t) for name, t in target.items()}

    def step():
        scored(net.checked, made, wanted, inputs, torch.float32).backward()
        optimizer.step()

    step()
    optimizer.zero_grad(set_to_none=True)
    states = [t for kept in optimizer.state.values() for t in kept.values() if torch.is_tensor(t)]
    before = sum(t.nbytes for t in (*made.parameters(), *made.buffers(), *states, *inputs, *wanted.values()))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        step()
    now = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return before + peak


def row(file):
    """A line of the table."""
    net = Net(opened(file)[0])
    at = point(net.checked, BATCH, 0)
    x, target = dict(at.inputs), dict(at.targets)
    planned = with_plan(summary(net.checked, BATCH), net.checked).memory.step
    mine, scratch = taken(net, x, target if len(target) > 1 else next(iter(target.values())))
    theirs = min(by_pytorch(net, x, target, layout) for layout in ("nchw", "nhwc"))
    return f"| {file} | {planned:,} | {mine:,} | {scratch:,} | {theirs:,} | {mine / theirs:.2f} |"


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    for file in sys.argv[1:]:
        sys.stdout.write(f"{row(file)}\n")
        sys.stdout.flush()
