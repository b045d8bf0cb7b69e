"""Uses of blocks: arguments to parameters (RULINGS 29, 30, 54)."""

from collections.abc import Mapping

from netlang.check import shared, words
from netlang.check.scope import Known, Labelled, Parameters, Place
from netlang.check.values import Value, evaluate, shown
from netlang.diagnostics import either, error, meant
from netlang.record import dataclass
from netlang.source import Span
from netlang.syntax import ast


@dataclass(frozen=True)
class Use:
    """A use of a block. names: what its expressions see; labels: its label parameters; text: as messages write it."""

    names: Parameters
    labels: Mapping[str, Labelled]
    said: Mapping[str, shared.Said]
    text: str


def use(step: ast.Step, known: Known, here: Place) -> Use:
    """The arguments of a step that uses a block."""
    block = known.block
    _no_suffixes(step, block)
    items, said = _options(step, block, here)
    given = _matched(items, block, step)
    values: dict[str, Value] = {}
    labels: dict[str, Labelled] = {}
    names = Parameters(values, known.home.constants)
    texts = []
    for parameter in block.parameters:
        name, written = parameter.name.text, given.get(parameter.name.text)
        if parameter.label:
            labels[name] = _label(parameter, written, here)
            texts.append(f"@{name}=@{getattr(written, 'text', '?')}")
            continue
        if written is not None:
            if isinstance(written, ast.TensorName):
                raise error("argument", f"`{name}` of `{block.name.text}` is a number, not a label", written.span)
            values[name] = evaluate(written, here.names, here.copy)
        else:
            assert parameter.value is not None
            values[name] = evaluate(parameter.value, names, here.copy)
        texts.append(f"{name}={shown(values[name])}")
    text = f"{block.name.text}({', '.join(texts)})" if texts else block.name.text
    return Use(names, labels, said, text)


def _no_suffixes(step: ast.Step, block: ast.Block) -> None:
    for name, value in (("width", step.width), ("stride", step.stride)):
        if value is not None:
            raise error(
                "suffix",
                f"the block `{block.name.text}` takes no {name}",
                value.span,
                help=f"its arguments stand in brackets: `{_signature(block)}`",
            )
    if step.branches is not None:
        raise error(
            "branches",
            f"the block `{block.name.text}` does not merge branches",
            step.word.span,
            help=f"a group after it needs a comma: `{step.word.text}, [ … ]`",
        )


def _options(step: ast.Step, block: ast.Block, here: Place) -> tuple[list[ast.Option], dict[str, shared.Said]]:
    """What stands in the brackets, and the settings behind them."""
    items: list[ast.Option] = []
    said: dict[str, shared.Said] = {}
    seen = False
    for option in step.options:
        if isinstance(option, ast.Arguments):
            if seen:
                raise error("argument", f"`{block.name.text}` has its arguments already", option.span)
            items, seen = list(option.items), True
        elif option.name is not None and shared.takes(option.name.text.lower()):
            shared.take(option, said, here.names, here.copy)
        else:
            advice = f"its arguments stand in brackets: `{_signature(block)}`"
            if option.name is not None and words.is_layer(option.name.text):
                advice = f"did you mean a comma? `{_signature(block)}, {option.span.text}`"
            raise error(
                "unknown-option",
                f"a use of a block takes {either(shared.WORDS, 'and')} behind its brackets",
                option.span,
                help=advice,
            )
    return items, said


def _matched(items: list[ast.Option], block: ast.Block, step: ast.Step) -> dict[str, ast.Value]:
    """The argument of each parameter."""
    parameters = {p.name.text: p for p in block.parameters}
    order = iter(parameters)
    given: dict[str, ast.Value] = {}
    for item in items:
        assert item.value is not None
        name = next(order, None) if item.name is None else item.name.text
        if name is None:
            raise error(
                "argument",
                f"`{block.name.text}` takes {len(parameters)} argument{'s' * (len(parameters) != 1)}",
                item.span,
                help=f"it is `{_signature(block)}`",
            )
        if name not in parameters:
            assert item.name is not None
            raise error(
                "argument",
                f"`{block.name.text}` has no parameter `{name}`",
                item.name.span,
                help=meant(name, parameters, f"it is `{_signature(block)}`"),
            )
        if name in given:
            raise error("twice", f"the parameter `{name}` is given twice", item.span)
        given[name] = item.value
    missing = [p for p in block.parameters if p.name.text not in given and p.value is None]
    if missing:
        raise error(
            "argument",
            f"`{block.name.text}` needs its `{'@' * missing[0].label}{missing[0].name.text}`",
            step.word.span,
            help=f"it is `{_signature(block)}`",
        )
    return given


def _label(parameter: ast.Parameter, written: ast.Value | None, here: Place) -> Labelled:
    assert written is not None
    if not isinstance(written, ast.TensorName):
        raise error(
            "argument", f"`@{parameter.name.text}` takes a label, not a number", written.span, help="write `@name`"
        )
    return here.labels.look_up(written.text, written.span, here.lines)


def _signature(block: ast.Block) -> str:
    """The block as a use would write it: `bottleneck(w, s)`."""
    return f"{block.name.text}({', '.join(_name(p) for p in block.parameters)})"


def _name(parameter: ast.Parameter) -> str:
    return f"@{parameter.name.text}" if parameter.label else parameter.name.text


def checked_head(parameters: tuple[ast.Parameter, ...]) -> None:
    """Raise NetError for parameters that cannot be."""
    seen: dict[str, Span] = {}
    optional = False
    for parameter in parameters:
        if parameter.name.text in seen:
            raise error("twice", f"`{parameter.name.text}` is a parameter already", parameter.span)
        seen[parameter.name.text] = parameter.span
        if parameter.value is None and optional and not parameter.label:
            raise error(
                "argument",
                f"`{parameter.name.text}` needs a value, as the parameters before it have one",
                parameter.span,
                help="parameters without a value stand first",
            )
        optional = optional or parameter.value is not None
