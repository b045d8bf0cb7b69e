"""Tree to graph of layers: words are looked up, settings read, defaults filled in, shapes computed."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from netlang.check import activation, constants, expect, inputs, lints, train
from netlang.check.build import Build
from netlang.check.expand import Expansion
from netlang.check.problems import Problems, not_yet
from netlang.check.tree import Steps
from netlang.diagnostics import Diagnostic, NetError, error
from netlang.graph import Net, Node
from netlang.source import Source, Span
from netlang.syntax import ast

Notes = tuple[Diagnostic, ...]
VERSION = 1


def check(file: ast.File, *, variant: str | None = None, settings: Mapping[str, str] | None = None) -> Net:
    """The net of a file. settings: new values for its constants. Raises NetError with all that is wrong."""
    return checked(file, variant=variant, settings=settings)[0]


def checked(
    file: ast.File, *, variant: str | None = None, settings: Mapping[str, str] | None = None
) -> tuple[Net, Notes]:
    """Like `check`, with the notes beside the net."""
    problems = Problems()
    known = constants.gathered(file, settings or {}, problems)
    _refuse(file, variant, problems)
    build = Build(problems, known)
    last = _layers(file, build)
    said = _train(file, build, last)
    figures = _expect(file, build, last, overridden=bool(settings))
    problems.settle()
    assert last is not None
    lints.unused(build.graph, problems)
    build.graph.outputs["output"] = last.id
    name = PurePath(file.source.name).stem
    net = Net(name, variant, build.graph, said, figures, file.source.text)
    return net, tuple(problems.notes)


def _refuse(file: ast.File, variant: str | None, problems: Problems) -> None:
    """Statements of the language that this version lacks, other versions, and what makes no net."""
    for statement in file.statements:
        with problems.collected():
            if isinstance(statement, ast.Later):
                raise not_yet(f"the statement `{statement.word.text}`", statement.span)
            if isinstance(statement, ast.Version):
                _version(statement, file)
    with problems.collected():
        if variant is not None:
            asked = Source("command line", f"{file.source.name}:{variant}", of_file=False)
            span = Span(asked, len(asked.text) - len(variant), len(asked.text))
            raise error("variant", f"{file.source.name} has no variants", span, help="leave the colon and the word out")


def _version(statement: ast.Version, file: ast.File) -> None:
    if statement is not file.statements[0]:
        raise error("version", "the version stands on the first line", statement.span)
    if statement.number.value != VERSION:
        raise error(
            "version",
            f"this is netlang {VERSION}",
            statement.number.span,
            help=f"a file for another version needs another netlang; `netlang {VERSION}` is what this one reads",
        )


def _layers(file: ast.File, build: Build) -> Node | None:
    """Add the input and all layers; the last node, or None if something is wrong."""
    problems = build.problems
    expansion = Expansion(build.constants, problems)
    start: Node | None = None
    seen: ast.Input | None = None
    steps: Steps = ()
    for statement in file.statements:
        with problems.collected():
            if isinstance(statement, ast.Input):
                if seen is not None:
                    raise not_yet("more than one input", statement.span)
                seen = statement
                start = build.input(inputs.shape(statement, build.constants, problems), statement.span)
            elif isinstance(statement, ast.Line):
                if seen is None:
                    seen = _missing_input(statement, problems)
                steps += expansion.line(statement)
    if not steps:
        _no_layers(file, problems)
        return None
    return build.steps(activation.with_defaults(steps, activation.usual()), start)


def _missing_input(line: ast.Line, problems: Problems) -> ast.Input:
    first = line.chain.items[0].span
    with problems.collected():
        raise error("no-input", "there is no `input` above the first layer", first, help="for example `input 28x28x1`")
    return ast.Input(ast.Shape((), first), (), None, first)


def _no_layers(file: ast.File, problems: Problems) -> None:
    if problems.errors:
        return
    end = len(file.source.text.rstrip())
    title = "there is no layer below the `input`" if file.statements else "this file is empty"
    with problems.collected():
        raise error("empty", title, Span(file.source, end, end), help="a line such as `FC-10, softmax`")


def _train(file: ast.File, build: Build, last: Node | None) -> dict[str, Any]:
    problems = build.problems
    found: dict[str, Any] = {}
    first: ast.Train | None = None
    for statement in file.statements:
        if not isinstance(statement, ast.Train):
            continue
        with problems.collected():
            if first is not None:
                raise error(
                    "twice", "there is a `train:` already", statement.span, help="one statement holds all settings"
                )
            first = statement
            found = train.settings(statement, build.constants, last.made_by if last else None, problems)
    return found


def _expect(file: ast.File, build: Build, last: Node | None, overridden: bool) -> dict[str, int]:
    """The expected figures; compared only where every layer is known and no constant was replaced."""
    found: dict[str, int] = {}
    for statement in file.statements:
        if not isinstance(statement, ast.Expect):
            continue
        for name, (wanted, value) in expect.expected(statement, build.constants, build.problems).items():
            with build.problems.collected():
                if name in found:
                    raise error("twice", f"`{name}` is expected twice", value.span)
                found[name] = wanted
                if last is not None and not overridden and not build.problems.errors:
                    expect.compare(name, wanted, value, build.graph)
        if overridden:
            build.problems.note("expect-skipped", "`expect` is not compared under `--set`", statement.span)
    return found


__all__ = ["Net", "NetError", "check", "checked"]
