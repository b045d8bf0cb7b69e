"""Raw bytes as `.net` files: whatever they are, the checker ends in a net or in a NetError that can be shown.

Not part of the ordinary run. It needs `pip install atheris`, and takes libFuzzer's options:

    python tests/fuzz_bytes.py CORPUS -max_total_time=3600 -max_len=400 -timeout=40

An input that ends in any other exception, or takes more than forty seconds (instrumented, that is ten times as long as
else), is written to the current folder.
"""

import sys

import atheris

with atheris.instrument_imports(include=["netlang"]):
    from netlang.check import checked
    from netlang.diagnostics import NetError, render
    from netlang.expand import expanded
    from netlang.files import Problem
    from netlang.report import summary
    from netlang.source import Source
    from netlang.syntax.format import formatted
    from netlang.syntax.parse import parse


def one(data: bytes) -> None:
    """Check a text; what is right is laid out, counted and expanded too."""
    source = Source("fuzz.net", data.decode("utf-8", "replace"))
    try:
        tree = parse(source)
        formatted(source)
        net, notes = checked(tree)
        str(summary(net))
        expanded(net)
    except NetError as problem:
        notes = problem.diagnostics
    except Problem:  # `fmt` leaves a wrong file alone that it would change
        return
    for said in notes:
        assert 0 <= said.at.span.start <= said.at.span.end <= len(said.at.span.source.text) + 1
        render(said)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
