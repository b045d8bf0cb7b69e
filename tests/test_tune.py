"""`netlang tune`: the way of each convolution, measured, kept and used."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from graphs import assert_computes_the_same, trained

import netlang
from netlang.backend import choices
from netlang.bench import tune
from netlang.checkpoint import load
from netlang.cli import main
from netlang.passes import optimise
from netlang.passes.layout import layout
from netlang.passes.winograd import DIRECT, question, ways, winograd
from netlang.primitives.winograd.op import Winograd, WinogradGradient

TEXT = "input 16x16x3\nconv3-16\nconv3-16\ngap, FC-10, softmax\ntrain: data=digits epochs=1 batch=8\n"
DEEP = "input 16x16x16\nconv3-32, conv3-32 pad=0\ngap, FC-3, softmax\n"


def names(graph, batch):
    return {name for node in graph if (name := question(graph, node, batch)) is not None}


@pytest.mark.parametrize("way", ways(""))
def test_each_convolution_goes_the_way_that_was_chosen(way):
    before = layout(trained(DEEP), 8)

    after = winograd(before, 8, dict.fromkeys(names(before, 8), way))

    convolutions, gradients = ([node.made_by for node in after.made_by(kind)] for kind in (Winograd, WinogradGradient))
    assert (not convolutions) == (way == DIRECT)
    assert {form.filters > 0 for form in convolutions} <= {way != "winograd passing"}
    assert {form.block for form in convolutions} <= {int(way.split()[-1]) if way[-1].isdigit() else 0}
    assert all(form.block == 0 or way[-1].isdigit() for form in gradients)
    assert_computes_the_same(before, after)


def test_a_convolution_has_one_name_before_and_behind_the_passes():
    before = layout(trained(DEEP), 8)

    assert names(before, 8) == names(optimise(trained(DEEP), 8), 8)
    assert names(before, 8) == names(optimise(trained(DEEP), 8, strict=True), 8)
    assert "training 3x3 8x16x16x16 to 32 pad 1.1.1.1" in names(before, 8)
    assert "gradient 3x3 8x16x16x32 to 32 pad 0.0.0.0" in names(before, 8)


def test_all_ways_compute_the_same_convolution():
    net = netlang.from_text(DEEP)
    x = np.random.default_rng(0).normal(size=(8, 16, 16, 16)).astype(np.float32)
    target = np.arange(8) % 3
    usual = net.compile(8, training=True, choices={})
    known = names(usual.stages("train").optimised, 8)
    wanted = [usual.step(x, target) for _ in range(3)]

    for way in ways(""):
        other = net.compile(8, training=True, choices=dict.fromkeys(known, way))
        assert [other.step(x, target) for _ in range(3)] == pytest.approx(wanted, rel=1e-4)  # three steps of Adam


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A file, a cache of its own, and a machine on which blocks of 48 tiles take half the time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(choices.folder, "folder", lambda: tmp_path / "cache")
    (tmp_path / "a.net").write_text(TEXT)

    def spent(program, purpose, batch, rounds):
        graph = program.stages(purpose).optimised
        return {node.id: 0.001 if "winograd 48" in program.choices.values() else 0.002 for node in graph}

    monkeypatch.setattr(tune, "_spent", spent)
    return lambda *args: CliRunner().invoke(main, list(args), catch_exceptions=False)


def test_what_was_fastest_is_kept_and_used_from_then_on(here):
    done = here("tune", "a.net", "--batch", "8", "--threads", "1")

    assert done.exit_code == 0
    assert "winograd 48" in done.stdout
    assert "2 of 2 are clearly faster" in done.stdout
    kept = choices.read("f32", 1)
    assert set(kept.values()) == {"winograd 48"}
    net = netlang.load("a.net")
    assert net.compile(8, training=True, threads=1).choices == kept
    assert net.compile(8, training=True, threads=1, choices={}).choices == {}
    assert choices.read("f32", 2) == {}


def test_a_run_remembers_its_choices_and_goes_on_with_them(here):
    here("tune", "a.net", "--batch", "8", "--threads", "1")
    kept = choices.read("f32", 1)
    train = ("train", "a.net", "--threads", "1", "--quiet")

    assert here(*train, "--name", "tuned").exit_code == 0
    assert here(*train, "--name", "fixed", "--deterministic").exit_code == 0
    choices.place("f32", 1).unlink()
    assert here(*train, "--resume", "runs/tuned", "--epochs", "2").exit_code == 0

    def stored(run):
        return load(Path(run)).choices(Path(run))

    assert stored("runs/tuned/weights.safetensors") == kept
    assert stored("runs/fixed/weights.safetensors") == {}


def test_a_way_that_is_hardly_faster_is_not_taken_and_an_old_choice_is_forgotten(here, monkeypatch):
    here("tune", "a.net", "--batch", "8", "--threads", "1")

    def alike(program, purpose, *_):
        """Each convolution takes one second, whatever way it goes; what is made of weights beforehand, none."""
        graph = program.stages(purpose).optimised
        return {node.id: 1 for node in graph if question(graph, node, 8)}

    monkeypatch.setattr(tune, "_spent", alike)

    done = json.loads(here("tune", "a.net", "--batch", "8", "--threads", "1", "--json").stdout)

    assert {each["chosen"] for each in done["convolutions"]} == {"usual"}
    assert choices.read("f32", 1) == {}


def test_a_net_without_such_convolutions_has_nothing_to_choose(here, tmp_path):
    (tmp_path / "b.net").write_text("input 8\nFC-3, softmax\n")

    done = here("tune", "b.net")

    assert done.exit_code == 0
    assert "There is nothing to choose" in done.stdout


@pytest.mark.parametrize("text", ["garbage", "[]", '{"a": 1, "c": null}'])
def test_a_spoilt_file_of_choices_counts_as_none(here, text):
    place = choices.place("f32", 1)
    place.parent.mkdir(parents=True)
    place.write_text(text)

    assert choices.read("f32", 1) == {}


def test_a_choice_that_this_version_does_not_know_is_not_taken():
    before = layout(trained(DEEP), 8)

    after = winograd(before, 8, dict.fromkeys(names(before, 8), "by hand"))

    assert str(after) == str(winograd(before, 8))
