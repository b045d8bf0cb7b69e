"""Tree to graph of layers: words are looked up, settings read, defaults filled in, shapes computed."""

from collections.abc import Mapping
from pathlib import Path, PurePath

from netlang.check import (
    activation,
    constants,
    counts,
    expect,
    files,
    inputs,
    lints,
    outputs,
    pretrained,
    shapes,
    train,
    words,
)
from netlang.check.build import Build
from netlang.check.expand import Expansion
from netlang.check.free import letters, refitted, sized, suited
from netlang.check.problems import Limit, Problems
from netlang.check.scope import Labelled, Place, Scope
from netlang.check.shapes import Letters
from netlang.check.tree import Op
from netlang.diagnostics import Diagnostic, NetError, closest, either, error, meant
from netlang.graph import Net, Output
from netlang.layer import Layer, Misfit
from netlang.layers import loss
from netlang.source import Span
from netlang.syntax import ast

Notes = tuple[Diagnostic, ...]


def check(file: ast.File, *, variant: str | None = None, settings: Mapping[str, str] | None = None) -> Net:
    """The net of a file. settings: new values for its constants. Raises NetError with all that is wrong."""
    return checked(file, variant=variant, settings=settings)[0]


def checked(
    file: ast.File, *, variant: str | None = None, settings: Mapping[str, str] | None = None
) -> tuple[Net, Notes]:
    """Like `check`, with the notes beside the net."""
    problems = Problems()
    try:
        net = _net(file, variant, settings or {}, problems)
    except Limit as problem:
        problems.errors += problem.diagnostics
    problems.settle()
    return net, tuple(problems.notes)


def _net(file: ast.File, variant: str | None, settings: Mapping[str, str], problems: Problems) -> Net:
    asked = constants.asked(settings, problems)
    scope, chosen = files.main(file, variant, asked, problems)
    free = shapes.free(file, scope.constants)
    constants.refuse_unknown(file, settings, scope.constants, free, problems)
    letters = Letters({name: size for name, size in asked.items() if name in free and isinstance(size, int)})
    expansion = Expansion(problems)
    _steps(file, scope, letters, expansion)
    activation.place(expansion.steps, problems)
    build = Build(problems, letters)
    build.steps(expansion.steps)
    ends = _outputs(expansion, build)
    name = chosen.name.text if chosen is not None else None
    said = _train(file, scope, build, ends, name)
    build.graph.outputs.update({end.name: end.node for end in ends})
    figures = _expect(file, scope, build, ends, name, overridden=bool(settings))
    if not problems.errors:
        _unread(expansion, problems)
        lints.unused(build.graph, problems)
        lints.one_direction(build.graph, problems)
    stored = pretrained.found(build.wanted, Path(file.source.name).parent, problems) if not problems.errors else {}
    stem, text, calls = PurePath(file.source.name).stem, file.source.text, expansion.steps.calls
    return Net(stem, name, build.graph, said[0], figures, text, tuple(ends), calls, stored, said[1])


def _steps(file: ast.File, scope: Scope, letters: Letters, expansion: Expansion) -> None:
    """Write out all inputs and lines; the last line is an output."""
    problems = expansion.problems
    lines = tuple(s for s in file.statements if isinstance(s, ast.Line))
    here = Place(scope, scope.constants, scope.labels, lines=lines)
    current: Op | None = None
    several = sum(isinstance(s, ast.Input) for s in file.statements) > 1
    for statement in file.statements:
        with problems.collected():
            if isinstance(statement, ast.Input):
                current = expansion.unknown(statement.span)  # for what follows, should it be wrong
                current = _input(statement, here, letters, expansion, several)
            elif isinstance(statement, ast.Line):
                if current is None:
                    current = _missing_input(statement, expansion)
                current = expansion.line(statement, current, here, file=True)
    if current is None or not lines:
        _no_layers(file, problems)
        return
    with problems.collected():
        if (ending := outputs.last(current, expansion.steps.outputs)) is not None:
            expansion.steps.outputs.append(ending)


def _input(statement: ast.Input, here: Place, letters: Letters, expansion: Expansion, several: bool) -> Op:
    if several and statement.label is None:
        text = f"{statement.span.text} @image"
        raise error("input", "of several inputs each needs a label", statement.span, help=f"as in `{text}`")
    start = inputs.start(statement, here.names, letters, expansion.problems)
    op = Op(start, statement.span, statement.span, (start.name,))
    if statement.label is not None:
        words.free_for_tensor(statement.label)
        here.labels.define(statement.label, Labelled(op, statement.label.span))
    here.taken.add(start.name)
    expansion.steps.items.append(op)
    return op


def _missing_input(line: ast.Line, expansion: Expansion) -> Op:
    first = line.chain.items[0].span
    word = getattr(line.chain.items[0].what, "word", None)
    if word is not None and closest(word.text, ("input",)):
        return expansion.unknown(first)  # it is told that there is no such layer
    with expansion.problems.collected():
        raise error("no-input", "there is no `input` above the first layer", first, help="for example `input 28x28x1`")
    return expansion.unknown(first)


def _no_layers(file: ast.File, problems: Problems) -> None:
    if problems.errors:
        return
    end = len(file.source.text.rstrip())
    title = "there is no layer below the `input`" if file.statements else "this file is empty"
    with problems.collected():
        raise error("empty", title, Span(file.source, end, end), help="a line such as `FC-10, softmax`")


def _outputs(expansion: Expansion, build: Build) -> list[Output]:
    """The outputs of the graph; those that exist only in training last."""
    found: list[Output] = []
    for output in sorted(expansion.steps.outputs, key=lambda output: output.side):
        node = build.nodes.get(output.op)
        if node is None:
            continue
        with build.problems.collected():
            if output.loss is not None and isinstance(node.made_by, Layer):
                try:
                    loss.chosen(output.loss, node.made_by)
                except Misfit as misfit:
                    raise error("train", str(misfit), output.at["loss"], help=misfit.help) from None
        found.append(Output(output.name, node.id, output.side, output.weight, output.loss, output.span))
    written = expansion.steps.outputs
    if written and all(output.side for output in written):
        with build.problems.collected():
            raise error(
                "output",
                "every output of this net is at the side",
                written[-1].span,
                help="the net as it is run needs one without `side`",
            )
    return found


def _unread(expansion: Expansion, problems: Problems) -> None:
    """Report tensors that nothing reads and that are no output (RULINGS 33)."""
    for op in expansion.steps.ops():
        if not op.read:
            with problems.collected(op.inside):
                what = "this input" if op.layer is None else "what this makes"
                raise error(
                    "unread",
                    f"nothing reads {what}",
                    op.span,
                    help="`output NAME` makes it an output; a label behind it lets a later line read it",
                )


def _holds(variant: ast.Name | None, chosen: str | None, file: ast.File) -> bool:
    """Whether a statement for one variant is for this one."""
    if variant is None:
        return True
    known = files.variants(file)
    if variant.text not in known:
        raise error(
            "variant",
            f"there is no variant `{variant.text}`",
            variant.span,
            help=meant(
                variant.text, known, f"there are {either(known, 'and')}" if known else "this file has no variants"
            ),
        )
    return variant.text == chosen


def _train(file: ast.File, scope: Scope, build: Build, ends: list[Output], chosen: str | None) -> train.Said:
    """The settings of `train:`; those for the variant win over those for all."""
    problems = build.problems
    nodes = [build.graph[end.node].made_by for end in ends if end.loss is None]
    lasts = [last for last in nodes if isinstance(last, Layer)]
    found: dict[str | None, train.Said] = {}
    seen: set[str | None] = set()
    for statement in file.statements:
        if not isinstance(statement, ast.Train):
            continue
        with problems.collected():
            name = statement.variant.text if statement.variant is not None else None
            if name in seen:
                which = f" for `{name}`" if name is not None else ""
                raise error(
                    "twice",
                    f"there is a `train:`{which} already",
                    statement.span,
                    help="one statement holds all settings",
                )
            seen.add(name)
            holds = _holds(statement.variant, chosen, file)
            settings = train.settings(statement, scope.constants, lasts if holds else [], problems)
            if holds:
                found[name] = settings
    said: train.Said = ({}, {})
    for name in (None, chosen):
        values, at = found.get(name, ({}, {}))
        said = {**said[0], **values}, {**said[1], **at}
    if not problems.errors:
        with problems.collected():
            train.suited(said, lasts)
    return said


def _expect(
    file: ast.File, scope: Scope, build: Build, ends: list[Output], chosen: str | None, *, overridden: bool
) -> dict[str, int]:
    """The expected figures; compared only where every layer is known and no constant was replaced."""
    found: dict[str, int] = {}
    run = counts.running(build.graph, [end.node for end in ends if not end.side])
    for statement in file.statements:
        if not isinstance(statement, ast.Expect):
            continue
        with build.problems.collected():
            holds = _holds(statement.variant, chosen, file)
            for name, (wanted, value) in expect.expected(statement, scope.constants, build.problems).items():
                if not holds:
                    continue
                with build.problems.collected():
                    if name in found:
                        raise error("twice", f"`{name}` is expected twice", value.span)
                    found[name] = wanted
                    if ends and not overridden and not build.problems.errors:
                        expect.compare(name, wanted, value, build.graph, run)
        if overridden:
            build.problems.note("expect-skipped", "`expect` is not compared under `--set`", statement.span)
    return found


__all__ = ["Net", "NetError", "check", "checked", "letters", "refitted", "sized", "suited"]
