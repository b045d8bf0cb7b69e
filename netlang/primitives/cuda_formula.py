"""Formulas in CUDA texts: pasted into a loop over single elements, or over four neighbours at once."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from netlang.formula import Name, Term, substitute, text
from netlang.primitives.launch import PADS, Operand
from netlang.primitives.text import Formula, indented
from netlang.simd.philox import MULTIPLIERS, ROUNDS, WEYL
from netlang.types import Tensor

FOUR = 4  # numbers that a thread reads or writes at once: 16 bytes of float32
EIGHT = PADS["cuda"]  # 16 bytes of bf16; all rows are of whole eights, a row of one channel is one
_RUNTIME = {"examples": "{}(team[0])", "rate": "rate[0]", "step": "{}(team[2])"}
_WIDE = ("full", "channel", "place", "image")  # spreads whose four neighbours lie side by side
_PLACES = {  # where an operand's number lies, or its four from `first` on
    "full": "at",
    "channel": "first",
    "place": "place * pitch + first",
    "position": f"position * {EIGHT}",
    "image": "image * pitch + first",
    "example": f"image * {EIGHT}",
}


def local(names: Iterable[str], dtype: str, count: int = FOUR) -> list[str]:
    """A thread's own arrays of four numbers: its registers, as every loop over them is of constant length."""
    return [f"{name} = cuda.local.array({count}, {dtype})" for name in names]


def each(*lines: str, count: int = FOUR) -> list[str]:
    """A loop over the four."""
    return [f"for e in range({count}):", *indented(list(lines))]


class CudaFormula(Formula):
    """Terms pasted into a loop over the elements of a result."""

    pad: ClassVar[int] = EIGHT

    def __init__(
        self, terms: tuple[Term, ...], operands: Mapping[str, Operand], result: Tensor, given: tuple[str, ...] = ()
    ) -> None:
        super().__init__(terms, operands, result, "c" if result.batched else "w", given)
        self.result = result

    @property
    def sizes(self) -> dict[str, int]:
        """Those of the result that texts name."""
        g = self.geometry
        return {"places": g.places, "pitch": -(-g.channels // EIGHT) * EIGHT, "channels": g.channels}

    @property
    def plain(self) -> bool:
        """Whether what the loop makes is stored as it is."""
        return self.terms == (Name("y"),)

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
        """Lines inside the loops over `at` and `c` that assign the terms to the names `into`, padding zero."""
        read = [f"v_{n} = {n}[{_PLACES[kind]}]" for n, kind in self.kinds.items() if kind != "scalar"]
        return [*self._where(), *(line.replace("first", "c") for line in read), *self._made(into)]

    def own(self, count: int = FOUR) -> list[str]:
        """Before the loops over fours: the arrays of a thread that hold what it reads at once."""
        return local((f"own_{n}" for n in self._wide), self.geometry.dtype, count)

    def fours(self, count: int = FOUR) -> list[str]:
        """Lines inside the loops over `at` and `first`, of two, four or eight neighbours each, that read operands."""
        lines = self._where()
        for n, kind in self.kinds.items():
            if n in self._wide:
                lines.append(f"{self.operands[n].load(count)}(own_{n}, {n}, {_PLACES[kind]})")
            elif kind != "scalar":
                lines.append(f"v_{n} = {n}[{_PLACES[kind]}]")
        return lines

    def each(self, into: tuple[str, ...]) -> list[str]:
        """Lines of a loop of `e` over them that assign the terms to the names `into`, padding zero."""
        numbered = self.masked or any(n == "channel" or n.startswith("random") for n in self.needs)
        read = [f"v_{n} = own_{n}[e]" for n in self._wide]
        return [*(["c = first + e"] if numbered else []), *read, *self._made(into)]

    @property
    def _wide(self) -> list[str]:
        return [n for n, kind in self.kinds.items() if kind in _WIDE]

    def _where(self) -> list[str]:
        """Which image and place the position is, if that matters."""
        lines = ["image = position // places"] if self.needs_image else []
        return lines + (["place = position - image * places"] if "place" in self.kinds.values() else [])

    def _made(self, into: tuple[str, ...]) -> list[str]:
        """The terms of what was read."""
        dtype = self.geometry.dtype
        renamed = {n: Name(f"v_{n}") for n in (*self.kinds, *self.given)}
        lines = list[str]()
        for leaf in sorted(self.needs):
            if leaf.startswith("random_"):
                lines += self._random(int(leaf.removeprefix("random_")))
            elif leaf == "channel":
                lines.append(f"channel = {dtype}(c)")
        lines += text("cuda", into, *(substitute(t, renamed) for t in self.terms), dtype=dtype)
        if self.masked:
            lines += ["if c >= channels:", *indented([f"{name} = {dtype}(0.0)" for name in into])]
        return lines

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
