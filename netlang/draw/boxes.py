"""The style `boxes`: a box per layer or block with its text, the flow going down."""

from dataclasses import replace
from itertools import pairwise

from netlang.draw import letters
from netlang.draw.letters import ascii_only
from netlang.draw.parts import Part, Repeat, Step
from netlang.draw.placed import LABEL, Placed, Want
from netlang.draw.scene import Box, Group, Item, Line, Rect, Words

SIZE = 12.0  # of the text in a box
HIGH, PAD = 22.0, 8.0  # of a box, and from its sides to its text
LOOP = 16.0  # how far the loop of a recurrent layer reaches from its box
TIME, APART = 44.0, 40.0  # the width of a step of a recurrent layer, and from one to the next
BESIDE = TIME / 2 + 7  # from the middle of a step to the line that passes it
BUS, FIRST, ROW = 30.0, 44.0, 56.0  # where lines divide in an unrolled layer, its first row, and from row to row


class Boxes:
    """unroll: how many steps of a recurrent layer are drawn; 0 draws its loop."""

    down = labelled = framed = True
    arrow, link, broad = 30.0, 8.0, 1250.0
    note = split = ""

    def __init__(self, unroll: int = 0) -> None:
        self.unroll = unroll

    def text_width(self, part: Part) -> float:
        """Of a step as its box has it."""
        return letters.width(_text(part), SIZE)

    def terminal(self, text: str) -> Placed:
        """A word where a drawing begins or ends."""
        words = Words(ascii_only(text), 0, 8, SIZE, "quiet")
        return Placed((words,), 16, words.width / 2, words.width / 2)

    def step(self, part: Part, text_width: float) -> Placed:
        """A box with its text, and beside it the loop of what it leaves to its own next step."""
        step = step_of(part)
        if step.family == "input":
            placed = self.terminal(step.text)
            return replace(placed, items=(Group(placed.items, step),), boxes={step.id: placed.items[0].bounds})
        if step.recurrence and self.unroll:
            return self.steps(step, _text(part))
        half = max(text_width, self.text_width(part)) / 2 + PAD
        rect = Rect(-half, 0, 2 * half, HIGH)
        items: tuple[Item, ...] = (Box(rect, step.family), Words(_text(part), 0, HIGH / 2, SIZE))
        wants = tuple(Want(tap, rect, entry=False) for tap in step.also)
        loop, right = _loop(step, half)
        return Placed((Group(items, step), *loop), HIGH, half, right, {step.id: rect}, wants)

    def steps(self, step: Step, text: str) -> Placed:
        """The first steps of a recurrent layer beside one another, a row for each direction, and what it gives."""
        found = step.recurrence
        assert found is not None
        states = ", ".join(found.states)
        apart = max(APART, letters.width(states, LABEL) + 28)
        xs = [(k - (self.unroll - 1) / 2) * (TIME + apart) for k in range(self.unroll)]
        half = max(xs[-1] + TIME / 2 + 12, letters.width(text, SIZE) + 24)  # the title stands left of the axis
        items: list[Item] = [Words(text, 12 - half, 14, SIZE, anchor="start")]
        last = FIRST + ROW * (len(found.ways) - 1)
        below = last + HIGH + 14
        for row, way in enumerate(found.ways):
            y = FIRST + ROW * row
            given = [0 if way == "backward" else self.unroll - 1] if found.last else range(self.unroll)
            for k, x in enumerate(xs):
                lane = ((x - BESIDE, BUS), (x - BESIDE, y - 12), (x, y - 12)) if row else ((x, BUS),)
                items.append(Line(((0, 0), (0, BUS), *lane, (x, y))))
                if k in given:
                    out = y + HIGH + 8
                    lane = ((x, out), (x + BESIDE, out), (x + BESIDE, below)) if y < last else ((x, below),)
                    items.append(Line(((x, y + HIGH), *lane, (0, below), (0, below + 14)), heads=(False, False)))
            items += _time(xs, y, states, step, back=way == "backward")
        name = Words("last step" if found.last else "all steps", 0, below + 22, LABEL, "quiet")
        frame = Rect(-half, 0, 2 * half, below + 32)
        box = Box(frame, "panel", "frame", radius=7, open=True)
        return Placed((Group((box,), step), *items, name), frame.height, half, half, {step.id: name.bounds})


def _time(xs: list[float], row: float, states: str, step: Step, back: bool) -> list[Item]:
    """The steps of one direction and what each leaves to the next."""
    items: list[Item] = []
    for k, x in enumerate(xs, 1):
        box = Box(Rect(x - TIME / 2, row, TIME, HIGH), step.family)
        items.append(Group((box, Words(f"t = {k}", x, row + HIGH / 2, SIZE)), step))
    for one, other in pairwise(xs):
        y = row + HIGH / 2
        heads = (not back, back)
        items.append(Line(((one + TIME / 2, y), (other - TIME / 2, y)), "skip", heads=heads))
        items.append(Words(states, (one + other) / 2, y - 9, LABEL, "skip"))
    return items


def _loop(step: Step, half: float) -> tuple[tuple[Item, ...], float]:
    """What a recurrent layer leaves to its own next step, and how far it reaches."""
    if not step.recurrence:
        return (), half
    out, middle = half + LOOP, HIGH / 2
    line = Line(
        ((half, middle - 6), (out, middle - 6), (out, middle + 6), (half, middle + 6)), "skip", tail=True, of=step.id
    )
    label = Words(", ".join(step.recurrence.states), out + 5, middle, LABEL, "skip", "start", step.id)
    return (line, label), out + 5 + label.width


def _text(part: Part) -> str:
    if isinstance(part, Repeat):
        return f"{_text(part.series[0])}   x{part.times}"
    assert isinstance(part, Step)
    return ascii_only("   ".join((part.text, *part.options)))


def step_of(part: Part) -> Step:
    """The step that repeats, or the step itself."""
    if isinstance(part, Repeat):
        return step_of(part.series[0])
    assert isinstance(part, Step)
    return part
