"""`weights="file.safetensors"`: what is checked of the file, and what a program makes of it (RULINGS 54)."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file

import netlang
from netlang import checkpoint
from netlang.cli import main
from netlang.diagnostics import NetError
from netlang.files import Problem

BACKBONE = "block backbone:\n    FC-4 bn\n    FC-3\n\n"
TRAINED = "input 8x8x1\n" + BACKBONE + 'backbone weights="parts/w.safetensors"\nFC-10, softmax\n'
NAMES = {
    "fc1.w": (64, 4),
    "fc1.bn.scale": (4,),
    "fc1.bn.shift": (4,),
    "fc1.bn.mean": (4,),
    "fc1.bn.variance": (4,),
    "fc2.w": (4, 3),
    "fc2.b": (3,),
}


@pytest.fixture
def folder(tmp_path):
    """A folder with a net that reads its backbone from a file beside it."""
    (tmp_path / "parts").mkdir()
    rng = np.random.default_rng(1)
    store(tmp_path, {name: rng.uniform(0.5, 1, shape).astype(np.float32) for name, shape in NAMES.items()})
    (tmp_path / "a.net").write_text(TRAINED)
    return tmp_path


def store(folder, arrays):
    save_file(arrays, folder / "parts" / "w.safetensors")


def stored(folder):
    from safetensors.numpy import load_file

    return load_file(folder / "parts" / "w.safetensors")


def said(path):
    with pytest.raises(NetError) as error:
        netlang.load(path)
    return str(error.value)


def test_a_program_starts_with_the_weights_and_running_statistics_of_the_file(folder):
    prog = netlang.load(folder / "a.net").compile(batch=2, seed=5)

    for name, value in stored(folder).items():
        np.testing.assert_array_equal(prog.weights[f"backbone1.{name}"], value)
    assert prog.weights["fc1.w"].std() > 0  # what the file does not hold starts as ever
    prog.close()


def test_a_layer_has_its_names_alone_and_halves_become_floats(folder):
    half = np.arange(32, dtype=np.float16).reshape(8, 4) / 8
    store(folder, {"w": half, "b": np.ones(4), "more": np.ones(2, np.int64)})
    (folder / "b.net").write_text('input 8\nFC-4 weights="parts/w.safetensors", relu\n')

    prog = netlang.load(folder / "b.net").compile(batch=1)

    np.testing.assert_array_equal(prog.weights["fc1.w"], half.astype(np.float32))
    np.testing.assert_array_equal(prog.weights["fc1.b"], np.ones(4, np.float32))
    prog.close()


def test_train_goes_on_from_the_file_on_the_command_line(folder):
    run = ["train", str(folder / "a.net"), "--data", "digits", "--epochs", "1", "--lr", "1e-12", "--json"]
    done = CliRunner().invoke(main, [*run, "--optimizer", "sgd", "--out", str(folder / "runs"), "--threads", "1"])
    kept = checkpoint.load(Path(json.loads(done.stdout)["weights"])).weights

    assert done.exit_code == 0
    for name in ("fc1.w", "fc2.w"):
        np.testing.assert_allclose(kept[f"backbone1.{name}"], stored(folder)[name], rtol=1e-6)  # the tiny steps taken


def test_the_path_is_relative_to_the_file_that_says_it(folder):
    (folder / "parts" / "b.net").write_text('block b:\n    FC-4 weights="w.safetensors"\n')
    (folder / "c.net").write_text('use "parts/b.net"\ninput 8\nb, relu\n')
    store(folder, {"w": np.zeros((8, 4)), "b": np.zeros(4)})

    (found,) = {(one.path, one.written) for one in netlang.load(folder / "c.net").checked.pretrained.values()}

    assert found == (folder / "parts" / "w.safetensors", "parts/w.safetensors")


def test_what_is_tied_is_not_read(folder):
    store(folder, {"w": np.zeros((8, 3)), "b": np.zeros(8)})
    text = 'input 8\nFC-3 @a, FC-8 tie=@a transposed weights="parts/w.safetensors"\n'
    (folder / "d.net").write_text(text)

    assert set(netlang.load(folder / "d.net").checked.pretrained) == {"fc2.b"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../w.safetensors", "`weights=` stays in the folder of the net or below it"),
        ("/etc/passwd", "`weights=` stays in the folder of the net or below it"),
        (" ", "`weights=` names a file"),
        ("parts/v.safetensors", "there is no file `parts/v.safetensors`"),
        ("parts", "there is no file `parts`"),
        ("w" * 400, "`weights=` cannot be read: "),
        ("a.net", "`a.net` is not a whole safetensors file"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_of_check(folder, path, message):
    (folder / "a.net").write_text(TRAINED.replace("parts/w.safetensors", path))

    assert message in said(folder / "a.net")


def test_a_link_to_a_file_outside_is_refused(folder):
    (folder / "net").mkdir()
    (folder / "net" / "w.safetensors").symlink_to(folder / "parts" / "w.safetensors")
    (folder / "net" / "a.net").write_text(TRAINED.replace("parts/w", "w"))

    assert "stays in the folder" in said(folder / "net" / "a.net")


def test_what_the_file_lacks_is_told_with_the_nearest_names(folder):
    arrays = stored(folder)
    arrays["fc1.weight"] = arrays.pop("fc1.w")
    del arrays["fc1.bn.mean"]
    store(folder, arrays)

    assert said(folder / "a.net").splitlines()[0] == ("error[weights]: `parts/w.safetensors` has no `fc1.w` and 1 more")
    assert "where `backbone1.fc1.w` would be" in said(folder / "a.net")
    assert "help: it has `fc2.w`, `fc1.weight` and" in said(folder / "a.net")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((3, 4), np.float32), "there 3x4, here 4x3"),
        (np.zeros((4, 3), np.int32), "`fc2.w` is stored as I32"),
    ],
)
def test_other_shapes_and_kinds_of_numbers_are_errors(folder, value, message):
    store(folder, {**stored(folder), "fc2.w": value})

    assert message in said(folder / "a.net")


def test_one_file_for_several_layers_suits_each_of_them(folder):
    store(folder, {"w": np.ones((8, 8), np.float32), "b": np.ones(8, np.float32)})
    head = 'input 8\ndefault fc: weights="parts/w.safetensors"\n'
    (folder / "e.net").write_text(f"{head}FC-8, FC-8\n")
    (folder / "f.net").write_text(f"{head}FC-8, FC-4, FC-8\n")

    assert len(netlang.load(folder / "e.net").checked.pretrained) == 4
    assert "`w` has another shape in `parts/w.safetensors` than `fc2.w`" in said(folder / "f.net")


def test_numbers_that_are_none_are_found_when_the_program_is_made(folder):
    store(folder, {**stored(folder), "fc2.b": np.array([1, np.nan, 2], np.float32)})

    with pytest.raises(Problem, match="NaN or infinity"):
        netlang.load(folder / "a.net").compile(batch=1)
