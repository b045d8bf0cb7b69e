"""The style `volumes`: feature maps drawn to scale as slanted boxes, vectors as bars, the flow going to the right.

Height and depth go with the rows and columns of pixels, width with the square root of the channels; the height of a
bar goes with the square root of its numbers. So 2,048 channels and 1x1 pixels stand beside 3 channels and 224x224.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from netlang.draw.boxes import step_of
from netlang.draw.fold import steps
from netlang.draw.letters import ascii_only, widest
from netlang.draw.parts import Fork, Frame, Part, Picture, Repeat, Series, Step, every, taps
from netlang.draw.placed import Placed, Want
from netlang.draw.scene import Face, Group, Item, Point, Rect, Words, bounds, shifted
from netlang.graph import NodeId
from netlang.record import dataclass
from netlang.sizes import fixed, letters
from netlang.types import Dim, shown

TALL, LEAST = 170.0, 3.0  # points of the most pixels of a drawing, and of the fewest
PER_CHANNEL = 1.6  # points of width per square root of channels
PER_NUMBER = 2.2  # points of a bar's height per square root of numbers
BAR = 9.0  # the width of a bar
DEEP = 0.26  # how far a body goes up and to the right, of its depth
SIZE, SMALL = 10.5, 9.5  # of captions
LONG = 17  # letters of a line of a caption
COPIES, BEHIND = 3, 5.0  # how many bodies a step that repeats has at most, and how far apart
LETTER = 224  # what a size that is not fixed is drawn as


@dataclass(frozen=True)
class Volumes:
    """scale: points per pixel; note: what the sizes of a drawing mean, written below it."""

    scale: float
    note: str
    down = labelled = framed = False
    arrow, link, broad = 20.0, 20.0, 800.0
    split = ""

    @staticmethod
    def of(picture: Picture) -> "Volumes":
        """The style for a net: its largest map is `TALL`."""
        found = [step for series in every(picture) for step in steps(series)]
        sizes = [size for step in found for size in (step.first or step.sizes, step.sizes)]
        most = max((side for s in sizes for side in pixels(s)), default=0.0)
        ranks = {len(s) for s in sizes}
        maps = f"height and depth by pixels ({most:g} at most), width by the square root of channels"
        rows = f"height by steps ({most:g} at most), width by the square root of numbers"
        bars = "height of bars by the square root of numbers"
        taken = letters(*(d for s in sizes for d in s))
        said = [maps] * (3 in ranks) + [rows] * (ranks <= {1, 2} and 2 in ranks) + [bars] * (1 in ranks)
        said += [f"{', '.join(taken)} drawn as {LETTER}"] * bool(taken)
        return Volumes(TALL / (most or 1.0), f"to scale: {'; '.join(said)}")

    def text_width(self, part: Part) -> float:
        """Nothing is framed here: texts stand below."""
        return 0.0

    def terminal(self, text: str) -> Placed:
        """A word where a drawing begins or ends."""
        words = Words(ascii_only(text), 4, 0, SIZE, "quiet", "start")
        return Placed((words,), words.width + 8, 7, 7)

    def step(self, part: Part, text_width: float) -> Placed:
        """The tensor that a step makes, its text and shape below."""
        step = step_of(part)
        body = bodies(step, _copies(part), self.scale)
        r = bounds(body)
        texts = caption(part)
        wide = max(r.width, widest(texts, SIZE))
        body = shifted(body, (wide - r.width) / 2 - r.x, -r.y - r.height / 2)
        half = r.height / 2
        below = len(_shape(step))
        looks = [(SIZE, "ink")] * (len(texts) - below) + [(SMALL, "quiet")] * below
        words = tuple(
            Words(text, wide / 2, half + 10 + 13 * k, *look)
            for k, (text, look) in enumerate(zip(texts, looks, strict=True))
        )
        low = half + 10 + 13 * len(texts)
        bare = (wide - r.width) / 2
        # lines leave the last of bodies beside one another
        last = bounds(_body(step.sizes, "", self.scale)).width if step.first else r.width
        rect = Rect(bare + r.width - last, -half, last, half + low - 6)
        wants = tuple(Want(tap, rect, entry=False) for tap in step.also)
        return Placed((Group((*body, *words), step),), wide, half, low, {step.id: rect}, wants, bare=(bare, bare))


def _copies(part: Part) -> list[tuple[Dim, ...]]:
    """The sizes of the bodies of a step, of what repeats those of the first copies, or of some up to the last."""
    if not isinstance(part, Repeat):
        return [step_of(part).sizes]
    sizes = [step_of(copy[0]).sizes for copy in part.copies]
    return [sizes[0], *([sizes[len(sizes) // 2]] if len(sizes) >= COPIES else []), sizes[-1]]


def _times(part: Part) -> int:
    return part.times if isinstance(part, Repeat) else 1


def caption(part: Part) -> tuple[str, ...]:
    """What stands below a body: the step, its options if there are any, and its shape."""
    step = step_of(part)
    times = [f"  x{_times(part)}"] if _times(part) > 1 else []
    words = [word + " " for word in step.text.split(" ")] + times
    options = _wrapped([f"{option}  " for option in step.options])
    return tuple(ascii_only(line) for line in (*_wrapped(words), *options, *_shape(step)))


def _shape(step: Step) -> list[str]:
    """The shape, in several lines where it is made of letters."""
    lines: list[str] = []
    for sizes in [step.first, step.sizes] if step.first else [step.sizes]:
        axes = [shown((size,)) for size in sizes]
        lines += _wrapped([f"{axis}x" for axis in axes[:-1]] + axes[-1:]) or [shown(sizes)]
        lines[-1] += " .." if sizes is step.first else ""
    return lines


def _wrapped(words: list[str]) -> list[str]:
    """Words in lines of usual length."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1] + word.rstrip()) <= LONG:
            lines[-1] += word
        else:
            lines.append(word)
    return [line.strip() for line in lines]


def bodies(step: Step, copies: Sequence[tuple[Dim, ...]], scale: float) -> tuple[Item, ...]:
    """Bodies of these sizes one behind the other, the last in front; beside one another where they differ."""
    fill = step.family if step.family != "input" else "other"
    found: list[Item] = []
    x = 0.0
    for sizes in copies:
        body = tuple(_body(sizes, fill, scale))
        r = bounds(body)
        found += shifted(body, x, -r.y - r.height / 2)
        x += BEHIND if len(set(copies)) == 1 else body[0].bounds.width + BEHIND
    return tuple(found)


def _body(sizes: tuple[Dim, ...], fill: str, scale: float) -> Iterator[Item]:
    """A map as a slanted box, a sequence as a sheet, a vector as a bar; from (0, 0) to the right and down."""
    numbers = [number(d) for d in sizes] or [1.0]
    if len(numbers) == 1:
        return _faces(BAR, max(PER_NUMBER * numbers[0] ** 0.5, LEAST), 0.0, fill)
    rows, columns = pixels(sizes)
    wide = max(PER_CHANNEL * numbers[-1] ** 0.5, 2.0) if len(numbers) > 1 else BAR
    return _faces(wide, max(rows * scale, LEAST), max(columns * scale, LEAST) * DEEP if columns else 0.0, fill)


def _faces(wide: float, high: float, deep: float, fill: str) -> Iterator[Item]:
    front: tuple[Point, ...] = ((0, 0), (wide, 0), (wide, high), (0, high))
    yield Face(front, fill)
    if deep:
        yield Face(((0, 0), (deep, -deep), (wide + deep, -deep), (wide, 0)), fill, shade=0.05)
        yield Face(((wide, 0), (wide + deep, -deep), (wide + deep, high - deep), (wide, high)), fill, shade=0.12)


def pixels(sizes: tuple[Dim, ...]) -> tuple[float, float]:
    """Rows and columns of a map; of a sequence its steps, and no columns; (0, 0) of a vector."""
    if len(sizes) < 2:
        return 0.0, 0.0
    return number(sizes[0]), number(sizes[1]) if len(sizes) > 2 else 0.0


def number(dim: Dim) -> float:
    """A size as a number: those that are not fixed for letters of `LETTER`."""
    return float(fixed(dim, dict.fromkeys(letters(dim), LETTER)))


def sized(copy: Series) -> object:
    """What copies must share to be drawn as one: the sizes; those of a single step stand beside one another."""
    return () if len(copy) == 1 and isinstance(copy[0], Step) else tuple(step.sizes for step in steps(copy))


def gathered(picture: Picture) -> Picture:
    """The picture with every step that leaves the shape as it is, and learns no map, told in the one before it."""
    read = frozenset(tap.id for series in every(picture) for tap in taps(series))
    ends = tuple(replace(end, series=_gathered(end.series, read)) for end in picture.ends)
    keys = tuple(replace(key, series=_gathered(key.series, read)) for key in picture.keys)
    return replace(picture, ends=ends, keys=keys)


def _gathered(series: Series, read: frozenset[NodeId]) -> Series:
    done: list[Part] = []
    for part in series:
        match part:
            case Fork():
                part = Fork(tuple(_gathered(branch, read) for branch in part.branches), part.merge)
            case Frame():
                part = Frame(part.step, _gathered(part.series, read))
            case Repeat(series=(_, _, *_)):
                part = replace(part, series=_gathered(part.series, read))
        before = _told(done[-1]) if done else None
        if before and isinstance(part, Step) and before.id not in read and _plain(part) and part.sizes == before.sizes:
            done[-1] = _telling(done[-1], part)
        else:
            done.append(part)
    return tuple(done)


def _told(part: Part) -> Step | None:
    """The step whose tensor a part gives, if another can be told with it."""
    step = part.merge if isinstance(part, Fork) else part
    return step if isinstance(step, Step) and step.family not in ("input", "block") else None


def _plain(step: Step) -> bool:
    return step.family in ("activation", "other") and not step.also and step.recurrence is None


def _telling(part: Part, step: Step) -> Part:
    """A part whose step also tells of the one behind it."""
    if isinstance(part, Fork):
        merge = _telling(part.merge, step)
        assert isinstance(merge, Step)
        return Fork(part.branches, merge)
    assert isinstance(part, Step)
    options = (*part.options, step.text, *step.options)
    return replace(part, options=options, id=step.id, layers=(*part.layers, *step.layers))
