"""What `netlang tune` measured on this machine: for a convolution, the way that was fastest.

Kept beside the compiled kernels, in the folder of this processor and this version of their text: another processor, and
other kernels, are measured anew. A file for each dtype and number of threads.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from netlang.backend import cache, folder
from netlang.files import Problem, reason, write


def read(dtype: str, threads: int) -> dict[str, str]:
    """The choices by the convolution's `question` (`passes/winograd.py`); none where nothing was measured."""
    try:
        found = json.loads(place(dtype, threads).read_bytes())
    except (OSError, ValueError):
        return {}
    return {name: way for name, way in found.items() if isinstance(way, str)} if isinstance(found, dict) else {}


def keep(dtype: str, threads: int, choices: Mapping[str, str], usual: Iterable[str]) -> Path:
    """Add choices to those kept, and forget those of `usual`. Returns the file; raises Problem if it is not written."""
    path = place(dtype, threads)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Problem(f"cannot make the folder {path.parent}: {reason(error)}") from None
    kept = {**read(dtype, threads), **choices}
    for name in usual:
        kept.pop(name, None)
    write(path, json.dumps(kept, indent=1, sort_keys=True).encode() + b"\n")
    return path


def place(dtype: str, threads: int) -> Path:
    """Where the choices are kept."""
    return folder.folder() / cache.environment() / f"choices-{dtype}-{threads}.json"
