"""`dataclass`, of which a frozen one is frozen by mypy alone.

Python's own guard costs: 0.3 ms more for each of some 270 classes whenever a command starts, and four times as long for
each object made. mypy is told nothing of this and refuses the same lines as ever.
"""

import dataclasses
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, **told: Any) -> Any:
        """`dataclasses.dataclass`; frozen: equal ones have one hash, as ever, and who sets a field is not stopped."""
        if cls is None:
            return lambda found: dataclass(found, frozen=frozen, **told)
        if told.pop("repr", True) and "__repr__" not in vars(cls):
            cls.__repr__ = _shown
        hashed = frozen and told.get("eq", True) and vars(cls).get("__hash__") is None
        return dataclasses.dataclass(cls, repr=False, unsafe_hash=hashed, **told)

    @recursive_repr()
    def _shown(self: Any) -> str:
        """As dataclasses show themselves, in one function for all."""
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"
