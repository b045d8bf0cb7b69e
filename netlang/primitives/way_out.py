"""Sums over the batch that leave with the numbers they are of: each tile is added up while it is near.

Parts of the result are fixed by the shape, and joined in their order, so the bits depend on no number of threads. Each
leaves a record of sums in the shared scratch, [part][column][sum], and how many numbers they are of. Squares of
distances from the mean go with the sum: both are taken of the distances from the mean of the part's first numbers, t of
them. That is at most sqrt(n/t) deviations from the part's own mean, so that few digits are lost where n/t is some ten.
With the counts n and m of two parts, their sums s and t and their squares q and r,

    squares of both = q + r + (t/m - s/n)^2 * n*m/(n + m)        (Chan, Golub and LeVeque 1983)

where no digits are lost if the mean is far from zero. Texts go by the names of `text.py`, and by `stretch`, the part at
hand, and by how many numbers are `already` in it and how many `more` come.
"""

from collections.abc import Callable

from netlang.formula import substitute
from netlang.primitives.launch import COMPUTED, Address, After, Also
from netlang.primitives.outline import outlined
from netlang.primitives.text import Arguments, Formula, indented
from netlang.types import Tensor

Loop = Callable[[list[str]], list[str]]  # the text of a loop over numbers of one column, `v_y` each, around its body


class WayOut:
    """The texts of a result's way out: through the formula `after`, and into sums.

    sums: of `y`, what has passed through, and of the launch's operands, as `after` has them; none if nothing is
    """

    def __init__(self, sums: tuple[Also, ...], after: After, result: Tensor, lanes: str) -> None:
        self.sums = sums
        self.squares = {k: self._sum_of(s) for k, s in enumerate(sums) if s.squares}
        self.plain = [k for k in range(len(sums)) if k not in self.squares and k not in self.squares.values()]
        terms = (substitute(sums[k].term, {"y": after.term}) for k in self.plain)
        self.formula = Formula((after.term, *terms), after.operands, result, lanes, given=("y",))
        self.record = (len(sums) + len(self.squares)) * self.formula.geometry.vector  # bytes a part and column

    def _sum_of(self, squares: Also) -> int:
        assert squares.term == COMPUTED, "squares are taken of what a launch makes"
        return next(k for k, s in enumerate(self.sums) if s.term == COMPUTED and not s.squares)

    def add_arguments(self, arguments: Arguments, before: int, parts: int) -> int:
        """What the texts read, and where in the shared scratch the sums lie; the bytes of these.

        before: bytes in front of them; parts: the most there are
        """
        self.formula.add_arguments(arguments)
        if not self.sums:
            return 0
        arguments.add(**{f"sum{k}": Address(s.to.buffer) for k, s in enumerate(self.sums)})
        arguments.add(counts_at=before, records_at=before + 64 * parts)
        return parts * (64 + self.formula.geometry.columns * self.record)

    def prologue(self, shared: str) -> list[str]:
        """Lines before the loops. shared: the text of the shared scratch's address"""
        places = [f"counts = {shared} + counts_at", f"records = {shared} + records_at"]
        return [*self.formula.prologue(), *(places if self.sums else [])]

    def stored(self, numbers: Loop, store: list[str]) -> list[str]:
        """Lines that store numbers of `column`, and add them to the sums of `stretch`.

        They are `more`, behind so many `already`. store: the lines that store one, `made`
        """
        g = self.formula.geometry
        body = [*self._made(), *store, *(f"acc{k} = acc{k} + term{k}" for k in self.plain)]
        if not self.sums:
            return [*self.formula.of_column(), *numbers(body)]
        for k, of in self.squares.items():
            body += [f"away = made - mean{of}", f"acc{of} = acc{of} + away", f"acc{k} = fma(away, away, acc{k})"]
        fields = [*(f"acc{k}" for k in range(len(self.sums))), *(f"mean{of}" for of in self.squares.values())]
        return [
            f"sum_at = records + (stretch * columns + column) * {self.record}",
            *self.formula.of_column(),
            "if already == 0:",
            *indented(self._begun(numbers)),
            *(f"{field} = load_{g.dtype}(sum_at + {k * g.vector})" for k, field in enumerate(fields)),
            *numbers(body),
            *(f"store_{g.dtype}(sum_at + {k * g.vector}, acc{k})" for k in range(len(self.sums))),
            "store_i64(counts + stretch * 64, already + more)",
        ]

    def _made(self) -> list[str]:
        """The number that is stored, and the terms of plain sums."""
        place = ["image = position // places", "place = position - image * places"] if self.formula.needs_image else []
        return [*place, *self.formula.inside(("made", *(f"term{k}" for k in self.plain)))]

    def _begun(self, numbers: Loop) -> list[str]:
        """A part's record before its first numbers, whose mean the squares are taken from."""
        g, count = self.formula.geometry, len(self.sums)
        lines = [f"store_{g.dtype}(sum_at + {k * g.vector}, splat_{g.dtype}(0.0))" for k in range(count)]
        if self.squares:
            lines += [f"away = splat_{g.dtype}(0.0)", *numbers([*self._made(), "away = away + made"])]
        for k in range(len(self.squares)):
            mean = f"away * splat_{g.dtype}(1.0 / float(more))"
            lines.append(f"store_{g.dtype}(sum_at + {(count + k) * g.vector}, {mean})")
        return lines

    def finish(self, arguments: Arguments, parts: str) -> list[str]:
        """Lines at the end: all parts' sums, in their order, threads over the columns. parts: a text, how many"""
        if not self.sums:
            return []
        sums = [f"sum{k}" for k in range(len(self.sums))]
        given = ("stretches", "columns", "counts", "records", *sums)
        return [
            "barrier(team, thread)",
            f"stretches = {parts}",
            *outlined("sums_joined", self._joined(), arguments, given),
        ]

    def _joined(self) -> list[str]:
        g, count = self.formula.geometry, range(len(self.sums))
        return [
            "column, last = split(columns, thread, threads(team))",
            "while column < last:",
            *(f"    acc{k} = splat_{g.dtype}(0.0)" for k in count),
            "    already = 0",
            "    for stretch in range(stretches):",
            f"        sum_at = records + (stretch * columns + column) * {self.record}",
            "        more = load_i64(counts + stretch * 64)",
            *(f"        term{k} = load_{g.dtype}(sum_at + {k * g.vector})" for k in count),
            *indented(self._squares_joined(), 2),
            *(f"        acc{k} = acc{k} + term{k}" for k in count),
            "        already += more",
            *(f"    store_{g.dtype}(sum{k} + column * {g.vector}, acc{k})" for k in count),
            "    column += 1",
        ]

    def _squares_joined(self) -> list[str]:
        """Sums of distances from a part's first mean become those of numbers, squares those from the mean of all."""
        g, lines = self.formula.geometry, list[str]()
        if self.squares:
            lines += ["each, all_before = 1.0 / float(more), 1.0 / float(max_i64(already, 1))"]
            lines += ["weight = float(already) * float(more) / float(already + more)"]
        for j, (k, of) in enumerate(self.squares.items()):
            lines += [
                f"away = term{of} * splat_{g.dtype}(each)",
                f"term{k} = term{k} - away * term{of}",
                f"mean = load_{g.dtype}(sum_at + {(len(self.sums) + j) * g.vector})",
                f"term{of} = term{of} + mean * splat_{g.dtype}(float(more))",
                f"away = mean + away - acc{of} * splat_{g.dtype}(all_before)",
                f"term{k} = term{k} + away * away * splat_{g.dtype}(weight)",
            ]
        return lines
