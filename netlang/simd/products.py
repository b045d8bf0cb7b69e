"""The library of product tiles, the only hand-tuned code: small matrix products over addresses.

`product(table, segments, k, a_step, b_step, out, first)`: for every row i < MR and vector v < NV

    out[i][v][0:16]  (+)=  sum over s < segments, q < k    A(a[s][i] + q*a_step) * load(b[s][v] + q*b_step)

table: int64[segments][MR + NV], the addresses a[s][0..MR), then b[s][0..NV)
segments, k: at least 1; a_step, b_step: bytes
out: MR*NV vectors in a row; first: 1 is all there is, 0 adds to what `out` holds, behind the sum: two sums of half the
       length lose less in float32 than one (pairwise summation, Higham 1993, doi:10.1137/0914050)

Meanwhile an `ahead` product asks for what the next one will read, a line or two a step, so that neither waits for
memory. Behind the table's last segment stand int64[4]: where A's part of that begins and how many bytes of it each step
asks for, then the same of B's.

The rows of A of a product "every6", which asks as well, are 6 elements apart, all of a segment: its table has the
first one's address alone, int64[segments][1 + NV]. Where each row has its own, most of a tall tile's are read again in
every step.

The rows of a product "beside" lie side by side, and so do its vectors: it has one segment, and its table is the
addresses of both and a walk through runs of memory, one ask a step.

    out[i][v][0:16]  (+)=  sum over q < k    A(a + i*element + q*a_step) * load(b + v*vector + q*b_step)

table: int64[7], a and b; the address asked for next and the last one of its run, which go on from call to call; the
       bytes from one ask to the next, from run to run, and from behind a run to the next

A product "keeping" does the same, and leaves B's vectors side by side at an eighth address, [k][NV], for products that
read the same.

A reads one element into all lanes ("spread") or a vector ("dot"). Segments make one product serve dense layers,
convolutions of any stride, padding and dilation, and all their gradients: the batch-reduce product of LIBXSMM
(Georganas et al. 2019, arXiv:1906.06440), with addresses instead of offsets.
"""

from functools import cache
from itertools import product

from netlang.record import dataclass

LANES = 16  # elements of a vector, of any dtype
SIZES = {"f32": 4, "f64": 8}  # bytes of an element
# Rule: rows*vectors accumulators + vectors + 1 registers, of 32 with AVX-512 (one vector each for f32)
_SHAPES = "6x4 8x3 12x2 14x2 14x1 5x4 4x4 3x4 2x4 1x4 5x5 4x6 6x3 5x3 6x2 6x1 4x1 3x1 2x2 1x1"
EVERY = (1, 2, 3, 4, 6, 12)  # elements between rows: of images with 1 to 4 channels at strides of 1, 2 and 4
TILES = tuple((int(rows), int(vectors)) for rows, vectors in (shape.split("x") for shape in _SHAPES.split()))
ARITY = 7  # int64 arguments of a product


@dataclass(frozen=True, slots=True)
class Tile:
    """The shape of a product: what its A reads, element kind, rows and vectors, and its form, "" for the plain one."""

    a: str
    dtype: str
    rows: int
    vectors: int
    form: str = ""

    @property
    def name(self) -> str:
        """As plans write it, e.g. spread_f32_6x4_ahead."""
        return f"{self.a}_{self.dtype}_{self.rows}x{self.vectors}" + f"_{self.form}" * bool(self.form)

    @property
    def every(self) -> int:
        """Elements from a row of A to the next; 0 where the table has the address of each."""
        return int(self.form.removeprefix("every")) if self.form.startswith("every") else 0

    @property
    def entry(self) -> int:
        """Bytes of a segment's row of the table."""
        return 8 * ((1 if self.every else self.rows) + self.vectors)

    @property
    def sums(self) -> dict[str, str]:
        """The names of the accumulators, and where each belongs."""
        each = [(i, v) for i in range(self.rows) for v in range(self.vectors)]
        return {f"c{i}_{v}": f"out + {(i * self.vectors + v) * SIZES[self.dtype] * LANES}" for i, v in each}


_EVERY = tuple(f"every{n}" for n in EVERY)
PRODUCTS = {
    tile.name: tile
    for tile in (
        Tile(a, dtype, *shape, form)
        for a, dtype, shape, form in product(
            ("spread", "dot"), SIZES, TILES, ("", "ahead", "beside", "keeping", *_EVERY)
        )
        if a == "spread" or form not in _EVERY
    )
}


@cache
def product_text(name: str) -> str:
    """The kernel module of a product. Raises KeyError for a name that is not in PRODUCTS."""
    tile = PRODUCTS[name]
    lines = _beside(tile) if tile.form in ("beside", "keeping") else _segments(tile)
    head = ["from netlang.simd import *", "def kernel(table, segments, k, a_step, b_step, out, first):"]
    return "\n".join([*head, *("    " + line for line in lines)]) + "\n"


def _segments(tile: Tile) -> list[str]:
    starts, columns = range(1 if tile.every else tile.rows), range(tile.vectors)
    row = tile.every * SIZES[tile.dtype]
    first = [f"a0 + q * a_step + {i * row}" if row else f"a{i} + q * a_step" for i in range(tile.rows)]
    words = f"table + segments * {tile.entry}"
    asked = range(0, 4 if tile.form else 0, 2)
    return [
        *_zeros(tile),
        *(f"n{w} = load_i64({words} + {8 * w})" for n in asked for w in (n, n + 1)),
        "for s in range(segments):",
        *(f"    a{i} = load_i64(table + {8 * i})" for i in starts),
        *(f"    b{v} = load_i64(table + {8 * (len(starts) + v)})" for v in columns),
        f"    table += {tile.entry}",
        "    for q in range(k):",
        *(f"        prefetch(n{n})" for n in asked),
        *(f"        n{n} += n{n + 1}" for n in asked),
        *_step(tile, first, [f"b{v} + q * b_step" for v in columns], " " * 8),
        *_put(tile),
    ]


def _beside(tile: Tile) -> list[str]:
    size = SIZES[tile.dtype]
    element = size if tile.a == "spread" else size * LANES
    walk = ("ask", "last", "ask_step", "pitch", "back")
    keeping = tile.form == "keeping"
    keep = [f"store_{tile.dtype}(kept + {v * size * LANES}, y{v})" for v in range(tile.vectors)]
    return [
        *_zeros(tile),
        *(f"{name} = load_i64(table + {8 * at})" for at, name in enumerate(("a", "b", *walk))),
        *([f"kept = load_i64(table + {8 * (2 + len(walk))})"] * keeping),
        "for q in range(k):",
        "    prefetch(ask)",
        "    ask += ask_step",
        "    behind = (last - ask) >> 63",  # all bits where the run is over, else none: no branch
        "    ask += behind & back",
        "    last += behind & pitch",
        *_step(
            tile,
            [f"a + q * a_step + {i * element}" for i in range(tile.rows)],
            [f"b + q * b_step + {v * size * LANES}" for v in range(tile.vectors)],
            " " * 4,
        ),
        *(f"    {line}" for line in [*keep, f"kept += {tile.vectors * size * LANES}"] * keeping),
        "store_i64(table + 16, ask)",
        "store_i64(table + 24, last)",
        *_put(tile),
    ]


def _zeros(tile: Tile) -> list[str]:
    return [f"{c} = splat_{tile.dtype}(0.0)" for c in tile.sums]


def _put(tile: Tile) -> list[str]:
    """The sums go where they belong."""
    load, store = f"load_{tile.dtype}", f"store_{tile.dtype}"
    return [
        "if first != 0:",
        *(f"    {store}({at}, {c})" for c, at in tile.sums.items()),
        "else:",
        *(f"    {store}({at}, {load}({at}) + {c})" for c, at in tile.sums.items()),
    ]


def _step(tile: Tile, a: list[str], b: list[str], indent: str) -> list[str]:
    """One step of k, from the addresses of the rows and of the vectors."""
    read = "spread" if tile.a == "spread" else "load"
    lines = [f"y{v} = load_{tile.dtype}({at})" for v, at in enumerate(b)]
    for i, at in enumerate(a):
        lines.append(f"x = {read}_{tile.dtype}({at})")
        lines += [f"c{i}_{v} = fma(x, y{v}, c{i}_{v})" for v in range(tile.vectors)]
    return [indent + line for line in lines]
