"""What a picture opens to: the same with one of its blocks, and those around it, written out in their places."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from netlang.draw.fold import joined, steps
from netlang.draw.parts import Fork, Frame, Part, Picture, Repeat, Series, Step, every
from netlang.draw.tree import insides
from netlang.graph import Net
from netlang.record import dataclass

Path = tuple[str, ...]


@dataclass(frozen=True)
class Unfolded:
    """path: of the block that is opened; above: of the one around it that is open then, () if none is"""

    path: Path
    above: Path
    picture: Picture


def unfolded(net: Net, found: Picture) -> Iterator[Unfolded]:
    """A picture for each block that `found` shows folded, and for those that these show in turn."""
    shown = [step for series in every(found) for step in steps(series)]
    inside = {key.step.block: key.series for key in insides(net, shown) if key.step.block}
    for path in inside:
        around = {other: series for other, series in inside.items() if path[: len(other)] == other}
        above = max((other for other in around if other != path), key=len, default=())
        ends = tuple(replace(end, series=_opened(end.series, around)) for end in found.ends)
        keys = tuple(replace(key, series=_opened(key.series, around)) for key in found.keys)
        yield Unfolded(path, above, replace(found, ends=ends, keys=keys))


def _opened(series: Series, inside: Mapping[Path, Series]) -> Series:
    return joined(tuple(_part(part, inside) for part in series))


def _part(part: Part, inside: Mapping[Path, Series]) -> Part:
    match part:
        case Step(block=block) if block in inside:
            assert block is not None
            return Frame(part, _opened(inside[block], inside))
        case Fork():
            return Fork(tuple(_opened(branch, inside) for branch in part.branches), part.merge)
        case Frame():
            return Frame(part.step, _opened(part.series, inside))
        case Repeat():
            return replace(part, series=_opened(part.series, inside))
    return part
