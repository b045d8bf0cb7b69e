"""Generated programs: whatever they say, they end in a net or in a message; what is right survives every rewriting.

NETLANG_PROGRAMS=10000 checks so many, from seed NETLANG_FROM on; the seed of a program that fails is printed, and
`python tests/generate.py SEED` prints the program.
"""

import os

import pytest
from generate import generate

from netlang.annotate import annotated
from netlang.check import checked
from netlang.check.counts import macs, parameters
from netlang.diagnostics import NetError, render
from netlang.expand import expanded
from netlang.report import summary
from netlang.report.compare import compared
from netlang.source import Source
from netlang.syntax.format import formatted
from netlang.syntax.parse import parse

PROGRAMS = int(os.environ.get("NETLANG_PROGRAMS", "300"))
FROM = int(os.environ.get("NETLANG_FROM", "0"))  # the seed of the first
BLOCK = 100  # programs of one test
BLOCKS = pytest.mark.parametrize("block", range(0, PROGRAMS, BLOCK))
RIGHT = 0.85  # of a hundred; 94 are on average, give or take 2.4: a night looks at a hundred hundreds


def seeds(block):
    return range(FROM + block, FROM + min(block + BLOCK, PROGRAMS))


def net(text):
    return checked(parse(Source("g.net", text)))[0]


def right(block):
    """The checked nets of a block, with their seeds and texts."""
    for seed in seeds(block):
        text = generate(seed, spoil=0).text
        try:
            yield seed, text, net(text)
        except NetError:
            continue


@BLOCKS
def test_every_program_ends_in_a_net_or_in_messages_that_quote_it(block):
    for seed in seeds(block):
        text = generate(seed).text
        try:
            net(text)
        except NetError as problem:
            for said in problem.diagnostics:
                span = said.at.span
                assert 0 <= span.start <= span.end <= len(span.source.text) + 1, seed
                assert said.title in render(said), seed


@BLOCKS
def test_most_programs_without_a_mistake_are_right(block):
    assert len(list(right(block))) >= RIGHT * len(seeds(block))


@BLOCKS
def test_a_canonical_layout_stays_as_it_is_and_keeps_the_net(block):
    for seed, text, found in right(block):
        laid = formatted(Source("g.net", text))

        assert formatted(Source("g.net", laid)) == laid, seed
        assert str(net(laid).graph) == str(found.graph), seed


@BLOCKS
def test_the_expansion_is_the_same_net(block):
    for seed, _, found in right(block):
        again = net(expanded(found))

        assert compared(found, again).equal, seed
        assert (parameters(again.graph), macs(again.graph)) == (parameters(found.graph), macs(found.graph)), seed


@BLOCKS
def test_shapes_that_annotate_writes_are_true(block):
    for seed, text, found in right(block):
        shaped = annotated(Source("g.net", text), "A" if "variant A" in text else None, {})

        assert str(net(shaped).graph) == str(found.graph), seed


@BLOCKS
def test_the_summary_adds_up(block):
    for seed, _, found in right(block):
        said = summary(found)

        assert said.training_parameters == parameters(found.graph), seed
        assert said.training_macs == macs(found.graph), seed
        assert said.parameters == parameters(found.graph, _running(found)), seed
        assert str(said), seed


def _running(found):
    from netlang.check.counts import running

    return running(found.graph, found.running())


def test_a_seed_always_gives_the_same_program():
    assert generate(7) == generate(7)
    assert len({generate(seed).text for seed in range(50)}) == 50
