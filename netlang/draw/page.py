"""A whole drawing of a net: its outputs, the lines past other steps, and each block once beside it."""

from dataclasses import replace

from netlang.draw.flow import Flow
from netlang.draw.fold import steps
from netlang.draw.letters import ascii_only
from netlang.draw.parts import End, Key, Part, Picture, Series, Tap, every, given, shape_of, taps
from netlang.draw.placed import LABEL, Placed, Style, Want, carrying
from netlang.draw.route import CLEAR, Routes
from netlang.draw.scene import Box, Item, Line, Point, Rect, Scene, Words, bounds, fitted, flat, shifted
from netlang.draw.theme import FAMILIES
from netlang.draw.wrap import pieces
from netlang.graph import NodeId

MARGIN = 14.0  # points around a drawing
APART = 28.0  # from the net to the blocks beside it, and between those
PAGE = (595.0, 842.0)  # points of A4
TRIES = 24  # widths that the blocks are tried in

Drawn = tuple[Item, ...]


def scene(picture: Picture, style: Style, *, legend: bool = False, count: int = 0) -> Scene:
    """A picture laid out. legend: whether the colours are explained below; count: of its pieces, if it is fixed."""
    items = packed(whole(picture, style, count), [keyed(key, style) for key in picture.keys], style.down)
    if style.note:
        r = bounds(items)
        items = (*items, Words(style.note, r.x, r.bottom + 20, LABEL, "quiet", "start"))
    if legend:
        items = (*items, *_legend(picture, items))
    return fitted(items, MARGIN)


def parted(picture: Picture, style: Style) -> int:
    """In how many pieces a picture is laid out."""
    return len(_cut(_flow(picture, style), picture, 0))


def _cut(flow: Flow, picture: Picture, count: int) -> list[Series]:
    """The main output in pieces."""
    main, *others = picture.ends
    return pieces(flow, main.series, count, frozenset(tap.id for end in others for tap in taps(end.series)))


def _flow(picture: Picture, style: Style) -> Flow:
    return Flow(style, [step.id for end in picture.ends for step in steps(end.series)])


def whole(picture: Picture, style: Style, count: int = 0) -> Drawn:
    """All outputs, each below what leads to it; the main one in pieces where it is long, or in so many."""
    flow = _flow(picture, style)
    board = _Board(flow)
    main, *others = picture.ends
    cut = _cut(flow, picture, count)
    for k, piece in enumerate(cut):
        placed = flow.series(piece)
        board.put(placed if k < len(cut) - 1 else _ended(flow, placed, main), piece)
        for end in [end for end in others if board.holds(end)]:
            board.add(_ended(flow, flow.series(end.series), end))
            others.remove(end)
    for end in others:
        board.add(_ended(flow, flow.series(end.series), end))
    return (*board.items, *routed(flow, board.items, board.boxes, board.wants))


class _Board:
    """What is drawn so far. boxes: of steps that hold a tensor; wants: the lines still to be led."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.items: list[Item] = []
        self.boxes: dict[NodeId, Rect] = {}
        self.wants: list[Want] = []
        self.exit: tuple[Point, Part] | None = None  # where the last piece of the main output ends, and with what

    def put(self, placed: Placed, piece: Series) -> None:
        """A piece of the main output at the beginning, beside all there is; a line leads there from the last one."""
        at, across = self.flow.at, 0.0
        if self.exit is not None:
            r = bounds(self.items)
            across = (r.right if self.flow.style.down else r.bottom) + 2 * APART + placed.left
            point, part = self.exit
            entry = Rect(*at(placed.bare[0], across), 0, 0)
            tap = Tap(given(part), "", shape_of(part))
            self.wants.append(Want(tap, entry, entry=True, role="line", exit=point))
        self.exit = at(placed.length - placed.bare[1], across), piece[-1]
        self.keep(placed.moved(at(0, across)))

    def add(self, placed: Placed) -> None:
        """Another output, where it has room."""
        self.keep(placed.moved(_free(self.flow, placed, self.items, self.boxes)) if self.items else placed)

    def keep(self, placed: Placed) -> None:
        """Something in its place."""
        self.items += placed.items
        self.boxes |= placed.boxes
        self.wants += placed.wants

    def holds(self, end: End) -> bool:
        """Whether an output begins at a tensor that is drawn."""
        first = end.series[0] if end.series else None
        return isinstance(first, Tap) and first.id in self.boxes


def _ended(flow: Flow, placed: Placed, end: End) -> Placed:
    """A series and its output; one of training only stands behind a dashed arrow."""
    if not end.name:
        return placed
    name = f"{end.name} (training)" if end.side else end.name
    return _followed(flow, placed, end.series, name, dashed=end.side)


def _followed(flow: Flow, placed: Placed, series: Series, name: str, dashed: bool = False) -> Placed:
    """The same with an arrow to a word behind it."""
    style, tensor = flow.style, given(series[-1])
    word = style.terminal(name)
    end = placed.length + style.arrow
    points = (flow.at(placed.length - placed.bare[1], 0), flow.at(end, 0))
    where = flow.at(placed.length + style.arrow / 2, 6.0)
    label = Words(shape_of(series[-1]), *where, LABEL, "quiet", "start", tensor)
    line = Line(points, dashed=dashed, tail=placed.tailed, of=tensor)
    arrow: tuple[Item, ...] = (line, *((label,) if style.labelled else ()))
    right = max(placed.right, word.right, label.width + 6 if style.labelled else 0)
    items = (*placed.items, *arrow, *word.moved(flow.at(end, 0)).items)
    return replace(placed, items=items, length=end + word.length, left=max(placed.left, word.left), right=right)


def _free(flow: Flow, placed: Placed, items: list[Item], boxes: dict[str, Rect]) -> Point:
    """Where another output has room: beside what is drawn, from where the tensor is that it reads."""
    down = flow.style.down
    entry = next((want for want in placed.wants if want.entry), None)
    source = boxes.get(entry.tap.id) if entry else None
    start = (source.bottom + 24 if down else source.right + 44) if source else 0.0
    taken = [item.bounds for item in flat(items)]
    reach = [
        r.right if down else r.bottom
        for r in taken
        if (r.bottom > start - 20 and r.y < start + placed.length + 10 if down
            else r.right > start - 20 and r.x < start + placed.length + 10)
    ]  # fmt: skip
    return flow.at(start, max(reach, default=0.0) + APART + placed.left)


def routed(flow: Flow, items: list[Item], boxes: dict[str, Rect], wants: list[Want]) -> Drawn:
    """The lines to what reads tensors drawn elsewhere, the short ones first, and their shapes where there is room."""
    down = flow.style.down
    routes = Routes(items)
    found: list[Item] = []
    taken: dict[Point, NodeId | None] = {}  # where lines meet boxes: the tensor that leaves there, if one does
    for line in (item for item in items if isinstance(item, Line)):
        taken |= {line.points[-1]: None, line.points[0]: line.of}
    for want in wants:
        routes.keep(_entry(want.target, down) if want.entry else _sides(want.target, down, taken))
    for want in sorted(wants, key=lambda w: _distance(boxes[w.tap.id], w.target)):
        leaves = _sides(boxes[want.tap.id], down, taken, want.tap.id)
        starts = {_ahead(want.exit, down): want.exit} if want.exit else leaves
        doors = _entry(want.target, down) if want.entry else _sides(want.target, down, taken)
        way = routes.add(list(starts), list(doors), usual=not want.entry)
        points = (starts[way[0]], *way, doors[way[-1]])
        taken |= {points[0]: want.tap.id, points[-1]: None}
        found.append(Line(points, want.role, dashed=want.role == "skip", tail=True, of=want.tap.id))
        if flow.style.labelled:
            label = routes.label(way, want.tap.shape, LABEL)
            found += [replace(label, of=want.tap.id)] if label else []
    return tuple(found)


def _distance(one: Rect, other: Rect) -> float:
    return sum(abs(a - b) for a, b in zip(one.centre, other.centre, strict=True))


def _sides(r: Rect, down: bool, taken: dict[Point, NodeId | None], tensor: NodeId = "") -> dict[Point, Point]:
    """Where lines may leave or enter a box beside the flow: points before it, each with the one on its side.

    A little beside the middle where another line ends; lines of one tensor may leave together.
    """
    (x, y), far = r.centre, CLEAR
    doors: dict[Point, Point] = {}
    for side in (1, -1):
        for aside in (0.0, 6.0, -6.0):
            if down:
                door = (r.right if side > 0 else r.x), y + aside
                before = door[0] + side * far, door[1]
            else:
                door = x + aside, (r.y if side > 0 else r.bottom)
                before = door[0], door[1] - side * far
            if door not in taken or taken[door] == tensor:
                doors[before] = door
                break
        else:
            doors[before] = door
    return doors


def _ahead(point: Point, down: bool) -> Point:
    """Where a line is that has left the flow."""
    return (point[0], point[1] + CLEAR) if down else (point[0] + CLEAR, point[1])


def _entry(r: Rect, down: bool) -> dict[Point, Point]:
    """Where a line enters along the flow."""
    return {(r.x, r.y - 14) if down else (r.x - 14, r.y): (r.x, r.y)}


def keyed(key: Key, style: Style) -> Drawn:
    """A block, drawn once: framed, with its call as the title."""
    return titled(block(key, style), ascii_only(key.title))


def block(key: Key, style: Style) -> Drawn:
    """What a block does, from what comes in to what goes out."""
    flow = Flow(style, [step.id for step in steps(key.series)])
    placed = flow.series(key.series)
    if key.input:
        placed = _led(flow, placed, key)
    placed = _followed(flow, placed, key.series, "out")
    items: list[Item] = list(placed.items)
    wants = [want for want in placed.wants if want.tap.id in placed.boxes]
    return (*items, *routed(flow, items, placed.boxes, wants))


def _led(flow: Flow, placed: Placed, key: Key) -> Placed:
    """The same with a word before it, and the shape that comes in."""
    style = flow.style
    word = style.terminal("in")
    start = word.length + style.arrow
    line = Line((flow.at(word.length, 0), flow.at(start + placed.bare[0], 0)), heads=(placed.headed, False))
    line = replace(line, tail=True, of=key.reads)
    label = Words(key.input, *flow.at(word.length + style.arrow / 2, 6.0), LABEL, "quiet", "start", key.reads)
    moved = placed.moved(flow.at(start, 0))
    items = (*word.items, line, *((label,) if style.labelled else ()), *carrying(moved.items, key.reads))
    right = max(placed.right, label.width + 6 if style.labelled else 0)
    return replace(moved, items=items, length=start + placed.length, right=right)


def titled(items: Drawn, title: str) -> Drawn:
    """Shapes on a panel with a title."""
    r = bounds(items)
    name = Words(title, r.centre[0], r.y - 16)
    around = bounds([*items, name])
    panel = Box(around.grown(12), "panel", "frame", radius=9, open=True)
    return (panel, name, *items)


def packed(main: Drawn, keys: list[Drawn], down: bool) -> Drawn:
    """The blocks beside and below the net, on the page that shows them largest."""
    if not keys:
        return main
    r = bounds(main)
    sizes = [bounds(key) for key in keys]
    room = r.width + APART + sum(s.width + APART for s in sizes)
    least = max(r.width, *(s.width for s in sizes))
    tries = (least + (room - least) * k / TRIES for k in range(TRIES + 1))
    packings = [_shelved(r, sizes, wide, beside=down) for wide in tries]
    places = min(packings, key=lambda found: _badness([r, *found]))
    moved = (shifted(key, p.x - s.x, p.y - s.y) for key, s, p in zip(keys, sizes, places, strict=True))
    return (*main, *(item for key in moved for item in key))


def _shelved(main: Rect, sizes: list[Rect], wide: float, *, beside: bool) -> list[Rect]:
    """Each block as high up as it fits in the width, then as far to the left; beside: whether also beside the net."""
    taken = [main if beside else replace(main, width=max(main.width, wide))]
    for size in sizes:
        xs = [main.x, *(t.right + APART for t in taken)]
        ys = [main.y, *(t.bottom + APART for t in taken)]
        spots = (replace(size, x=x, y=y) for y in sorted(ys) for x in sorted(xs) if x + size.width <= main.x + wide + 1)
        taken.append(next(s for s in spots if not any(s.grown(APART - 1).meets(t) for t in taken)))
    return taken[1:]


def _badness(rects: list[Rect]) -> float:
    """How many times too large it is for a page, upright or across."""
    width = max(r.right for r in rects) - rects[0].x
    height = max(r.bottom for r in rects) - rects[0].y
    return min(max(width / short, height / long) for short, long in (PAGE, PAGE[::-1]))


def _legend(picture: Picture, items: Drawn) -> Drawn:
    """A swatch for each colour that the drawing has, below it."""
    used = {step.family for series in every(picture) for step in steps(series)}
    r = bounds(items)
    x, y = r.x, r.bottom + 24
    found: list[Item] = []
    for family, name in FAMILIES.items():
        if family not in used:
            continue
        words = Words(name, x + 22, y + 6, LABEL, "quiet", "start")
        if x > r.x and words.bounds.right > max(r.right, r.x + 320):
            x, y = r.x, y + 20
            words = replace(words, x=x + 22, y=y + 6)
        found += [Box(Rect(x, y, 16, 12), family, radius=3), words]
        x = words.bounds.right + 16
    return tuple(found)
