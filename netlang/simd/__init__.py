"""What kernel texts are written in: `from netlang.simd import *`. Every function also runs as plain Python.

Names are imported on first use: a program whose kernels are all in the cache never loads Numba.
"""

import importlib
from typing import Any

from netlang.simd.toom_cook import PAST, TRANSFORMS

MOST = 8  # int64 that are read at once
FRAME = 16  # that a part of a kernel can be told
WIDTHS = (2, 4, 8)  # lanes of a group, of several in a vector

_HOMES = {
    "groups": " ".join(f"of_group_{g}_{k}_{dtype}" for g in WIDTHS for k in range(g) for dtype in ("f32", "f64")),
    "math": """
        exp log sigmoid softplus tanh
    """,
    "philox": """
        uniform_f32 uniform_f64
    """,
    "call": """
        call_product
    """,
    "team": """
        barrier claim examples first rate report reported seed share split step stopped threads
    """,
    "square": """
        transpose_f32 transpose_f64 transpose_past_f32 transpose_past_f64
    """,
    "transform": " ".join(
        f"transform_{name}_f32 transform_{name}_f64" for name in [*TRANSFORMS, *(f"past_{name}" for name in PAST)]
    ),
    "words": " ".join(
        [*(f"load_{k}_i64" for k in range(2, MOST + 1)), *(f"call_part_{k}" for k in range(1, FRAME + 1))]
    ),
    "vector": """
        absolute attains equal fma head_f32 head_f64 isnan lanes_f32 lanes_f64 largest load_f32 load_f64 load_i64
        load_scalar_f32 load_scalar_f64 load_whole_f32 load_whole_f64 max_i64 maximum min_i64 minimum prefetch
        splat_f32 splat_f64 spread_f32 spread_f64 sqrt
        store_f32 store_f64 store_i64 store_scalar_f32 store_scalar_f64 stream_f32 stream_f64 total where
    """,
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names.split()}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'netlang.simd' has no attribute {name!r}")
    return getattr(importlib.import_module(f"netlang.simd.{_MODULES[name]}"), name)
