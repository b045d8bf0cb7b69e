"""What a primitive hands to the planner: a kernel's text and its arguments. Backends compile it."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from functools import cache
from importlib.util import find_spec
from typing import TypeVar

from netlang.formula import Name, Term
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.types import Tensor

LANES = 16  # elements of a vector, of any dtype
AHEAD = 4  # int64 behind the table of a product that asks for what the next one reads (`simd/products.py`)
ROW = 256  # bytes that a product's tile reads of a row, 4 vectors in f32; caches fetch their lines in pairs
PADS = {"cpu": LANES, "cuda": 8}  # numbers that a row is made of wholes of; eight are 16 bytes of bf16


@dataclass(frozen=True, slots=True)
class Target:
    """What shapes code for one machine; an argument of the planner, so that plans can be golden.

    device: whose kernels are printed: "cpu" or "cuda"
    tiles: (rows, vectors) of the product kernels that fit the registers, best first; on CUDA the (rows, columns)
        of a product that one thread makes
    threads: that run the program; on CUDA those of a block, a power of 4
    products: on CUDA what products are made of: "fma", as they are written, or on tensor cores "tf32" or "bf16"
    multiprocessors: on CUDA how many there are: so many blocks are there at once, whatever each takes
    near: bytes of a core's second cache
    """

    name: str
    dtype: str
    tiles: tuple[tuple[int, int], ...]
    threads: int
    device: str = "cpu"
    products: str = "fma"
    multiprocessors: int = 0
    near: int = 1 << 20

    @property
    def slow_caches(self) -> bool:
        """Whether what is not near is slow to come, from a third cache above all.

        So it is on Intel's servers: their cores have a second cache of 2 MB and more.
        """
        return self.near >= 2 << 20

    @property
    def pad(self) -> int:
        """To whole so-manies the channels of a row are padded."""
        return PADS[self.device]


@dataclass(frozen=True, slots=True)
class Operand:
    """A buffer as a kernel sees it.

    buffer: its id in the plan
    lanes: "c" or "n" for values with a batch axis; "w" for weights, sums and scalars, stored as rows of the
        last axis padded to whole vectors
    half: on CUDA, whether its float32 are rounded to bf16 in memory
    """

    buffer: str
    type: Tensor
    lanes: str
    half: bool = False

    def load(self, count: int) -> str:
        """The function of `netlang.simd.gpu` that reads so many of its numbers at once."""
        return f"load_{count}_bf16" if self.half else f"load_{count}"

    def store(self, count: int) -> str:
        """That writes them."""
        return f"store_{count}_bf16" if self.half else f"store_{count}"


@dataclass(frozen=True, slots=True)
class KernelText:
    """A kernel module as Python text. `name` is its stem; equal texts are one kernel.

    The text defines `kernel(args, team, thread)` of three int64 over the functions of `netlang.simd`; on CUDA
    `kernel(team, rate, y, ...)` of arrays (`cuda_text.py`).
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Address:
    """An argument: where a buffer starts."""

    buffer: str


@dataclass(frozen=True, slots=True)
class Product:
    """An argument: the address of a compiled function of the product library.

    name: a key of `netlang.simd.products`
    """

    name: str


Argument = int | Address | Product | KernelText  # the last: where a kernel lies that this one calls (`outline.py`)


@dataclass(frozen=True, slots=True)
class Draft:
    """One launch of one primitive: which kernel, with what.

    args: int64 each, in the order the text unpacks them; behind them the planner puts the address of the
        shared scratch, then the address of the threads' scratch (see `scratch`)
    scratch: bytes per thread, and bytes shared by the team
    grid: on CUDA, how many blocks, and threads of a block
    then: on CUDA a further launch, which reads what this one leaves, in the scratch or in its result
    together: on CUDA whether its blocks wait for each other, so that all have to be there at once
    """

    kernel: KernelText
    args: tuple[Argument, ...]
    scratch: tuple[int, int] = (0, 0)
    grid: tuple[int, int] = (1, 1)
    then: "Draft | None" = None
    together: bool = False


def addressed(draft: Draft, addresses: Mapping[str, Address]) -> Draft:
    """A launch on the buffers that stand for those it names."""
    args = tuple(addresses[a.buffer] if isinstance(a, Address) else a for a in draft.args)
    return replace(draft, args=args, then=addressed(draft.then, addresses) if draft.then else None)


def chain(draft: Draft) -> tuple[Draft, ...]:
    """A launch and all that follow it."""
    return (draft, *chain(draft.then)) if draft.then else (draft,)


def followed(draft: Draft, then: Draft) -> Draft:
    """A launch, and another behind all that follow it."""
    return replace(draft, then=followed(draft.then, then) if draft.then else then)


COMPUTED = Name("y")


@dataclass(frozen=True, slots=True)
class After:
    """The formula that a result passes through on its way out: of `y`, what is computed, and other operands by name."""

    term: Term = COMPUTED
    operands: Mapping[str, Operand] = field(default_factory=dict)


AS_IT_IS = After()


@dataclass(frozen=True, slots=True)
class Also:
    """What else a launch makes: of a map further numbers; else sums over the batch of what it reads or makes.

    term: of the launch's inputs; behind an anchor also of "y", its result
    to: where it goes
    squares: of the distances of the term from its mean, whose sum is also taken by the launch
    """

    term: Term
    to: Operand
    squares: bool = False


Further = After | Also
DraftRule = Callable[..., Draft]
_RULES: dict[tuple[str, type[Primitive]], DraftRule] = {}
_RuleT = TypeVar("_RuleT", bound=DraftRule)


def drafts(device: str, primitive: type[Primitive]) -> Callable[[_RuleT], _RuleT]:
    """Declare the function (primitive, inputs, result, target, batch) -> Draft of a primitive on a device.

    That of an anchor of regions takes an `After` behind them; a sum's, a product's and a map's `Also`.
    """

    def declare(rule: _RuleT) -> _RuleT:
        assert (device, primitive) not in _RULES, (device, primitive)
        _RULES[device, primitive] = rule
        return rule

    return declare


def draft(
    primitive: Primitive, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int, *more: Further
) -> Draft:
    """The launch of a primitive for batches of up to `batch` examples.

    more: of an anchor, the `After`; what is summed on the way

    The rule stands beside the primitive: contraction/op.py finds contraction/cpu.py. It is imported on first use.
    """
    importlib.import_module(f"{type(primitive).__module__.rpartition('.')[0]}.{target.device}")
    return _RULES[target.device, type(primitive)](primitive, inputs, result, target, batch, *more)


def has_draft(primitive: Primitive, device: str) -> bool:
    """Whether a device has a kernel for a primitive."""
    kind = type(primitive)
    return _has_draft(kind.__module__.rpartition(".")[0], kind.__name__, device)


@cache
def _has_draft(package: str, kind: str, device: str) -> bool:
    if find_spec(f"{package}.{device}") is None:
        return False
    importlib.import_module(f"{package}.{device}")
    return any((on, made.__name__) == (device, kind) for on, made in _RULES)
