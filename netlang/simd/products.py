"""The library of product tiles, the only hand-tuned code: small matrix products over addresses.

`product(table, segments, k, a_step, b_step, out, first)`: for every row i < MR and vector v < NV

    out[i][v][0:16]  (+)=  sum over s < segments, q < k    A(a[s][i] + q*a_step) * load(b[s][v] + q*b_step)

table: int64[segments][MR + NV], the addresses a[s][0..MR), then b[s][0..NV)
segments, k: at least 1; a_step, b_step: bytes
out: MR*NV vectors in a row; first: 1 starts at zero, 0 adds to what `out` holds

Meanwhile an `ahead` product asks for what the next one will read, a line or two a step, so that neither waits for
memory. Behind the table's last segment stand int64[4]: where A's part of that begins and how many bytes of it each step
asks for, then the same of B's.

A reads one element into all lanes ("spread") or a vector ("dot"). Segments make one product serve dense layers,
convolutions of any stride, padding and dilation, and all their gradients: the batch-reduce product of LIBXSMM
(Georganas et al. 2019, arXiv:1906.06440), with addresses instead of offsets.
"""

from dataclasses import dataclass

LANES = 16  # elements of a vector, of any dtype
SIZES = {"f32": 4, "f64": 8}  # bytes of an element
# Rule: rows*vectors accumulators + vectors + 1 registers, of 32 with AVX-512 (one vector each for f32)
_SHAPES = "6x4 8x3 12x2 14x1 4x4 5x5 4x6 6x3 6x2 6x1 4x1 3x1 2x2 1x4 1x1"
TILES = tuple((int(rows), int(vectors)) for rows, vectors in (shape.split("x") for shape in _SHAPES.split()))
ARITY = 7  # int64 arguments of a product


@dataclass(frozen=True, slots=True)
class Tile:
    """The shape of a product: what its A reads, element kind, rows and vectors, whether it asks for what is next."""

    a: str
    dtype: str
    rows: int
    vectors: int
    ahead: bool = False

    @property
    def name(self) -> str:
        """As plans write it, e.g. spread_f32_6x4_ahead."""
        return f"{self.a}_{self.dtype}_{self.rows}x{self.vectors}" + "_ahead" * self.ahead


PRODUCTS = {
    tile.name: tile
    for tile in (
        Tile(a, dtype, *shape, ahead)
        for a in ("spread", "dot")
        for dtype in SIZES
        for shape in TILES
        for ahead in (False, True)
    )
}


def product_text(name: str) -> str:
    """The kernel module of a product. Raises KeyError for a name that is not in PRODUCTS."""
    tile = PRODUCTS[name]
    rows, columns = range(tile.rows), range(tile.vectors)
    each = [(i, v) for i in rows for v in columns]
    read = "spread" if tile.a == "spread" else "load"
    size, dtype = SIZES[tile.dtype] * LANES, tile.dtype
    words = f"table + segments * {8 * (tile.rows + tile.vectors)}"
    at = {(i, v): f"out + {(i * tile.vectors + v) * size}" for i, v in each}
    lines = [
        "from netlang.simd import *",
        "def kernel(table, segments, k, a_step, b_step, out, first):",
        "    if first != 0:",
        *(f"        c{i}_{v} = splat_{dtype}(0.0)" for i, v in each),
        "    else:",
        *(f"        c{i}_{v} = load_{dtype}({at[i, v]})" for i, v in each),
        *(f"    n{w} = load_i64({words} + {8 * w})" for w in range(4 * tile.ahead)),
        "    for s in range(segments):",
        *(f"        a{i} = load_i64(table + {8 * i})" for i in rows),
        *(f"        b{v} = load_i64(table + {8 * (tile.rows + v)})" for v in columns),
        f"        table += {8 * (tile.rows + tile.vectors)}",
        "        for q in range(k):",
        *(f"            prefetch(n{w})" for w in range(0, 4 * tile.ahead, 2)),
        *(f"            n{w} += n{w + 1}" for w in range(0, 4 * tile.ahead, 2)),
        *(f"            y{v} = load_{dtype}(b{v} + q * b_step)" for v in columns),
    ]
    for i in rows:
        lines.append(f"            x = {read}_{dtype}(a{i} + q * a_step)")
        lines += [f"            c{i}_{v} = fma(x, y{v}, c{i}_{v})" for v in columns]
    lines += [f"    store_{dtype}({at[i, v]}, c{i}_{v})" for i, v in each]
    return "\n".join(lines) + "\n"
