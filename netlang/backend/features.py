"""Which processor code is made for: this one, or the one that NETLANG_TARGET names. Does not import Numba."""

import os
import platform
from functools import cache

from llvmlite import binding

X86 = platform.machine() in ("x86_64", "AMD64")
NAMED = {  # LLVM's names of processors, whose features follow from the name
    "baseline": "x86-64" if X86 else "generic",
    "avx2": "haswell",
}


class UnknownTargetError(Exception):
    """NETLANG_TARGET names no processor that netlang knows here."""


def override() -> str:
    """What NETLANG_TARGET says: "avx2", "baseline", or "" for this machine."""
    name = os.environ.get("NETLANG_TARGET", "")
    if name and (name not in NAMED or (name == "avx2" and not X86)):
        known = ", ".join(n for n in NAMED if n != "avx2" or X86)
        raise UnknownTargetError(f"NETLANG_TARGET is {name!r}, but here it can only be one of: {known}.")
    return name


def processor() -> tuple[str, str]:
    """LLVM's name of the processor, and its features where they do not follow from the name."""
    name = override()
    return (NAMED[name], "") if name else _host()


@cache
def _host() -> tuple[str, str]:
    return str(binding.get_host_cpu_name()), str(binding.get_host_cpu_features().flatten())


def has(feature: str) -> bool:
    """Whether the code may use a feature, by LLVM's name of it."""
    name = override()
    if name:
        return name == "avx2" and feature in ("avx2", "fma")
    return bool(binding.get_host_cpu_features().get(feature, False))
