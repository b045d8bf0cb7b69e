"""netlang: a small text language for neural networks, and the compiler behind it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netlang.diagnostics import NetError as NetError
    from netlang.net import Net as Net
    from netlang.net import from_text as from_text
    from netlang.net import load as load

_PLACES = {"Net": "netlang.net", "load": "netlang.net", "from_text": "netlang.net", "NetError": "netlang.diagnostics"}
__all__ = ["Net", "NetError", "from_text", "load"]  # found by __getattr__, so that commands start fast


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"netlang has no {name}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)
