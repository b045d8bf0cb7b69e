"""Whatever a file holds, it is accepted or refused with a diagnostic: never a crash.

Programs are drawn from the table of layers, mostly right with one slot left to chance: random texts are nearly
all syntax errors.
"""

from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netlang.check import checked, words
from netlang.check.kinds import choices
from netlang.check.settings import hints
from netlang.diagnostics import NetError
from netlang.draw.dot import dot
from netlang.draw.text import text as drawn
from netlang.draw.tree import picture
from netlang.layer import all_layers
from netlang.report import summary
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.syntax.read import read

assert words.names()
KINDS = list(all_layers())
SIZE = st.sampled_from(["1", "2", "3", "4", "7", "n", "(2*n)", "0", "-1", "2x3", "1.5", "64", "m"])
CHANCE = st.text(st.sampled_from("x×-/=()[],|@#:?.*+ \n\t0123456789abnFC\"'é"), max_size=12)


@st.composite
def option(draw, cls):
    """An option of a layer, mostly one it takes."""
    names = list(hints(cls)) or ["bias"]
    name = draw(st.sampled_from([*names, "act", "bias", "l2"]))
    known = choices(hints(cls).get(name, int))
    value = draw(st.one_of(SIZE, st.sampled_from([*known, "yes", "no", "relu", "[1, 2]"])))
    return draw(st.sampled_from([f" {name}={value}", f" {name}", f" {value}"]))


@st.composite
def step(draw, depth=0):
    """A step with suffixes and options, or a group or branches of steps."""
    if depth < 2 and draw(st.integers(0, 5)) == 0:
        chains = [draw(chain(depth + 1)) for _ in range(draw(st.integers(1, 3)))]
        head = draw(st.sampled_from(["concat", "add", "max", "mul", ""]))
        tail = draw(st.sampled_from(["", " relu", " x2", " x(n)"]))
        return f"{head}[{' | '.join(chains)}]{tail}"
    cls = draw(st.sampled_from(KINDS))
    names = {f.name for f in fields(cls)}
    text = cls.word
    for name, sign in (("kernel", ""), ("width", "-"), ("stride", "/")):
        if name in names and draw(st.integers(0, 3)):
            text += sign + draw(SIZE if sign else st.sampled_from(["1", "2", "3", "5", "3x1"]))
    for _ in range(draw(st.integers(0, 1))):
        text += draw(option(cls))
    return text + draw(st.sampled_from(["", "", "", " x2", " x(n)", " @a"]))


@st.composite
def chain(draw, depth=0):
    """Steps joined by commas."""
    return ", ".join(draw(st.lists(step(depth), min_size=1, max_size=3)))


CELL = """cell mine(k, s=0.5):
    state h=k, c=2*k
    f = sigmoid(W[x, h] + w * c + b)
    c = f * c + s * (1 - f) - W[f * c, x]
    h = tanh(W[c])
    output h"""


@st.composite
def program(draw):
    """A file, mostly right, with one slot left to chance."""
    lines = ["n = 2", draw(st.sampled_from(["input 8", "input 8x8x3", "input 9 x 7 RGB", "input 5x4", "input 1x1x1"]))]
    if draw(st.integers(0, 3)) == 0:
        lines = [lines[0], CELL, "input 5x4", draw(st.sampled_from(["mine-n", "mine(3, s=n)", "mine-4 last"]))]
    lines += draw(st.lists(chain(), min_size=1, max_size=4))
    lines += draw(
        st.lists(st.sampled_from(["train: lr=0.1", "expect parameters=3", "FC-2 -> 2", "m = n/2"]), max_size=2)
    )
    text = "\n".join(lines)
    place = draw(st.integers(0, len(text)))
    return text[:place] + (draw(CHANCE) if draw(st.booleans()) else "") + text[place:]


def assert_points_into_the_text(error):
    """Every diagnostic has a span of its source."""
    assert error.diagnostics
    for found in error.diagnostics:
        assert 0 <= found.at.span.start <= found.at.span.end <= len(found.at.span.source.text)


def read_through(text):
    """Everything that is done with a file; a NetError ends it."""
    try:
        net, _ = checked(parse(Source("fuzz.net", text)))
    except NetError as error:
        assert_points_into_the_text(error)
        return False
    assert str(summary(net, 3))
    assert drawn(picture(net))
    assert dot(picture(net)).startswith("digraph")
    return True


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(program())
def test_a_program_is_accepted_or_refused_with_a_diagnostic(text):
    read_through(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_no_text_crashes_the_checker(text):
    read_through(text)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bytes") / "x.net"
    path.write_bytes(data)
    try:
        parse(read(path))
    except NetError as error:
        assert_points_into_the_text(error)


@pytest.mark.parametrize(
    "text",
    [
        "n = " + "+".join("1" * 5000),
        "n = " + "-" * 5000 + "1",
        "input 8\n" + "FC-2\n" * 3000,
        "input 8\n" + ", ".join(["relu"] * 3000),
        "input 8\nrelu x15000",
        "input 8\n[[[relu x100] x100] x100] x100",
        "input 8\n[] x1000000000",
        "input 8\n[[FC-2 x0] x20000] x20000",
        "input 8\nFC-" + "9" * 5000,
        "input 8\nconv" + "9" * 5000 + "-3",
        "input 8\n" + "add[relu | " * 50 + "relu" + "]" * 50,
    ],
    ids=lambda text: text[:24],
)
def test_long_and_deep_files_are_read_or_refused(text):
    read_through(text)


def test_the_programs_drawn_are_worth_checking():
    """A good share is accepted, or nothing behind the checker would ever be reached."""
    outcomes = []

    @settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(program())
    def count(text):
        outcomes.append(read_through(text))

    count()

    assert sum(outcomes) > len(outcomes) / 20
