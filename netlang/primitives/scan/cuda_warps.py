"""The products of a recurrence on tensor cores: the warps of a block sum 16 or 32 examples of a column of eight units.

The warps take one granule of k after another, all products of a group together; each leaves its sums in shared memory,
and the thread that has the unit adds them. What they multiply comes as registers, 16 bytes of each lane at once: of
values past the near caches, which do not know what other blocks have written; of matrices once for all steps where the
registers hold a block's part of them, else in each step.

    partial    [warp][product][row][unit]
"""

from collections.abc import Callable

from netlang.primitives.cuda_formula import FOUR, local
from netlang.primitives.scan.cuda_memory import WORDS, Memory
from netlang.primitives.scan.cuda_split import UNITS, WARP, Part, Split, held, made
from netlang.primitives.scan.op import Line, Scan
from netlang.primitives.scan.phases import Group, groups
from netlang.primitives.text import indented

CHAINS = 4  # products of a warp that are on their way at once


class Warps:
    """The text."""

    def __init__(self, scan: Scan, split: Split, memory: Memory) -> None:
        self.scan, self.split, self.memory = scan, split, memory
        self.held = held(scan, split)
        self.first = dict[Part, int]()  # of a part, its first granule in the registers
        count = 0
        for part in memory.parts:
            self.first[part] = count
            count += split.passes(scan.widths[part.value])
        self.granules = count

    def own(self) -> list[str]:
        """A thread's arrays, and what the warps share."""
        most = max((len(made(group)) for group in groups(self.scan)), default=0)
        if not most:
            return []
        kept = [f"held = cuda.local.array(({self.granules}, {FOUR}), f32)"] if self.held else []
        return [
            f"partial = cuda.shared.array({self.split.warps * most * self.split.rows * UNITS}, f32)",
            f"sums = cuda.local.array(({max(self._sums(group) for group in groups(self.scan))}, 4), f32)",
            *local(("near", "far"), "f32"),
            *local(["two"], "f32", 2),
            *kept,
        ]

    def _chains(self, group: Group) -> int:
        """Sums that a product is parted into, so that not every instruction waits for the one before."""
        return max(1, CHAINS // (max(1, len(made(group))) * self.split.high))

    def _sums(self, group: Group) -> int:
        return len(made(group)) * self.split.high * self._chains(group)

    def begin(self) -> list[str]:
        """Before the first step."""
        if not self.memory.parts:
            return []
        lines = [f"warp, lane = thread // {WARP}, thread % {WARP}"]
        if self.held:
            for part in self.memory.parts:
                for p in range(self._passes(part)):
                    lines += self._matrix(part, str(p), "ours")
                    lines += [f"held[{self.first[part] + p}, {e}] = far[{e}]" for e in range(FOUR)]
        return lines

    def _passes(self, part: Part) -> int:
        return self.split.passes(self.scan.widths[part.value])

    def _matrix(self, part: Part, p: str, column: str) -> list[str]:
        """A lane's registers of a warp's granule p of a matrix."""
        said, granules = self.memory.parts[part], self.split.granules(self.scan.widths[part.value])
        at = f"(({column} * {granules}) + {p} * {self.split.warps} + warp) * {WORDS} + lane * {FOUR}"
        there = f"min({at}, {said}_place - {FOUR})"  # a block without such a column reads what it will not use
        return [f"load_4(far, scratch, {said} + {there})"]

    def lines(self, k: int, group: Group) -> list[str]:
        """The sums of all warps for a tile and a column of a group, into shared memory."""
        lines = [
            f"for q in range({self._sums(group)}):",
            "    for e in range(4):",
            "        sums[q, e] = f32(0.0)",
        ]
        for b, bundle in enumerate(group.bundles):
            for s, value in enumerate(bundle.values):
                of = [part for part in self.memory.parts if (part.group, part.bundle, part.segment) == (k, b, s)]
                passes = self.split.passes(self.scan.widths[value])
                if self.held:
                    for p in range(passes):
                        lines += self._granule(of, group, value, str(p))
                else:
                    lines += [f"for p in range({passes}):", *indented(self._granule(of, group, value, "p"))]
        return [*lines, *self._shared(group)]

    def _granule(self, of: list[Part], group: Group, value: str, p: str) -> list[str]:
        """Two products of k of a warp, with all matrices that multiply the same value."""
        high, said, lines = self.split.high, self.memory.shown[value], list[str]()
        lines.append(
            f"at = {said}_now + tile * {said}_tile + (({p} * {self.split.warps} + warp) * {2 * high} * {WARP} + lane)"
            f" * {FOUR}"
        )
        order = {line.name: q for q, line in enumerate(made(group))}
        chains, count = self._chains(group), len(order) * high
        if not self.held:
            return [*lines, *self._each_matrix(of, order, p, chains)]
        for e in range(2):
            chain = (2 * int(p) + e) % chains * count
            for i in range(high):
                lines.append(f"fresh_4(near, scratch, at + {(e * high + i) * WORDS})")
                for part in of:
                    b = f"held[{self.first[part] + int(p)}, {2 * e}], held[{self.first[part] + int(p)}, {2 * e + 1}]"
                    a = ", ".join(f"near[{x}]" for x in range(FOUR))
                    lines.append(self._mma(chain + order[part.made.name] * high + i, a, b))
        return lines

    def _each_matrix(self, of: list[Part], order: dict[str, int], p: str, chains: int) -> list[str]:
        """The registers of a once, those of each matrix after another."""
        high = self.split.high
        lines = list[str]()
        for r in range(2 * high):
            lines += [f"fresh_4(near, scratch, at + {r * WORDS})", *(f"a{r}_{e} = near[{e}]" for e in range(FOUR))]
        for part in of:
            lines += self._matrix(part, p, "column")
            for e in range(2):
                for i in range(high):
                    q, r = (e % chains * len(order) + order[part.made.name]) * high + i, e * high + i
                    a = ", ".join(f"a{r}_{x}" for x in range(FOUR))
                    lines.append(self._mma(q, a, f"far[{2 * e}], far[{2 * e + 1}]"))
        return lines

    def _mma(self, q: int, a: str, b: str) -> str:
        sums = ", ".join(f"sums[{q}, {e}]" for e in range(4))
        return f"{sums} = mma_{self.split.kind}({a}, {b}, {sums})"

    def _shared(self, group: Group) -> list[str]:
        """A warp's sums into shared memory: a lane has two neighbours in each of two rows of a product."""
        count, high, parted = len(made(group)), self.split.high, self._chains(group)
        lines = [f"spot = (warp * {count * self.split.rows} + lane // 4) * {UNITS} + lane % 4 * 2"]
        for q in range(count):
            for i in range(high):
                for half in range(2):
                    row = q * self.split.rows + i * 16 + half * 8
                    for e in range(2):
                        chains = (f"sums[{(c * count + q) * high + i}, {2 * half + e}]" for c in range(parted))
                        lines.append(f"two[{e}] = {' + '.join(chains)}")
                    lines.append(f"store_2(partial, spot + {row * UNITS}, two)")
        return lines

    def sums(self, group: Group, named: Callable[[Line], str]) -> list[str]:
        """The sums of a thread's unit over all warps, in order."""
        count = len(made(group)) * self.split.rows * UNITS
        lines = list[str]()
        for q, line in enumerate(made(group)):
            lines += [
                f"{named(line)} = f32(0.0)",
                f"for w in range({self.split.warps}):",
                f"    {named(line)} += load_1(partial, w * {count} + {q * self.split.rows * UNITS} + item)",
            ]
        return lines
