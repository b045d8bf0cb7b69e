"""What the command says and leaves behind where the machine, the files or the numbers do not play along."""

import errno
import io
import json
import struct
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from netlang.checkpoint import load, save
from netlang.cli import main

NET = "input 8x8x1\nFC-10, softmax\n"


@pytest.fixture
def net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.net").write_text(NET)
    return "a.net"


def run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def train(net, *args):
    return run("train", net, "--data", "digits", "--epochs", 1, "--quiet", "--threads", 1, *args)


class Full(io.StringIO):
    """A stream that takes nothing, because of this."""

    def __init__(self, reason):
        super().__init__()
        self.reason = reason

    def write(self, text):
        raise OSError(self.reason, "as the system says it")


@pytest.mark.parametrize("arguments", [["--help"], ["layers", "--json"], ["check", "a.net"], ["summary", "a.net"]])
@pytest.mark.parametrize(("reason", "said"), [(errno.ENOSPC, "the disk is full"), (errno.EPIPE, "")])
def test_an_output_that_takes_no_more_ends_a_command_without_a_traceback(monkeypatch, net, arguments, reason, said):
    monkeypatch.setattr(sys, "stdout", Full(reason))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises(SystemExit) as ended:
        main(arguments, prog_name="netlang")

    assert ended.value.code == 1
    assert sys.stderr.getvalue() == (f"error: cannot write the output: {said}\n" if said else "")


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("rate", ["1e38", "1e25"])
def test_a_step_that_would_lose_the_weights_is_not_taken(net, optimizer, rate):
    done = train(net, "--optimizer", optimizer, "--lr", rate, "--name", "r")
    kept = load(Path("runs/r/weights.safetensors")).weights

    assert done.exit_code == 1
    assert "this step would lose the weights" in done.stderr
    assert "the weights before this step are in runs/r/weights.safetensors" in done.stderr
    assert all(np.abs(w).max() < 10 for w in kept.values())  # as they started


def test_numbers_that_are_not_finite_end_training_with_the_place_of_the_good_weights(net):
    Path(net).write_text("input 8x8x1\nFC-10 init=normal(3e37), FC-10, softmax\n")
    done = train(net, "--name", "r")

    assert done.exit_code == 1
    assert "the weights before this step are in runs/r/weights.safetensors" in done.stderr


def test_a_run_does_not_go_on_by_another_optimizer(net):
    assert train(net, "--optimizer", "sgd", "--name", "r").exit_code == 0
    other = train(net, "--optimizer", "adam", "--resume", "runs/r")

    assert (other.exit_code, "was trained by `sgd`, and cannot go on by `adam`" in other.stderr) == (1, True)
    assert train(net, "--resume", "runs/r").exit_code == 0


def test_threads_that_cannot_be_are_a_wrong_command_line(net):
    assert train(net, "--threads", 100_000).exit_code == 2


@pytest.mark.parametrize("command", ["train", "profile"])
def test_a_system_that_starts_no_more_threads_is_told_plainly(net, command, monkeypatch):
    def refused(thread):
        raise RuntimeError("can't start new thread")  # as CPython has it

    monkeypatch.setattr(threading.Thread, "start", refused)

    done = run(command, net, "--threads", 2)

    assert (done.exit_code, "error: the system " in done.stderr, "ulimit -u" in done.stderr) == (1, True, True)


@pytest.mark.parametrize("command", ["train", "compile", "evaluate", "bench"])
def test_a_batch_beyond_all_memory_is_a_wrong_command_line(net, command):
    done = run(command, net, "--batch", 2**31)

    assert (done.exit_code, "1<=x<=2147483647" in done.stderr) == (2, True)


def test_a_batch_stored_with_weights_may_be_wrong(net):
    assert train(net, "--name", "r").exit_code == 0
    found = load(Path("runs/r/weights.safetensors"))
    save(Path("w"), replace(found, about={**found.about, "settings": {"batch": 10**12}}))
    done = run("evaluate", net, "--weights", "w")

    assert (done.exit_code, done.stderr.startswith("error: `batch` is 1000000000000, it must be at most")) == (1, True)


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3"])
def test_numbers_that_cannot_be_read_are_called_by_their_kind(net, kind):
    header = json.dumps({"fc1.w": {"dtype": kind, "shape": [2], "data_offsets": [0, 4 if kind == "BF16" else 2]}})
    content = struct.pack("<Q", len(header)) + header.encode() + bytes(4 if kind == "BF16" else 2)
    Path("w.safetensors").write_bytes(content)
    done = run("evaluate", net, "--weights", "w.safetensors", "--data", "digits")

    assert done.stderr == (
        f"error: w.safetensors stores numbers as {kind}, and weights are read as F16, F32 or F64; store them as F32\n"
    )


def test_one_array_is_no_data_and_the_message_says_how_to_store_two(net):
    np.save("x.npy", np.zeros((3, 8, 8)))
    done = run("train", net, "--data", "x.npy")

    assert (done.exit_code, "numpy.savez(file, x=…, y=…)" in done.stderr) == (1, True)


def test_shapes_are_written_as_the_language_writes_them(net):
    np.savez("d.npz", x=np.zeros((3, 8, 8)), y=np.zeros((3, 5)), x_test=np.zeros((3, 8, 9)), y_test=np.zeros((3, 5)))
    np.savez("e.npz", x=np.zeros((3, 2, 2, 2, 2)), y=np.zeros(3))
    said = [run("train", net, "--data", name).stderr for name in ("d.npz", "e.npz")]

    assert "the examples of `x` are 8x8, those of `x_test` 8x9" in said[0]
    assert "`x` has the shape 3x2x2x2x2; [n, d]" in said[1]


@pytest.fixture
def trained(net):
    assert train(net, "--name", "r").exit_code == 0
    return ["run", net, "--weights", "runs/r/weights.safetensors", "--output"]


def answer(trained, picture):
    assert run(*trained, "y.npy", "--input", picture).exit_code == 0
    return np.load("y.npy")


def test_what_is_transparent_in_a_picture_is_white_paper(trained):
    from PIL import Image

    ink = (np.arange(64).reshape(8, 8) * 4).astype(np.uint8)
    clear = np.where(ink > 100, 255, 0).astype(np.uint8)
    Image.fromarray(np.where(clear == 255, ink, 255).astype(np.uint8)).save("white.png")
    Image.fromarray(np.stack([ink, ink, ink, clear], 2)).save("rgba.png")
    Image.fromarray(np.stack([ink, clear], 2)).save("la.png")

    np.testing.assert_array_equal(answer(trained, "rgba.png"), answer(trained, "white.png"))
    np.testing.assert_array_equal(answer(trained, "la.png"), answer(trained, "white.png"))


def test_a_picture_stands_as_its_camera_says(trained):
    from PIL import Image

    picture = Image.fromarray((np.arange(64).reshape(8, 8) * 4).astype(np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter, clockwise
    picture.save("camera.png", exif=turned)
    picture.rotate(-90).save("upright.png")

    np.testing.assert_array_equal(answer(trained, "camera.png"), answer(trained, "upright.png"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_any_system_ends_them(tmp_path, end):
    path = tmp_path / "a.net"
    path.write_bytes(f"input 8{end}FC-4 # a comment{end}FC-2, sofmax{end}".encode())
    done = run("check", path)

    assert f"{path}:3:7" in done.stderr
    path.write_bytes(path.read_bytes().replace(b"sofmax", b"softmax"))
    assert run("check", path).exit_code == 0


def test_a_digit_of_another_script_is_told_by_its_value(tmp_path):
    (tmp_path / "a.net").write_text("input 8\nFC-\N{ARABIC-INDIC DIGIT THREE}\n", encoding="utf8")
    done = run("check", tmp_path / "a.net")

    assert "is a digit of another script" in done.stderr
    assert "help: write `3`" in done.stderr
    assert run("check", tmp_path / "a.net", "--set", "n=\N{ARABIC-INDIC DIGIT THREE}").exit_code == 1
