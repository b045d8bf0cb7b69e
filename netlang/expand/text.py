"""Steps and lines as text."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields, replace
from typing import Any, get_args

from netlang.check import words
from netlang.check.counts import FIGURES, running
from netlang.diagnostics import error
from netlang.expand.series import Branch, Part, Series, lines, named
from netlang.expand.steps import Step, steps
from netlang.graph import Input, Net, Node, NodeId
from netlang.layer import SUFFIXES, Layer, Weight, pair
from netlang.layers.activation.op import Linear
from netlang.layers.merge.op import Add
from netlang.syntax import write
from netlang.types import Size

SAID = ("pad", "bias", "stride")  # always written, as is a setting without a name
WIDE = 70  # columns of a branch that stands on one line
IDENTITY = "identity"  # the shortcut that is the tensor itself
UNNAMED = "output"  # the word, and what an output without a name is called
WORD = re.compile(r"[A-Za-z_]\w*")


class Text:
    """The text of one net. every: whether settings are written that have their defaults"""

    def __init__(self, net: Net, every: bool) -> None:
        self.net, self.graph, self.every = net, net.graph, every
        self.steps = {step.id: step for step in steps(net.graph)}
        self.owners = self._owners()
        self.lines = lines(net, self.steps)
        self.labels = self._labelled()

    def written(self) -> str:
        """All of it."""
        statements = dict.fromkeys(node.made_by.statement() for node in self.graph.made_by(Layer))
        cells = [row for lines_ in statements if lines_ for row in (*lines_, "")]
        head = ["netlang 1", *cells, *map(self.input, self.graph.made_by(Input)), ""]
        body = [row for series in self.lines for row in (*self.series(series), "")]
        return "\n".join([*head, *body, *self._train(), *self._expect()]) + "\n"

    def json(self) -> list[dict[str, Any]]:
        """The steps for programs, in the order of the graph: what each reads, by name, and its shape."""
        names = {node.id: ".".join(node.path) or node.id for node in self.graph}
        return [
            {
                "name": names[step.id],
                "step": self.step(step),
                "inputs": [names[id_] for id_ in step.reads],
                "output": [size if isinstance(size, int) else str(size) for size in step.nodes[-1].type.shape[1:]],
            }
            for step in self.steps.values()
        ]

    def input(self, node: Node) -> str:
        """An `input` statement."""
        sizes = write.promise(node.type.shape[1:])
        tokens = f" tokens vocab={node.type.classes}" if node.type.classes else ""
        return f"input {sizes}{tokens}{self.label(node.id)}"

    def series(self, series: Series) -> Iterator[str]:
        """The rows of one line of the net, a step each."""
        jump = f"@{self.labels[series.start]}" if series.start in self.labels and self._jumps(series) else ""
        rows = [self.part(part) for part in series.parts]
        shapes = [part.step.nodes[-1].type for part in series.parts]
        if jump and not rows:
            rows, shapes = [jump], [self.graph[series.start].type]
        elif jump:
            rows[0] = f"{jump}, {rows[0]}"
        ends = "".join(f", {self._output(name)}" for name, node in self.graph.outputs.items() if node == series.end)
        rows[-1] += ends
        return (f"{row} -> {write.promise(type_.shape[1:])}" for row, type_ in zip(rows, shapes, strict=True))

    def part(self, part: Part) -> str:
        """A step with its branches and its label."""
        return (self.merge(part) if part.branches else self.step(part.step)) + self.label(part.step.id)

    def label(self, node: NodeId) -> str:
        """` @name` where something names the tensor."""
        return f" @{self.labels[node]}" if node in self.labels else ""

    def merge(self, part: Part) -> str:
        """A merge and its branches; a residual as such where its shortcut is the tensor itself, else as a sum."""
        layer, branches = part.step.layer, part.branches
        if layer.skips:
            layer = replace(layer, shortcut=IDENTITY) if part.skipping else Add()
            branches = branches[:-1] if part.skipping else branches
        inner = "\n| ".join(map(self.branch, branches)) if len(branches) > 1 else self.branch(branches[0])
        head = str(layer.word) + "".join(self._settings(layer))
        activation = f" {_option(part.step.activation)}" if part.step.activation else ""
        return f"{head} [ {inner} ]{activation}"

    def branch(self, branch: Branch) -> str:
        """The steps of a branch; one that is nothing but a tensor names it."""
        rows = [self.part(part) for part in branch.parts]
        if branch.jumps or not rows:
            rows.insert(0, f"@{self.labels[branch.start]}")
        text = ", ".join(rows)
        return text if len(text) <= WIDE else ",\n".join(rows)

    def step(self, step: Step) -> str:
        """A layer with all that is said of it."""
        layer = step.layer
        text = str(layer.word)
        values = {f.name: getattr(layer, f.name) for f in fields(layer)}
        text += pair(values["kernel"]) if values.get("kernel") is not None else ""
        text += f"-{values['width']}" if "width" in values else ""
        text += self._stride(layer) if "stride" in values else ""
        options = [*self._settings(layer), *self._references(step), *self._norms(step), *self._training(step)]
        if step.activation is not None:
            options.append(f" {_option(step.activation)}")
        elif layer.activated:
            options.append(f" {Linear.word}")
        return text + "".join(options)

    def _stride(self, layer: Any) -> str:
        """A pool's is its kernel if it does not say; a convolution's of 1 goes without saying."""
        default = next(f.default for f in fields(layer) if f.name == "stride")
        return f"/{pair(layer.stride or layer.kernel)}" if self.every or layer.stride != default or not default else ""

    def _settings(self, layer: Layer, norm: bool = False) -> Iterator[str]:
        """The settings that have no suffix."""
        for f in fields(layer):
            value = getattr(layer, f.name)
            if f.name in SUFFIXES or value is None:
                continue
            if f.name == layer.positional:
                yield "" if norm else f" {write.bare(value, exact=Ellipsis in get_args(f.type))}"
            elif self.every or (f.name in SAID and not norm) or f.default is MISSING or value != f.default:
                yield f" {f.name}={write.value(value)}"

    def _references(self, step: Step) -> Iterator[str]:
        """Tensors that settings name: `like=@a`."""
        for name, node in zip(step.layer.references, step.reads[1:], strict=False):
            yield f" {name}=@{self.labels[node]}"

    def _norms(self, step: Step) -> Iterator[str]:
        for node in step.norms:
            norm = node.made_by
            value = f"={write.value(getattr(norm, norm.positional))}" if norm.positional else ""
            yield f" {norm.word}{value}" + "".join(self._settings(norm, norm=True))

    def _training(self, step: Step) -> Iterator[str]:
        """What is said of its weights: `tie= init= freeze lr= l2= weights=`."""
        weights = [(node, self.graph[i]) for node in step.nodes for i in node.inputs if _is_weight(self.graph[i])]
        if not weights:
            return
        source = self._tied(step)
        if source is not None:
            transposed = any(weight.made_by.transposes for _, weight in weights)
            yield f" tie=@{self.labels[source]}" + (" transposed" if transposed else "")
        mine = [
            (node, w.made_by, w) for node, w in weights if self.owners[w.id] == step.id and not w.made_by.transposes
        ]
        if not mine:
            return
        yield from self._start(step, [weight for _, weight, _ in mine])
        first = next((weight for _, weight, _ in mine if weight.decays), mine[0][1])
        yield " freeze" if first.frozen else ""
        yield f" lr={write.value(first.rate)}" if first.rate != 1 else ""
        yield f" l2={write.value(first.l2)}" if first.l2 else ""
        if (file := self._file(step, [node.id for *_, node in mine])) is not None:
            yield f' weights="{file}"'

    def _start(self, step: Step, weights: list[Weight]) -> Iterator[str]:
        """`init=`, where the weights start otherwise than the layer says."""
        types = [self.graph[i].type for i in step.reads]
        own = {weight.name: weight.init for weight in step.layer.weights(*types)}
        for weight in weights:
            if weight.decays and weight.init != own.get(weight.name, weight.init):
                yield f" init={weight.init}"
                return

    def _file(self, step: Step, weights: list[NodeId]) -> str | None:
        """The file of its weights, if they have one. Raises NetError where their names in it are those of a block."""
        stored = self.net.pretrained
        if not any(name in stored for name in weights):
            return None
        path = ".".join(step.nodes[0].path)
        for name in weights:
            if name not in stored or stored[name].name != name.removeprefix(f"{path}."):
                title = "expanded text has no blocks, and cannot name the weights of one in a file"
                raise error("expand", title, step.nodes[0].span, help="expand the net without `weights=`")
        return stored[weights[0]].written

    def _tied(self, step: Step) -> NodeId | None:
        """The step whose weights this one shares."""
        for node in step.nodes:
            for i in node.inputs:
                if _is_weight(weight := self.graph[i]):
                    owner = self.owners[weight.made_by.transposes or i]
                    if owner != step.id:
                        return owner
        return None

    def _owners(self) -> dict[NodeId, NodeId]:
        """The step that has each weight first."""
        found: dict[NodeId, NodeId] = {}
        for step in self.steps.values():
            for node in step.nodes:
                for i in node.inputs:
                    if _is_weight(self.graph[i]):
                        found.setdefault(i, step.id)
        return found

    def _labelled(self) -> dict[NodeId, str]:
        """A label for each tensor that is named: several inputs, starts of lines, jumps, tied weights."""
        starts = list(self.graph.made_by(Input))
        wanted = [node.id for node in starts if len(starts) > 1]
        for series in self.lines:
            wanted += [series.start] if self._jumps(series) else []
            wanted += [id_ for part in series.parts for id_ in named(part)]
        wanted += [source for step in self.steps.values() if (source := self._tied(step)) is not None]
        taken: set[str] = set()
        return {id_: _free(self.graph[id_], taken) for id_ in dict.fromkeys(wanted)}

    def _jumps(self, series: Series) -> bool:
        """Whether a line does not go on from where the text above it ends."""
        at = self.lines.index(series)
        last = self.lines[at - 1].end if at else list(self.graph.made_by(Input))[-1].id
        return series.start != last or not series.parts

    def _output(self, name: str) -> str:
        found = next((output for output in self.net.outputs if output.name == name), None)
        if found is None or name == UNNAMED:
            return UNNAMED
        said = [UNNAMED, name]
        said += ["side"] if found.side else []
        said += [f"weight={write.value(found.weight)}"] if found.weight != 1 else []
        said += [f"loss={found.loss}"] if found.loss else []
        return " ".join(said)

    def _train(self) -> Iterable[str]:
        said = [f"{name}={_word(value)}" for name, value in self.net.train.items()]
        return [f"train: {' '.join(said)}"] if said else []

    def _expect(self) -> Iterable[str]:
        """The figures the file expects, as they are: to the last digit."""
        found = []
        used = running(self.graph, self.net.running())
        for name in self.net.expected:
            count, training = FIGURES[name]
            figure = count(self.graph, None if training else used)
            found += [] if isinstance(figure, Size) else [f"{name}={figure}"]
        return [f"expect {' '.join(found)}"] if found else []


def _option(activation: Layer) -> str:
    """An activation as the option of a layer: `relu`, `leaky=0.2`."""
    if activation.positional is None:
        return activation.word
    return f"{activation.word}={write.value(getattr(activation, activation.positional))}"


def _is_weight(node: Node) -> bool:
    return isinstance(node.made_by, Weight)


def _word(value: Any) -> str:
    """A value of `train:`; a word that the grammar would not read as one in quotes."""
    text = write.value(value)
    return f'"{text}"' if isinstance(value, str) and not WORD.fullmatch(text) else text


def _free(node: Node, taken: set[str]) -> str:
    """A label made of a node's path that is no word of the language."""
    name = re.sub(r"\W", "_", "_".join(node.path) or node.id)
    if words.is_layer(name) or words.is_repeat(name) or name.lower() in words.STATEMENTS:
        name += "_out"
    while name in taken:
        name += "_"
    taken.add(name)
    return name
