"""Kernels, and a look at what the cache keeps of them, for the tests of the cache and of its helpers."""

import ctypes
from pathlib import Path

import numpy as np

from netlang.primitives.launch import KernelText

ADD = KernelText(
    "add",
    """
from netlang.simd.vector import load_i64, store_i64
def kernel(args, team, thread):
    store_i64(args, load_i64(args) + team + thread)
""",
)
ALLOCATES = KernelText(
    "allocates",
    """
import numpy as np
from netlang.simd.vector import store_i64
def kernel(args, team, thread):
    store_i64(args, np.ones(team, np.int64).sum())
""",
)


def assert_adds(address):
    cell = np.array([40], np.int64)
    ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(address)(cell.ctypes.data, 1, 1)
    assert cell[0] == 42


def entries(path, suffix=".o"):
    return [file for file in Path(path).rglob("*") if file.suffix == suffix]
