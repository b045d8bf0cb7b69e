"""The `train:` statement: known words, and values of the right kind."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from fractions import Fraction
from numbers import Integral, Real
from typing import Any, get_type_hints

from netlang.check import kinds
from netlang.check.problems import Problems
from netlang.check.values import Names
from netlang.diagnostics import either, error, meant
from netlang.layer import Layer, Misfit
from netlang.layers import loss, optimizer
from netlang.source import Span
from netlang.syntax import ast

WORDS: dict[str, Any] = {
    "data": str,
    "split": str,
    "shift": int,
    "epochs": int,
    "batch": int,
    "lr": float,
    "schedule": str,
    "seed": int,
    "optimizer": str,
    "loss": str,
    "precision": str,
}
CHOICES = {
    "split": ("last", "fifth"),
    "schedule": ("constant", "cosine"),
    "precision": ("fast", "strict", "bf16"),  # of products
}
MOST = {"batch": 2**31 - 1, "seed": 2**63 - 1}  # kernels read them as int64, and sizes of buffers stay below it
LEAST = {"epochs": 1, "batch": 1, "shift": 0, "seed": 0}
LABELLED = ("digits", "xor", "shapes", "sentences")  # the data that ship with netlang: classes
KINDS: dict[Any, Any] = {float: Real, int: Integral}  # NumPy's numbers are of these too
REGISTRIES: dict[str, Any] = {"optimizer": optimizer, "loss": loss}


Said = tuple[dict[str, Any], dict[str, Span]]  # values of settings, and where they are written


def settings(statement: ast.Train, names: Names, lasts: Iterable[Layer], problems: Problems) -> Said:
    """The settings by name, as plain values. lasts: the layers the net ends in, which the loss must suit."""
    found: dict[str, Any] = {}
    at: dict[str, Span] = {}
    known = WORDS | _of_parts(statement)
    before = len(problems.errors)
    for option in statement.settings:
        with problems.collected():
            name, value = _setting(option, known, names)
            if name in found:
                raise error("twice", f"`{name}` is set twice in `train:`", option.span)
            found[name], at[name] = value, option.span
    if len(problems.errors) == before:
        with problems.collected():
            _together(found, at, lasts, statement.span)
    return found, at


def suited(said: Said, lasts: Iterable[Layer]) -> None:
    """Raise NetError where data of classes meets neither a loss nor an end for them (RULINGS 37)."""
    found, at = said
    if found.get("data") not in LABELLED or "loss" in found:
        return
    for last in lasts:
        try:
            loss.default_for(last, "labels")
        except Misfit as misfit:
            raise error("train", str(misfit), at["data"], help=misfit.help) from None


def given(said: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that come from Python, over those of the file. Raises ValueError or TypeError, as a caller expects.

    None is nothing said.
    """
    if not isinstance(said, Mapping):
        raise TypeError(f"`train` holds settings by name, not {said!r}")
    parts = [registry.find(word) for registry in REGISTRIES.values() for word in registry.words()]
    known = WORDS | {f.name: get_type_hints(cls)[f.name] for cls in parts for f in fields(cls)}
    for name, value in said.items():
        if name not in known:
            raise ValueError(f"`train` has no setting `{name}`; {meant(str(name), known, f'it takes {either(known)}')}")
        if value is not None:
            _plain(name, value, known[name])
    settled = {**file, **{name: value for name, value in said.items() if value is not None}}
    try:
        _optimizer(settled)
    except Misfit as misfit:
        raise ValueError(str(misfit)) from None
    return settled


def _plain(name: str, value: Any, kind: Any) -> None:
    """Raise ValueError or TypeError for a value from Python that cannot be meant."""
    if not isinstance(value, KINDS.get(kind, kind)) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"`{name}` is {kinds.described(kind)}, not {value!r}")
    if name in REGISTRIES and REGISTRIES[name].find(value) is None:
        raise ValueError(f"there is no {name} called `{value}`; there are {either(REGISTRIES[name].words(), 'and')}")
    if name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"`{name}` is {either(CHOICES[name])}, not `{value}`")
    if name == "lr" and not 0 < value < float("inf"):
        raise ValueError(f"`lr` is a number above 0, not {value}")
    if name in LEAST and value < LEAST[name]:
        raise ValueError(f"`{name}` is {LEAST[name]} or more, not {value}")


def _optimizer(found: Mapping[str, Any]) -> None:
    """Raise Misfit where settings are none of the optimizer's that they name."""
    if cls := optimizer.find(found.get("optimizer", "")):
        cls(**{f.name: found[f.name] for f in fields(cls) if f.name in found})


def _together(found: dict[str, Any], at: dict[str, Span], lasts: Iterable[Layer], otherwise: Span) -> None:
    """Raise NetError for settings that do not go together, or a loss that does not suit the last layer."""
    try:
        _optimizer(found)
        for last in lasts:
            loss.chosen(found.get("loss"), last)
    except Misfit as misfit:
        raise error("train", str(misfit), at.get(misfit.setting or "", otherwise), help=misfit.help) from None


def _setting(option: ast.Option | ast.Arguments, known: Mapping[str, Any], names: Names) -> tuple[str, Any]:
    if isinstance(option, ast.Arguments) or option.name is None:
        raise error(
            "train-form", "`train:` takes `name=value`", option.span, help=f"the names are {either(known, 'and')}"
        )
    name = option.name.text.lower()
    if name not in known:
        raise error(
            "unknown-train",
            f"`train:` has no setting `{option.name.text}`",
            option.name.span,
            help=meant(name, known, f"there are {either(known, 'and')}"),
        )
    value = option.value or ast.Word("yes", option.span)
    if option.value is None and known[name] is not bool:
        raise error("missing-value", f"`{name}` needs a value", option.span, help=f"write `{name}=…`")
    if isinstance(value, ast.Quantity):
        value = ast.Number(_exact(value.digits * value.unit), value.span)
    found = kinds.read(known[name], name, value, names)
    _right(name, found, value)
    return name, found


def _right(name: str, found: Any, value: ast.Value) -> None:
    """Raise NetError for a value of the right kind that cannot be meant."""
    if name in REGISTRIES:
        words = REGISTRIES[name].words()
        if REGISTRIES[name].find(found) is None:
            raise error(
                f"unknown-{name}",
                f"there is no {name} called `{found}`",
                value.span,
                help=meant(found, words, f"there are {either(words, 'and')}"),
            )
    if name in CHOICES and found not in CHOICES[name]:
        raise error(
            "unknown-value",
            f"`{name}` cannot be `{found}`",
            value.span,
            help=meant(found, CHOICES[name], f"it is {either(CHOICES[name])}"),
        )
    if name in MOST and found > MOST[name]:
        raise error("wrong-value", f"`{name}` is at most {MOST[name]}, not {found}", value.span)
    if name in LEAST and found < LEAST[name]:
        raise error("wrong-value", f"`{name}` is {LEAST[name]} or more, not {found}", value.span)
    if name == "lr" and not found > 0:
        raise error("wrong-value", f"`lr` is a number above 0, not {found:g}", value.span)


def _of_parts(statement: ast.Train) -> dict[str, Any]:
    """The settings of the optimizer and the loss the statement names, or of all where it names none."""
    named = {o.name.text.lower(): o.value for o in statement.settings if isinstance(o, ast.Option) and o.name}
    found: dict[str, Any] = {}
    for part, registry in REGISTRIES.items():
        value = named.get(part)
        said = registry.find(value.text) if isinstance(value, ast.Word) else None
        for cls in [said] if said else [registry.find(word) for word in registry.words()]:
            found |= {f.name: get_type_hints(cls)[f.name] for f in fields(cls)}
    return found


def _exact(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value
