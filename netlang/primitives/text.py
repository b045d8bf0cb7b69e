"""Pieces of kernel texts that all primitives share: arguments, loops over a buffer, formulas pasted into them.

A buffer of any layout is [images, places, columns, 16]: lanes "c" one example an image, 16 channels a column; lanes
"n" 16 examples an image, one channel a column; lanes "w" one image whose places are rows. Texts go by the local
names `image`, `place`, `position` (image*places + place), `column` and `at`, the byte offset of the result's vector.
"""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache, reduce
from math import isfinite, prod
from struct import pack, unpack
from typing import Any, ClassVar

from netlang.formula import (
    Call,
    Name,
    Number,
    Random,
    Runtime,
    Term,
    keeps_zero,
    names,
    needs,
    order,
    replace,
    substitute,
    text,
)
from netlang.primitives.launch import LANES, Address, Argument, Draft, KernelText, Operand, Target
from netlang.primitives.primitive import spread
from netlang.simd import MOST
from netlang.types import Tensor

SIZES = {"f32": 4, "f64": 8}  # bytes of an element
FAR = 8 << 20  # bytes of a result that is written past the caches, which would read its lines first
WORTH = 1 << 16  # multiply-adds of vectors, 8 to 16 µs: what threads claim of each other's shares
NEVER = 1 << 62  # things of a piece: more than any loop has
_NUMBERS = {"f32": "=f4x", "f64": "=d"}  # as the first bytes of 8
HEAD = "from netlang.simd import *\n\n\ndef kernel(args, team, thread):\n"
_RUNTIME = {"examples": "float(examples(team))", "rate": "rate(team)", "step": "float(step(team))"}
_WORD = re.compile(r"\b[a-z_]\w*")
_ASSIGNED = re.compile(r"^ +(?:for )?([\w, ]+?) (?:=|in) ", re.MULTILINE)  # what a line of a kernel assigns
_ZERO = {
    "c": {"full", "image", "channel", "place"},
    "w": {"full", "channel"},
    "n": {"full", "image", "position", "example"},
}


class Geometry:
    """The sizes of a buffer, and the text that counts its images."""

    def __init__(self, type_: Tensor, lanes: str) -> None:
        self.lanes, self.dtype = lanes, type_.dtype
        self.channels = type_.channels
        self.columns = type_.channels if lanes == "n" else -(-type_.channels // LANES)
        self.places = type_.positions if type_.batched else prod(type_.arrayed(0)[:-1])
        self.size = SIZES[type_.dtype]
        self.vector = self.size * LANES  # bytes

    @property
    def images(self) -> str:
        """The number of images of this batch."""
        return {"c": "examples(team)", "n": "(examples(team) + 15) // 16", "w": "1"}[self.lanes]

    def most_images(self, batch: int) -> int:
        """The number of images of the largest batch."""
        return {"c": batch, "n": -(-batch // LANES), "w": 1}[self.lanes]


class Arguments:
    """The arguments of a launch, and the lines that unpack them into local names."""

    def __init__(self) -> None:
        self.values: dict[str, Argument] = {}
        self.tables: dict[str, int] = {}  # which argument each begins with

    def add(self, **values: Argument) -> None:
        """More arguments, under the names the text gives them."""
        self.values.update(values)

    def table(self, name: str, numbers: Iterable[float], dtype: str) -> None:
        """Numbers, 8 bytes apart, under the name of where they begin: each the first bytes of an argument."""
        self.tables[name] = len(self.values)
        for k, number in enumerate(numbers):
            (self.values[f"{name}[{k}]"],) = unpack("=q", pack(_NUMBERS[dtype], number))

    def lines(self, body: Iterable[str], known: Container[str] = ()) -> list[str]:
        """`x, y = load_2_i64(args + 8)` and so on, of what the lines of a body read, but not of what it knows."""
        words = _words("\n".join(body))
        read = [name if name in words and name not in known else "" for name in self.values]
        tables = (f"{name} = args + {8 * start}" for name, start in self.tables.items() if name in words)
        return [*loads("args", read), *tables]

    def shared(self) -> str:
        """The address of the scratch shared by the team."""
        return f"load_i64(args + {8 * len(self.values)})"

    def own(self) -> str:
        """The address of this thread's scratch; the planner says how far apart the threads' are."""
        behind = 8 * len(self.values) + 8
        return f"load_i64(args + {behind}) + thread * load_i64(args + {behind + 8})"


@lru_cache(maxsize=256)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


def loads(start: str, names: Sequence[str]) -> list[str]:
    """Lines that give words of memory from `start` on their names, some at once; "" for those that are not read."""
    lines = []
    for k in range(0, len(names), MOST):
        read = [at for at in range(k, min(k + MOST, len(names))) if names[at]]
        if read:
            first, count = read[0], read[-1] + 1 - read[0]
            found = ", ".join(name or "_" for name in names[first : first + count])
            lines.append(f"{found} = load{f'_{count}' * (count > 1)}_i64({start} + {8 * first})")
    return lines


def spaced(*sizes: int) -> int:
    """Bytes of stretches of scratch, one behind the other, each of which begins on a line of the cache."""
    return sum(-(-size // 64) * 64 for size in sizes)


def indented(lines: list[str], depth: int = 1) -> list[str]:
    """Lines as the body of a block."""
    return ["    " * depth + line for line in lines]


def drafted(name: str, arguments: Arguments, lines: list[str], scratch: tuple[int, int] = (0, 0)) -> Draft:
    """The launch of a kernel with these lines after its arguments are unpacked."""
    body = "\n".join(indented([*arguments.lines(lines), *lines]))
    return Draft(KernelText(name, f"{HEAD}{body}\n"), tuple(arguments.values.values()), scratch)


def least(work: int, target: Target) -> int:
    """How many things, of so many multiply-adds of vectors each, are worth being claimed by another thread.

    All threads of a team claim from one word: the more there are, the longer each must stay away from it.
    """
    worth = WORTH * max(1, target.threads // 4)
    return max(1, -(-worth // max(1, work))) if target.threads > 1 else NEVER


def shared_out(count: str, least: str, first: str, stop: str, body: list[str]) -> list[str]:
    """`body`, a loop over things from `first` to `stop`, for a thread's share of `count`, and for all that it claims.

    count, least: the same in all threads; least: things of a piece, at least (`simd/team.py`). Whose share a thing was
    says nothing about who made it: what reads it comes behind a barrier.
    """
    every, piece = f"every_{first}", f"{first}_piece"
    return [
        f"{every}, {piece} = {count}, 0",
        f"while {piece} >= 0:",
        f"    {first}, {stop} = share({every}, {least}, {piece}, team, thread)",
        *indented(body),
        f"    {piece} = claim({every}, {least}, team, thread)",
    ]


def in_turn(name: str, drafts: Sequence[Draft]) -> Draft:
    """One launch of several without scratch, whose threads go from one to the next and do not wait for each other.

    They are drafted for a target of one thread, so that none claims what is another's.
    """
    assert all(draft.scratch == (0, 0) for draft in drafts), "their addresses stand behind the last argument"
    stages = [_apart(draft.kernel.text.removeprefix(HEAD), k) for k, draft in enumerate(drafts)]
    body = "".join(f"{s}    args += {8 * len(draft.args)}\n" for s, draft in zip(stages, drafts, strict=True))
    return Draft(KernelText(name, HEAD + body), tuple(a for draft in drafts for a in draft.args))


def _apart(body: str, stage: int) -> str:
    """A kernel's lines with local names of their own: a name has one type in all of a function."""
    assigned = {name for names in _ASSIGNED.findall(body) for name in names.split(", ")}
    return _WORD.sub(lambda found: f"{found[0]}_of_{stage}" if found[0] in assigned else found[0], body)


class Formula:
    """Terms pasted into a loop over a result.

    operands: by name; `result`: the type the operands are spread over, in `lanes`
    given: names that the loop itself defines as vectors that are zero in padding lanes
    pad: numbers that rows are made of wholes of
    """

    pad: ClassVar[int] = LANES

    def __init__(
        self,
        terms: tuple[Term, ...],
        operands: Mapping[str, Operand],
        result: Tensor,
        lanes: str,
        given: tuple[str, ...] = (),
    ) -> None:
        self.terms, self.geometry, self.given = terms, Geometry(result, lanes), given
        used = [n for n in names(*terms) if n not in given]
        self.operands = {n: operands[n] for n in used}
        self.kinds = {n: "full" if operands[n].type == result else spread(result, operands[n].type) for n in used}
        self.needs = needs(*terms)
        self.counts = {part: f"count_{k}" for k, part in enumerate(_counts(terms))}
        draws = (part for part in order(*terms) if isinstance(part, Random))
        self.draws = {part: f"stream_{k}" for k, part in enumerate(draws)}
        self.shares = {part: f"share_{k}" for k, part in enumerate(_shares(terms))}
        self.data: dict[Term, str] = dict([*self.shares.items(), *self.counts.items(), *self.draws.items()])
        self.numbers = {part: f"number_{k}" for k, part in enumerate(_numbers(map(self._as_data, terms)))}
        zero = {n for n, kind in self.kinds.items() if kind in _ZERO[lanes]} | set(given)
        self.masked = not all(keeps_zero(t, zero) for t in terms)
        self.masked = self.masked and (lanes == "n" or self.geometry.channels % self.pad != 0)

    @property
    def flat(self) -> bool:
        """Whether one loop over all vectors will do: nothing depends on where a vector lies."""
        draws = any(n.startswith("random") or n == "channel" for n in self.needs)
        return not draws and not self.masked and set(self.kinds.values()) <= {"full", "scalar"}

    @property
    def needs_image(self) -> bool:
        """Whether the text reads `image` or `place`."""
        draws = any(n.startswith("random") for n in self.needs)
        kinds = set(self.kinds.values())
        return (self.geometry.lanes == "n" and (draws or self.masked)) or bool(kinds & {"image", "example", "place"})

    def add_arguments(self, arguments: Arguments) -> None:
        """The operands' addresses, and what indices are made of."""
        arguments.add(**{n: Address(o.buffer) for n, o in self.operands.items()})
        if self.masked or any(n.startswith("random") for n in self.needs):
            arguments.add(channels=self.geometry.channels)
        arguments.add(**{name: _factor(part) for part, name in self.counts.items()})
        arguments.add(**{name: part.stream for part, name in self.draws.items()})
        if self.shares:
            arguments.table("shares", map(_weight, self.shares), self.geometry.dtype)
        if self.numbers:
            arguments.table("constants", (number.value for number in self.numbers), self.geometry.dtype)

    def prologue(self) -> list[str]:
        """Lines before the loops: what does not change."""
        dtype = self.geometry.dtype
        lines = [f"v_{n} = spread_{dtype}({n})" for n, kind in self.kinds.items() if kind == "scalar"]
        for leaf in sorted(self.needs):
            if leaf.startswith("runtime_"):
                lines.append(f"{leaf} = splat_{dtype}({_RUNTIME[leaf.removeprefix('runtime_')]})")
        lines += [f"v_{n} = runtime_examples * splat_{dtype}(float({n}))" for n in self.counts.values()]
        for k, (part, name) in enumerate(self.shares.items()):
            one = f"splat_{dtype}(1.0) / v_{self.counts[_counted(part)]}"
            lines.append(f"v_{name} = spread_{dtype}(shares + {8 * k}) * ({one})")
        lines += [f"v_{name} = spread_{dtype}(constants + {8 * k})" for k, name in enumerate(self.numbers.values())]
        if any(n.startswith("random") for n in self.needs):
            lines += ["key = seed(team)", "draw = step(team)", "origin = first(team)"]
        return [*lines, "count = examples(team)"] if self.masked and self.geometry.lanes == "n" else lines

    def of_column(self) -> list[str]:
        """Lines of a loop over columns that load what is the same at every position."""
        return [f"v_{n} = {self._load(n, kind)}" for n, kind in self.kinds.items() if kind == "channel"]

    def lines(self, into: tuple[str, ...]) -> list[str]:
        """Lines inside the loops that assign the terms to the names `into`, padding lanes zero."""
        return self._assigned(into, ("scalar",))

    def inside(self, into: tuple[str, ...]) -> list[str]:
        """The same inside a loop over positions, behind the lines `of_column`."""
        return self._assigned(into, ("scalar", "channel"))

    def _assigned(self, into: tuple[str, ...], loaded: tuple[str, ...]) -> list[str]:
        dtype = self.geometry.dtype
        renamed = {n: Name(f"v_{n}") for n in (*self.kinds, *self.given)}
        lines = [f"v_{n} = {self._load(n, kind)}" for n, kind in self.kinds.items() if kind not in loaded]
        lines += [f"channel = {self._channel}"] if "channel" in self.needs else []
        lines += [f"v_{name} = uniform_{dtype}(key, draw, {name}, {self._index})" for name in self.draws.values()]
        terms = [_named(self._as_data(term), self.numbers) for term in self.terms]
        lines += text("vector", into, *(substitute(t, renamed) for t in terms), dtype=dtype)
        if self.masked:
            lines += [f"{name} = head_{dtype}({name}, {self.real_lanes})" for name in into]
        return lines

    def ahead(self) -> list[str]:
        """Lines that ask for what will be read at `at` of operands as large as the result."""
        return [f"prefetch({n} + at)" for n, kind in self.kinds.items() if kind == "full"]

    def _as_data(self, term: Term) -> Term:
        return _named(term, self.data)

    @property
    def real_lanes(self) -> str:
        """How many lanes of the vector are not padding (or more)."""
        return "count - image * 16" if self.geometry.lanes == "n" else "channels - column * 16"

    def _load(self, name: str, kind: str) -> str:
        g, batch_in_lanes = self.geometry, self.geometry.lanes == "n"
        at = {
            "full": "at",
            "channel": f"column * {g.size if batch_in_lanes else g.vector}",
            "position": f"position * {g.vector}",
            "image": f"(image * columns + column) * {g.vector}",
            "example": f"image * {g.vector}",
            "place": f"(place * ((columns + 15) // 16 * 16) + column) * {g.size}"
            if batch_in_lanes
            else f"(place * columns + column) * {g.vector}",
        }[kind]
        one = kind in ("channel", "place") if batch_in_lanes else kind in ("position", "example")
        return f"{'spread' if one else 'load'}_{g.dtype}({name} + {at})"

    @property
    def _channel(self) -> str:
        """The vector of channel indices."""
        dtype = self.geometry.dtype
        lanes_of_batch = self.geometry.lanes == "n"
        return f"splat_{dtype}(float(column))" if lanes_of_batch else f"lanes_{dtype}() + float(column * 16)"

    @property
    def _index(self) -> str:
        """The public index of a vector's first element, and from lane to lane the step to the next."""
        if self.geometry.lanes == "n":
            return "((origin + image * 16) * places + place) * channels + column, places * channels"
        return "(origin * places + position) * channels + column * 16, 1"


EXAMPLES = Runtime("examples")


def _named(term: Term, data: Mapping[Any, str]) -> Term:
    """The term with parts that are data under their names, one after the other."""
    return reduce(lambda made, part: replace(made, part, Name(f"v_{data[part]}")), data, term)


def _numbers(terms: Iterable[Term]) -> list[Number]:
    """Those that are not whole, such as rates of dropout or slopes: data, or every value were a kernel."""
    return [part for part in order(*terms) if isinstance(part, Number) and isfinite(part.value) and part.value % 1]


def _counts(terms: tuple[Term, ...]) -> list[Term]:
    """The parts that are a whole number per example, as batch norms have it: data, or every size were a kernel."""
    found = [part for part in order(*terms) if isinstance(part, Call) and part.name == "mul" and _factor(part)]
    rest = (reduce(lambda term, part: replace(term, part, Number(0)), found, term) for term in terms)
    return found + [EXAMPLES] * (EXAMPLES in order(*rest))


def _shares(terms: tuple[Term, ...]) -> list[Term]:
    """The parts that are an example's share of a loss, times the loss's weight: data, or every weight were a kernel."""
    found = list[Term]()
    for part in reversed(order(*terms)):  # the weighted ones before what they are made of
        if _weight(part) and part in order(*terms):
            found.append(part)
            terms = tuple(replace(term, part, Name("share")) for term in terms)
    return found


def _weight(part: Term) -> float:
    """W of w * (1 / examples) or of 1 / examples, with a whole number of times as many examples; 0 of other parts."""
    if not isinstance(part, Call) or len(part.args) != 2:
        return 0.0
    one, other = part.args
    if part.name == "mul" and isinstance(one, Number) and _weight(other) == 1:
        return one.value
    whole = other == EXAMPLES or (isinstance(other, Call) and other.name == "mul" and _factor(other) > 0)
    return 1.0 if part.name == "div" and one == Number(1) and whole else 0.0


def _counted(part: Term) -> Term:
    """The examples that a share is one of."""
    other = part.args[1] if isinstance(part, Call) else part
    return other if isinstance(part, Call) and part.name == "div" else _counted(other)


def _factor(part: Term) -> int:
    """The whole number by which the number of examples is multiplied; 0 where a part is another one."""
    if not isinstance(part, Call):
        return 1
    numbers = (a.value for a in part.args if isinstance(a, Number) and EXAMPLES in part.args)
    return next((int(value) for value in numbers if value.is_integer()), 0)


def over_positions(body: list[str], *, images: bool) -> list[str]:
    """A loop of `position` over start..stop; with `images` also of `image` and `place`."""
    if not images:
        return ["for position in range(start, stop):", *indented(body)]
    return [
        "image = start // places",
        "place = start - image * places",
        "for position in range(start, stop):",
        *indented(body),
        "    place += 1",
        "    if place == places:",
        "        place = 0",
        "        image += 1",
    ]
