"""What a drawing says of its steps when they are pointed at: the line of the file and the arithmetic of `explain`."""

from netlang.draw.parts import Step
from netlang.graph import Net
from netlang.report.explain import Arithmetic, Explained, said
from netlang.types import shown

MOST = 22  # lines; the last says how many more there are


class Texts:
    """The texts of one net."""

    def __init__(self, net: Net) -> None:
        self.arithmetic = Arithmetic(net)

    def of(self, step: Step) -> str:
        """The text of a step, in lines."""
        found = [line for path in step.layers for line in _told(self.arithmetic.of(path))]
        if len(found) > MOST:
            found = [*found[: MOST - 1], f"and {len(found) - MOST + 1} more: `netlang explain`"]
        return "\n".join([step.stands, *found])


def _told(each: Explained) -> list[str]:
    reads = ", ".join(shown(("n", *shape)) for shape in each.reads)
    head = f"{', '.join(each.names)}   {each.layer}   {f'{reads} -> ' if reads else ''}{shown(('n', *each.makes))}"
    wide = max((len(w.what) for w in each.workings), default=0)
    return [head, *each.rule, *(f"  {w.what:<{wide}}  {said(w)}" for w in each.workings)]
