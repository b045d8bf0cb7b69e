"""The `input` statement (RULINGS 34, 35)."""

from typing import Any

from netlang.check import kinds, shapes
from netlang.check.problems import Problems
from netlang.check.shapes import Letters
from netlang.check.tree import Start
from netlang.check.values import Names
from netlang.diagnostics import error, meant
from netlang.sizes import Dim
from netlang.syntax import ast

NAME = "input"  # of one without a label
COLOURS = {"gray": 1, "grey": 1, "rgb": 3}
DECORATION = ("image", "images")
TOKENS, VOCAB = "tokens", "vocab"
LARGEST = 10**9


def start(statement: ast.Input, names: Names, letters: Letters, problems: Problems) -> Start:
    """The input: height x width x channels, time x features, the length of a vector, or so many tokens."""
    sizes = tuple(_size(size, names, letters) for size in statement.shape.sizes)
    said: dict[str, Any] = {}
    for option in statement.options:
        _word(option, said, statement, names)
    name = statement.label.text if statement.label is not None else NAME
    if TOKENS in said or VOCAB in said:
        return Start(name, _tokens(sizes, said, statement), said.get(VOCAB, 0))
    if (colour := said.get("colour")) is not None:
        if len(sizes) != 2:
            raise _shape(statement, "a colour adds the channels to height x width", len(sizes))
        sizes = (*sizes, colour)
    if len(sizes) > 3:
        raise _shape(statement, "an input has at most height, width and channels", len(sizes))
    if not isinstance(sizes[-1], int):
        last = statement.shape.sizes[-1]
        raise error(
            "input",
            f"the last size of an input is its {'length' if len(sizes) == 1 else 'channels'}, a number",
            last.span,
            help=f"`input {last.span.text} {TOKENS} {VOCAB}=…` are so many words"
            if len(sizes) == 1
            else "height, width and time may be letters",
        )
    if len(sizes) == 2 and isinstance(sizes[0], int):
        problems.note(
            "sequence",
            f"`input {statement.shape.span.text}` is a sequence of time x features",
            statement.shape.span,
            help=f"an image is `input {statement.shape.span.text}x1`, or add `gray`",
        )
    return Start(name, sizes)


def _shape(statement: ast.Input, title: str, count: int) -> Exception:
    return error("input", title, statement.shape.span, f"there are {count} sizes")


def _tokens(sizes: tuple[Dim, ...], said: dict[str, Any], statement: ast.Input) -> tuple[Dim, ...]:
    if len(sizes) != 1 or "colour" in said:
        raise error(
            "input",
            "tokens have one size, how many there are",
            statement.shape.span,
            help="as in `input T tokens vocab=20000`",
        )
    if TOKENS not in said or VOCAB not in said:
        missing = (
            f"`{VOCAB}=` says how many words there are" if VOCAB not in said else f"`{VOCAB}=` stands behind `{TOKENS}`"
        )
        raise error("input", missing, statement.span, help="as in `input T tokens vocab=20000`")
    return sizes


def _size(size: ast.Value, names: Names, letters: Letters) -> Dim:
    if shapes.is_letter(size, names):
        assert isinstance(size, ast.Word)
        letters.seen.add(size.text)
    found = shapes.dim(size, names, letters)
    if isinstance(found, int) and not 1 <= found <= LARGEST:
        raise error("input", f"a size of {found} is none", size.span, help=f"sizes are from 1 to {LARGEST:,}")
    return found


def _word(option: ast.Option | ast.Arguments, said: dict[str, Any], statement: ast.Input, names: Names) -> None:
    """Read one word behind the sizes into `said`."""
    if isinstance(option, ast.Arguments) or option.name is None:
        raise error("input", f"an input takes no `{option.span.text}`", option.span, help="sizes are joined by `x`")
    word = option.name.text.lower()
    if word == VOCAB and option.value is not None:
        said[VOCAB] = kinds.read(int, VOCAB, option.value, names)
        if not 1 <= said[VOCAB] <= LARGEST:
            raise error(
                "input",
                f"a vocabulary of {said[VOCAB]} words is none",
                option.value.span,
                help=f"at least 1, at most {LARGEST:,}",
            )
        return
    if option.value is not None or word not in (*COLOURS, *DECORATION, TOKENS):
        raise error(
            "input",
            f"an input has no setting `{option.name.text}`",
            option.name.span,
            help=meant(
                word, [*COLOURS, *DECORATION, TOKENS, VOCAB], "after the sizes stand `gray`, `RGB`, `image` or `tokens`"
            ),
        )
    if word in COLOURS and "colour" in said:
        raise error("input", "this input has two colours", option.name.span)
    if word in COLOURS:
        said["colour"] = COLOURS[word]
    if word == TOKENS:
        said[TOKENS] = True
