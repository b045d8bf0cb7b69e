"""Words: which layer they name, and what a user may not call a constant (RULINGS 12, 17, 20)."""

import re
from collections.abc import Iterable
from functools import cache

from netlang import layers as _registered  # noqa: F401  importing it makes the layers known
from netlang.diagnostics import ELSEWHERE, closest, error, plain
from netlang.layer import Layer, all_layers, find
from netlang.layer import words as layer_words
from netlang.syntax import ast

OUTPUT = "output"
TRAINED = ("target", "loss")  # what `lower` calls what it adds
STATEMENTS = ("netlang", "input", "train", "expect", "variant", "default", "block", "cell", "use", OUTPUT)
Kernel = ast.Number | ast.Pair | None
_SIZED = re.compile(r"([A-Za-z_]+?)([0-9]+(?:[x×][0-9]+)*)")
_BEHIND = re.compile(r"[ \t]*-?[ \t]*([A-Za-z]+)")
_REPEAT = re.compile(r"[xX×]([0-9]+|[A-Za-z_][A-Za-z0-9_]*)?")


def split(word: ast.Name, blocks: Iterable[str] = ()) -> tuple[type[Layer], Kernel]:
    """The layer a word names, and the kernel written behind it: `conv3x3` is `conv` and 3x3.

    A whole word comes first: `relu6` is no `relu` with a kernel.
    """
    if cls := find(word.text):
        return cls, None
    parts = _SIZED.fullmatch(word.text)
    if parts and (cls := find(parts[1])):
        sizes = tuple(int(s) for s in re.split("[x×]", parts[2][:20]) if s)
        return cls, ast.Pair(sizes, word.span) if len(sizes) > 1 else ast.Number(sizes[0], word.span)
    if word.text.lower() in STATEMENTS:
        raise error(
            "unknown-layer", f"`{word.text}` is a statement, not a step", word.span, help="it starts a line of the file"
        )
    raise error("unknown-layer", f"there is no layer called `{word.text}`", word.span, help=_near(word, parts, blocks))


def _read_as(word: str) -> str:
    """What layer a word is."""
    cls, parts = find(word), _SIZED.fullmatch(word)
    if cls is not None:
        return f"`{word}` is a layer" if cls.word == word else f"`{word}` is another word for the layer `{cls.word}`"
    if parts and (cls := find(parts[1])):
        return f"`{word}` is the layer `{cls.word}` with a kernel of {parts[2]}"
    return f"`{word}` starts the name of a layer"


def _near(word: ast.Name, parts: "re.Match[str] | None", blocks: Iterable[str]) -> str:
    text, start = word.span.source.text, word.span.start
    starts = start == 0 or text[start - 1] == "\n"
    known = [*names(), *blocks, *(STATEMENTS if starts else (OUTPUT,))]
    near = joined(word) or closest(word.text, known, elsewhere())
    near = near or (closest(parts[1], names(), elsewhere()) if parts else None)
    return f"did you mean `{near}`?" if near else "`netlang layers` lists the layers there are"


def joined(word: ast.Name) -> str | None:
    """The layer that a word and the one behind it make together: `max-pool`, `batch norm`."""
    found = _BEHIND.match(word.span.source.text, word.span.end)
    whole = word.text + found[1] if found else ""
    return whole.lower() if find(whole) else elsewhere().get(plain(whole.lower()))


@cache
def elsewhere() -> dict[str, str]:
    """The words for what other libraries and papers call so."""
    return ELSEWHERE | {name: cls.word for cls in all_layers() for name in cls.elsewhere}


@cache
def names() -> list[str]:
    """Every layer word, aliases included."""
    return layer_words(aliases=True)


def is_layer(word: str) -> bool:
    """Whether a word names a layer, with or without a kernel."""
    parts = _SIZED.fullmatch(word)
    return (
        find(word) is not None
        or any(name.split("-")[0] == word.lower() for name in names() if "-" in name)
        or bool(parts and find(parts[1]))
    )


def is_repeat(word: str) -> bool:
    """Whether a word looks like a repeat that lacks its brackets: `xn`."""
    return _REPEAT.fullmatch(word) is not None


def activation(word: str) -> type[Layer] | None:
    """The activation of a word, if it is one."""
    cls = find(word)
    return cls if cls and cls.activation else None


def activations() -> list[str]:
    """The words that may stand as the option of a layer."""
    return [cls.word for cls in all_layers() if cls.activation]


@cache
def usual() -> Layer | None:
    """The activation that stands where none is written."""
    return next((kind() for kind in all_layers() if kind.usual), None)


def norm(word: str) -> type[Layer] | None:
    """The norm of a word, if it is one that may stand as an option."""
    cls = find(word)
    return cls if cls and cls.norm else None


def norms() -> list[str]:
    """The norms that may stand as the option of a layer."""
    return [cls.word for cls in all_layers() if cls.norm]


def free(name: ast.Name) -> None:
    """Raise NetError unless a user may call something so."""
    word = name.text.lower()
    other = f"for example `{name.span.text.partition(name.text)[0]}my_{word}`"
    if word in STATEMENTS:
        raise error("reserved", f"`{name.text}` starts a statement and cannot be a name", name.span, help=other)
    if is_layer(word):
        raise error("reserved", f"{_read_as(word)}, and cannot be a name", name.span, help=other)
    if re.fullmatch(r"x[0-9]*", word):
        raise error("reserved", f"`{name.text}` would be read as a repeat and cannot be a name", name.span, help=other)


def free_for_tensor(name: ast.Name) -> None:
    """Raise NetError unless a tensor may be called so: training has tensors of its own beside those of the file."""
    free(name)
    if name.text in TRAINED:
        other = f"for example `{name.span.text.partition(name.text)[0]}my_{name.text}`"
        raise error("reserved", f"training has a tensor called `{name.text}` itself", name.span, help=other)
