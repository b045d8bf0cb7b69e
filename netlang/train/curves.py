"""How trainings went: loss and score of one run or several, epoch by epoch, as a picture and as a table.

Read off the `log.jsonl` of each run.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any

from netlang.diagnostics import count
from netlang.files import Problem
from netlang.record import dataclass
from netlang.train.runs import LOG, Run

LOSS = "train_loss"
TITLES = {
    LOSS: "training loss",
    "test_accuracy": "test accuracy",
    "test_iou": "test IoU",
    "test_squared_error": "test mean squared error",
}
SHARES = ("test_accuracy", "test_iou")  # written in per cent
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by all eyes (Okabe and Ito)
WIDTH, HEIGHT, LEFT, TOP, GAP = 330, 200, 58, 34, 74  # of a panel's frame, and around it, in pixels
LARGEST = 1e100  # a number beyond is none: axes are drawn between the least and the largest
DECADES = 1.3  # powers of 10 between the least and the largest loss from which on its axis is logarithmic
EPOCHS = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # the rows of the table, and the last one


@dataclass(frozen=True)
class Curves:
    """The log of a run under its name: an object per epoch. Numbers that are not finite are None."""

    name: str
    rows: tuple[dict[str, Any], ...]

    def of(self, key: str) -> list[tuple[int, float]]:
        """Epoch, from 1, and value, where there is one."""
        found = ((row.get("epoch"), row.get(key)) for row in self.rows)
        numbers = ((e, v) for e, v in found if isinstance(e, int) and isinstance(v, int | float))
        return [(e, float(v)) for e, v in numbers if 0 < e < LARGEST and abs(v) <= LARGEST]


def read(run: Run) -> Curves:
    """The curves of a run. Raises Problem if it logged nothing."""
    found = Curves(run.folder.name or str(run.folder), tuple(run.log()))
    if not found.of(LOSS):
        raise Problem(f"{run.folder / LOG} tells of no epoch")
    return found


def scores(runs: Sequence[Curves]) -> list[str]:
    """What there is to show of these runs: the loss, and the scores that any of them has."""
    return [key for key in TITLES if any(run.of(key) for run in runs)]


def table(runs: Sequence[Curves]) -> Iterator[str]:
    """Lines: the figures of some epochs, the runs side by side."""
    keys = scores(runs)
    heads = ["epoch", *(f"{run.name}: {TITLES[key]}" for run in runs for key in keys)]
    columns = [dict(run.of(key)) for run in runs for key in keys]
    shown = [_percent if key in SHARES else _short for _ in runs for key in keys]
    ends = {max(run.of(LOSS))[0] for run in runs}
    epochs = sorted(ends | {e for e in EPOCHS if e < max(ends)})
    cells = [[str(e), *(show(c[e]) if e in c else "" for c, show in zip(columns, shown, strict=True))] for e in epochs]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    for line in (heads, *cells):
        yield "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def svg(runs: Sequence[Curves]) -> str:
    """A picture with a panel for the loss and one for each score, a line for each run."""
    keys = scores(runs)
    wide, high = len(keys) * (LEFT + WIDTH) + GAP // 2, TOP + HEIGHT + 48 + 18 * len(runs)
    parts = [_panel(key, runs, LEFT + k * (LEFT + WIDTH)) for k, key in enumerate(keys)]
    names = [_name(k, run, TOP + HEIGHT + 58 + 18 * k) for k, run in enumerate(runs)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}"'
            ' font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#52606d">',
            f'<rect width="{wide}" height="{high}" fill="white"/>',
            *parts,
            *names,
            "</svg>\n",
        ]
    )


def _panel(key: str, runs: Sequence[Curves], left: int) -> str:
    values = [v for run in runs for _, v in run.of(key)]
    last = max(e for run in runs for e, _ in run.of(LOSS))
    axis = _axis(key, values)
    ticks = [_tick(text, left, _down(share)) for text, share in axis.ticks]
    below = [_below(e, left + _along(e, last)) for e in _marks(last)]
    lines = [
        _line(k, [(left + _along(e, last), _down(axis.share(v))) for e, v in run.of(key)]) for k, run in enumerate(runs)
    ]
    title = f'<text x="{left}" y="{TOP - 14}" font-weight="bold" fill="#1f2933">{TITLES[key]}</text>'
    foot = f'<text x="{left + WIDTH}" y="{TOP + HEIGHT + 36}" text-anchor="end">epoch</text>'
    return "\n".join([title, *ticks, *below, foot, *lines])


@dataclass(frozen=True)
class Axis:
    """Where a value stands between bottom (0) and top (1), and the marks beside it: text and share."""

    share: Callable[[float], float]
    ticks: tuple[tuple[str, float], ...]


def _axis(key: str, values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    if key not in SHARES and low > 0 and math.log10(high / low) >= DECADES:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        span = last - first
        return Axis(
            lambda v: (math.log10(v) - first) / span,
            tuple((_short(10.0**p), (p - first) / span) for p in range(first, last + 1)),
        )
    step = _round((high - low) / 4 or abs(high) or 1)
    bottom, top = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    top = top if top > bottom else bottom + step
    steps = round((top - bottom) / step)
    show = _whole if key in SHARES else _short
    marks = (bottom + k * step for k in range(steps + 1))
    return Axis(lambda v: (v - bottom) / (top - bottom), tuple((show(m), k / steps) for k, m in enumerate(marks)))


def _round(step: float) -> float:
    """The next of 1, 2, 5, 10, 20, ... that is no smaller."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * k for k in (1, 2, 5, 10) if power * k >= step * (1 - 1e-9))


def _marks(last: int) -> list[int]:
    step = max(int(_round(last / 5)), 1)
    return sorted({1, *range(step, last + 1, step)}) if step > 1 else list(range(1, last + 1))


def _along(epoch: int, last: int) -> float:
    return WIDTH * (epoch - 1) / max(last - 1, 1)


def _down(share: float) -> float:
    return TOP + HEIGHT * (1 - share)


def _tick(text: str, left: int, y: float) -> str:
    return (
        f'<path d="M{left} {y:.1f}h{WIDTH}" stroke="#e4e7eb"/>'
        f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )


def _below(epoch: int, x: float) -> str:
    return f'<text x="{x:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{epoch}</text>'


def _line(k: int, points: list[tuple[float, float]]) -> str:
    """A line through the points; a single one is a dot."""
    colour = COLOURS[k % len(COLOURS)]
    if len(points) == 1:
        return f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3" fill="{colour}"/>'
    through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{through}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'


def _name(k: int, run: Curves, y: int) -> str:
    """A run's colour, name, and what it ended with."""
    ends = [f"{TITLES[key]} {_end(key, run)}" for key in TITLES if run.of(key)]
    text = escape(f"{run.name}: {', '.join(ends)} after {_epochs(run)}")
    colour = COLOURS[k % len(COLOURS)]
    return (
        f'<path d="M{LEFT} {y - 4}h22" stroke="{colour}" stroke-width="2"/>'
        f'<text x="{LEFT + 30}" y="{y}" fill="#1f2933">{text}</text>'
    )


def _end(key: str, run: Curves) -> str:
    value = run.of(key)[-1][1]
    return _percent(value) if key in SHARES else _short(value)


def _epochs(run: Curves) -> str:
    return count(max(run.of(LOSS))[0], "epoch")


def _percent(value: float) -> str:
    return f"{value:.2%}"


def _whole(value: float) -> str:
    return f"{100 * value:g}%"


def _short(value: float) -> str:
    return f"{value:.3g}"
