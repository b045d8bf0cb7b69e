"""The recurrent layers that ship with netlang: cells of `netlang/library/recurrent.net`."""

from functools import cache
from pathlib import Path

from netlang.layers.recurrent.cell import Cell

FILE = Path(__file__).parents[2] / "library" / "recurrent.net"


def shipped(name: str) -> Cell:
    """The cell of a name: `lstm`, `lstm_peephole`."""
    return _cells()[name]


@cache
def _cells() -> dict[str, Cell]:
    from netlang.check.cells import cells_of  # the checker knows the layers: it is asked when a cell is wanted

    return cells_of(FILE)
