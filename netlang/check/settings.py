"""Settings as written to a layer: its dataclass fields say what it takes (RULINGS 5, 7, 10-22, 48)."""

from dataclasses import MISSING, Field, field, fields
from typing import Any, get_type_hints

from netlang.check import kinds, shared, words
from netlang.check.scope import Scope
from netlang.check.tree import Activation, Norm
from netlang.check.values import Copy, Names
from netlang.diagnostics import Label, closest, either, error
from netlang.layer import Layer, Misfit
from netlang.record import dataclass
from netlang.source import Span
from netlang.syntax import ast

COMMA = "did you mean a comma?"
BIAS = "bias"  # the setting that a norm behind the sum turns off


@dataclass
class Settings:
    """What a step says of its layer, gathered field by field: first what `default` adds, then the step's own options.

    values, at: by field, its value and where it is written; own: the fields the step sets itself
    usual: the activation that stands where none is written
    said: settings of `shared`; tensors: settings that name a tensor
    """

    cls: type[Layer]
    word: ast.Name
    names: Names
    copy: Copy
    scope: Scope
    activations: bool
    usual: Layer | None = None
    values: dict[str, Any] = field(default_factory=dict)
    at: dict[str, Span] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    activation: Activation | None = None
    inner: "Settings | None" = None  # of the norm
    said: dict[str, shared.Said] = field(default_factory=dict)
    tensors: dict[str, ast.TensorName] = field(default_factory=dict)
    default: bool = False
    last: ast.Option | None = None  # the one read before

    def preset(self) -> "Settings":
        """Take what `default` adds; later ones win, and the step wins over all."""
        here = self.names
        self.default, self.names = True, self.scope.constants
        for option in self.scope.added(self.cls, self.word.span):
            self.take(option)
        self.default, self.names = False, here
        return self

    def put(self, name: str, value: ast.Value, span: Span) -> None:
        """Set a field."""
        if name in self.own and not self.default:
            also = (Label(self.at[name], "it is set here"),) if name in self.at else ()
            raise error("twice", f"`{name}` of `{self.cls.word}` is set twice", span, also=also)
        if not self.default:
            self.own.add(name)
        self.at[name] = span
        self.values[name] = kinds.read(hints(self.cls)[name], name, value, self.names, self.copy)

    def take(self, option: ast.Option) -> None:
        """Read one option."""
        before, self.last = self.last, option
        if option.name is None:
            self._bare(option, before)
        elif option.value is None:
            self._flag(option, option.name)
        else:
            self._keyed(option, option.name, option.value)

    def _bare(self, option: ast.Option, before: ast.Option | None) -> None:
        name = self.cls.positional
        assert option.value is not None
        if name is None:
            raise error(
                "unknown-setting",
                f"`{self.cls.word}` takes no bare value",
                option.span,
                help=self._valued(before, option) or self._sized(option),
            )
        self.put(name, option.value, option.span)

    def _flag(self, option: ast.Option, name: ast.Name) -> None:
        word = self._known(name)
        kind = hints(self.cls).get(word)
        if kind is bool:
            self.put(word, ast.Word("yes", name.span), name.span)
        elif self.activations and (found := words.activation(word)):
            self._activate(found(), name.span)
        elif self.cls.activated and (norm := words.norm(word)):
            self._normalise(norm, name, None)
        elif choice := self._chosen_by(word):
            self.put(choice, ast.Word(word, name.span), name.span)
        elif shared.takes(word) and kind is None:
            self._common(option)
        elif self.inner is not None and self.inner.knows(word):
            self.inner.take(option)
        else:
            raise self._unknown_flag(name, kind is not None)

    def _valued(self, before: ast.Option | None, option: ast.Option) -> str | None:
        """`leaky 0.2` among the options is `leaky=0.2` (RULINGS 11)."""
        if before is None or before.name is None or before.value is not None:
            return None
        found = words.activation(before.name.text) or words.norm(before.name.text)
        valued = found is not None and found.positional is not None
        return f"as an option it is `{before.name.text}={option.span.text}`" if valued else None

    def _sized(self, option: ast.Option) -> str:
        """How a bare value that a layer does not take may have been meant: as a kernel, or as a width."""
        takes, word, text = hints(self.cls), self.word.text, option.span.text.strip("()")
        size = isinstance(option.value, ast.Number) or (isinstance(option.value, ast.Pair) and text.count("x") == 1)
        if "kernel" in takes and "kernel" not in self.own and size:
            return f"a kernel is written `{word}{text}`"
        if "width" in takes and "width" not in self.own and not isinstance(option.value, ast.Pair):
            return f"a width is written `{word}-{text}`"
        return self._all()

    def _unknown_flag(self, name: ast.Name, needs_value: bool) -> Exception:
        cls = self.cls.word
        if needs_value:
            return error(
                "missing-value", f"`{name.text}` of `{cls}` needs a value", name.span, help=f"write `{name.text}=…`"
            )
        if words.is_repeat(name.text) and not self.default:
            return error(
                "repeat",
                "a repeat takes a number, or an expression in `( )`",
                name.span,
                help=f"write `x({name.text[1:] or 'n'})`",
            )
        if words.is_layer(name.text):
            return self._not_option(name, "a default holds what the layer itself takes" if self.default else COMMA)
        if name.text.lower() == words.OUTPUT:
            return error("comma", f"`{name.text}` stands behind a comma, not among options", name.span, help=COMMA)
        help_ = self._near(name.text) if name.text.lower() != "no" else "`no` stands behind `=`, as in `bias=no`"
        if name.text in self.names and self.cls.positional:
            help_ = f"a constant stands in brackets: `{cls} ({name.text})`"
        return error("unknown-option", f"`{cls}` has no option `{name.text}`", name.span, help=help_)

    def _known(self, name: ast.Name) -> str:
        """A word of the language in small letters; the parameters of a cell keep theirs (RULINGS 20)."""
        return name.text if name.text in hints(self.cls) else name.text.lower()

    def _not_option(self, name: ast.Name, help: str) -> Exception:
        return error(
            "comma", f"`{name.text}` is a layer of its own, not an option of `{self.cls.word}`", name.span, help=help
        )

    def _keyed(self, option: ast.Option, name: ast.Name, value: ast.Value) -> None:
        word = self._known(name)
        if word in hints(self.cls):
            self.put(word, value, option.span)
        elif word in self.cls.references:
            self._tensor(word, value)
        elif self.activations and word == "act":
            self._act(value, option.span)
        elif self.activations and (found := words.activation(word)):
            self._switch(found, name, value, option.span)
        elif self.cls.activated and (norm := words.norm(word)):
            self._switch_norm(norm, name, value)
        elif shared.takes(word):
            self._common(option)
        elif self.inner is not None and self.inner.knows(word):
            self.inner.take(option)
        elif choice := self._chosen_by(word):
            self._choose(choice, word, option, value)
        elif words.is_layer(name.text) and not self.default:
            raise self._not_option(name, f"did you mean a comma? `…, {name.text} {value.span.text}`")
        else:
            raise error(
                "unknown-setting",
                f"`{self.cls.word}` has no setting `{name.text}`",
                name.span,
                help=self._near(name.text),
            )

    def _choose(self, choice: str, word: str, option: ast.Option, value: ast.Value) -> None:
        """`valid=no` (RULINGS 22)."""
        if self._on(word, value):
            self.put(choice, ast.Word(word, option.span), option.span)
        elif self.values.get(choice) == word:
            del self.values[choice]

    def slot(self, option: ast.Option) -> str:
        """What an option settles: two for one slot contradict each other."""
        word = option.name.text.lower() if option.name is not None else str(self.cls.positional)
        if word in hints(self.cls) or shared.takes(word):
            return word
        if self.activations and (word == "act" or words.activation(word)):
            return "activation"
        return "norm" if self.cls.activated and words.norm(word) else self._chosen_by(word) or word

    def knows(self, word: str) -> bool:
        """Whether a word is a setting of the layer itself."""
        return word in hints(self.cls)

    def _chosen_by(self, word: str) -> str | None:
        """The setting that a word is a value of: `valid` of `pad`."""
        return next((f for f, hint in hints(self.cls).items() if word in kinds.choices(hint)), None)

    def _common(self, option: ast.Option) -> None:
        assert option.name is not None
        word = option.name.text.lower()
        if word in self.said and (self.default or word not in self.own):
            del self.said[word]
        if not self.default:
            self.own.add(word)
        shared.take(option, self.said, self.names, self.copy)

    def _tensor(self, word: str, value: ast.Value) -> None:
        if not isinstance(value, ast.TensorName):
            raise error("wrong-value", f"`{word}` names a tensor by its label", value.span, help=f"write `{word}=@…`")
        if word in self.tensors and not self.default:
            raise error("twice", f"`{word}` of `{self.cls.word}` is set twice", value.span)
        self.tensors[word] = value

    def _on(self, word: str, value: ast.Value) -> bool:
        return bool(kinds.read(bool, word, value, self.names, self.copy))

    def _switch(self, found: type[Layer], name: ast.Name, value: ast.Value, span: Span) -> None:
        """`leaky=0.2`, `tanh=no` (RULINGS 11, 22)."""
        if found.positional is not None and not _yes_no(value):
            self._activate(_with_value(found, value, self.names, self.copy), span)
        elif isinstance(value, ast.Number) and value.value not in (0, 1):
            raise error("unknown-setting", f"`{found.word}` takes no value", value.span)
        elif self._on(name.text, value):
            self._activate(found(), span)
        elif isinstance(self.usual, found):
            self.usual = None

    def _switch_norm(self, norm: type[Layer], name: ast.Name, value: ast.Value) -> None:
        """`gn=32`, `bn=no`."""
        if norm.positional is not None and not _yes_no(value):
            self._normalise(norm, name, value)
        elif self._on(name.text, value):
            self._normalise(norm, name, None)
        elif self.inner is not None and self.inner.cls is norm:
            self.inner = None

    def _normalise(self, norm: type[Layer], name: ast.Name, value: ast.Value | None) -> None:
        if not self.default:
            if self.activation is not None:
                said = self.activation.span.text
                raise error(
                    "order",
                    "the order is always sum, norm, activation",
                    name.span,
                    f"but here `{name.text}` comes behind `{said}`",
                    help=f"as a step of its own: `{self.word.text}… {said}, {name.text}`",
                )
            if "norm" in self.own:
                first = self.inner.word.text if self.inner is not None else "no"
                raise error(
                    "twice",
                    f"`{self.cls.word}` has two norms, `{first}` and `{name.text}`",
                    name.span,
                    help="a second one is a step of its own, after a comma",
                )
            self.own.add("norm")
        self.inner = Settings(norm, name, self.names, self.copy, self.scope, activations=False).preset()
        if value is not None:
            self.inner.put(str(norm.positional), value, name.span.to(value.span))

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
                help=f"did you mean `{near}`?"
                if near
                else COMMA + f" `…, {name}`"
                if words.is_layer(name)
                else f"there are {either(known_words, 'and')}",
            )
        self._activate(_with_value(found, inner, self.names, self.copy) if inner else found(), span)

    def _activate(self, layer: Layer, span: Span) -> None:
        if self.default:
            self.usual = layer
            return
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
        options += ["act", *words.activations()] if self.activations else []
        options += words.norms() if self.cls.activated else []
        near = closest(word, options, words.elsewhere()) or (
            closest(word, shared.WORDS) if "init" in hints(self.cls) else None
        )
        return f"did you mean `{near}`?" if near else self._all()

    def _all(self) -> str:
        takes = [*hints(self.cls), *self.cls.references]
        return f"it takes {either(takes, 'and')}" if takes else f"`{self.cls.word}` takes no settings"

    def _example(self, missing: str) -> str:
        """The step with the setting it lacks."""
        if missing == self.cls.positional:
            return f"{self.word.text} 2"
        if missing in self.cls.arguments.values() and missing != "width":
            return f"{self.word.text}({', '.join(self.cls.arguments)})"
        width = f"-{self.values.get('width', 64)}" if "width" in hints(self.cls) else ""
        return f"{self.word.text}{'3' if missing == 'kernel' else ''}{width}"

    def layer(self) -> Layer:
        """The layer itself."""
        missing = [f for f in _fields(self.cls) if f.default is MISSING and f.name not in self.values]
        if missing:
            name = missing[0].name
            raise error(
                "missing-setting",
                f"`{self.word.text}` does not say its {name}",
                self.word.span,
                help=f"for example `{self._example(name)}`",
            )
        if self.inner is not None and self.inner.cls.centred and BIAS in hints(self.cls) and BIAS not in self.at:
            self.values[BIAS] = False
        try:
            return self.cls(**self.values)
        except Misfit as misfit:
            raise error(
                "setting", str(misfit), self.at.get(misfit.setting or "", self.word.span), help=misfit.help
            ) from None

    @property
    def norm(self) -> Norm | None:
        """The norm between the sum and the activation."""
        if self.inner is None:
            return None
        return Norm(self.inner.layer(), self.inner.word.span, self.inner.at)


def hints(cls: type[Layer]) -> dict[str, Any]:
    """The settings of a layer and their types."""
    if cls not in _KNOWN:
        found = get_type_hints(cls)
        _KNOWN[cls] = {f.name: found[f.name] for f in _fields(cls)}
    return _KNOWN[cls]


_KNOWN: dict[type[Layer], dict[str, Any]] = {}  # reading type hints takes 0.1 ms, and nets have thousands of steps


def _fields(cls: type[Layer]) -> "tuple[Field[Any], ...]":
    return fields(cls)


def _yes_no(value: ast.Value) -> bool:
    return isinstance(value, ast.Word) and value.text.lower() in kinds.YES_NO


def _with_value(cls: type[Layer], value: ast.Value, names: Names, copy: Copy) -> Layer:
    """An activation with its positional setting, as `leaky=0.2` or `act=leaky(0.2)` writes it."""
    if cls.positional is None:
        raise error("unknown-setting", f"`{cls.word}` takes no value", value.span)
    found = kinds.read(hints(cls)[cls.positional], cls.positional, value, names, copy)
    return cls(**{cls.positional: found})
