"""`cuda`, Numba's package for GPUs, imported under any NumPy. Where it is used it is taken from here."""

import warnings
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from netlang.backend.cuda.target import simulated
from netlang.files import Problem

_GONE = {"row_stack": np.vstack}  # aliases that numba-cuda 0.30 looks up in NumPy, which 2.5 no longer has


def _imported() -> Any:
    """The package. Raises Problem where it does not go with this NumPy."""
    if simulated() or not find_spec("numba_cuda"):
        from numba import cuda

        return cuda
    lent = {name: function for name, function in _GONE.items() if name not in vars(np)}
    vars(np).update(lent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # what it uses of NumPy is not for us to change
            import_module("numba.cuda.np.arrayobj")  # where it looks them up
        return import_module("numba.cuda")
    except (AttributeError, ImportError) as error:
        raise Problem(f"numba-cuda {version('numba-cuda')} does not go with NumPy {np.__version__}: {error}") from None
    finally:
        for name in lent:
            delattr(np, name)


cuda = _imported()
