"""Pieces of CUDA kernel texts that all primitives share: arguments, loops over a result, formulas pasted into them.

    def kernel(team, rate, y, x0, ..., places, pitch, ...):

team: int64[4], {examples, first example, step, seed}; rate: one number, the learning rate; then an array of numbers
for each buffer, laid out as on the CPU in lanes "c" and "w" (`text.py`); then the sizes, int64; then an array for the
shared scratch, if there is any. As on the CPU only what shapes the inner loop is a constant of the text: a net of many
sizes has few kernels. Any number of blocks gives the same bits.

Texts go by the local names `at`, the element of the result; `position` (image * places + place); `c`, the channel, or
the padding behind the last one; `pitch`, the elements of a position; and `image`.
"""

import re
from collections.abc import Mapping, Sequence
from textwrap import wrap

from netlang.formula import Name, Term, substitute, text
from netlang.primitives.launch import LANES, Address, Draft, KernelText, Operand, Target
from netlang.primitives.text import Formula, Geometry, indented
from netlang.simd.philox import MULTIPLIERS, ROUNDS, WEYL
from netlang.types import Tensor

MOST_BLOCKS = 4096  # of a launch whose threads take one element after another: some 30 for each multiprocessor
TENSOR_CORES = (  # functions of netlang.simd.tensor_cores
    *("all_but_one_copied", "all_copied", "copied", "copy_16", "matrices"),
    *("mma_bf16", "mma_tf32", "pair", "tf32"),
)
_WIDTH = 100  # columns of a kernel's head
_BITS = {"f32": 32, "f64": 64}
_RUNTIME = {"examples": "{}(team[0])", "rate": "rate[0]", "step": "{}(team[2])"}


def drafted(
    name: str,
    results: Mapping[str, Operand],
    inputs: Mapping[str, Operand],
    sizes: Mapping[str, int],
    lines: Sequence[str],
    grid: tuple[int, int],
    scratch: tuple[int, int] = (0, 0),
    dtype: str | None = None,
) -> Draft:
    """The launch of a kernel with these lines.

    sizes: those that the lines name become arguments; dtype: of its numbers, that of its results if not said
    """
    buffers = {**results, **inputs}
    body = "\n".join(indented(list(lines)))
    named = {size: value for size, value in sizes.items() if re.search(rf"\b{size}\b", body)}
    dtype = dtype or next(iter(results.values())).type.dtype
    signature = _signature(["team", "rate", *buffers], [*named, *(["scratch"] if scratch[1] else [])])
    kernel = f"{_head(dtype, body)}\n\n\n{signature}\n{body}\n"
    addresses = (Address(b.buffer) for b in buffers.values())
    return Draft(KernelText(f"{name}_cuda", kernel), (*addresses, *named.values()), scratch, grid)


def _head(dtype: str, body: str) -> str:
    """The imports of a kernel."""
    types = [f"float{_BITS[dtype]} as {dtype}", "int64 as i64", *(["uint32 as u32"] if ", u32)" in body else [])]
    found = [name for name in TENSOR_CORES if re.search(rf"\b{name}\(", body)]
    lines = ["import math", "", "from numba import cuda", f"from numpy import {', '.join([*types, 'uint64 as u64'])}"]
    return "\n".join([*lines, *([f"from netlang.simd.tensor_cores import {', '.join(found)}"] if found else [])])


def _signature(arrays: list[str], others: list[str]) -> str:
    """The head of a kernel, in lines that can be read."""
    whole = f"def kernel({', '.join([*arrays, *others])}):"
    if len(whole) <= _WIDTH:
        return whole
    wrapped = [line for names in (arrays, others) for line in wrap(", ".join(names) + ",", _WIDTH - 4)]
    return "\n".join(["def kernel(", *indented(wrapped), "):"])


def blocks(items: int, most: int = MOST_BLOCKS) -> int:
    """Blocks of a launch that has so many items for them."""
    return max(1, min(items, most))


def pitch(type_: Tensor) -> int:
    """Elements from a position of a buffer to the next."""
    return -(-type_.channels // LANES) * LANES


def positions(geometry: Geometry) -> str:
    """How many positions this batch has."""
    return "places" if geometry.lanes == "w" else "team[0] * places"


class CudaFormula(Formula):
    """Terms pasted into a loop over the elements of a result."""

    def __init__(
        self, terms: tuple[Term, ...], operands: Mapping[str, Operand], result: Tensor, given: tuple[str, ...] = ()
    ) -> None:
        super().__init__(terms, operands, result, "c" if result.batched else "w", given)

    @property
    def sizes(self) -> dict[str, int]:
        """Those of the result that texts name."""
        g = self.geometry
        return {"places": g.places, "pitch": g.columns * LANES, "channels": g.channels}

    def prologue(self) -> list[str]:
        """Lines before the loops: what does not change."""
        lines = [f"v_{n} = {n}[0]" for n, kind in self.kinds.items() if kind == "scalar"]
        for leaf in sorted(self.needs):
            if leaf.startswith("runtime_"):
                said = _RUNTIME[leaf.removeprefix("runtime_")].format(self.geometry.dtype)
                lines.append(f"{leaf} = {said}")
        if any(n.startswith("random") for n in self.needs):
            lines.append("low, word = u64(0xFFFFFFFF), u64(32)")
        return lines

    def lines(self, into: tuple[str, ...]) -> list[str]:
        """Lines inside the loops that assign the terms to the names `into`, padding zero."""
        dtype = self.geometry.dtype
        renamed = {n: Name(f"v_{n}") for n in (*self.kinds, *self.given)}
        kinds = set(self.kinds.values())
        lines = ["image = position // places"] if self.needs_image else []
        lines += ["place = position - image * places"] if "place" in kinds else []
        lines += [f"v_{n} = {n}[{self._place(kind)}]" for n, kind in self.kinds.items() if kind != "scalar"]
        for leaf in sorted(self.needs):
            if leaf.startswith("random_"):
                lines += self._random(int(leaf.removeprefix("random_")))
            elif leaf == "channel":
                lines.append(f"channel = {dtype}(c)")
        lines += text("cuda", into, *(substitute(t, renamed) for t in self.terms), dtype=dtype)
        if self.masked:
            lines += ["if c >= channels:", *indented([f"{name} = {dtype}(0.0)" for name in into])]
        return lines

    def _place(self, kind: str) -> str:
        return {
            "full": "at",
            "channel": "c",
            "place": "place * pitch + c",
            "position": f"position * {LANES}",
            "image": "image * pitch + c",
            "example": f"image * {LANES}",
        }[kind]

    def _random(self, stream: int) -> list[str]:
        """Philox of the public index (`simd/philox.py`), bit for bit that of the CPU."""
        name, dtype = f"random_{stream}", self.geometry.dtype
        made = {
            "f32": f"{name} = f32(d0 >> u64(8)) * f32({2**-24!r})",
            "f64": f"{name} = (f64(d0 >> u64(5)) * f64({2**26}) + f64(d1 >> u64(6))) * f64({2**-53!r})",
        }[dtype]
        return [
            "index = u64((team[1] * places + position) * channels + c)",
            f"d0, d1, d2, d3 = index & low, index >> word, u64(team[2]) & low, u64({stream & 0xFFFFFFFF})",
            "k0, k1 = u64(team[3]) & low, u64(team[3]) >> word",
            f"for draw in range({ROUNDS}):",
            f"    p0, p1 = d0 * u64(0x{MULTIPLIERS[0]:X}), d2 * u64(0x{MULTIPLIERS[1]:X})",
            "    d0, d1, d2, d3 = (p1 >> word) ^ d1 ^ k0, p1 & low, (p0 >> word) ^ d3 ^ k1, p0 & low",
            f"    k0, k1 = (k0 + u64(0x{WEYL[0]:X})) & low, (k1 + u64(0x{WEYL[1]:X})) & low",
            made,
        ]


def elementwise(
    name: str,
    results: Mapping[str, Operand],
    formula: CudaFormula,
    target: Target,
    batch: int,
    *,
    inputs: Mapping[str, Operand] | None = None,
    sizes: Mapping[str, int] | None = None,
    body: Sequence[str] = (),
    image: bool = False,
) -> Draft:
    """A launch whose threads take one element of the result after another.

    results: those that get the formula's terms, in order; inputs: what `body` reads
    body: lines that make what the formula is given
    image: whether they read `image` and `place`
    """
    g = formula.geometry
    plain = formula.terms == (Name("y"),)
    into = ("v_y",) if plain else tuple(f"new_{r}" for r in results)
    made = [*body, *([] if plain else formula.lines(into))]
    made += [f"{r}[at] = {value}" for r, value in zip(results, into, strict=True)]
    where = ["position = at // pitch", "c = at - position * pitch"] if body or not formula.flat else []
    where += ["image = position // places", "place = position - image * places"] if image else []
    lines = [
        *formula.prologue(),
        "at = cuda.grid(1)",
        f"while at < {positions(g)} * pitch:",
        *indented([*where, *made]),
        "    at += cuda.gridsize(1)",
    ]
    elements = g.most_images(batch) * g.places * g.columns * LANES
    grid = blocks(-(-elements // target.threads)), target.threads
    return drafted(
        name, results, {**(inputs or {}), **formula.operands}, {**formula.sizes, **(sizes or {})}, lines, grid
    )


def moved(result: Tensor) -> CudaFormula:
    """The formula of a result that is stored as `v_y` is."""
    return CudaFormula((Name("y"),), {}, result, given=("y",))


def joined(threads: int, left: int, join: str, dtype: str) -> list[str]:
    """The `acc` of a block's threads, joined in `parts` until `left` are left: a tree, always the same.

    join: the operation that joins `one` with `other`
    """
    return [
        "parts[thread] = acc",
        "cuda.syncthreads()",
        f"half = {threads // 2}",
        f"while half >= {left}:",
        "    if thread < half:",
        "        one, other = parts[thread], parts[thread + half]",
        f"        parts[thread] = {join}",
        "    cuda.syncthreads()",
        "    half //= 2",
    ]
