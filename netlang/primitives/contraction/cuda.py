"""Contractions on CUDA: all three roles are one product, y[m, c] = sum over k of a[m, k] * b[k, c].

    role            m                 k                 a[m, k]                             b[k, c]
    "out", "data"   positions of y    taps, channels    the source where the tap meets it   weights
    "weight"        taps, channels    positions of dy   x where the tap meets it            dy

a is never stored: an element of it is where a position and a tap meet (`sides.py`), or 0 outside the source. A block of
threads takes `side` steps of k at a time into shared memory, and each thread sums rows x columns elements of y.
"""

from dataclasses import replace
from math import isqrt

from netlang.formula import Name, names, substitute
from netlang.primitives.contraction.epilogue import SIDE
from netlang.primitives.contraction.meeting import (
    divided,
    inside,
    meeting_sizes,
    of_positions,
    of_taps,
    pair,
    position,
)
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.sides import Axis, axes, flat_along, image_size
from netlang.primitives.contraction.slabs import slab_of, whole
from netlang.primitives.contraction.tensor_cores import TensorProduct, parts_for, warps_for
from netlang.primitives.cuda_formula import FOUR, CudaFormula, each, local
from netlang.primitives.cuda_joined import Terms, merged, terms_of
from netlang.primitives.cuda_text import blocks, drafted, pitch
from netlang.primitives.launch import AS_IT_IS, After, Also, Draft, Operand, Target, draft, drafts, followed
from netlang.primitives.sum.op import Sum
from netlang.primitives.text import SIZES, indented
from netlang.record import dataclass

THREADS = 256  # of a block that adds parts


@drafts("cuda", Contraction)
def contraction_draft(
    primitive: Contraction,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: After = AS_IT_IS,
    *sums: Also,
) -> Draft:
    """The launch of a contraction whose result `y` passes through the formula `after` on its way out.

    sums: over the batch, of what has passed
    """
    a, b = inputs
    formula = CudaFormula((after.term,), after.operands, result.type, given=("y",))
    pixels = b if primitive.role == "weight" else result
    real = axes(_forward(primitive), image_size(a), image_size(pixels))
    sizes = {
        **formula.sizes, **meeting_sizes(*real), "taps": primitive.kernel[0] * primitive.kernel[1],
        "places": pixels.type.positions, "width": image_size(pixels)[1],
        "a_channels": a.type.channels, "a_pitch": pitch(a.type), "b_pitch": pitch(b.type),
        "a_whole": whole(a),
    }  # fmt: skip
    buffers = {"a": a, "b": b}
    if target.products != "fma" and result.type.dtype == "f32":
        cores = _OnTensorCores(primitive, buffers, result, target.products, real, sizes, batch)
        if cores.parts == 1:
            return cores.whole(after, sums, target.threads)
        made = cores.cut(formula)
    else:
        rows = sizes["taps"] * sizes["a_channels"] if primitive.role == "weight" else batch * sizes["places"]
        side = isqrt(target.threads)
        tile = _tile_for(target, rows, sizes["pitch"], side)
        lines = Product(primitive, formula, real, side, *tile).lines()
        tiles = -(-rows // (tile[0] * side)) * -(-sizes["pitch"] // (tile[1] * side))
        grid, name = (blocks(tiles), side * side), f"contraction_{primitive.role}"
        made = drafted(name, {"y": result}, {**buffers, **formula.operands}, sizes, lines, grid)
    return followed(made, _summed_behind(result, after, sums, target, batch)) if sums else made


def _summed_behind(result: Operand, after: After, sums: tuple[Also, ...], target: Target, batch: int) -> Draft:
    """The launch that reads a result again for its sums, where its own launch cannot take them."""
    used = (name for name in names(*(each.term for each in sums)) if name != "y")
    operands = {"y": result, **{name: after.operands[name] for name in used}}
    numbered = {name: Name(f"i{k}") for k, name in enumerate(operands)}
    first, *rest = (replace(each, term=substitute(each.term, dict(numbered))) for each in sums)
    return draft(Sum(first.term, "batch"), tuple(operands.values()), first.to, target, batch, *rest)


class _OnTensorCores:
    """The launches on tensor cores. parts: into how many k is cut"""

    def __init__(
        self,
        primitive: Contraction,
        inputs: dict[str, Operand],
        result: Operand,
        products: str,
        real: tuple[Axis, Axis],
        sizes: dict[str, int],
        batch: int,
    ) -> None:
        self.primitive, self.inputs, self.result, self.products, self.real = primitive, inputs, result, products, real
        self.sizes, positions, pairs = sizes, batch * sizes["places"], sizes["taps"] * sizes["a_whole"]
        rows, depth = (pairs, positions) if primitive.role == "weight" else (positions, pairs)
        self.warps = warps_for(rows, sizes["pitch"])
        self.high = -(-rows // (SIDE * self.warps[0]))
        self.tiles = self.high * -(-sizes["pitch"] // (SIDE * self.warps[1]))
        self.parts = parts_for(self.tiles, depth, slab_of(primitive.role, real, (inputs["a"].half, inputs["b"].half)))
        self.made = sizes["taps"] * sizes["a_channels"] if primitive.role == "weight" else positions
        self.name = f"contraction_{primitive.role}_{products}"

    def _product(self, formula: CudaFormula, terms: Terms) -> TensorProduct:
        whole = self.sizes["a_channels"] == self.sizes["a_whole"]
        halves = self.inputs["a"].half, self.inputs["b"].half, self.result.half
        return TensorProduct(
            self.primitive, formula, self.real, self.warps, self.products, self.parts > 1, whole, halves, terms
        )

    def whole(self, after: After, sums: tuple[Also, ...], threads: int) -> Draft:
        """The product in one launch; behind it the one that joins its sums."""
        plain = (substitute(each.term, {"y": after.term}) for each in sums if not each.squares)
        formula = CudaFormula((after.term, *plain), after.operands, self.result.type, given=("y",))
        terms = terms_of(sums, "f32", threads)
        product = self._product(formula, terms)
        grid = blocks(self.tiles), product.threads
        buffers = {**self.inputs, **formula.operands}
        scratch = SIZES["f32"] * self.high * len(sums) * self.sizes["pitch"]
        made = drafted(self.name, {"y": self.result}, buffers, self.sizes, product.lines(), grid, (0, scratch))
        if not sums:
            return made
        rows = f"(team[0] * places + {product.high - 1}) // {product.high}"
        counted = f"min(team[0] * places - row * {product.high}, {product.high})"
        return replace(made, then=merged([each.to for each in sums], terms, (rows, counted, self.sizes), scratch))

    def cut(self, formula: CudaFormula) -> Draft:
        """The product of each part of k; and behind it the launch that adds them."""
        product = self._product(formula, terms_of((), "f32", 0))
        grid, size = (blocks(self.tiles * self.parts), product.threads), SIZES["f32"] * self.parts * self.made
        sizes, size = {**self.sizes, "parts": self.parts, "rows": self.made}, size * self.sizes["pitch"]
        name = f"{self.name}_parts"
        first = drafted(name, {}, self.inputs, sizes, product.lines(), grid, (0, size), dtype="f32")
        return replace(first, then=added(self.primitive.role, self.result, formula, sizes, size))


def added(role: str, result: Operand, formula: CudaFormula, sizes: dict[str, int], scratch: int) -> Draft:
    """The launch that adds the parts of a product, in order, and lets the sums through the formula."""
    elements = sizes["rows"] * sizes["pitch"]
    lines = [
        *formula.prologue(),
        *local(("found", "part_y"), "f32"),
        *([] if formula.plain else [*formula.own(), *local(["out"], "f32")]),
        f"at = cuda.grid(1) * {FOUR}",
        f"while at < {'rows' if role == 'weight' else 'team[0] * places'} * pitch:",
        *indented(each("found[e] = f32(0.0)")),
        "    for part in range(parts):",
        "        load_4(part_y, scratch, part * rows * pitch + at)",
        *indented(each("found[e] += part_y[e]"), 2),
        "    position = at // pitch",
        "    first = at - position * pitch",
        *indented(
            []
            if formula.plain
            else [*formula.fours(), *each("v_y = found[e]", *formula.each(("new_y",)), "out[e] = new_y")]
        ),
        f"    {result.store(FOUR)}(y, at, {'found' if formula.plain else 'out'})",
        f"    at += cuda.gridsize(1) * {FOUR}",
    ]
    grid = blocks(-(-elements // (THREADS * FOUR))), THREADS
    return drafted("contraction_added", {"y": result}, formula.operands, sizes, lines, grid, (0, scratch))


def _forward(primitive: Contraction) -> Contraction:
    """A weight gradient's pixels and taps meet as those of the convolution itself."""
    return replace(primitive, role="out") if primitive.role == "weight" else primitive


def _tile_for(target: Target, rows: int, columns: int, side: int) -> tuple[int, int]:
    """The (rows, columns) of a thread that cost least: multiply-adds, padding included, and their loads."""

    def cost(tile: tuple[int, int]) -> float:
        high, wide = tile[0] * side, tile[1] * side
        covered = -(-rows // high) * high * -(-columns // wide) * wide
        return covered * (1 + 1 / tile[0] + 1 / tile[1])

    return min(target.tiles, key=cost)


@dataclass(frozen=True)
class Product:
    """The text. side: threads of a block along each axis; rows, columns: of the result that a thread sums."""

    primitive: Contraction
    formula: CudaFormula
    axes: tuple[Axis, Axis]
    side: int
    rows: int
    columns: int

    @property
    def dtype(self) -> str:
        """Of all numbers."""
        return self.formula.geometry.dtype

    @property
    def flat(self) -> bool:
        """See `flat_along`."""
        return flat_along(self.axes)

    def lines(self) -> list[str]:
        """Everything behind the sizes."""
        side, rows, columns = self.side, self.rows, self.columns
        pairs, pixels = "taps * a_channels", "team[0] * places"
        count, depth = (pairs, pixels) if self.primitive.role == "weight" else (pixels, pairs)
        return [
            f"# y[m, c] = sum over k of a[m, k] * b[k, c]: a block makes {rows * side} x {columns * side} of y",
            *self.formula.prologue(),
            f"a_tile = cuda.shared.array(({side}, {rows * side + 1}), {self.dtype})",
            f"b_tile = cuda.shared.array(({side}, {columns * side + 1}), {self.dtype})",
            f"sums = cuda.local.array(({rows}, {columns}), {self.dtype})",
            f"ours = cuda.local.array({rows}, {self.dtype})",
            *([] if self.flat else [f"{name} = cuda.local.array({rows}, i64)" for name in ("of", "of_h", "of_w")]),
            f"line, lane = cuda.threadIdx.x // {side}, cuda.threadIdx.x % {side}",
            f"count, depth = {count}, {depth}",
            f"across = (pitch + {columns * side - 1}) // {columns * side}",
            f"tiles = (count + {rows * side - 1}) // {rows * side} * across",
            "tile = cuda.blockIdx.x",
            "while tile < tiles:",
            f"    top, left = tile // across * {rows * side}, tile % across * {columns * side}",
            *indented(self._rows_of_a()),
            *indented(self._each(f"sums[r, q] = {self.dtype}(0.0)")),
            f"    for start in range(0, depth, {side}):",
            *indented([*self._load_a(), *self._load_b(), "cuda.syncthreads()", *self._multiply()], 2),
            "        cuda.syncthreads()",
            *indented(self._store()),
            "    tile += cuda.gridDim.x",
        ]

    def _each(self, *body: str) -> list[str]:
        """A loop over the elements that a thread sums; its bounds are constants, so they stay in registers."""
        return [f"for r in range({self.rows}):", f"    for q in range({self.columns}):", *indented(list(body), 2)]

    @property
    def _pixels_along(self) -> str:
        """Which index counts positions; the other one counts pairs of tap and channel."""
        return "k" if self.primitive.role == "weight" else "m"

    def _split(self, index: str) -> tuple[list[str], str, str]:
        """What is read off `index`: lines for `image` or `channel`, and its parts of the source's row and column."""
        if index == self._pixels_along:
            return position(index), *of_positions(self.axes)
        return pair(index), *of_taps(self.axes)

    def _rows_of_a(self) -> list[str]:
        """What of a's elements depends on m alone, for each row of a thread."""
        if self.flat:
            return []
        lines, h, w = self._split("m")
        image = self._pixels_along == "m"
        return [
            f"for r in range({self.rows}):",
            f"    m = top + {'line' if image else 'lane'} + r * {self.side}",
            *indented(lines),
            f"    of[r], of_h[r], of_w[r] = {'image' if image else 'channel'}, {h}, {w}",
        ]

    def _load_a(self) -> list[str]:
        """The tile of a, neighbouring threads along neighbouring channels."""
        pixels = self._pixels_along
        pairs = "m" if pixels == "k" else "k"
        if self.flat:
            return self._load("a", "m", "top", f"{pixels} * a_pitch + {pairs}", "m < count", along=pairs)
        lines, h, w = self._split("k")
        there = inside(self.axes)
        image, channel = ("of[r]", "channel") if pixels == "m" else ("image", "of[r]")
        at = f"(({image} * source_h + h) * source_w + w) * a_pitch + {channel}"
        bounds = "m < count" + (f" and {there}" if there else "")
        of_k = [*lines, f"k_h, k_w = {h}, {w}"]
        each = ["h, w = of_h[r] + k_h, of_w[r] + k_w", *divided(self.axes)]
        return self._load("a", "m", "top", at, bounds, along=pairs, of_k=of_k, each=each)

    def _load_b(self) -> list[str]:
        """The tile of b: a row of weights or of dy for each k."""
        if self.primitive.role == "data" and not self.primitive.transposed:  # w[u, v, c] of f, taps counted backwards
            taps = ["tap = k // a_channels", "channel = k - tap * a_channels"]
            at = "((taps - 1 - tap) * channels + c) * b_pitch + channel"
            return self._load("b", "c", "left", at, "c < channels", along="k", of_k=taps)
        return self._load("b", "c", "left", "k * b_pitch + c", "c < pitch", along="c")

    def _load(
        self,
        name: str,
        other: str,
        start: str,
        at: str,
        bounds: str,
        *,
        along: str,
        of_k: list[str] | None = None,
        each: list[str] | None = None,
    ) -> list[str]:
        """A tile into shared memory: [k, other], other counted from `start`.

        along: the index that neighbouring threads count; of_k, each: lines for each k, and for each `other`
        """
        fast = along == "k"
        k, rest = ("lane", "line") if fast else ("line", "lane")
        each_thread = self.rows if name == "a" else self.columns
        return [
            f"k = start + {k}",
            *(of_k or []),
            f"for r in range({each_thread}):",
            f"    {other} = {start} + {rest} + r * {self.side}",
            *indented(each or []),
            f"    seen = {self.dtype}(0.0)",
            f"    if k < depth and {bounds}:",
            f"        seen = {name}[{at}]",
            f"    {name}_tile[{k}, {rest} + r * {self.side}] = seen",
        ]

    def _multiply(self) -> list[str]:
        return [
            f"for s in range({self.side}):",
            f"    for r in range({self.rows}):",
            f"        ours[r] = a_tile[s, line + r * {self.side}]",
            f"    for q in range({self.columns}):",
            f"        other = b_tile[s, lane + q * {self.side}]",
            f"        for r in range({self.rows}):",
            "            sums[r, q] += ours[r] * other",
        ]

    def _store(self) -> list[str]:
        """The sums, through the formula, to where they belong."""
        plain = self.formula.plain
        pasted = [] if plain else ["v_y = sums[r, q]", *self.formula.lines(("new_y",))]
        return self._each(
            f"position = top + line + r * {self.side}",
            f"c = left + lane + q * {self.side}",
            "if position < count and c < pitch:",
            "    at = position * pitch + c",
            *indented(pasted),
            f"    y[at] = {'sums[r, q]' if plain else 'new_y'}",
        )
