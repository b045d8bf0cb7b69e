"""Programs in the language, made from the table of layers: mostly right, or with one mistake. One seed, one text.

No layer is named here: what a step may be follows from the layers' fields, types and traits, so that a new layer is
generated as soon as it is registered. A step is kept if the layer fits the tensor in front of it.
"""

import random
import re
import types
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, Union, get_args, get_origin

from netlang.check.cells import cell
from netlang.check.constants import Constants
from netlang.check.kinds import choices
from netlang.check.settings import hints
from netlang.layer import Layer, Misfit, all_layers, setting, words
from netlang.layers.initial import Initial
from netlang.layers.recurrent.op import layer_of
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.types import BATCH, Tensor, shown

LARGEST = 40_000  # numbers of one tensor, and of one weight: programs are to be run, too
TRIES = 30
SIGNS = ("x3", "|", "[", "]", "(", ")", ",", "=", "0", "-1", "2.5", "@q", "\n", "->", "T")
KINDS = list(all_layers())
PLAIN = [k for k in KINDS if not k.merge and not k.tokens and not k.references]
SUMS = [k for k in PLAIN if k.activated]
MERGES = [k for k in KINDS if k.merge]
ACTIVATIONS = [k for k in KINDS if k.activation]
NORMS = [k for k in KINDS if k.norm]
READERS = [k for k in KINDS if k.tokens]
REFERRING = [k for k in KINDS if k.references]


@dataclass(frozen=True)
class Program:
    """A text, and whether a mistake was put into it."""

    text: str
    spoilt: bool


def generate(seed: int, *, spoil: float = 0.35, small: bool = False) -> Program:
    """The program of a seed. spoil: how often a mistake is put in; small: without free sizes, quick to run."""
    made = _Writer(random.Random(seed), small)
    text = made.program()
    if made.rng.random() >= spoil:
        return Program(text, False)
    return Program(spoilt(text, made.rng), True)


def spoilt(text: str, rng: random.Random) -> str:
    """The text with one token changed, taken away, doubled or put in."""
    tokens = _tokens(text)
    at = rng.randrange(len(tokens))
    other = rng.choice([*words(aliases=True), *SIGNS])
    changed = {
        "put in": [*tokens[:at], other, *tokens[at:]],
        "taken": [*tokens[:at], *tokens[at + 1 :]],
        "doubled": [*tokens[: at + 1], *tokens[at:]],
        "changed": [*tokens[:at], other, *tokens[at + 1 :]],
    }
    return "".join(changed[rng.choice(list(changed))])


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|.", text)


@dataclass
class _Writer:
    """The program so far. labels: tensors that may be named, by label; constants: whole numbers by name."""

    rng: random.Random
    small: bool
    labels: dict[str, Tensor] = field(default_factory=dict)
    constants: dict[str, int] = field(default_factory=dict)
    blocks: list[str] = field(default_factory=list)
    cells: list[type[Layer]] = field(default_factory=list)
    named: int = 0

    def maybe(self, share: float) -> bool:
        return self.rng.random() < share

    def program(self) -> str:
        lines = ["netlang 1"] if self.maybe(0.1) else []
        lines += [*self.constant_lines(), *self.block_lines(), *self.cell_lines()]
        start, x = self.input()
        lines.append(start)
        if self.maybe(0.3):
            lines.append(f"default {self.rng.choice(SUMS).word}: {self.rng.choice(NORMS + ACTIVATIONS).word}")
        if x.classes:
            step, x = self.reader(x)
            lines.append(step)
        for _ in range(self.rng.randint(1, 6)):
            line, x = self.line(x)
            lines.append(line)
        return "\n".join([*lines, *self.ending(x)]) + "\n"

    def constant_lines(self) -> Iterator[str]:
        """Constants, or a column of them for each variant; the first one's values hold."""
        if self.maybe(0.3):
            self.constants |= {"n": self.rng.randint(1, 9), "k": self.rng.randint(1, 3)}
            yield from (f"{name} = {value}" for name, value in self.constants.items())
        elif self.maybe(0.2):
            self.constants |= {"n": self.rng.randint(1, 9), "k": self.rng.randint(1, 3)}
            yield f"variant A: n={self.constants['n']} k={self.constants['k']}"
            yield f"variant B: n={self.rng.randint(1, 9)} k={self.rng.randint(1, 3)}"

    def block_lines(self) -> Iterator[str]:
        """Blocks of weighted sums over any image, with a width and a stride."""
        for name in ("unit", "down")[: self.rng.randint(0, 2)]:
            kinds = [k for k in SUMS if {"kernel", "stride", "width"} <= hints(k).keys()]
            first, second = self.rng.choice(kinds), self.rng.choice(kinds)
            yield f"block {name}(w, s=1):"
            yield f"    {first.word}3-w/s" + self.option() + f", {second.word}1-(2*w)"
            self.blocks.append(name)

    def cell_lines(self) -> Iterator[str]:
        """A cell, whose output reads all that it computes."""
        if not self.maybe(0.3):
            return
        states, values = ["h", "c"][: self.rng.randint(1, 2)], ["f", "g", "r"][: self.rng.randint(0, 3)]
        lines = [
            f"cell mine(n, k={self.rng.choice(['0.5', '2', '-1'])}):",
            f"    state {', '.join(f'{s}=n' for s in states)}",
        ]
        for name in values:
            lines.append(f"    {name} = {self.product([*states, *values[: values.index(name)]])}")
        for name in reversed(states):  # squeezed, so that no number grows from step to step
            read = " + ".join([self.product(states), *(self.formula([other]) for other in [*states, *values])])
            lines.append(
                f"    {name} = {self.rng.choice(['tanh', 'sigmoid'])}({read})" + self.rng.choice(["", "  # so"])
            )
        lines.append("    output h")
        statement = parse(Source("cell.net", "\n".join(lines))).statements[0]
        self.cells.append(layer_of(cell(statement, Constants())))
        yield from lines

    def product(self, seen: list[str]) -> str:
        """A gate, or a sum of products."""
        operands = ", ".join(["x", *(self.formula(seen) for _ in range(self.rng.randint(0, 2)))])
        more = self.rng.choice(["", " + b", " - w * h", f" + W[{self.formula(seen)}]"])
        return self.rng.choice(["{}", "tanh({})", "relu({})", "0.5 * ({})"]).format(f"W[{operands}]{more}")

    def formula(self, seen: list[str]) -> str:
        """An element-wise formula."""
        a, b = self.rng.choice(seen), self.rng.choice(seen)
        return self.rng.choice([a, f"{a} * {b}", f"(1 - {a}) * {b}", f"sigmoid({a}) - k", f"-swish({a})", f"k * {a}"])

    def input(self) -> tuple[str, Tensor]:
        """A statement, and the type it makes."""
        kind = self.rng.choice(["image", "image", "image", "sequence", "vector", "tokens"])
        size = self.rng.randint
        if kind == "image":
            shape: tuple[Any, ...] = (size(4, 14), size(4, 14), size(1, 6))
            if not self.small and self.maybe(0.15):
                shape = ("H", "W", shape[2])
            if not isinstance(shape[0], str) and self.maybe(0.2):
                shape = (*shape[:2], 3)
                return f"input ({shape[0]} x {shape[1]} RGB image)", Tensor("f32", (BATCH, *shape))
            return f"input {shown((BATCH, *shape))}", Tensor("f32", (BATCH, *shape))
        if kind == "vector":
            n = size(1, 40)
            return f"input {n}", Tensor("f32", (BATCH, n))
        steps: Any = size(2, 12) if self.small or self.maybe(0.5) else "T"
        if kind == "sequence":
            n = size(1, 8)
            return f"input {steps}x{n}", Tensor("f32", (BATCH, steps, n))
        vocab = size(2, 30)
        return f"input {steps} tokens vocab={vocab}", Tensor("i32", (BATCH, steps), classes=vocab)

    def reader(self, x: Tensor) -> tuple[str, Tensor]:
        layer, y = self.fitting(READERS, x)
        return self.labelled(str(layer), y)

    def line(self, x: Tensor) -> tuple[str, Tensor]:
        """Some steps, and the shape where it is checked."""
        steps = []
        for _ in range(self.rng.randint(1, 3)):
            step, x = self.step(x)
            steps.append(step)
        plain = all(isinstance(d, int) or len(str(d)) == 1 for d in x.shape)
        promise = f"   -> {shown(x.shape)}" if plain and self.maybe(0.4) else ""
        comment = "  # so far" if self.maybe(0.1) else ""
        return ", ".join(steps) + promise + comment, x

    def step(self, x: Tensor, depth: int = 0) -> tuple[str, Tensor]:
        forms = [self.layer] * 8 + [self.repeated, self.called, self.referring]
        forms += [self.merged, self.group, self.around] if depth < 2 else []
        step, y = self.rng.choice(forms)(x, depth)
        return self.labelled(step, y) if depth == 0 else (step, y)

    def labelled(self, step: str, y: Tensor) -> tuple[str, Tensor]:
        """With a label at times; what it names may be read further below."""
        if not self.maybe(0.15):
            return step, y
        self.named += 1
        self.labels[f"t{self.named}"] = y
        return f"{step} @t{self.named}", y

    def layer(self, x: Tensor, depth: int) -> tuple[str, Tensor]:
        own = len(x.shape) == 3 and bool(self.cells) and self.maybe(0.4)
        layer, y = self.fitting(self.cells if own else PLAIN, x)
        return self.written(layer), y

    def written(self, layer: Layer) -> str:
        """The layer as text, at times with a constant for its width, and with options."""
        text = str(layer)
        width = getattr(layer, "width", None)
        if "n" in self.constants and width == self.constants["n"] and f"-{width}" in text:
            text = text.replace(f"-{width}", "-n", 1)
        return text + (self.option() if layer.activated else "")

    def option(self) -> str:
        """An activation or a norm of a weighted sum, and how its weights are trained."""
        said = f" {self.rng.choice(ACTIVATIONS).word}" if self.maybe(0.2) else ""
        trained = self.rng.choice(["", "", "", "", " freeze", " l2=0.001", " lr=0.5"])
        return said + trained

    def fitting(self, kinds: list[type[Layer]], x: Tensor, *others: Tensor) -> tuple[Layer, Tensor]:
        """A layer with settings that fits, and what it makes; x itself through an activation where none is found."""
        for _ in range(TRIES):
            found = self.settled(self.rng.choice(kinds), x)
            made = found and _made(found, x, *others)
            if found and made:
                return found, made
        layer = self.rng.choice(ACTIVATIONS)()
        return layer, layer.fitted(x)

    def settled(self, kind: type[Layer], x: Tensor) -> Layer | None:
        said = {}
        for f in fields(kind):
            suffix = f.name in ("kernel", "width", "stride")
            if f.default is MISSING or self.maybe(0.4 if suffix else 0.15):
                said[f.name] = self.value(hints(kind)[f.name], f.name)
        try:
            layer = kind(**said)
            return layer if _reads_back(layer) else None
        except Misfit:
            return None

    def value(self, kind: Any, name: str) -> Any:
        """Any value a setting's type admits."""
        if kind is Initial:
            return self.rng.choice(["auto", "he", "xavier", "lecun", "zeros", "normal(0.05)"])
        if get_origin(kind) in (Union, types.UnionType):
            return self.value(self.rng.choice([p for p in get_args(kind) if p is not type(None)]), name)
        if get_origin(kind) is Literal:
            return self.rng.choice(choices(kind))
        if get_origin(kind) is tuple:
            sizes = get_args(kind)
            count = self.rng.randint(1, 3) if Ellipsis in sizes else len(sizes)
            one = self.rng.randint(1, 4)
            return tuple(one if self.maybe(0.7) else self.rng.randint(1, 4) for _ in range(count))
        if kind is bool:
            return self.maybe(0.5)
        return self.rng.randint(1, 8) if kind is int else round(self.rng.uniform(0.05, 0.95), 2)

    def repeated(self, x: Tensor, depth: int) -> tuple[str, Tensor]:
        """A layer that gives the shape it reads, some times over."""
        layer, y = self.fitting(PLAIN, x)
        if y != x:
            return self.written(layer), y
        times = self.rng.choice(["x2", "x3", "x(1+1)", *(["x(k)"] if self.constants else [])])
        return f"{self.written(layer)} {times}", y

    def called(self, x: Tensor, depth: int) -> tuple[str, Tensor]:
        """A block, once or for each of several strides."""
        if not self.blocks or len(x.shape) < 3:
            return self.layer(x, depth)
        name, width = self.rng.choice(self.blocks), self.rng.randint(1, 5)
        call = f"{name}({width})" + self.rng.choice(["", " x2"])
        return call, x.with_shape(*x.shape[:-1], 2 * width)

    def branch(self, x: Tensor, depth: int) -> tuple[str, Tensor]:
        steps = []
        for _ in range(self.rng.randint(1, 2)):
            step, x = self.step(x, depth + 1)
            steps.append(step)
        return ", ".join(steps), x

    def merged(self, x: Tensor, depth: int) -> tuple[str, Tensor]:
        """Branches side by side; alike ones where different ones do not fit."""
        kind = self.rng.choice([k for k in MERGES if not k.skips])
        found = [self.branch(x, depth) for _ in range(2)]
        types_ = [t for _, t in found]
        layer = kind()
        if _made(layer, *types_) is None:
            found = [found[0], found[0]]
            types_ = [t for _, t in found]
        y = _made(layer, *types_)
        if y is None:
            return self.layer(x, depth)
        return f"{layer}[ {' | '.join(text for text, _ in found)} ]{self.behind()}", y

    def around(self, x: Tensor, depth: int) -> tuple[str, Tensor]:
        """A body and its shortcut."""
        kind = self.rng.choice([k for k in MERGES if k.skips])
        text, y = self.branch(x, depth)
        alike = x.shape[:-1] == y.shape[:-1]
        return (f"{kind.word}[ {text} ]{self.behind()}" if alike else text), y

    def behind(self) -> str:
        """What stands behind a bracket: nothing, or an activation of what was merged."""
        return f" {self.rng.choice(ACTIVATIONS).word}" if self.maybe(0.5) else ""

    def group(self, x: Tensor, depth: int) -> tuple[str, Tensor]:
        """Steps in brackets, twice where they give the shape they read."""
        text, y = self.branch(x, depth)
        return f"[{text}]" + (" x2" if y == x and "@" not in text else ""), y

    def referring(self, x: Tensor, depth: int) -> tuple[str, Tensor]:
        """A layer that reads a second tensor by its label."""
        for label, other in self.labels.items():
            layer, y = self.fitting(REFERRING, x, other)
            if layer.references and self.maybe(0.7):
                return f"{layer} {layer.references[0]}=@{label}", y
        return self.layer(x, depth)

    def ending(self, x: Tensor) -> Iterator[str]:
        """A vector at the end where that is possible, a head at the side, how it is trained."""
        side = bool(self.labels) and self.maybe(0.3)
        yield self.last(x) + (", output" if side or self.maybe(0.2) else "")
        if side:
            label = self.rng.choice(list(self.labels))
            yield f"@{label}, {self.rng.choice(ACTIVATIONS).word}, output aux side weight=0.3"
        if self.maybe(0.2):
            yield "train: optimizer=adam lr=0.001 batch=8 epochs=2"

    def last(self, x: Tensor) -> str:
        """A layer without windows that sums all it reads; an activation where none fits."""
        for kind in SUMS:
            if "kernel" not in hints(kind) and _made(layer := kind(width=3), x) is not None:
                return str(layer)
        return str(self.rng.choice(ACTIVATIONS).word)


def _made(layer: Layer, *inputs: Tensor) -> Tensor | None:
    """What a layer makes, if it fits and stays small."""
    try:
        y = layer.fitted(*inputs)
        weights = layer.weights(*inputs)
    except Misfit:
        return None
    sizes = [w.type.size for w in weights] + ([y.size] if y.fixed else [])
    return y if max(sizes, default=0) <= LARGEST else None


def _reads_back(layer: Layer) -> bool:
    """Whether its values can be written: a pair where one number stands for both is another layer."""
    return all("None" not in setting(value) for value in vars(layer).values() if value is not None)


if __name__ == "__main__":
    import sys

    for seed in map(int, sys.argv[1:]):
        sys.stdout.write(generate(seed).text + "\n")
