"""How positions and taps meet, in CUDA texts: position (i, j) and tap (u, v) at row `h`, column `w` of the source."""

from netlang.primitives.contraction.sides import Axis

AXES = (("h", "i", "u"), ("w", "j", "v"))  # source, position and tap along height and width


def meeting_sizes(high: Axis, wide: Axis) -> dict[str, int]:
    """The sizes that the texts name."""
    found = {"taps_h": high.taps, "taps_w": wide.taps}
    for axis, of in (("h", high), ("w", wide)):
        found |= {f"mul_{axis}": of.mul, f"step_{axis}": of.step, f"base_{axis}": of.base}
        found[f"source_{axis}"] = of.source
    return found


def of_positions(axes: tuple[Axis, Axis]) -> tuple[str, str]:
    """Row and column that the first tap of position (i, j) meets."""
    high, wide = (_of_position(axis, of, i) for of, (axis, i, _) in zip(axes, AXES, strict=True))
    return high, wide


def of_taps(axes: tuple[Axis, Axis]) -> tuple[str, str]:
    """How far tap (u, v) is from the first."""
    high, wide = (_of_tap(axis, of, u) for of, (axis, _, u) in zip(axes, AXES, strict=True))
    return high, wide


def _of_position(axis: str, of: Axis, position: str) -> str:
    moved = position if of.mul == 1 else f"{position} * mul_{axis}"
    return moved + (f" + base_{axis}" if of.base else "")


def _of_tap(axis: str, of: Axis, tap: str) -> str:
    return tap if of.step == 1 else f"{tap} * step_{axis}"


def divided(axes: tuple[Axis, Axis]) -> list[str]:
    """Lines behind `h` and `w`: a tap between two pixels meets none. A divisor is text: mostly 2, which shifts."""
    return [line for of, (axis, _, _) in zip(axes, AXES, strict=True) for line in _divided(axis, of)]


def _divided(axis: str, of: Axis) -> list[str]:
    return [f"off_{axis} = {axis} % {of.div}", f"{axis} //= {of.div}"] if of.div > 1 else []


def inside(axes: tuple[Axis, Axis]) -> str:
    """The condition that there is such a pixel, "" if there always is."""
    conditions = []
    for of, (axis, _, _) in zip(axes, AXES, strict=True):
        conditions += [f"off_{axis} == 0"] if of.div > 1 else []
        conditions += [] if of.inside else [f"0 <= {axis} < source_{axis}"]
    return " and ".join(conditions)


def meeting(high: Axis, wide: Axis) -> tuple[list[str], str]:
    """Lines that make `h` and `w` of position (i, j) and tap (u, v); and the condition that there is such a pixel."""
    lines = []
    for of, (axis, position, tap) in zip((high, wide), AXES, strict=True):
        further = "" if of.taps == 1 else f" + {_of_tap(axis, of, tap)}"
        lines += [f"{axis} = {_of_position(axis, of, position)}{further}", *_divided(axis, of)]
    return lines, inside((high, wide))


def position(index: str) -> list[str]:
    """Image, row i and column j of a position."""
    return [
        f"image = {index} // places",
        f"place = {index} - image * places",
        "i = place // width",
        "j = place - i * width",
    ]


def pair(index: str, channels: str = "a_channels") -> list[str]:
    """The tap and the channel of a pair, and the tap's row u and column v. channels: how many pairs a tap has"""
    return [
        f"tap = {index} // {channels}",
        f"channel = {index} - tap * {channels}",
        "u = tap // taps_w",
        "v = tap - u * taps_w",
    ]
