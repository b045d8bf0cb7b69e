"""Settings as written to a layer: its dataclass fields say what it takes (RULINGS 10-22)."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, get_type_hints

from netlang.check import kinds, words
from netlang.check.problems import not_yet
from netlang.check.tree import Activation
from netlang.check.values import Copy, Value
from netlang.diagnostics import closest, either, error
from netlang.layer import Layer, Misfit
from netlang.source import Span
from netlang.syntax import ast

LATER = ("l2", "tie", "freeze", "lr", "weights")  # settings every layer will take


@dataclass(frozen=True)
class Scope:
    """What expressions see: the constants, and the copy of the nearest repeat."""

    constants: Mapping[str, Value]
    copy: Copy


@dataclass
class Settings:
    """What a step says of its layer, gathered field by field.

    values, at: by field, its value and where it is written
    """

    cls: type[Layer]
    word: ast.Name
    scope: Scope
    activations: bool
    values: dict[str, Any] = field(default_factory=dict)
    at: dict[str, Span] = field(default_factory=dict)
    activation: Activation | None = None

    def put(self, name: str, value: ast.Value, span: Span) -> None:
        """Set a field."""
        if name in self.at:
            raise error("twice", f"`{name}` of `{self.cls.word}` is set twice", span)
        self.at[name] = span
        self.values[name] = kinds.read(hints(self.cls)[name], name, value, self.scope.constants, self.scope.copy)

    def take(self, option: ast.Option) -> None:
        """Read one option."""
        if option.name is None:
            self._bare(option)
        elif option.value is None:
            self._flag(option.name)
        else:
            self._keyed(option.name, option.value, option.span)

    def _bare(self, option: ast.Option) -> None:
        name = self.cls.positional
        assert option.value is not None
        if name is None:
            raise error(
                "unknown-setting",
                f"`{self.cls.word}` takes no bare value",
                option.span,
                help=_how_many(self.cls, option),
            )
        self.put(name, option.value, option.span)

    def _flag(self, name: ast.Name) -> None:
        word = name.text.lower()
        kind = hints(self.cls).get(word)
        if kind is bool:
            self.put(word, ast.Word("yes", name.span), name.span)
        elif self.activations and (found := words.activation(word)):
            self._activate(found(), name.span)
        elif choice := next((f for f, hint in hints(self.cls).items() if word in kinds.choices(hint)), None):
            self.put(choice, ast.Word(word, name.span), name.span)
        else:
            raise self._unknown_flag(name, kind is not None)

    def _unknown_flag(self, name: ast.Name, needs_value: bool) -> Exception:
        cls = self.cls.word
        if needs_value:
            return error(
                "missing-value", f"`{name.text}` of `{cls}` needs a value", name.span, help=f"write `{name.text}=…`"
            )
        if words.is_repeat(name.text):
            return error(
                "repeat",
                "a repeat takes a number, or an expression in `( )`",
                name.span,
                help=f"write `x({name.text[1:] or 'n'})`",
            )
        if words.is_layer(name.text):
            return error(
                "comma",
                f"`{name.text}` is a layer of its own, not an option of `{cls}`",
                name.span,
                help="did you mean a comma?",
            )
        return error("unknown-option", f"`{cls}` has no option `{name.text}`", name.span, help=self._near(name.text))

    def _keyed(self, name: ast.Name, value: ast.Value, span: Span) -> None:
        word = name.text.lower()
        if word in hints(self.cls):
            self.put(word, value, span)
        elif self.activations and word == "act":
            self._act(value, span)
        elif self.activations and (found := words.activation(word)):
            self._activate(_with_value(found, value, self.scope), span)
        elif word in LATER:
            raise not_yet(f"the setting `{word}=`", name.span)
        else:
            raise error(
                "unknown-setting",
                f"`{self.cls.word}` has no setting `{name.text}`",
                name.span,
                help=self._near(name.text),
            )

    def _act(self, value: ast.Value, span: Span) -> None:
        inner = value.value if isinstance(value, ast.Call) else None
        name = value.word.text if isinstance(value, ast.Call) else getattr(value, "text", value.span.text)
        found = words.activation(name)
        if found is None:
            known_words = words.activations()
            near = closest(name, known_words)
            raise error(
                "unknown-activation",
                f"there is no activation called `{name}`",
                value.span,
                help=f"did you mean `{near}`?" if near else f"there are {either(known_words, 'and')}",
            )
        self._activate(_with_value(found, inner, self.scope) if inner else found(), span)

    def _activate(self, layer: Layer, span: Span) -> None:
        if self.activation is not None:
            raise error(
                "twice",
                f"`{self.cls.word}` has two activations, `{self.activation.span.text}` and `{span.text}`",
                span,
                help="a second one is a step of its own, after a comma",
            )
        self.activation = Activation(layer, span, written=True)

    def _near(self, word: str) -> str | None:
        options = [*hints(self.cls), *(c for h in hints(self.cls).values() for c in kinds.choices(h))]
        near = closest(word, [*options, *(words.activations() if self.activations else [])])
        if near:
            return f"did you mean `{near}`?"
        return (
            f"it takes {either(hints(self.cls), 'and')}" if hints(self.cls) else f"`{self.cls.word}` takes no settings"
        )

    def _example(self, missing: str) -> str:
        """The step with the setting it lacks."""
        width = f"-{self.values.get('width', 64)}" if "width" in hints(self.cls) else ""
        return f"{self.word.text}{'3' if missing == 'kernel' else ''}{width}"

    def layer(self) -> Layer:
        """The layer itself."""
        missing = [f for f in _fields(self.cls) if f.default is MISSING and f.name not in self.values]
        if missing:
            name = missing[0].name
            form = self._example(name)
            raise error(
                "missing-setting",
                f"`{self.word.text}` does not say its {name}",
                self.word.span,
                help=f"for example `{form}`",
            )
        try:
            return self.cls(**self.values)
        except Misfit as misfit:
            raise error(
                "setting", str(misfit), self.at.get(misfit.setting or "", self.word.span), help=misfit.help
            ) from None


def hints(cls: type[Layer]) -> dict[str, Any]:
    """The settings of a layer and their types."""
    return _hints(cls.word, cls)


def _hints(word: str, cls: type[Layer]) -> dict[str, Any]:
    if word not in _KNOWN:
        found = get_type_hints(cls)
        _KNOWN[word] = {f.name: found[f.name] for f in _fields(cls)}
    return _KNOWN[word]


_KNOWN: dict[str, dict[str, Any]] = {}  # reading type hints takes 0.1 ms, and nets have thousands of steps


def _fields(cls: type[Layer]) -> "tuple[Field[Any], ...]":
    return fields(cls)


def _with_value(cls: type[Layer], value: ast.Value, scope: Scope) -> Layer:
    """An activation with its positional setting, as `leaky=0.2` or `act=leaky(0.2)` writes it."""
    if cls.positional is None:
        raise error("unknown-setting", f"`{cls.word}` takes no value", value.span)
    found = kinds.read(hints(cls)[cls.positional], cls.positional, value, scope.constants, scope.copy)
    return cls(**{cls.positional: found})


def _how_many(cls: type[Layer], option: ast.Option) -> str | None:
    names = hints(cls)
    if "width" in names:
        return f"a width is written `{cls.word}-{option.span.text.strip('()')}`"
    return f"it takes {either(names, 'and')}" if names else None
