"""The places of the grammar in words: where the parser stands, and what it would take there.

The first row that fits a state is the one told. A test walks all states of the parser and insists that each
finds its row, and another that each row is shown by a golden file.
"""

from collections.abc import Callable

from netlang.record import dataclass


@dataclass(frozen=True)
class State:
    """Where the parser stands. accepts: the tokens it would take; last: the kind of the token before.

    within: the kinds of the statement words, arrows and brackets that are open, outermost first; in the lines of a
        cell `_INDENT` too
    """

    accepts: frozenset[str]
    last: str = ""
    within: tuple[str, ...] = ()


@dataclass(frozen=True)
class Situation:
    """One place in the grammar. where: how the place is called; wanted: what may stand there."""

    fits: Callable[[State], bool]
    where: str
    wanted: str
    help: str | None = None


def _has(*terminals: str, last: str = "", within: str = "", inmost: str = "") -> Callable[[State], bool]:
    """Whether a state takes these tokens, stands behind `last`, within `within`, and in no bracket inside `inmost`."""
    return lambda state: (
        state.accepts >= set(terminals)
        and last in ("", state.last)
        and (not within or within in state.within)
        and (not inmost or state.within[-1:] == (inmost,))
    )


def _only(*terminals: str, last: str = "", within: str = "") -> Callable[[State], bool]:
    has = _has(*terminals, last=last, within=within)
    return lambda state: len(state.accepts) == len(terminals) and has(state)


ARROW = "__ANON_0"  # Lark's name for the token `->`
SIZES = "a size such as `28`, or a capital letter"
NEW_LINE = "a step starts on a line of its own"
COMMA = "did you mean a comma? After it the next step begins"
EXPRESSION = "a number, a constant, or an expression in `( )`"
SITUATIONS = (
    Situation(_has("EXPECT"), "a line starts with", "a layer, `[`, or a statement such as `input`"),
    # input
    Situation(_only("LETTER", "LPAR", "NUMBER"), "after `input` comes", "a shape such as `28x28x1`"),
    Situation(_only("LETTER", "NUMBER", last="BY"), "after the `x` of a shape comes", SIZES),
    Situation(_only("LETTER", "NUMBER"), "after `input (` comes", "a shape such as `224 x 224`"),
    Situation(
        _has("BY", within="INPUT", inmost="LPAR"),
        "behind the sizes in brackets comes",
        "`x`, a word such as `RGB`, or `)`",
    ),
    Situation(
        _has("BY", within="INPUT"),
        "behind the sizes of an `input` comes",
        "`x`, a word such as `gray`, or the end of the line",
        NEW_LINE,
    ),
    Situation(
        _has("RPAR", within="INPUT", inmost="LPAR"), "behind the words in brackets comes", "another word, or `)`"
    ),
    Situation(
        _has("REFERENCE", "WORD", within="INPUT"),
        "behind the words of an `input` comes",
        "another, a label, or the end of the line",
        NEW_LINE,
    ),
    Situation(
        _has("REFERENCE", within="INPUT"), "behind `input (…)` comes", "a label, or the end of the line", NEW_LINE
    ),
    Situation(_has("_NL", within="INPUT"), "behind the label of an `input` comes", "the end of the line", NEW_LINE),
    # ->
    Situation(_has("LETTER", "QMARK", last="BY"), "after the `x` of a checked shape comes", SIZES + ", or `?`"),
    Situation(_has("LETTER", "QMARK"), "after `->` comes", "a shape such as `14x14x6`; `?` fits any size"),
    Situation(
        _has("BY"),
        "a shape behind `->` ends the line;",
        "only `x` and another size may follow it",
        "start a new line for the next step",
    ),
    # cell
    Situation(_only("WORD", within="STATE"), "after `state` or its comma comes", "a state and its width, `h=n`"),
    Situation(_only("EQUAL", within="STATE"), "after the name of a state comes", "`=` and its width"),
    Situation(_has("PAIR", last="EQUAL", within="STATE"), "after the `=` of a state comes", "its width"),
    Situation(
        _has("PLUS", "_NL", within="STATE"),
        "behind the width of a state comes",
        "an operator, a comma and another state, or the end of the line",
    ),
    Situation(_only("WORD", within="OUTPUT"), "after the `output` of a cell comes", "a state or a value"),
    Situation(
        _only("_NL", within="OUTPUT"),
        "behind the `output` of a cell comes",
        "the end of the line",
        "a cell has one output",
    ),
    Situation(_only("WORD", within="CELL"), "after `cell` comes", "its name"),
    Situation(_only("COLON", "LPAR", within="CELL"), "after the name of a cell comes", "its parameters in `( )`"),
    Situation(
        _only("REFERENCE", "RPAR", "WORD", within="CELL"),
        "after the `(` of a cell comes",
        "a parameter; the first is its width",
    ),
    Situation(
        _only("REFERENCE", "WORD", within="CELL"), "after the comma of a cell's parameters comes", "another parameter"
    ),
    Situation(
        _only("COMMA", "EQUAL", "RPAR", within="CELL"), "behind a parameter of a cell comes", "`=`, a comma, or `)`"
    ),
    Situation(_only("COLON", within="CELL"), "after the parameters of a cell comes", "`:`"),
    Situation(
        _only("_NL", within="CELL"), "after the `:` of a cell comes", "the end of the line", "its lines stand below"
    ),
    Situation(_only("_INDENT", within="CELL"), "after the `:` of a cell come", "its lines, indented"),
    Situation(
        _only("OUTPUT", "STATE", "WORD"), "a cell begins with", "its states, as in `state h=n`", "equations follow"
    ),
    Situation(_has("OUTPUT", "STATE"), "the indented lines of a cell hold", "`state …`, equations, and `output …`"),
    Situation(_only("EQUAL"), "after a name in a cell comes", "`=` and its equation", "as in `h = tanh(W[x, h] + b)`"),
    Situation(
        _only("LPAR", "MINUS", "NUMBER", "WORD", last="EQUAL"), "after the `=` of an equation comes", "a formula"
    ),
    Situation(_only("LPAR", "MINUS", "NUMBER", "WORD", last="LPAR"), "after the `(` of an equation comes", "a formula"),
    Situation(_only("LPAR", "MINUS", "NUMBER", "WORD", last="COMMA"), "after the comma of `W[ ]` comes", "a formula"),
    Situation(_only("LPAR", "MINUS", "NUMBER", "WORD"), "after an operator of an equation comes", "a formula"),
    Situation(_only("LPAR", "MINUS", "NUMBER", "RSQB", "WORD"), "after the `[` of `W[ ]` comes", "a formula"),
    Situation(_has("RSQB", within="_INDENT", inmost="LSQB"), "behind a formula in `W[ ]` comes", "a comma, or `]`"),
    Situation(
        _has("RPAR", within="_INDENT", inmost="LPAR"),
        "behind a formula in brackets comes",
        "an operator, or `)`",
        "a function takes one formula; a product takes several, `W[x, h]`",
    ),
    Situation(
        _has("LPAR", "LSQB", "PLUS", "_NL", within="_INDENT"),
        "behind a name in an equation comes",
        "an operator, or the end of the line",
    ),
    Situation(
        _has("PLUS", "_NL", within="_INDENT"),
        "behind a value in an equation comes",
        "an operator, or the end of the line",
    ),
    # variant, default, block, use
    Situation(_only("NUMBER", "PAIR", "WORD"), "after `variant` comes", "its name, and then `:`"),
    Situation(_only("COLON", last="WORD", within="VARIANT"), "after the name of a variant comes", "`:`"),
    Situation(_only("WORD", within="DEFAULT"), "after `default` come", "the layers it is for, and then `:`"),
    Situation(_only("COLON", "WORD"), "after the layers of a `default` comes", "another layer, or `:`"),
    Situation(_only("WORD"), "after `block` comes", "its name"),
    Situation(_only("COLON", "LPAR"), "after the name of a block comes", "`:`, or parameters in `( )`"),
    Situation(_only("REFERENCE", "RPAR", "WORD"), "after the `(` of a block comes", "a parameter, or `)`"),
    Situation(_only("REFERENCE", "WORD"), "after the comma of a block's parameters comes", "another parameter"),
    Situation(_only("COMMA", "EQUAL", "RPAR"), "behind a parameter comes", "`=`, a comma, or `)`"),
    Situation(_only("COLON", within="BLOCK"), "after the parameters of a block comes", "`:`"),
    Situation(
        _has("LSQB", "_NL", last="COLON"), "after the `:` of a block comes", "a line of steps, or indented lines"
    ),
    Situation(
        _only("_INDENT"),
        "after the `:` of a block come",
        "its lines, indented",
        "set them in by 4 blanks, or write a single line behind the `:`",
    ),
    Situation(_has("LSQB", "_DEDENT"), "the indented lines of a block hold", "steps"),
    Situation(_only("LSQB", "REFERENCE", "WORD", last="_INDENT"), "a block begins with", "a step"),
    Situation(_only("STRING"), "after `use` comes", "a file in quotes"),
    Situation(
        _has("_NL", "STRING", within="VARIANT"),
        "a constant of a variant is followed by",
        "another, or the end of the line",
    ),
    Situation(
        _has("_NL", "STRING", within="DEFAULT"),
        "an option of a `default` is followed by",
        "another, or the end of the line",
    ),
    Situation(_has("_DEDENT", within="VARIANT"), "the indented lines of a variant hold", "constants such as `n=2`"),
    Situation(_has("_DEDENT", within="DEFAULT"), "the indented lines of a `default` hold", "options"),
    # train, expect, version
    Situation(_has("COLON", "PAIR"), "after `train` comes", "`:`, or a variant and `:`"),
    Situation(_has("COLON", "EQUAL"), "behind the first word of `expect` comes", "`=`, or `:` if it is a variant"),
    Situation(_has("COLON", "STRING"), "behind the first number of `expect` comes", "`:`"),
    Situation(_only("COLON"), "after the variant of a `train` comes", "`:`"),
    Situation(_only("NUMBER", last="VERSION"), "after `netlang` comes", "the number of the language, `1`"),
    Situation(_only("_NL", within="VERSION"), "behind the version comes", "the end of the line"),
    Situation(
        _only("_NL", within="USE"), "behind the file of a `use` comes", "the end of the line", "a line for each file"
    ),
    Situation(_has("_DEDENT"), "the indented lines of `train:` hold", "settings such as `epochs=20`"),
    Situation(
        _only("LPAR", "NUMBER", "PAIR", "SIZES", "STRING", "WORD"),
        "after `expect` comes",
        "a figure such as `parameters=61706`",
    ),
    Situation(
        _only("LPAR", "NUMBER", "SIZES", "STRING", "WORD", last="COLON"),
        "after the variant of an `expect` comes",
        "a figure such as `parameters=61706`",
    ),
    Situation(
        _only("LPAR", "NUMBER", "SIZES", "STRING", "WORD", within="VARIANT"),
        "the indented lines of a variant begin with",
        "a constant such as `n=2`",
    ),
    Situation(
        _only("LPAR", "NUMBER", "SIZES", "STRING", "WORD", within="DEFAULT"),
        "the indented lines of a `default` begin with",
        "an option such as `pad=1`",
    ),
    Situation(
        _only("LPAR", "NUMBER", "SIZES", "STRING", "WORD"),
        "the indented lines of `train:` begin with",
        "a setting such as `epochs=20`",
    ),
    Situation(
        _has("_NL", "STRING", within="TRAIN"),
        "a setting of `train:` is followed by",
        "another, or the end of the line",
        "settings are set apart by blanks: `lr=0.1 batch=64`",
    ),
    Situation(
        _has("_NL", "STRING", within="EXPECT"), "a figure of `expect` is followed by", "another, or the end of the line"
    ),
    # expressions
    Situation(
        _has("COMMA", "RPAR", last="REFERENCE", inmost="LPAR"), "behind a label in `( )` comes", "a comma or `)`"
    ),
    Situation(_only("NUMBER"), "after the `-` of a setting comes", "a number"),
    Situation(_only("LPAR", "NUMBER"), "after the `x` of a repeat comes", "a number, or an expression in `( )`"),
    Situation(
        _only("LPAR", "NUMBER", "PAIR", "WORD", last="MINUS"), "after the `-` of a layer comes", "its width", EXPRESSION
    ),
    Situation(_only("LPAR", "NUMBER", "PAIR", "WORD"), "after the `/` of a layer comes", "its stride", EXPRESSION),
    Situation(
        _has("PAIR", "QUANTITY"),
        "after the `=` of a setting comes",
        "its value",
        "a number, a word, `2x2`, a quoted text, or an expression in `( )`",
    ),
    Situation(_has("PAIR", "RPAR"), "after the `(` of a layer comes", "a value, or `)`"),
    Situation(_has("PAIR", "MINUS", last="COMMA"), "after a comma in brackets comes", "another value"),
    Situation(
        _has("PAIR", "MINUS", last="EQUAL", inmost="LPAR"), "after the `=` of a setting in brackets comes", "its value"
    ),
    Situation(_has("PAIR", "MINUS", last="EQUAL"), "after the `=` of a constant comes", "its value"),
    Situation(_has("PAIR", "MINUS", last="LSQB"), "after the `[` of a list comes", "a value"),
    Situation(_has("PAIR", "MINUS", last="LPAR"), "after the `(` of an expression comes", "a value"),
    Situation(_has("PAIR", "MINUS"), "after an operator comes", "a value"),
    Situation(_has("COMMA", "EQUAL", "PLUS"), "behind a word in `( )` comes", "`=`, an operator, a comma, or `)`"),
    Situation(_has("PLUS", inmost="LPAR"), "behind a value in `( )` comes", "an operator, a comma, or `)`"),
    Situation(
        _has("COMMA", "RSQB", "PLUS", inmost="LSQB"), "behind a value of a list comes", "an operator, a comma, or `]`"
    ),
    Situation(_only("COMMA", "RPAR"), "behind a setting in `( )` comes", "a comma or `)`"),
    Situation(_only("COMMA", "RSQB"), "in a list stands", "a comma or `]`"),
    Situation(_has("PLUS", "_NL"), "behind the value of a constant comes", "an operator, or the end of the line"),
    Situation(
        _only("_NL"),
        "behind the value of a constant comes",
        "an operator, or the end of the line",
        "each constant stands on a line of its own",
    ),
    # steps
    Situation(_only("LSQB", "RSQB", "VBAR", "REFERENCE", "WORD", last="VBAR"), "after `|` comes", "a branch"),
    Situation(_only("LSQB", "RSQB", "VBAR", "REFERENCE", "WORD"), "after `[` comes", "a step"),
    Situation(_only("LSQB", "REFERENCE", "WORD"), "after a comma comes", "the next step"),
    Situation(
        _has("EQUAL", "MINUS", "TIMES"),
        "behind a word at the start of a line comes",
        "a width, a stride, an option, `=`, or a comma",
    ),
    Situation(
        _has("EQUAL", "TIMES"),
        "behind an option comes",
        "its `=value`, another option, a repeat, a label, or a comma",
        COMMA,
    ),
    Situation(
        _has("MINUS", "TIMES"), "behind a layer comes", "`-width`, `/stride`, an option, a repeat, a label, or a comma"
    ),
    Situation(
        _has("TIMES", inmost="SLASH"),
        "behind a layer's stride comes",
        "an option, a repeat, a label, or a comma",
        "an expression stands in brackets: `conv3-64/(2*s)`",
    ),
    Situation(
        _has("SLASH", "TIMES"),
        "behind a layer's width comes",
        "`/stride`, an option, a repeat, a label, or a comma",
        "an expression stands in brackets: `conv3-(2*w)`",
    ),
    Situation(
        _has("LSQB", "TIMES", "WORD"),
        "behind a step comes",
        "an option, a repeat, a label, or a comma",
        "an expression stands in brackets: `pad=(2*w)`",
    ),
    Situation(
        _has("TIMES", "WORD"), "behind the brackets of a merge comes", "an option, a repeat, a label, or a comma"
    ),
    Situation(
        _has("TIMES"),
        "behind a group or merged branches comes",
        "a repeat, a label, or a comma",
        "options belong to the steps inside; did you mean a comma?",
    ),
    Situation(
        _has("COMMA", "REFERENCE"),
        "behind a repeat comes",
        "a label, a comma, or the end of the line",
        "did you mean a comma? Options stand before the repeat",
    ),
    Situation(
        _has("COMMA", "VBAR"),
        "behind a finished step comes",
        "a comma, `|`, `]`, `->`, or the end of the line",
        "did you mean a comma? Options and repeats stand before the label",
    ),
    Situation(_has("RSQB", "VBAR"), "a branch is followed by", "`|` or `]`"),
    Situation(_has(ARROW), "behind the steps of a line comes", "`->`, or the end of the line"),
    Situation(_has("_NL"), "behind this comes", "the end of the line"),
    Situation(_only("RPAR"), "the value in brackets is followed by", "`)`"),
)


def situation(state: State) -> Situation | None:
    """The first row that fits a state of the parser."""
    return next((row for row in SITUATIONS if row.fits(state)), None)
