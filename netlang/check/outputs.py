"""The `output` at the end of a line: its name, and its part in the loss (RULINGS 33, 36, 37)."""

from typing import Any

from netlang.check import kinds, words
from netlang.check.tree import Op, Output
from netlang.check.values import Names
from netlang.diagnostics import NetError, error, meant
from netlang.layers import loss
from netlang.source import Span
from netlang.syntax import ast

WORD = words.OUTPUT  # also what an output without a name is called
SIDE = "side"
KINDS: dict[str, Any] = {"weight": float, "loss": str, SIDE: bool}


def named(step: ast.Step) -> bool:
    """Whether a step is the word `output`."""
    return step.word.text.lower() == WORD


def ends(item: ast.Item) -> bool:
    """Whether an item of a line is its `output`."""
    return isinstance(item.what, ast.Step) and named(item.what)


def misplaced(step: ast.Step) -> NetError:
    """The error for an `output` in the middle of something."""
    return error(
        "output",
        "`output` ends a line of the file, outside of blocks, groups and branches",
        step.word.span,
        help="the next step starts on a line of its own",
    )


def read(item: ast.Item, op: Op, names: Names, known: list[Output]) -> Output:
    """The output of a line that ends in `op`. known: those above it."""
    step = item.what
    assert isinstance(step, ast.Step)
    op.readers.append(None)
    for wrong in (item.repeat, item.label, step.width, step.stride):
        if wrong is not None:
            raise error(
                "output",
                f"an `output` takes no `{wrong.span.text}`",
                wrong.span,
                help="as in `output aux side weight=0.3`",
            )
    if step.branches is not None:
        raise misplaced(step)
    name: ast.Name | None = None
    found: dict[str, Any] = {}
    at: dict[str, Span] = {}
    for option in step.options:
        if isinstance(option, ast.Option) and option.name and option.value is None and option.name.text.lower() != SIDE:
            if name is not None:
                raise error("output", "an output has one name", option.span, f"`{name.text}` is one already")
            name = option.name
            continue
        key, value = _setting(option, names)
        if key in found:
            raise error("twice", f"`{key}` of this output is set twice", option.span)
        found[key], at[key] = value, option.span
    if name is not None:
        words.free_for_tensor(name)
    text = name.text if name is not None else WORD
    span = name.span if name is not None else step.word.span
    _unique(text, span, known)
    return Output(text, op, found.get(SIDE, False), found.get("weight", 1.0), found.get("loss"), span, at)


def _unique(name: str, span: Span, known: list[Output]) -> None:
    for other in known:
        if other.name == name:
            raise error(
                "twice",
                f"there is an output called `{name}` already",
                span,
                help=f"it stands on line {other.span.row}; `output NAME` names this one",
            )


def last(op: Op, known: list[Output]) -> Output | None:
    """The output that the last line is without saying so; None where it has said so, be it wrongly."""
    if None in op.readers:
        return None
    _unique(WORD, op.span, known)
    op.readers.append(None)
    return Output(WORD, op, side=False, weight=1.0, loss=None, span=op.span)


def _setting(option: ast.Option | ast.Arguments, names: Names) -> tuple[str, Any]:
    if isinstance(option, ast.Arguments) or option.name is None:
        raise error(
            "output",
            f"an `output` takes no `{option.span.text}`",
            option.span,
            help="as in `output aux side weight=0.3`",
        )
    key = option.name.text.lower()
    if key not in KINDS:
        raise error(
            "unknown-setting",
            f"`output` has no setting `{option.name.text}`",
            option.name.span,
            help=meant(key, KINDS, "it takes a name, `side`, `weight=` and `loss=`"),
        )
    value = option.value or ast.Word("yes", option.span)
    found = kinds.read(KINDS[key], key, value, names)
    if key == "weight" and not found >= 0:
        raise error("wrong-value", f"the weight of a loss is 0 or more, not {found:g}", value.span)
    if key == "loss" and loss.find(found) is None:
        raise error(
            "unknown-loss", f"there is no loss called `{found}`", value.span, help=meant(found, loss.words(), None)
        )
    return key, found
