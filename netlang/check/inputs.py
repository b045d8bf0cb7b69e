"""The `input` statement (RULINGS 34, 35)."""

from collections.abc import Mapping

from netlang.check import values
from netlang.check.problems import Problems, not_yet
from netlang.check.values import Value
from netlang.diagnostics import error, meant
from netlang.syntax import ast

COLOURS = {"gray": 1, "grey": 1, "rgb": 3}
DECORATION = ("image", "images")
LATER = ("tokens", "vocab")


def shape(statement: ast.Input, constants: Mapping[str, Value], problems: Problems) -> tuple[int, ...]:
    """The shape of an example: height x width x channels, time x features, or the length of a vector."""
    if statement.label is not None:
        with problems.collected():
            raise not_yet("labels", statement.label.span)
    sizes = tuple(_size(size, constants) for size in statement.shape.sizes)
    colour = None
    for option in statement.options:
        colour = _word(option, colour, statement)
    if colour is not None:
        if len(sizes) != 2:
            raise error(
                "input",
                "a colour adds the channels to height x width",
                statement.shape.span,
                f"there are {len(sizes)} sizes",
            )
        sizes = (*sizes, colour)
    if len(sizes) > 3:
        raise error(
            "input",
            "an input has at most height, width and channels",
            statement.shape.span,
            f"there are {len(sizes)} sizes",
        )
    if len(sizes) == 2:
        problems.note(
            "sequence",
            f"`input {statement.shape.span.text}` is a sequence of time x features",
            statement.shape.span,
            help=f"an image is `input {statement.shape.span.text}x1`, or add `gray`",
        )
    return sizes


def _size(size: ast.Value, constants: Mapping[str, Value]) -> int:
    if isinstance(size, ast.Word) and size.text not in constants:
        raise not_yet("sizes fixed when the net is compiled", size.span, f"write a number, or `{size.text} = …` above")
    found = values.integer(size, constants)
    if not 1 <= found <= 10**9:
        raise error("input", f"a size of {found} is none", size.span)
    return found


def _word(option: ast.Option | ast.Arguments, colour: int | None, statement: ast.Input) -> int | None:
    """The channels a word adds, if it names a colour."""
    if isinstance(option, ast.Arguments) or option.name is None:
        raise error("input", f"an input takes no `{option.span.text}`", option.span, help="sizes are joined by `x`")
    word = option.name.text.lower()
    if word in LATER:
        raise not_yet(f"`{word}`", option.name.span)
    if option.value is not None or word not in (*COLOURS, *DECORATION):
        raise error(
            "input",
            f"an input has no setting `{option.name.text}`",
            option.name.span,
            help=meant(word, [*COLOURS, *DECORATION], "after the sizes stand `gray`, `RGB` or `image`"),
        )
    if word in COLOURS and colour is not None:
        raise error("input", "this input has two colours", option.name.span)
    return COLOURS.get(word, colour)
