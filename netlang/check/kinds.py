"""What a setting's type admits. The type decides whether a word is a constant (RULINGS 10, 16, 21)."""

import types
from fractions import Fraction
from typing import Any, Literal, Union, get_args, get_origin

from netlang.check.values import NO_COPY, Copy, Exact, Names, evaluate, number, shown
from netlang.diagnostics import closest, either, error, meant
from netlang.layers.initial import SCALED, Initial
from netlang.syntax import ast

YES_NO = {"yes": True, "no": False}


def choices(kind: Any) -> tuple[str, ...]:
    """The words a type names: those of a `Literal`, or of one inside a union."""
    if get_origin(kind) is Literal:
        return tuple(c for c in get_args(kind) if isinstance(c, str))
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(word for part in get_args(kind) for word in choices(part))
    return ()


def numeric(kind: Any) -> bool:
    """Whether constants may stand for the setting."""
    return any(part in (int, float, bool) or get_origin(part) is tuple for part in _parts(kind))


def read(kind: Any, name: str, value: ast.Value, names: Names, copy: Copy = NO_COPY) -> Any:
    """The value as the type wants it. Raises NetError where it does not fit."""
    words = choices(kind)
    if isinstance(value, ast.Call) and kind is Initial and value.word.text.lower() in SCALED:
        return f"{value.word.text.lower()}({float(number(value.value, names, copy)):g})"
    text = value.text if isinstance(value, ast.Word | ast.Text) else None
    if text is not None and text.lower() in words:
        return text.lower()
    if bool in _parts(kind) and text is not None and text.lower() in YES_NO:
        return YES_NO[text.lower()]
    if str in _parts(kind) and text is not None:
        return text
    if text is not None and (not numeric(kind) or (words and text not in names)):
        near = closest(text, words)
        raise error(
            "unknown-value",
            f"`{name}` cannot be `{text}`",
            value.span,
            help=f"did you mean `{near}`?" if near else f"it is {described(kind)}",
        )
    if kind is bool and text is not None and text not in names:
        advice = meant(text, YES_NO, "or a constant, which stands on a line above")
        raise error("unknown-value", f"`{name}` is {described(kind)}, not `{text}`", value.span, help=advice)
    if not numeric(kind) or (text is not None and text.lower() in YES_NO and text not in names):
        raise error("wrong-value", f"`{name}` is {described(kind)}, not `{value.span.text}`", value.span)
    return _number(kind, name, evaluate(value, names, copy), value)


def described(kind: Any) -> str:
    """A type in words: "a whole number", "`same`, `valid` or sizes such as 3x3"."""
    texts = [_DESCRIBED[part] for part in _parts(kind) if part in _DESCRIBED]
    if any(get_origin(part) is tuple for part in _parts(kind)):
        texts.append("whole numbers such as 3 or 3x3")
    if words := choices(kind):
        texts.insert(0, either(words))
    return " or ".join(texts)


_DESCRIBED = {bool: "`yes` or `no`", int: "a whole number", float: "a number", str: "a word"}


def _parts(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(p for part in get_args(kind) for p in _parts(part))
    return (kind,)


def _number(kind: Any, name: str, found: Exact | tuple[int, ...], value: ast.Value) -> Any:
    for part in _parts(kind):
        fitted = _fit(part, found)
        if fitted is not None:
            return fitted
    raise error("wrong-value", f"`{name}` is {described(kind)}, not {shown(found)}", value.span)


def _fit(part: Any, found: Exact | tuple[int, ...]) -> Any:
    if get_origin(part) is tuple:
        return _sizes(get_args(part), found)
    if isinstance(found, tuple):
        return None
    if part is bool:
        return bool(found)
    if part is int:
        return found if isinstance(found, int) else None
    return float(found) if part is float and isinstance(found, int | Fraction) else None


def _sizes(wanted: tuple[Any, ...], found: Exact | tuple[int, ...]) -> tuple[int, ...] | None:
    """One number stands for all sizes."""
    if isinstance(found, int):
        return (found,) * (1 if Ellipsis in wanted else len(wanted))
    if isinstance(found, tuple) and (Ellipsis in wanted or len(found) == len(wanted)):
        return found
    return None
