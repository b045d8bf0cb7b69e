"""A file in its canonical layout: the same tree, the same comments, one way of writing.

Lines end and break where the author let them; what stands between words does not.
    lines.py    tokens and comments of a file, statement by statement
    spacing.py  blanks between the tokens of a statement
    rows.py     a statement as rows, branches one below the other
    columns.py  shapes, labels, comments and variants in columns
"""

from netlang.files import Problem
from netlang.source import Source
from netlang.syntax.format import columns, lines, rows
from netlang.syntax.format.same import same
from netlang.syntax.parse import parse


def formatted(source: Source) -> str:
    """The text of a file in its canonical layout, which formatting again leaves as it is.

    Raises NetError where the file cannot be read, and Problem where another layout would be read differently, as with
    a stray `x` in front of a bracket on the next line.
    """
    tree = parse(source)
    found = [row for statement in lines.statements(source) for row in rows.laid(statement)]
    text = columns.text(rows.trimmed(found))
    if not same(tree, parse(Source(source.name, text))):
        raise Problem(
            f"{source.name} is left as it is: in its canonical layout it would be read differently. "
            f"`netlang check {source.name}` tells what may be wrong with it."
        )
    return text
