"""Slips: what is written by those who know other notations, and how this language writes it."""

import re

from netlang.source import Source

REACH = 200  # characters of the line that are looked at on either side of the place
HERE = "\0"  # stands in front of what is refused; no source holds one
_SIZE = r"(?:[0-9?]|[A-Z]\b)"
SLIPS = tuple(
    (re.compile(pattern.replace("@HERE", HERE)), said)
    for pattern, said in (
        (r"[0-9]@HERE[,_'][0-9]{3}\b", "digits are not grouped: a thousand is `1000`"),
        (rf"^\s*input\b[^@]*@HERE[,*]\s*{_SIZE}", "sizes are joined by `x`, as in `28x28x1`"),
        (rf"->[^,*]*@HERE[,*]\s*{_SIZE}", "sizes are joined by `x`, as in `14x14x6`"),
        (r"^\s*input\s+@HERE[\[]", "sizes are joined by `x`, as in `28x28x1`"),
        (r"^\s*input\s+@HEREtokens\b", "how many there are stands first: `input T tokens vocab=20000`"),
        (r"^\s*input\s+\(?@HERE[A-Za-z]", "a size is a number or one capital letter, as in `input HxWx3`"),
        (r"@HERE(?:=>|-\s+>)", "an arrow is written `->`"),
        (r"\s[0-9]*,@HERE[0-9]", "a decimal has a point, as in `0.5`"),
        (r"^[^(]*,\s*@HERE[0-9]", "a width stands behind `-`, as in `conv3-64`"),
        (r"^\s*@HERE[0-9]+x[0-9]+[ -]*[A-Za-z]", "the word of the layer stands first, as in `conv3x3-64`"),
        (r"^\s*@HERE[0-9]+\s*[x×*]?\s+[A-Za-z\[]", "a repeat stands behind what it repeats, as in `conv3-64 x2`"),
        (r"[A-Za-z]\s+[0-9x]+\s*@HERE-", "a kernel stands right behind its word, without a blank: `conv3-64`"),
        (
            r"[A-Za-z]\s*-\s*\w+\s*@HERE-\s*\w",
            "a kernel stands before the `-`, as in `conv3-64`; an expression in brackets: `FC-(n-1)`",
        ),
        (r"\*@HERE\*", "there are no powers: write `2*2*2`"),
        (r"^[^=]*\w\s+@HERE\*\s*[0-9]", "a repeat is written `x2`; an expression stands in brackets: `conv3-(2*w)`"),
        (r"\bx@HERE-", "a repeat takes a number, or an expression in `( )`"),
        (r"->(?:.*@HERE[x×]|\s*@HERE)[a-z]", "a constant stands in brackets, as in `-> 8x8x(w)`"),
        (r"[x×]\s*(?:[0-9]+|\([^()]*\))\s*@HERE[x×]", "one repeat for each step; repeated copies are `[… x2] x3`"),
        (r"(?:^|[,|\[])\s*@\w+\s*@HERE", "`@a` alone is that tensor: a comma comes before the next step"),
        (r"[\w\])]\s*@HERE\[", "did you mean a comma? A group is a step of its own"),
        (r"^\s*output\b.*@HERE-", "`output` ends a line, as in `FC-10, softmax, output`"),
        (r"^\s+[A-Za-z_]\w*\s*@HERE=", "constants stand outside of blocks, or are their parameters"),
        (r"^\s+block\s+\w+\s*@HERE[:(]", "blocks stand on lines of the file, not in one another"),
        (
            r"=\s*(?:[A-Za-z_]\w*)?@HERE(?:[./~-]\w|/)",
            'a path, or a word with other signs, stands in quotes: `data="my.npz"`',
        ),
        (r"=\s*\w+\s*@HERE[-+*/]", "an expression stands in brackets, as in `lr=(2*r)`"),
    )
)


def slip(source: Source, offset: int) -> str | None:
    """How to write what is meant at an offset that was refused, if it is a slip that is known."""
    start = source.text.rfind("\n", 0, offset) + 1
    before = source.text[start:offset]
    before = before if len(before) <= REACH else "…" + before[-REACH:]
    line = before + HERE + source.text[offset : offset + REACH].partition("\n")[0]
    return next((said for pattern, said in SLIPS if pattern.search(line)), None)
