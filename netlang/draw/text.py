"""A picture in letters, for the terminal: boxes from top to bottom, branches side by side."""

from itertools import groupby

from netlang.draw.parts import End, Fork, Frame, Key, Part, Picture, Repeat, Series, Step, Tap, line_of, shape_of

GAP = 3  # blanks between branches
Block = list[str]  # lines of equal length, meant to be centred


def text(picture: Picture) -> str:
    """The lines of a picture: each output below what leads to it, then the blocks that are not opened."""
    several = len(picture.ends) > 1
    drawings = [stacked([*blocks(end.series), *_name(end, several)]) for end in picture.ends]
    drawings += [_key(key) for key in picture.keys]
    return "\n\n".join("\n".join(line.rstrip() for line in lines) for lines in drawings)


def _name(end: End, several: bool) -> list[Block]:
    if not several or not end.name:
        return []
    name = end.name if end.name.startswith("output") else f"output {end.name}"
    return [[f"{name}, in training only" if end.side else name]]


def _key(key: Key) -> Block:
    lines = stacked(blocks(key.series))
    title = f"{key.title}:"
    width = max(len(title), len(lines[0]) + 4)
    return [title.ljust(width), *(f"    {line}".ljust(width) for line in lines)]


def blocks(series: Series) -> list[Block]:
    """The boxes of a series, each followed by an arrow with the shape it gives."""
    found: list[Block] = []
    for line, parts in groupby(series, key=line_of):
        same = list(parts)
        if line is None:
            for part in same:
                found += _other(part)
            continue
        inputs = [part for part in same if isinstance(part, Step) and part.family == "input"]
        found += [_flow(f"{part.text} {part.shape}") for part in inputs]
        rest = [part for part in same if part not in inputs]
        if rest:
            found += [_box([_row(part) for part in rest]), _flow(shape_of(rest[-1]))]
    return found


def _other(part: Part) -> list[Block]:
    """What is no step."""
    match part:
        case Fork():
            return _branches(part)
        case Frame():
            return _framed(part.title, part.series)
        case Repeat(series=(Frame() as frame,)):
            return _framed(f"{frame.title} × {part.times}", frame.series)
        case Repeat():
            return _framed(f"× {part.times}", part.series)
        case Tap():
            return [_flow(f"{part.shape} of {part.name}")]
    raise AssertionError(part)


def _branches(fork: Fork) -> list[Block]:
    columns = [stacked(blocks(branch)) if branch else ["│", "│"] for branch in fork.branches]
    return [beside(columns), _box([_row(fork.merge)]), _flow(fork.merge.shape)]


def _framed(title: str, series: Series) -> list[Block]:
    """A repeat of several steps, or a block: a dotted frame with the number of copies, or the call."""
    inner = stacked(blocks(series))
    width = max(len(inner[0]), len(title) + 3)
    head = f"╭╴{title} ".ljust(width + 3, "╌") + "╮"
    return [[head, *(f"╎ {line:^{width}} ╎" for line in inner), "╰" + "╌" * (width + 2) + "╯"]]


def stacked(parts: list[Block]) -> Block:
    """Blocks below one another, centred."""
    width = max(len(line) for block in parts for line in block)
    return [line.center(width) for block in parts for line in _even(block)]


def beside(columns: list[Block]) -> Block:
    """Blocks side by side, the shorter ones drawn out by a line."""
    height = max(map(len, columns))
    full = []
    for block in map(_even, columns):
        width = len(block[0])
        full.append(block + ["│".center(width)] * (height - len(block)))
    return [(" " * GAP).join(row) for row in zip(*full, strict=True)]


def _even(block: Block) -> Block:
    width = max(map(len, block))
    return [line.center(width) for line in block]


def _box(rows: list[str]) -> Block:
    width = max(map(len, rows))
    return ["┌" + "─" * (width + 2) + "┐", *(f"│ {row:<{width}} │" for row in rows), "└" + "─" * (width + 2) + "┘"]


def _flow(shape: str) -> Block:
    """An arrow and the shape that flows along it, the arrow in the middle."""
    pad = len(shape) + 1
    return [" " * pad + "│ " + shape]


def _row(part: Part) -> str:
    if isinstance(part, Repeat):
        return f"{_row(part.series[0])}  × {part.times}"
    assert isinstance(part, Step)
    also = "".join(f"  ← {tap.shape} of {tap.name}" for tap in part.also)
    loop = f"  ↻ {', '.join(part.recurrence.states)}" if part.recurrence else ""
    return part.written + loop + also
