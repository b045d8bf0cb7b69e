"""Recurrences for the tests of scans: small, and each with something the others lack."""

from netlang.formula import Name, sigmoid, tanh
from netlang.primitives.scan.op import Given, Line, Product, Scan, Shared, State

U = 5  # units: less than a vector


def n(name):
    return Name(name)


def elman(*, reverse=False, lengths=None, width=U):
    """h = tanh(p + h' r + b)"""
    lines = (
        Line("r", width, products=(Product("h'", 1),)),
        Line("h", width, tanh(n("p") + n("r") + n("b"))),
    )
    given, shared, states = (Given("p", 0, 0, width),), (Shared("b", 2, width),), (State("h'", "h", width),)
    return Scan(given, shared, states, lines, ("h",), reverse=reverse, lengths=lengths)


def lstm(width=U):
    """Four products of one value, gates that lie from whole vectors on, a peephole, two states."""
    step = -(-width // 16) * 16
    gates = "fiog"
    given = tuple(Given(f"p{g}", 0, k * step, width) for k, g in enumerate(gates))
    products = tuple(Line(f"r{g}", width, products=(Product("h'", 1, 0, k * step),)) for k, g in enumerate(gates))
    f, i, o = (Line(g, width, sigmoid(n(f"p{g}") + n(f"r{g}") + n("w") * n("c'"))) for g in "fio")
    g = Line("g", width, tanh(n("pg") + n("rg")))
    c = Line("c", width, n("f") * n("c'") + n("i") * n("g"))
    h = Line("h", width, n("o") * tanh(n("c")))
    states = (State("h'", "h", width), State("c'", "c", width))
    return Scan(given, (Shared("w", 2, width),), states, (*products, f, i, o, g, c, h), ("h", "c", "f"))


def two_phases(wide=3, width=U):
    """A product of what the step itself computes, and a state of another width: h = W[tanh(r * h')], r = s(p + h' r)"""
    lines = (
        Line("r1", wide, products=(Product("h'", 1),)),
        Line("r", wide, sigmoid(n("r1"))),
        Line("a", wide, n("r") * n("h'")),
        Line("b", width, products=(Product("a", 2), Product("c'", 3))),
        Line("c", width, tanh(n("b") + n("p"))),
        Line("h", wide, products=(Product("c", 4),)),
    )
    states = (State("h'", "h", wide), State("c'", "c", width))
    return Scan((Given("p", 0, 0, width),), (), states, lines, ("h", "c"))


def running_mean():
    """No product, one state, a number by itself."""
    lines = (Line("m", U, 0.5 * n("m'") + 0.5 * n("x")), Line("y", U, n("x") - n("m")))
    return Scan((Given("x", 0, 0, U),), (), (State("m'", "m", U),), lines, ("y",))


def shapes(scan, steps=4):
    """The shapes of the operands of one of these."""
    channels = max((g.start + g.width for g in scan.given if g.operand == 0), default=1)
    found = {0: ("n", steps, channels)}
    for line in scan.lines:
        for p in line.products:
            rows, columns = found.get(p.operand, (0, 0))
            found[p.operand] = max(rows, p.row + scan.widths[p.value]), max(columns, p.column + line.width)
    found.update({s.operand: (s.width,) for s in scan.shared})
    if scan.lengths is not None:
        found[scan.lengths] = ("n", 1)
    return tuple(found[k] for k in sorted(found))


SCANS = (elman(), elman(reverse=True), elman(lengths=3), lstm(), two_phases(), running_mean())
