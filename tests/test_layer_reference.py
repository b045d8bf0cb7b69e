"""docs/layers.md: made of what the layers say of themselves, with an example of each that runs."""

import os
import runpy
from pathlib import Path

import cases
import numpy as np
import pytest

import netlang
from netlang.check import checked
from netlang.cli.layers import told_of
from netlang.graph import Input
from netlang.interpret import interpret
from netlang.layer import Layer, all_layers
from netlang.layers import loss, optimizer
from netlang.lower import lower
from netlang.source import Source
from netlang.syntax.format import formatted
from netlang.syntax.parse import parse

ROOT = Path(__file__).parents[1]
EXAMPLES = {cls.word: told_of(cls)["example"] for cls in all_layers()}
EVERY = pytest.mark.parametrize("word", EXAMPLES)
T = 7  # steps of the sequences


def test_the_page_of_layers_is_what_the_layers_say_of_themselves():
    made = runpy.run_path(str(ROOT / "docs" / "layers.py"))["page"]()

    assert (ROOT / "docs" / "layers.md").read_text(encoding="utf8") == made, "run `python docs/layers.py`"


@EVERY
def test_the_example_has_the_layer_raises_no_note_and_is_laid_out_as_fmt_does(word):
    source = Source("example.net", EXAMPLES[word])
    net, notes = checked(parse(source))

    assert word in [node.made_by.word for node in net.graph.made_by(Layer)]
    assert not notes
    assert formatted(source) == source.text
    assert "->" in source.text.splitlines()[-1] or word == "step"


def ready(word):
    """The net of an example, its open length fixed."""
    net = netlang.from_text(EXAMPLES[word])
    return net.sized({"T": T}) if "T" in net.input.shape else net


@EVERY
def test_the_example_runs(word):
    net = ready(word)
    graph = lower(net.checked, training=False, dtype="f64")

    found = interpret(graph, cases.feeds(graph, n=2))[next(iter(graph.outputs.values()))]

    assert found.shape == net.output.arrayed(2)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("word", EXAMPLES if os.environ.get("NETLANG_DOCS") == "all" else ["fc"])
def test_the_example_runs_compiled_as_in_the_reference(word):
    """Every layer's with NETLANG_DOCS=all: half a minute of compiling."""
    net = ready(word)
    graph = lower(net.checked, training=False, dtype="f32")
    program = net.compile(batch=2)
    x = cases.feeds(graph, n=2)
    inputs = {node.id: x[node.id] for node in graph.made_by(Input)}
    weights = {name: program.weights[name] for name in program.weights}
    wanted = interpret(graph, {**inputs, **weights})[next(iter(graph.outputs.values()))]

    given = {name: value.reshape(net.graph[name].type.arrayed(2)) for name, value in inputs.items()}
    if net.input.classes:
        given = {name: value.astype(int) for name, value in given.items()}
    found = program(given if len(given) > 1 else next(iter(given.values())))

    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)  # sums of up to 200 numbers in float32


@pytest.mark.parametrize("cls", [*all_layers(), *loss.LOSSES, *optimizer.OPTIMIZERS], ids=lambda cls: cls.word)
def test_every_setting_has_a_meaning_and_a_place_in_the_page(cls):
    page = (ROOT / "docs" / "layers.md").read_text(encoding="utf8")
    about = page.split(f"\n### {cls.word}\n")[1].split("\n### ")[0]

    for setting in told_of(cls)["settings"]:
        assert f"| `{setting['name']}`" in about
        assert len(setting["meaning"]) > 5
