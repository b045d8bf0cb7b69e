"""A picture in letters, for the terminal: boxes from top to bottom, branches side by side."""

from itertools import groupby

from netlang.draw.tree import Fork, Part, Picture, Repeat, Series, Step, line_of, shape_of

GAP = 3  # blanks between branches
Block = list[str]  # lines of equal length, meant to be centred


def text(picture: Picture) -> str:
    """The lines of a picture."""
    lines = stacked([_flow(f"input {picture.input}"), *blocks(picture.series)])
    return "\n".join(line.rstrip() for line in lines)


def blocks(series: Series) -> list[Block]:
    """The boxes of a series, each followed by an arrow with the shape it gives."""
    found: list[Block] = []
    for line, parts in groupby(series, key=line_of):
        same = list(parts)
        if line is not None:
            found += [_box([_row(part) for part in same]), _flow(shape_of(same[-1]))]
            continue
        for part in same:
            found += _branches(part) if isinstance(part, Fork) else _repeated(part)
    return found


def _branches(fork: Fork) -> list[Block]:
    columns = [stacked(blocks(branch)) if branch else [fork.merge.shape, "│"] for branch in fork.branches]
    return [beside(columns), _box([_written(fork.merge)]), _flow(fork.merge.shape)]


def _repeated(part: Part) -> list[Block]:
    """A repeat with branches in it: a dotted frame with the number of copies."""
    assert isinstance(part, Repeat)
    inner = stacked(blocks(part.series))
    width = len(inner[0])
    head = f"╭╴× {part.times} ".ljust(width + 3, "╌") + "╮"
    return [[head, *(f"╎ {line} ╎" for line in inner), "╰" + "╌" * (width + 2) + "╯"]]


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
    return _written(part)


def _written(step: Step) -> str:
    return f"{step.text}  {step.activation}" if step.activation else step.text
