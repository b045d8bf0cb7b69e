"""Runs whole programs on Numba's simulator of a GPU and prints what is off: `python simulated_programs.py NAME ...`.

A program of its own, because NUMBA_ENABLE_CUDASIM=1 switches the whole process; test_cuda_program.py starts it.
The referee is the interpreter in float64; for `beside-cpu` the CPU at precision=strict.
"""

import math
import os
import sys

import numpy as np

import netlang
from netlang.backend.cuda.imported import cuda
from netlang.backend.cuda.target import simulated_target
from netlang.interpret import interpret, stepped
from netlang.layers import loss, optimizer
from netlang.pipeline import compile_plan
from netlang.primitives.reference import Run

NETS = {
    "conv": "input 5x5x3\nconv3-5 pad=1, conv3-4/2 valid, FC-3, soft-max\ntrain: optimizer=sgd lr=0.1",
    "norms": (
        "input 4x4x1\nconv1-3 bn, lrn, maxpool, dropout 0.3, conv3-3 groups=3 sigmoid, avgpool\nFC-2, soft-max\n"
        "train: optimizer=momentum lr=0.1"
    ),
    "residual": (
        "input 4x4x2\nresidual[ conv3-3/2 bn, conv3-3 ] relu\nglobalavgpool, FC-2, soft-max\n"
        "train: optimizer=adam lr=0.01"
    ),
    "lstm": "input 4 tokens vocab=7\nembed-3, lstm-3, last, FC-2, soft-max\ntrain: optimizer=momentum lr=0.1",
    "gru": "input 4x2\ngru-3 bidirectional, conv1-2 tanh\ntrain: loss=squared_error optimizer=nesterov lr=0.1",
}
LAST = {
    "cross_entropy": "FC-3, soft-max",
    "binary_cross_entropy": "FC-1 sigmoid",
    "perceptron": "FC-1 step",
}
N, BATCH = 3, 4
CLOSE = 2e-5  # of the largest number: float32 rounds to 6e-8, sums have some hundred numbers, adam divides by roots


def say(line):
    sys.stdout.write(f"{line}\n")


def compare(name, value, right):
    off = np.abs(np.asarray(value) - right).max(initial=0) / max(np.abs(right).max(initial=0), 1e-3)
    if not off <= CLOSE:
        say(f"{name} is {off:.1e} off")


def examples(net, seed=0):
    """Inputs and targets, and lengths where examples are sequences of 4 steps."""
    rng, shape = np.random.default_rng(seed), net.input.arrayed(N)
    x = rng.integers(0, net.input.classes, shape) if net.input.classes else rng.normal(size=shape).astype(np.float32)
    target = rng.uniform(0.1, 0.9, net.output.arrayed(N)).astype(np.float32)
    y = rng.integers(0, net.output.channels, N) if net.labelled else target
    return x, y, {"lengths": [4, 1, 3]} if len(shape) < 4 and shape[1] == 4 else {}


def on_gpu(net, **options):
    return net.compile(BATCH, device="cuda", training=True, seed=3, **options)


def stored(program):
    return {
        **{name: program.weights[name] for name in program.weights},
        **{name: program.state[name] for name in program.state},
    }


def refereed(program, purpose, before, step=0):
    """The graph for a purpose, and its values for what the program was given last; `before`: weights and states."""
    lengths = max((shared for of, shared in program._loaded if of == purpose), key=len)
    loaded = program.loaded(purpose, lengths)
    graph = compile_plan(program.checked, purpose, simulated_target("f64"), BATCH, lengths=dict(lengths)).optimised
    given = {node.id: loaded.read(node.id, N) for node in loaded.plan.inputs}
    run = Run(N, step=step, seed=program.options.seed, rate=program.rate)
    return graph, interpret(graph, {**before, **given}, run), run


def agree(net):
    """Output, loss, gradients and steps of training."""
    program = on_gpu(net)
    x, y, lengths = examples(net)
    before = stored(program)
    out = program(x, **lengths)
    graph, values, _ = refereed(program, "evaluate", before)
    compare("the output", out, values[next(iter(graph.outputs.values()))].reshape(out.shape))
    found, grads = program.gradients(x, y, **lengths)
    graph, values, _ = refereed(program, "gradients", before, 1)
    compare("the loss", found, values[graph.outputs["loss"]])
    for name, grad in grads.items():
        compare(f"the gradient by {name}", grad, values[graph.outputs[f"d:{name}"]].reshape(grad.shape))
    for step in (1, 2):
        before = stored(program)
        found = program.step(x, y, **lengths)
        graph, values, run = refereed(program, "train", before, step)
        compare(f"the loss of step {step}", found, values[graph.outputs["loss"]])
        after = stepped(graph, values, run)
        for name, value in stored(program).items():
            compare(f"{name} after step {step}", value, after[name])


def beside_cpu(net, **options):
    """The same, with the CPU at precision=strict."""
    cpu = net.compile(BATCH, training=True, seed=3, threads=1, precision="strict")
    gpu = on_gpu(net, **options)
    x, y, lengths = examples(net)
    compare("the output", gpu(x, **lengths), cpu(x, **lengths))
    (here, grads), (there, wanted) = gpu.gradients(x, y, **lengths), cpu.gradients(x, y, **lengths)
    compare("the loss", here, there)
    for name in wanted:
        compare(f"the gradient by {name}", grads[name], wanted[name])
    for step in range(3):
        for name in cpu.weights:
            gpu.weights[name] = cpu.weights[name]
        for name in cpu.state:
            gpu.state[name] = cpu.state[name]
        compare(f"the loss of step {step}", gpu.step(x, y, **lengths), cpu.step(x, y, **lengths))
        compare("the length of its gradient", gpu.norm, cpu.norm)
        wanted = stored(cpu)
        for name, value in stored(gpu).items():
            compare(f"{name} after step {step}", value, wanted[name])


def every_loss():
    """Every loss and every optimizer, on one layer."""
    for word in loss.words():
        agree(netlang.from_text(f"input 5\n{LAST.get(word, 'FC-1 tanh')}\ntrain: loss={word} lr=0.1"))
    for word in optimizer.words():
        agree(netlang.from_text(f"input 5\nFC-3, soft-max\ntrain: optimizer={word} lr=0.1"))


def gradients():
    """Central differences, in float64."""
    found = netlang.from_text("input 2\nFC-1 sigmoid").gradcheck(batch=2, device="cuda")
    say(f"{len(found.rows)} gradients, {'right' if found.ok else found}")


def arrays():
    """Arrays on the GPU are read there, and answered there, as many as there are."""
    net = netlang.from_text(NETS["conv"])
    gpu = on_gpu(net)
    x, y, _ = examples(net)
    many = np.concatenate([x, x + 1, x - 1])  # more than the batch of the program
    there = gpu(cuda.to_device(many))
    if not hasattr(there, "copy_to_host"):
        say("the answer is not on the GPU")
    if not np.array_equal(there.copy_to_host(), gpu(many)):
        say("the answer is another one")
    if gpu.loss(cuda.to_device(x), cuda.to_device(y)) != gpu.loss(x, y):
        say("the loss is another one")
    for wrong in (cuda.to_device(x)[:, ::2], cuda.to_device(np.ones((2, 6, 5, 3), np.float32))):
        try:
            gpu(wrong)
        except ValueError as error:
            say(error)


def refused():
    """What goes wrong on the way is told, and leaves the weights as they were."""
    gpu = on_gpu(netlang.from_text(NETS["conv"]), check_memory=True, check_nan=True)
    x, y, _ = examples(gpu.net)
    before = stored(gpu)
    for wrong, rate in ((np.where(x > 1, np.nan, x), 0.1), (1e30 * x, 0.1), (x, 1e30)):
        gpu.rate = rate
        try:
            gpu.step(wrong, y)
        except netlang.NetError as error:
            say(str(error).splitlines()[0])
    say(f"kept: {all(np.array_equal(value, before[name]) for name, value in stored(gpu).items())}")
    gpu.rate = 0.1
    say(f"goes on: {math.isfinite(gpu.step(x, y))}")
    next(iter(gpu.loaded("train").arena.arrays.values()))[-1] = 0  # as a kernel that writes too far
    try:
        gpu.step(x, y)
    except MemoryError as error:
        say(str(error).partition(" wrote ")[2].partition(" of ")[0])
    gpu.close()
    try:
        gpu(x)
    except RuntimeError as error:
        say(error)


def looked():
    """What becomes of a step is found on the GPU: the same as where the host looks after each launch."""
    net = netlang.from_text("input 5\nFC-3, soft-max\ntrain: optimizer=adam lr=0.1")
    alone, ahead = on_gpu(net, check_nan=True), on_gpu(net)
    x, y, _ = examples(net)
    for data, rate in ((x, 0.1), (np.where(x > 1, np.nan, x), 0.1), (x, 1e13), (x, 1e30), (1e30 * x, 0.1), (x, 0.2)):
        said = []
        for gpu in (alone, ahead):
            gpu.rate = rate
            try:
                said.append(f"{gpu.step(data, y):.4f}")
            except netlang.NetError as error:
                said.append(error.diagnostics[0].code)
        same = all(np.array_equal(a, b) for a, b in zip(*(stored(gpu).values() for gpu in (alone, ahead)), strict=True))
        say(f"{said[0] == said[1]} {same} {alone.steps} {ahead.steps}")

    def broken():
        yield x, y
        raise ValueError("no more")

    before = stored(ahead)
    try:
        list(ahead.train(broken()))
    except ValueError as error:
        say(f"{error}: {ahead.steps} {all(np.array_equal(v, before[n]) for n, v in stored(ahead).items())}")


if __name__ == "__main__":
    many = {"losses": every_loss, "arrays": arrays, "refused": refused, "gradients": gradients, "looked": looked}
    for what in sys.argv[1:]:
        say(what)
        if what in many:
            many[what]()
        elif os.environ.get("NETLANG_SIMULATED_CPU"):
            beside_cpu(netlang.from_text(NETS[what]))
        else:
            agree(netlang.from_text(NETS[what]))
