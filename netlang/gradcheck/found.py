"""What gradcheck found, for people and for programs."""

from collections.abc import Iterator
from typing import Any

from netlang.gradcheck.tensor import Outcome
from netlang.record import dataclass
from netlang.types import shown

HEADS = ("name", "layer", "line", "shape", "worst element", "gradient", "difference", "error", "")
RIGHT_ALIGNED = (2, 5, 6, 7)


@dataclass(frozen=True)
class Row:
    """One weight or input. layer: as text, the first that reads it; line: of the file, None where there is none"""

    name: str
    layer: str
    line: int | None
    shape: tuple[int, ...]
    outcome: Outcome

    @property
    def element(self) -> str:
        """The worst element, as it is written in Python."""
        worst = self.outcome.worst
        return f"{self.name}{list(worst.index)}" if worst and worst.index else self.name

    def json(self) -> dict[str, Any]:
        """As `netlang gradcheck --json` gives it."""
        found, worst = self.outcome, self.outcome.worst
        return {
            "name": self.name,
            "layer": self.layer,
            "line": self.line,
            "shape": list(self.shape),
            "right": found.right,
            "error": found.error,
            "directions": found.directions,
            "skipped": found.skipped,
            "worst": None if worst is None else {
                "index": list(worst.index),
                "gradient": worst.analytic,
                "difference": worst.numeric,
                "error": worst.error,
            },
        }  # fmt: skip


@dataclass(frozen=True)
class Blamed:
    """A layer whose gradient is wrong by itself, with random inputs."""

    name: str
    layer: str
    line: int | None


@dataclass(frozen=True)
class Gradients:
    """The gradients of a net beside central differences.

    inputs: the shape each was checked with; smaller: whether it is not the file's
    late: weights and inputs that the time did not suffice for
    blamed: the layers that are wrong by themselves; None where nothing is wrong, or it was not looked for
    """

    net: str
    variant: str | None
    batch: int
    seed: int
    tolerance: float
    inputs: dict[str, tuple[int, ...]]
    smaller: bool
    loss: float
    rows: tuple[Row, ...]
    late: tuple[str, ...]
    seconds: float
    blamed: tuple[Blamed, ...] | None = None

    @property
    def wrong(self) -> list[Row]:
        """What differs, the worst first."""
        return sorted((r for r in self.rows if r.outcome.right is False), key=lambda r: -r.outcome.error)

    @property
    def unclear(self) -> list[Row]:
        """What could not be judged."""
        return [row for row in self.rows if row.outcome.right is None]

    @property
    def ok(self) -> bool:
        """Whether everything was judged, and is right."""
        return not (self.wrong or self.unclear or self.late)

    @property
    def worst(self) -> Row | None:
        """The row with the element that is furthest off."""
        judged = self.wrong or [row for row in self.rows if row.outcome.worst]
        return max(judged, key=lambda row: row.outcome.worst.error if row.outcome.worst else 0.0, default=None)

    def json(self) -> dict[str, Any]:
        """As `netlang gradcheck --json` gives it."""
        return {
            "ok": self.ok,
            "net": self.net,
            "variant": self.variant,
            "batch": self.batch,
            "seed": self.seed,
            "tolerance": self.tolerance,
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "smaller": self.smaller,
            "loss": self.loss,
            "gradients": [row.json() for row in self.rows],
            "worst": None if self.worst is None else self.worst.name,
            "late": list(self.late),
            "blamed": None if self.blamed is None else [vars(layer) for layer in self.blamed],
            "seconds": round(self.seconds, 3),
        }

    def __str__(self) -> str:
        return "\n".join([*_head(self), "", *_table(self.rows), "", *_told(self)])


def _head(found: Gradients) -> Iterator[str]:
    title = found.net + (f":{found.variant}" if found.variant else "")
    sizes = ", ".join(f"{name} {shown(('n', *shape))}" for name, shape in found.inputs.items())
    yield f"{title}   {sizes}   batch {found.batch}   seed {found.seed}   float64   loss {found.loss:.6g}"
    if found.smaller:
        yield "the input is smaller than in the file, to save time; --size checks another size"


def _table(rows: tuple[Row, ...]) -> Iterator[str]:
    table = [HEADS, *map(_cells, rows)]
    widths = [max(len(cells[k]) for cells in table) for k in range(len(HEADS))]
    for number, cells in enumerate(table):
        parts = [
            c.rjust(w) if k in RIGHT_ALIGNED else c.ljust(w) for k, (c, w) in enumerate(zip(cells, widths, strict=True))
        ]
        yield "  ".join(parts).rstrip()
        if not number:
            yield "  ".join("─" * width for width in widths if width).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    found, worst = row.outcome, row.outcome.worst
    said = {True: "", False: "wrong", None: "not judged"}[found.right]
    numbers = (f"{worst.analytic:.6e}", f"{worst.numeric:.6e}", f"{found.error:.1e}") if worst else ("", "", "")
    index = str(list(worst.index)) if worst else ""
    return row.name, row.layer, str(row.line or ""), shown(row.shape), index, *numbers, said


def _told(found: Gradients) -> Iterator[str]:
    """What it comes to, in sentences."""
    judged = len(found.rows) - len(found.unclear)
    if found.wrong:
        yield f"{len(found.wrong)} of {judged} gradients are further than {found.tolerance:g} from central differences."
    elif judged:
        yield f"{judged} gradients agree with central differences within {found.tolerance:g}."
    yield from _blame(found.blamed)
    if (row := found.worst) is not None and (worst := row.outcome.worst) is not None:
        where = f" on line {row.line}" if row.line else ""
        yield (
            f"The worst element is {row.element} of `{row.layer}`{where}: the gradient says {worst.analytic:.9e}, "
            f"the difference {worst.numeric:.9e}; relative error {worst.error:.1e}."
        )
    if zero := [row.name for row in found.rows if row.outcome.zero and row.outcome.right]:
        yield f"Nothing of the loss depends on {_names(zero)} here: gradient and differences are 0."
    if skipped := sum(row.outcome.skipped for row in found.rows):
        count = skipped + sum(row.outcome.directions for row in found.rows)
        yield f"{skipped} of {count} directions were skipped: they meet a corner or a jump, or rounding, at every step."
    if found.unclear:
        yield f"Not judged, as all their directions were skipped: {_names([row.name for row in found.unclear])}."
    if found.late:
        yield f"No time was left for {_names(list(found.late))}; --time gives more, --size and --batch make it faster."


def _blame(blamed: tuple[Blamed, ...] | None) -> Iterator[str]:
    if blamed is None:
        return
    for layer in blamed:
        where = f" on line {layer.line}" if layer.line else ""
        yield f"`{layer.layer}` ({layer.name}{where}) is wrong by itself: that is where to look."
    if not blamed:
        yield "Each layer is right by itself: what is wrong is how they are compiled together."


def _names(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
