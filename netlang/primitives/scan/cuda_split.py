"""How the work of a recurrence is shared out on CUDA: examples in tiles, units in columns of eight, blocks for both.

Some blocks together, the slices, take a tile of examples through all steps: each has some columns of units, of all
values, and so the same thread has the same unit of the same example in every step. What products multiply is whole
values, so it lies where all slices see it, and they wait for each other before they read. Sets of slices do not meet.
"""

from collections.abc import Iterator

from netlang.primitives.launch import Target
from netlang.primitives.scan.op import Line, Scan
from netlang.primitives.scan.phases import Group, groups
from netlang.record import dataclass

UNITS = 8  # of a column: the columns of y that `mma` makes
WARP = 32
PARTIAL = 48 * 1024  # bytes of shared memory for the sums of the warps
HELD = 96  # registers of a thread that parts of matrices may stay in, of 255
DEEP = {"tf32": 16, "bf16": 32}  # k of a granule: two products


@dataclass(frozen=True)
class Split:
    """Who does what.

    kind: of products, "fma", "tf32" or "bf16"; threads: of a block; rows: examples of a tile
    slices: blocks that share a tile's units; sets: of slices, for some tiles each; tiles: of the largest batch
    """

    kind: str
    threads: int
    rows: int
    slices: int
    sets: int
    tiles: int

    @property
    def warps(self) -> int:
        """Of a block: each sums some granules of k."""
        return self.threads // WARP

    @property
    def high(self) -> int:
        """Products of 16 rows in a tile."""
        return self.rows // 16

    def lone(self, width: int) -> bool:
        """Whether a thread has one unit of one example at most, of a value so wide."""
        return self.rows * UNITS <= self.threads and self.tiles <= self.sets and columns(width) <= self.slices

    def passes(self, width: int) -> int:
        """Granules of k that a warp has of a value so wide."""
        return -(-width // (DEEP[self.kind] * self.warps))

    def granules(self, width: int) -> int:
        """Of all warps, counted up to as many for each."""
        return self.passes(width) * self.warps

    def size(self, width: int) -> int:
        """Numbers of 32 bits of a tile of a value that products multiply; in "fma" numbers of it."""
        return self.rows * width if self.kind == "fma" else self.granules(width) * 2 * self.high * 4 * WARP


@dataclass(frozen=True)
class Part:
    """A matrix that a line's product reads.

    group: which of `groups`; bundle: of the group; segment: which of the bundle's values; line: which of its lines
    """

    group: int
    bundle: int
    segment: int
    line: int
    made: Line

    @property
    def value(self) -> str:
        """What it is multiplied with."""
        return self.made.products[self.segment].value


def parts(scan: Scan) -> Iterator[Part]:
    """All of a step."""
    for g, group in enumerate(groups(scan)):
        for b, bundle in enumerate(group.bundles):
            for s in range(len(bundle.values)):
                for k, line in enumerate(bundle.lines):
                    yield Part(g, b, s, k, line)


def columns(width: int) -> int:
    """Of a value so wide, its piece of the joined result counted up to whole vectors of 16."""
    return -(-width // 16) * 2


def made(group: Group) -> tuple[Line, ...]:
    """The products of a group, each a sum that a block makes."""
    return tuple(line for bundle in group.bundles for line in bundle.lines)


def split_of(scan: Scan, dtype: str, target: Target, batch: int) -> Split:
    """Who does what, with no more blocks than there are multiprocessors: all of them have to be there at once."""
    most = max(len(made(group)) for group in groups(scan))
    slices = min(max(columns(line.width) for line in scan.lines), target.multiprocessors)
    room = target.multiprocessors // slices
    kind, rows = target.products if dtype == "f32" else "fma", max(1, target.threads // UNITS)
    if kind != "fma":
        fit = PARTIAL // (target.threads // WARP * max(1, most) * UNITS * 4)  # rows whose sums there is memory for
        rows = 16 if -(-batch // 16) <= room or fit < 32 else 32
        kind, rows = (kind, rows) if fit >= rows else ("fma", max(1, target.threads // UNITS))
    tiles = -(-batch // rows)
    return Split(kind, target.threads, rows, slices, min(tiles, room), tiles)


def held(scan: Scan, split: Split) -> bool:
    """Whether a block's part of all matrices stays in its registers: it has one column at most, and few granules."""
    if split.kind == "fma":
        return False
    alone = all(columns(group.width) <= split.slices for group in groups(scan) if group.bundles)
    return alone and 4 * sum(split.passes(scan.widths[part.value]) for part in parts(scan)) <= HELD


def waits(scan: Scan) -> tuple[bool, ...]:
    """Before which groups the slices wait for each other: what products read was written since they last did."""
    written = {state.name: state.value for state in scan.states}
    fresh, found = set[str](), list[bool]()
    for group in (*groups(scan), *groups(scan)):  # the second time round as in every step but the first
        read = {written.get(value, value) for bundle in group.bundles for value in bundle.values}
        found.append(bool(read & fresh))
        fresh = (set() if found[-1] else fresh) | {line.name for line in group.lines}
    return tuple(found[len(found) // 2 :])


def shown(scan: Scan) -> tuple[str, ...]:
    """The values that products multiply: states and lines."""
    return tuple(dict.fromkeys(part.value for part in parts(scan)))


def own(scan: Scan) -> tuple[str, ...]:
    """States that formulas read, and lines that formulas of another group read."""
    states = {state.name for state in scan.states}
    found = dict[str, None]()
    for group in groups(scan):
        here = {line.name for line in group.lines}
        for line in group.formulas:
            found |= {name: None for name in line.reads if name in states or _computed(scan, name, here)}
    return tuple(found)


def _computed(scan: Scan, name: str, here: set[str]) -> bool:
    return name not in here and any(line.name == name for line in scan.lines)
