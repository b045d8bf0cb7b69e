"""Runs programs on a stand-in for NVIDIA's driver (`driver.c`), which tells on stderr what is asked of it.

A program of its own, because the library has to be found before anything is loaded; test_cuda_driver.py starts it.
"""

import os
import sys
import warnings

import numpy as np

import netlang
from netlang.backend.cuda import launches
from netlang.backend.cuda.imported import cuda
from netlang.backend.cuda.ptx import Typed, function_of, signature
from netlang.backend.limits import OutOfMemoryError
from netlang.backend.shelf import counts
from netlang.files import Problem
from netlang.fit import device, largest_batch
from netlang.pipeline import compile_plan
from netlang.primitives.launch import KernelText

NET = "input 5\nFC-3, soft-max\ntrain: lr=0.1 optimizer=sgd"
X, Y = np.ones((3, 5), np.float32), np.zeros(3, int)
STEPS = 4
ADD = KernelText(
    "add_cuda",
    """
from numba import cuda
def kernel(team, y, x, count):
    at = cuda.grid(1)
    if at < count:
        y[at] += x[at] + team[0]
""",
)


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def mark(line):
    sys.stderr.write(f"cu: {line}\n")
    sys.stderr.flush()


def compiled(**options):
    return netlang.from_text(NET).compile(4, device="cuda", **options)


def batches():
    for number in range(STEPS):
        mark(f"batch {number}")
        yield X, Y


def steps():
    for _ in compiled(training=True).train(batches()):
        mark("step done")


class Array:
    """An array that another library has on the GPU: the stand-in's GPU is the host."""

    def __init__(self, value):
        self.value = value

    @property
    def __cuda_array_interface__(self):
        at = self.value.__array_interface__
        return {"shape": at["shape"], "typestr": at["typestr"], "data": at["data"], "version": 3, "strides": None}


def arrays():
    program = compiled(training=True)
    for dtype in (np.float32, np.float16, bool):
        mark(f"array of {np.dtype(dtype)}")
        found = program(Array(X.astype(dtype)))
    assert not isinstance(found, np.ndarray)
    say(found.__cuda_array_interface__["shape"], found.__cuda_array_interface__["typestr"])
    mark("array to train on")
    program.step(Array(X), Y)


def words():
    """The words of a launch by numba-cuda, and by us."""
    arguments = ("int64[]", "float32[]", "float32[]", "int64")
    given = [cuda.to_device(np.zeros(count, dtype)) for count, dtype in ((4, np.int64), (32, "f4"), (16, "f4"))]
    os.environ["STAND_IN_WORDS"] = str(7 * len(given) + 1)
    kernel = Typed(ADD, arguments)
    mark("by numba")
    cuda.jit(signature(kernel))(function_of(ADD))[2, 32, launches.stream()](*given, 16)
    mark("by us")
    launches.ready(kernel, (2, 32), [*given, 16], launches.stream())()
    del os.environ["STAND_IN_WORDS"]


def refusals():
    """Training where the driver does not record."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for call in ("begin", "launch", "end", "graph", "graph launch"):
            os.environ["STAND_IN_REFUSES"] = call
            mark(f"refuses {call}")
            steps()
        os.environ["STAND_IN_REFUSES"] = ""
    say([f"{type(one.message).__name__}: {one.message}" for one in caught if "graph" in str(one.message)])


def recurrent():
    """Steps of a recurrence, whose blocks wait for each other."""
    net = netlang.from_text("input 3x4\nlstm-20, last, FC-3, soft-max\ntrain: lr=0.1 optimizer=sgd")
    program = net.compile(4, device="cuda", training=True)
    for _ in range(3):
        program.step(np.ones((4, 3, 4), np.float32), np.zeros(4, int))
        mark("step done")


def memory():
    """What is told where the driver gives no memory."""
    for kind in ("memory", "host memory"):
        os.environ["STAND_IN_REFUSES"] = kind
        try:
            compiled()(X)
        except (Problem, OutOfMemoryError) as error:
            say(error)
    os.environ["STAND_IN_REFUSES"] = ""


def kept():
    program = compiled(training=True)
    program.step(X, Y)
    program(X)
    say(counts.compiled, counts.loaded)


def fit():
    """The largest batch, what it takes, and what one more would."""
    net, gpu = netlang.from_text(NET).checked, device("cuda", "f32")
    batch = largest_batch(net, gpu, 100_000)

    def size(of):
        step, other = (compile_plan(net, purpose, gpu.target, of).plan for purpose in ("train", "evaluate"))
        return step.size + other.beside

    say(batch, size(batch), size(batch + 1))


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    for name in sys.argv[1:]:
        mark(f"== {name}")
        {part.__name__: part for part in (steps, arrays, words, refusals, recurrent, memory, kept, fit)}[name]()
