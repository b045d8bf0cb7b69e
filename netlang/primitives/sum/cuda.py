"""Reductions on CUDA: the threads of a block share a sum, and join their parts in a tree.

Over the channels, or all: the threads take one number after another. Over positions, examples and batch: 16 lanes of
channels by lines of threads, which take one position after another.
"""

from netlang.formula import Name, maximum, text
from netlang.primitives.cuda_text import CudaFormula, blocks, drafted, joined, positions
from netlang.primitives.launch import LANES, Draft, Operand, Target, drafts
from netlang.primitives.primitive import broadcast
from netlang.primitives.sum.op import Sum
from netlang.primitives.text import indented


@drafts("cuda", Sum)
def sum_draft(primitive: Sum, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The sum, or the largest, of term(i0, i1, ...) over the named axes."""
    full = broadcast(*(o.type for o in inputs))
    formula = CudaFormula((primitive.term,), {f"i{k}": o for k, o in enumerate(inputs)}, full)
    g = formula.geometry
    reduction = _Reduction(primitive, formula, target.threads)
    if primitive.over in ("positions", "examples", "batch"):
        lines = reduction.over_lines(primitive.over)
        items = g.columns * {"positions": batch, "examples": g.places, "batch": 1}[primitive.over]
    else:
        lines = reduction.over_numbers(one=primitive.over == "all")
        items = 1 if primitive.over == "all" else batch * g.places
    grid = blocks(items), reduction.threads
    sizes = {**formula.sizes, "columns": g.columns}
    return drafted(f"sum_{primitive.over}", {"y": result}, formula.operands, sizes, lines, grid)


class _Reduction:
    """The text: `acc` is joined with the formula's `term`, number by number; only real channels are read."""

    def __init__(self, primitive: Sum, formula: CudaFormula, threads: int) -> None:
        self.formula, self.dtype = formula, formula.geometry.dtype
        most = self.formula.geometry.channels if primitive.over == "channel" else threads
        self.threads = LANES
        while self.threads < min(most, threads):
            self.threads *= 2
        largest = primitive.how == "max"
        self.start = f"acc = {self.dtype}({'-math.inf' if largest else '0.0'})"
        self.term = [
            "at = position * pitch + c",
            *formula.lines(("term",)),
            *(text("cuda", ("acc",), maximum(Name("acc"), Name("term"))) if largest else ["acc += term"]),
        ]
        self.join = "one if one >= other or one != one else other" if largest else "one + other"

    def _blocks(self, items: str, acc: list[str], left: int, stored: list[str]) -> list[str]:
        """A block for an item after another: `acc` in every thread, joined, then stored."""
        return [
            *self.formula.prologue(),
            f"parts = cuda.shared.array({self.threads}, {self.dtype})",
            "thread = cuda.threadIdx.x",
            "item = cuda.blockIdx.x",
            f"while item < {items}:",
            f"    {self.start}",
            *indented(acc),
            *indented(joined(self.threads, left, self.join, self.dtype)),
            f"    if thread < {LANES}:",
            *indented(stored, 2),
            "    cuda.syncthreads()",
            "    item += cuda.gridDim.x",
        ]

    def over_numbers(self, *, one: bool) -> list[str]:
        """One number per position, or one in all, in lane 0; zeros in the others."""
        stored = [f"y[item * {LANES} + thread] = parts[0] if thread == 0 else {self.dtype}(0.0)"]
        if not one:
            each = [f"for c in range(thread, channels, {self.threads}):", *indented(self.term)]
            return self._blocks(positions(self.formula.geometry), ["position = item", *each], 1, stored)
        each = [
            f"for number in range(thread, {positions(self.formula.geometry)} * channels, {self.threads}):",
            "    position = number // channels",
            "    c = number - position * channels",
            *indented(self.term),
        ]
        return self._blocks("1", each, 1, stored)

    def over_lines(self, over: str) -> list[str]:
        """One number per channel: of each image, of each place, or of all positions."""
        step, first = self.threads // LANES, f"thread // {LANES}"
        where, each, items = {
            "positions": (
                ["number = item // columns", "column = item - number * columns", "first = number * places"],
                [f"for position in range(first + {first}, first + places, {step}):"],
                "team[0] * columns",
            ),
            "examples": (
                ["spot = item // columns", "column = item - spot * columns"],
                [f"for image in range({first}, team[0], {step}):", "    position = image * places + spot"],
                "places * columns",
            ),
            "batch": (
                ["column = item"],
                [f"for position in range({first}, {positions(self.formula.geometry)}, {step}):"],
                "columns",
            ),
        }[over]
        acc = [
            *where,
            f"c = column * {LANES} + thread % {LANES}",
            "if c < channels:",
            *indented(each),
            *indented(self.term, 2),
        ]
        stored = [f"y[item * {LANES} + thread] = parts[thread] if c < channels else {self.dtype}(0.0)"]
        return self._blocks(items, acc, LANES, stored)
