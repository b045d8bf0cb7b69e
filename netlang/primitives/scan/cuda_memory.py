"""What the blocks of a recurrence leave each other on CUDA, and the launch that makes it ready.

The scratch holds a counter for each set of slices; then the values that products multiply, as the registers of `mma`
take them (`simd/fragments.py`), three places each, as a block may be a step ahead of another that still reads; then
what formulas alone read of the step before, or of another group; then the matrices, rounded and likewise in order:

    value    [tile][product of k][16 rows][lane][register]        matrix    [column][granule][lane][register]
"""

from netlang.primitives.cuda_formula import FOUR
from netlang.primitives.cuda_text import blocks, drafted, pitch
from netlang.primitives.launch import Draft, Operand
from netlang.primitives.scan.cuda_split import DEEP, WARP, Part, Split, columns, own, parts, shown
from netlang.primitives.scan.op import Scan
from netlang.primitives.text import SIZES, indented

APART = 32  # numbers from one counter to the next: a line of memory each
PLACES = 3  # of a value that products multiply
WORDS = FOUR * WARP  # of a granule of a matrix


class Memory:
    """Sizes that the texts name, all in numbers: where each value lies, and how far its places and tiles are apart."""

    def __init__(self, scan: Scan, split: Split, dtype: str) -> None:
        self.scan, self.split, self.dtype = scan, split, dtype
        self.sizes: dict[str, int] = {"slices": split.slices}
        self.shown = {name: f"shown{k}" for k, name in enumerate(shown(scan))}
        self.own = {name: f"own{k}" for k, name in enumerate(own(scan))}
        self.parts = {part: f"pack{k}" for k, part in enumerate(parts(scan))} if split.kind != "fma" else {}
        self.count, tiles = split.sets * APART, split.tiles
        states = {state.name for state in scan.states}
        for name, said in self.shown.items():
            self._take(said, PLACES, tiles * split.size(scan.widths[name]))
            self.sizes[f"{said}_tile"] = split.size(scan.widths[name])
        for name, said in self.own.items():
            self._take(said, 2 if name in states else 1, tiles * split.rows * scan.widths[name])
        self.zeros = self.count
        for part, said in self.parts.items():
            self._take(said, 1, columns(part.made.width) * split.granules(scan.widths[part.value]) * WORDS)

    def _take(self, said: str, places: int, size: int) -> None:
        size = -(-size // FOUR) * FOUR
        self.sizes |= {said: self.count, f"{said}_place": size}
        self.count += places * size

    @property
    def scratch(self) -> tuple[int, int]:
        """As a draft has it."""
        return 0, self.count * SIZES[self.dtype]

    def ready(self, operands: dict[str, Operand]) -> Draft:
        """The launch that sets counters and values to zero, and brings the matrices in order."""
        sizes = {**self.sizes, "zeros": self.zeros}
        lines = [
            "at = cuda.grid(1)",
            "while at < zeros:",
            f"    scratch[at] = {self.dtype}(0.0)",
            "    at += cuda.gridsize(1)",
        ]
        read = dict[str, Operand]()
        for part, said in self.parts.items():
            product = part.made.products[part.segment]
            matrix, rows = f"i{product.operand}", self.scan.widths[part.value]
            read[matrix] = operands[matrix]
            sizes |= {
                f"{said}_rows": rows, f"{said}_wide": part.made.width, f"{said}_granules": self.split.granules(rows),
                f"{said}_from": product.row * pitch(operands[matrix].type) + product.column,
                f"{matrix}_pitch": pitch(operands[matrix].type),
            }  # fmt: skip
            lines += self._packed(part, said, matrix)
        threads = self.split.threads
        grid = blocks(-(-self.count // threads)), threads
        return drafted("scan_ready", {}, read, sizes, lines, grid, self.scratch, dtype=self.dtype)

    def _packed(self, part: Part, said: str, matrix: str) -> list[str]:
        """A matrix as the registers of b, a granule of two products after another."""
        bf16, deep = self.split.kind == "bf16", DEEP[self.split.kind]
        made = [*self._element("low", "k", said, matrix), f"scratch[{said} + at] = tf32(low)"]
        if bf16:
            made = [*self._element("low", "k", said, matrix), *self._element("high", "k + 1", said, matrix)]
            made.append(f"scratch[{said} + at] = pair(low, high)")
        return [
            "at = cuda.grid(1)",
            f"while at < {said}_place:",
            f"    e, lane = at % {FOUR}, at // {FOUR} % {WARP}",
            f"    granule = at // {WORDS} % {said}_granules",
            f"    k = granule * {deep} + {row_of_b('e', 'lane', self.split.kind)}",
            f"    u = at // ({WORDS} * {said}_granules) * 8 + lane // 4",
            *indented(made),
            "    at += cuda.gridsize(1)",
        ]

    def _element(self, into: str, k: str, said: str, matrix: str) -> list[str]:
        there = f"{k} < {said}_rows and u < {said}_wide"
        found = f"{matrix}[{said}_from + ({k}) * {matrix}_pitch + u]"
        return [f"{into} = {self.dtype}(0.0)", f"if {there}:", f"    {into} = {found}"]


def row_of_b(e: str, lane: str, kind: str) -> str:
    """The row in a granule of what register e of a lane holds: e // 2 is the product, e % 2 its register of b."""
    return {
        "tf32": f"{e} // 2 * 8 + {e} % 2 * 4 + {lane} % 4",
        "bf16": f"{e} // 2 * 16 + {e} % 2 * 8 + {lane} % 4 * 2",  # and the row behind it
    }[kind]


def spot_of_a(row: str, column: str, unit: str, kind: str, high: int) -> str:
    """Where the number of an example's unit lies in a tile of a value: in words, or in bf16, halves of them.

    row: of the tile; column, unit: number `unit` of the eight of a column
    """
    group = f"{row} // 16" if high > 1 else "0"
    if kind == "tf32":
        product, lane, register = column, f"{row} % 8 * 4 + {unit} % 4", f"{row} % 16 // 8 + {unit} // 4 * 2"
        return f"(({product}) * {high} + {group}) * {WORDS} + ({lane}) * {FOUR} + {register}"
    product, lane = f"{column} // 2", f"{row} % 8 * 4 + {unit} // 2"
    register = f"{row} % 16 // 8 + {column} % 2 * 2"
    return f"((({product}) * {high} + {group}) * {WORDS} + ({lane}) * {FOUR} + {register}) * 2 + {unit} % 2"
