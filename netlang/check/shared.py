"""Settings of all layers with weights, and of uses of blocks: `freeze lr l2 init weights tie` (RULINGS 53, 54)."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, get_type_hints

from netlang.check import kinds
from netlang.check.tree import Stored, Training
from netlang.check.values import Copy, Names
from netlang.diagnostics import error
from netlang.layer import Common, Misfit
from netlang.layers.initial import Initial
from netlang.record import dataclass
from netlang.source import Span
from netlang.syntax import ast

KINDS: dict[str, Any] = {f.name: get_type_hints(Common)[f.name] for f in fields(Common)} | {"init": Initial}
FILE, TIE, TRANSPOSED = "weights", "tie", "transposed"
WORDS = (*KINDS, FILE, TIE)


@dataclass(frozen=True)
class Tie:
    """`tie=@a`, `tie=@a transposed`."""

    label: ast.TensorName
    transposed: bool = False


@dataclass(frozen=True)
class File:
    """`weights="net.safetensors"`; below: leading names that the file leaves out."""

    path: ast.Text
    below: int = 0


@dataclass(frozen=True)
class Said:
    """One such setting, and where it is written."""

    value: Any
    span: Span


def takes(word: str) -> bool:
    """Whether a word is one of these settings."""
    return word in WORDS or word == TRANSPOSED


def take(option: ast.Option, said: dict[str, Said], names: Names, copy: Copy) -> None:
    """Read one of these settings into `said`."""
    assert option.name is not None
    word = option.name.text.lower()
    if word == TRANSPOSED:
        said[TIE] = Said(Tie(_tied(said, option).label, transposed=True), option.span)
        return
    if word in said:
        raise error("twice", f"`{word}` is set twice", option.span)
    if option.value is None and KINDS.get(word) is not bool:
        raise error("missing-value", f"`{word}` needs a value", option.span, help=f"write `{word}=…`")
    said[word] = Said(_value(word, option.value or ast.Word("yes", option.span), names, copy), option.span)


def _tied(said: Mapping[str, Said], option: ast.Option) -> Tie:
    if TIE not in said:
        raise error("unknown-option", "`transposed` stands behind `tie=@…`", option.span)
    tie = said[TIE].value
    assert isinstance(tie, Tie)
    return tie


def _value(word: str, value: ast.Value, names: Names, copy: Copy) -> Any:
    if word == TIE:
        if not isinstance(value, ast.TensorName):
            raise error("wrong-value", f"`{word}` names a step by its label", value.span, help=f"write `{word}=@…`")
        return Tie(value)
    if word == FILE:
        if not isinstance(value, ast.Text):
            raise error(
                "wrong-value", f"`{word}` is a file in quotes", value.span, help=f'write `{word}="net.safetensors"`'
            )
        return File(value)
    return kinds.read(KINDS[word], word, value, names, copy)


def alone(options: Sequence[ast.Option | ast.Arguments], tie: Said) -> None:
    """What becomes of a tied step's weights is said where they are made; a transposed one has a bias of its own."""
    label = tie.value.label.text
    for option in options:
        word = option.name.text.lower() if isinstance(option, ast.Option) and option.name is not None else ""
        if word in (*KINDS, FILE) and not tie.value.transposed:
            what = f"`{word}` is for the weights of `@{label}`, which these are"
            raise error("tie", what, option.span, help=f"say it at `@{label}`")


def below(said: Mapping[str, Said], names: int) -> dict[str, Said]:
    """What a use of a block says, for the steps inside. names: how many its path has."""
    found = {word: one for word, one in said.items() if word != TIE}
    if FILE in found:
        found[FILE] = Said(File(found[FILE].value.path, names), found[FILE].span)
    return found


def training(said: Mapping[str, Said], own: Mapping[str, Said], names: int) -> Training:
    """What is said, as it holds for the weights of a step. own: what the step says itself; names: of its path."""
    if not said:
        return NOTHING
    try:
        common = Common(**{f.name: said[f.name].value for f in fields(Common) if f.name in said})
    except Misfit as misfit:
        raise error("setting", str(misfit), said[misfit.setting or ""].span, help=misfit.help) from None
    file = said[FILE].value if FILE in said else None
    return Training(
        common,
        {name: one.span for name, one in own.items()},
        None if file is None else Stored(file.path, names if FILE in own else file.below),
        said["init"].value if "init" in said else None,
    )


NOTHING = Training()
