"""How a step of a recurrence is computed: its lines in phases, with a wait for all threads between them.

A product reads whole values, all their units, so what it multiplies must be there before its phase begins. Formulas go
unit by unit: they stand in the phase of the products they read. The lines of a phase that are equally wide are one
group: one loop over examples and vectors of 16 units.
"""

from netlang.formula import Name, Number, Term, substitute
from netlang.primitives.contraction.tiles import cycles
from netlang.primitives.launch import LANES, Target
from netlang.primitives.scan.op import Line, Scan
from netlang.primitives.text import SIZES
from netlang.record import dataclass

SQUARE, WIDEST = (4, 4), (6, 4)  # rows x vectors; the first fits the registers where the second does
MANY = 4  # examples of each thread that divide well enough among them
NEAR = 512 * 1024  # bytes: half of an L2 of 1 MB


@dataclass(frozen=True)
class Bundle:
    """Products that multiply the same values by different columns: the vectors of one tile, for each 16 units."""

    lines: tuple[Line, ...]

    @property
    def values(self) -> tuple[str, ...]:
        """What is multiplied, in the order of the segments."""
        return tuple(p.value for p in self.lines[0].products)


@dataclass(frozen=True)
class Group:
    """The lines of one phase that are `width` wide."""

    phase: int
    width: int
    bundles: tuple[Bundle, ...]
    formulas: tuple[Line, ...]

    @property
    def columns(self) -> int:
        """Vectors of 16 units."""
        return -(-self.width // LANES)

    @property
    def lines(self) -> tuple[Line, ...]:
        """All of them."""
        return tuple(line for bundle in self.bundles for line in bundle.lines) + self.formulas


@dataclass(frozen=True)
class Tiling:
    """A product tile of rows x vectors, and how many columns of units one task has.

    short: the rows of a lower tile, for the last one or two of a column where that leaves fewer rows over; 0 for none
    """

    rows: int
    vectors: int
    units: int
    short: int = 0

    def tiles(self, bundle: Bundle) -> int:
        """Tiles for the vectors of a task: a bundle's lines times units."""
        return -(-len(bundle.lines) * self.units // self.vectors)


def groups(scan: Scan) -> tuple[Group, ...]:
    """The groups of a step, phase by phase; those without products stand in phase 0."""
    phase: dict[str, int] = {}
    for line in scan.lines:
        ready = 1 if line.term is None else 0
        phase[line.name] = max((phase[name] + ready for name in line.reads if name in phase), default=0)
    found: dict[tuple[int, int], list[Line]] = {}
    for line in scan.lines:
        found.setdefault((phase[line.name], line.width), []).append(line)
    return tuple(
        Group(at, width, _bundles(lines), tuple(line for line in lines if line.term is not None))
        for (at, width), lines in sorted(found.items(), key=lambda item: item[0][0])
    )


def _bundles(lines: list[Line]) -> tuple[Bundle, ...]:
    found: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        if line.term is None:
            found.setdefault(line.reads, []).append(line)
    return tuple(Bundle(tuple(same)) for same in found.values())


def tiling(group: Group, target: Target, batch: int, *, alone: bool = False) -> Tiling:
    """The tile and the columns of units of a task that take the fewest cycles.

    Without products a task is all units of an example, whose values lie side by side: 14.6 for 16.1 ms of LSTM 512's
    gradient. Tried: half of the units for each thread, which then fetches ahead into the other's half.
    alone: each thread reads all matrices, from near; a square tile, which reads more, is as good where that is fast
    """
    if not group.bundles:
        many = alone or batch >= MANY * target.threads
        return Tiling(1, 1, group.columns if many else -(-group.columns // target.threads))
    most = max(vectors for _, vectors in target.tiles)
    found = [Tiling(*shape, units) for shape in target.tiles for units in range(1, most + 1)]
    if target.tiles[0] == WIDEST:
        also = SQUARE if alone and not target.slow_caches else (*WIDEST, SQUARE[0])
        found += [Tiling(also[0], also[1], units, *also[2:]) for units in range(1, most + 1)]

    def cost(t: Tiling) -> float:
        tall, short = blocks(batch, t)
        each = tall * cycles((t.rows, t.vectors)) + short * cycles((t.short, t.vectors))
        return each * -(-group.columns // t.units) * sum(t.tiles(b) for b in group.bundles)

    return min(found, key=cost)


def blocks(examples: int, tiles: Tiling) -> tuple[int, int]:
    """How many tiles, and lower tiles behind them, cover so many examples; `step.py` says it again for the kernel."""
    rest = examples % tiles.rows
    short = 0
    if tiles.short and 0 < rest <= tiles.short:
        short = 2 if examples > tiles.rows and rest <= 2 * tiles.short - tiles.rows else 1
    return -(-max(0, examples - short * tiles.short) // tiles.rows), short


def near(scan: Scan, dtype: str) -> bool:
    """Whether all matrices of a step together stay near each core, packed, beside what else it reads."""
    read = sum(scan.widths[p.value] * -(-line.width // LANES) for line in scan.lines for p in line.products)
    return read * LANES * SIZES[dtype] <= NEAR


def renamed(
    formulas: tuple[Line, ...], given: dict[str, str], start: str = "v"
) -> tuple[dict[str, Term], dict[str, Term]]:
    """The formulas over local names, and how each line is called there.

    given: local names of what the loop loads; start: of all other names, since a name has one type in a kernel, and
    parts of formulas may be vectors or masks. A line that only gives something another name, or says what another
    line says, gets no name of its own.
    """
    local: dict[str, Term] = {name: Name(said) for name, said in given.items()}
    made: dict[Term, Term] = {}
    terms: dict[str, Term] = {}
    for line in formulas:
        assert line.term is not None
        term = substitute(line.term, local)
        if isinstance(term, Name | Number):
            local[line.name] = term
        else:
            if term not in made:
                made[term] = Name(f"{start}{len(terms)}")
                terms[f"{start}{len(terms)}"] = term
            local[line.name] = made[term]
    return terms, local


def kept(scan: Scan) -> tuple[str, ...]:
    """The lines whose values lie in memory during a step: those that products multiply or another group reads."""
    parts = groups(scan)
    of = {line.name: group for group in parts for line in group.lines}
    found: dict[str, None] = {}
    for group in parts:
        for line in group.lines:
            for name in line.reads:
                if name in of and (line.term is None or of[name] is not group):
                    found[name] = None
    return tuple(found)
