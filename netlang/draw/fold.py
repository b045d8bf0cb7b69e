"""Series with what is written once and repeated drawn once: `conv3-64 x3`, `[conv3-512 x3, maxpool] x2`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

from netlang.draw.parts import Fork, Frame, Part, Picture, Repeat, Series, Step, Tap, given
from netlang.graph import NodeId

LONGEST = 200  # steps of a group that is still recognised as repeated


def folded(series: Series, read: frozenset[NodeId]) -> Series:
    """The series with repeats folded, the inner ones first.

    read: the nodes that something reads from elsewhere; they must be seen, so only the last copy may hold one
    """
    series = tuple(_inside(part, read) for part in series)
    while (shorter := _once(series, read)) != series:
        series = shorter
    return series


def joined(series: Series, above: NodeId = "") -> Series:
    """The series without the taps of what stands right before: it goes on from there. above: that, if anything."""
    done: list[Part] = []
    for part in series:
        match part:
            case Tap():
                done += [part] if part.id != above or done else []
            case Fork():
                done.append(Fork(tuple(joined(branch, above) for branch in part.branches), part.merge))
            case Frame():
                done.append(Frame(part.step, joined(part.series, above)))
            case _:
                done.append(part)
        above = given(part)
    return tuple(done)


def _inside(part: Part, read: frozenset[NodeId]) -> Part:
    match part:
        case Fork():
            return Fork(tuple(folded(branch, read) for branch in part.branches), part.merge)
        case Frame():
            return Frame(part.step, folded(part.series, read))
    return part


def _once(series: Series, read: frozenset[NodeId]) -> Series:
    done: list[Part] = []
    at = 0
    while at < len(series):
        period, times = _copies(series, at, read)
        done += repeated([series[at + period * k : at + period * (k + 1)] for k in range(times)])
        at += period * times
    return tuple(done)


def repeated(copies: Sequence[Series]) -> Series:
    """Copies drawn as one; a single one as it is."""
    return (Repeat(_spanned(copies[0], copies[-1]), tuple(copies)),) if len(copies) > 1 else copies[0]


def apart(series: Series, like: Callable[[Series], object]) -> Series:
    """The series with only those copies folded that are alike."""
    done: list[Part] = []
    for part in series:
        match part:
            case Fork():
                done.append(Fork(tuple(apart(branch, like) for branch in part.branches), part.merge))
            case Frame():
                done.append(Frame(part.step, apart(part.series, like)))
            case Repeat():
                copies = [apart(copy, like) for copy in part.copies]
                done += [each for _, same in groupby(copies, key=like) for each in repeated(list(same))]
            case _:
                done.append(part)
    return tuple(done)


def told_apart(picture: Picture, like: Callable[[Series], object]) -> Picture:
    """The picture with only those copies folded that are alike."""
    ends = tuple(replace(end, series=apart(end.series, like)) for end in picture.ends)
    keys = tuple(replace(key, series=apart(key.series, like)) for key in picture.keys)
    return replace(picture, ends=ends, keys=keys)


def _spanned(first: Series, last: Series) -> Series:
    """The last copy, its sizes told from those of the first."""
    return tuple(_span(one, other) for one, other in zip(first, last, strict=True))


def _span(first: Part, last: Part) -> Part:
    match first, last:
        case Step(), Step():
            return _span_step(first, last)
        case Fork(), Fork():
            branches = tuple(_spanned(*pair) for pair in zip(first.branches, last.branches, strict=True))
            return Fork(branches, _span_step(first.merge, last.merge))
        case Frame(), Frame():
            return Frame(_span_step(first.step, last.step), _spanned(first.series, last.series))
        case Repeat(), Repeat():
            end = _spanned(first.copies[-1], last.copies[-1])
            return Repeat(_spanned(first.copies[0], last.copies[-1]), (*last.copies[:-1], end))
    return last


def _span_step(first: Step, last: Step) -> Step:
    return replace(last, first=first.sizes if first.sizes != last.sizes else ())


def _copies(series: Series, at: int, read: frozenset[NodeId]) -> tuple[int, int]:
    """The shortest period that repeats from here, and how often it stands; (1, 1) if nothing repeats."""
    key = _key(series[at])
    for period in range(1, min(LONGEST, (len(series) - at) // 2) + 1):
        if _key(series[at + period]) != key:
            continue
        block = [_key(part) for part in series[at : at + period]]
        times = 1
        while not _holds(series[at + period * (times - 1) : at + period * times], read) and (
            [_key(part) for part in series[at + period * times : at + period * (times + 1)]] == block
        ):
            times += 1
        if times > 1:
            return period, times
    return 1, 1


def _key(part: Part) -> object:
    """What two copies of a step share: the place in the text, the settings and what a block does, not the shape."""
    match part:
        case Step():
            return part.place, part.text, part.options, part.also, part.inside
        case Tap():
            return part.id
        case Fork():
            return _key(part.merge), tuple(tuple(map(_key, branch)) for branch in part.branches)
        case Frame():
            return _key(part.step), tuple(map(_key, part.series))
        case Repeat():
            return part.times, tuple(map(_key, part.series))


def _holds(series: Series, read: frozenset[NodeId]) -> bool:
    """Whether a step of the series is read from elsewhere."""
    return any(step.id in read for step in steps(series))


def steps(series: Series) -> list[Step]:
    """Every step that is drawn of a series, those inside branches, blocks and repeats included."""
    found: list[Step] = []
    for part in series:
        match part:
            case Step():
                found.append(part)
            case Fork():
                found += [step for branch in part.branches for step in steps(branch)] + [part.merge]
            case Frame() | Repeat():
                found += steps(part.series)
    return found
