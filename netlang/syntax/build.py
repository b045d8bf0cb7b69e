# ruff: noqa: D102  -- one method per grammar rule: grammars/netlang.lark says what each is

"""Lark's tree to netlang's: one method per grammar rule, in the grammar's order."""

from fractions import Fraction
from typing import Any

import lark
from lark.visitors import Transformer_NonRecursive, v_args

from netlang.diagnostics import Diagnostic, Label
from netlang.source import Source, Span
from netlang.syntax import ast

LONGEST = 24  # characters of a number: `1e999999999` would fill the memory as an exact fraction
UNITS = {"K": 10**3, "M": 10**6, "G": 10**9}

Meta = Any  # lark.tree.Meta, whose positions Lark sets as it goes
Parts = list[Any]


@v_args(meta=True)
class Build(Transformer_NonRecursive):  # type: ignore[misc]  # mypy is told to skip Lark
    """Not recursive: a deep file must not overflow Python's stack."""

    def __init__(self, source: Source) -> None:
        super().__init__(visit_tokens=False)
        self.source = source
        self.problems: list[Diagnostic] = []  # an exception would be wrapped by Lark and end the reading

    def problem(self, title: str, span: Span, remark: str = "") -> None:
        """Keep an error about a number."""
        self.problems.append(Diagnostic("number", title, Label(span, remark)))

    def span(self, meta: Meta) -> Span:
        """Where a rule's text stands."""
        if meta.empty:
            return Span(self.source, 0, 0)
        return Span(self.source, meta.start_pos, min(meta.end_pos, len(self.source.text)))

    def at(self, token: lark.Token) -> Span:
        """Where a token stands."""
        assert token.start_pos is not None
        assert token.end_pos is not None
        return Span(self.source, token.start_pos, token.end_pos)

    def name(self, token: lark.Token) -> ast.Name:
        """A word as a name."""
        return ast.Name(str(token), self.at(token))

    def start(self, meta: Meta, parts: Parts) -> ast.File:
        return ast.File(self.source, tuple(p for p in parts if p is not None and not isinstance(p, lark.Token)))

    def version(self, meta: Meta, parts: Parts) -> ast.Version:
        return ast.Version(self._number(parts[1]), self.at(parts[0]).to(self.at(parts[1])))

    def input(self, meta: Meta, parts: Parts) -> ast.Input:
        word, shape, *rest = parts
        options = tuple(p for p in rest if isinstance(p, ast.Option | ast.Arguments))
        label = next((p for p in rest if isinstance(p, ast.Name)), None)
        last = (label or (options[-1] if options else shape)).span
        return ast.Input(shape, options, label, self.at(word).to(last))

    def extents(self, meta: Meta, parts: Parts) -> ast.Shape:
        return self.shape(meta, parts)

    def constant(self, meta: Meta, parts: Parts) -> ast.Constant:
        return ast.Constant(self.name(parts[0]), parts[1], self.at(parts[0]).to(parts[1].span))

    def variant(self, meta: Meta, parts: Parts) -> ast.Variant:
        return ast.Variant(self.name(parts[1]), tuple(parts[2:]), self.at(parts[0]).to(self.at(parts[1])))

    def default(self, meta: Meta, parts: Parts) -> ast.Default:
        return ast.Default(parts[1], tuple(parts[2:]), self.at(parts[0]))

    def kinds(self, meta: Meta, parts: Parts) -> tuple[ast.Name, ...]:
        return tuple(map(self.name, parts))

    def block(self, meta: Meta, parts: Parts) -> ast.Block:
        word, name, parameters, lines = parts
        last = lines[-1] if lines else name
        span = self.at(word).to(last.span if lines else self.at(name))
        return ast.Block(self.name(name), parameters or (), lines, span)

    def parameters(self, meta: Meta, parts: Parts) -> tuple[ast.Parameter, ...]:
        return tuple(_parameter(p) for p in parts if p is not None)

    def body(self, meta: Meta, parts: Parts) -> tuple[ast.Line, ...]:
        return tuple(parts)

    def cell(self, meta: Meta, parts: Parts) -> ast.Cell:
        word, name, parameters, *lines = parts
        states = tuple(state for line in lines if isinstance(line, tuple) for state in line)
        equations = tuple(line for line in lines if isinstance(line, ast.Equation))
        results = tuple(line for line in lines if isinstance(line, ast.Result))
        last = max((*states, *equations, *results), key=lambda line: line.span.end).span
        return ast.Cell(self.name(name), parameters or (), states, equations, results, self.at(word).to(last))

    def states(self, meta: Meta, parts: Parts) -> tuple[ast.State, ...]:
        return tuple(parts[1:])

    def state(self, meta: Meta, parts: Parts) -> ast.State:
        return ast.State(self.name(parts[0]), parts[1], self.at(parts[0]).to(parts[1].span))

    def equation(self, meta: Meta, parts: Parts) -> ast.Equation:
        return ast.Equation(self.name(parts[0]), parts[1], self.at(parts[0]).to(parts[1].span))

    def result(self, meta: Meta, parts: Parts) -> ast.Result:
        return ast.Result(self.name(parts[1]), self.at(parts[0]).to(self.at(parts[1])))

    def use(self, meta: Meta, parts: Parts) -> ast.Use:
        text = parts[1]
        return ast.Use(ast.Text(str(text)[1:-1], self.at(text)), self.at(parts[0]).to(self.at(text)))

    def column(self, meta: Meta, parts: Parts) -> ast.Name:
        return self.name(parts[0])

    def train(self, meta: Meta, parts: Parts) -> ast.Train:
        return ast.Train(parts[1], tuple(parts[2:]), self.at(parts[0]))

    def expect(self, meta: Meta, parts: Parts) -> ast.Expect:
        return ast.Expect(parts[1], tuple(parts[2:]), self.at(parts[0]))

    def line(self, meta: Meta, parts: Parts) -> ast.Line:
        chain, shape = (p for p in parts if not isinstance(p, lark.Token))
        return ast.Line(chain, shape, chain.span.to((shape or chain).span))

    def chain(self, meta: Meta, parts: Parts) -> ast.Chain:
        return ast.Chain(tuple(parts), self.span(meta))

    def item(self, meta: Meta, parts: Parts) -> ast.Item:
        what, *rest = parts
        repeat, label = rest or (None, None)
        return ast.Item(what, repeat, label, self.span(meta))

    def reference(self, meta: Meta, parts: Parts) -> ast.Reference:
        return ast.Reference(self.label(meta, parts), self.span(meta))

    def label(self, meta: Meta, parts: Parts) -> ast.Name:
        return ast.Name(str(parts[0])[1:], self.at(parts[0]))

    def repeat(self, meta: Meta, parts: Parts) -> ast.Repeat:
        times = self._number(parts[1]) if isinstance(parts[1], lark.Token) else parts[1]
        return ast.Repeat(times, self.span(meta))

    def step(self, meta: Meta, parts: Parts) -> ast.Step:
        word, width, stride, options, branches, after = parts
        return ast.Step(self.name(word), width, stride, options, branches, after or (), self.span(meta))

    def group(self, meta: Meta, parts: Parts) -> ast.Group:
        return ast.Group(parts[0], self.span(meta))

    def branches(self, meta: Meta, parts: Parts) -> tuple[ast.Chain, ...]:
        empty = ast.Chain((), self.span(meta))
        return tuple(part or empty for part in parts)

    def branch(self, meta: Meta, parts: Parts) -> ast.Chain | None:
        chain: ast.Chain | None = parts[0]
        return chain

    def width(self, meta: Meta, parts: Parts) -> Any:
        return parts[-1]

    def stride(self, meta: Meta, parts: Parts) -> Any:
        return parts[-1]

    def options(self, meta: Meta, parts: Parts) -> tuple[Any, ...]:
        return tuple(parts)

    def keyed(self, meta: Meta, parts: Parts) -> ast.Option:
        return ast.Option(self.name(parts[0]), parts[1], self.span(meta))

    def flag(self, meta: Meta, parts: Parts) -> ast.Option:
        return ast.Option(self.name(parts[0]), None, self.span(meta))

    def bare(self, meta: Meta, parts: Parts) -> ast.Option:
        return ast.Option(None, parts[0], self.span(meta))

    def arguments(self, meta: Meta, parts: Parts) -> ast.Arguments:
        return ast.Arguments(tuple(p for p in parts if p is not None), self.span(meta))

    def negative(self, meta: Meta, parts: Parts) -> ast.Negative:
        return ast.Negative(parts[-1], self.span(meta))

    def call(self, meta: Meta, parts: Parts) -> ast.Call:
        return ast.Call(self.name(parts[0]), parts[1], self.span(meta))

    def joined(self, meta: Meta, parts: Parts) -> ast.Joined:
        operands = tuple(p for p in parts[1:] if p is not None)
        return ast.Joined(self.name(parts[0]), operands, self.span(meta))

    def sum(self, meta: Meta, parts: Parts) -> Any:
        if len(parts) == 1:
            return parts[0]
        rest = tuple((str(sign), value) for sign, value in zip(parts[1::2], parts[2::2], strict=True))
        return ast.Chained(parts[0], rest, self.span(meta))

    def product(self, meta: Meta, parts: Parts) -> Any:
        return self.sum(meta, parts)

    def list(self, meta: Meta, parts: Parts) -> ast.Items:
        return ast.Items(tuple(parts), self.span(meta))

    def number(self, meta: Meta, parts: Parts) -> ast.Number:
        return self._number(parts[0])

    def _number(self, token: lark.Token) -> ast.Number:
        exponent = token.lower().partition("e")[2].lstrip("+-")
        if len(token) > LONGEST or len(exponent) > 2:
            self.problem("this number is too long", self.at(token), f"at most {LONGEST} digits, and e±99")
            return ast.Number(1, self.at(token))
        value = Fraction(str(token))
        return ast.Number(value.numerator if token.isdigit() else value, self.at(token))

    def pair(self, meta: Meta, parts: Parts) -> ast.Pair:
        if len(parts[0]) > LONGEST:
            self.problem("these sizes are too long to be sizes", self.at(parts[0]))
            return ast.Pair((1, 1), self.at(parts[0]))
        return ast.Pair(tuple(int(s) for s in parts[0].replace("×", "x").split("x")), self.at(parts[0]))

    def sizes(self, meta: Meta, parts: Parts) -> ast.Pair:
        return self.pair(meta, parts)

    def quantity(self, meta: Meta, parts: Parts) -> ast.Quantity:
        token = parts[0]
        if len(token) > LONGEST:
            self.problem("this count is too long", self.at(token))
            return ast.Quantity(Fraction(1), 1, self.at(token))
        return ast.Quantity(Fraction(str(token[:-1])), UNITS[token[-1]], self.at(token))

    def word(self, meta: Meta, parts: Parts) -> ast.Word:
        return ast.Word(str(parts[0]), self.at(parts[0]))

    def string(self, meta: Meta, parts: Parts) -> ast.Text:
        return ast.Text(str(parts[0])[1:-1], self.at(parts[0]))

    def tensor(self, meta: Meta, parts: Parts) -> ast.TensorName:
        return ast.TensorName(str(parts[0])[1:], self.at(parts[0]))

    def anything(self, meta: Meta, parts: Parts) -> ast.Anything:
        return ast.Anything(self.span(meta))

    def shape(self, meta: Meta, parts: Parts) -> ast.Shape:
        return ast.Shape(tuple(p for p in parts if not isinstance(p, lark.Token)), self.span(meta))


def _parameter(option: ast.Option) -> ast.Parameter:
    if isinstance(option.value, ast.TensorName) and option.name is None:
        return ast.Parameter(ast.Name(option.value.text, option.span), None, True, option.span)
    assert option.name is not None
    return ast.Parameter(option.name, option.value, False, option.span)
