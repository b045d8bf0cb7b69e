"""The commands that compile nothing: what they print, and how they end."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlang.cli import COMMANDS, main

ROOT = Path(__file__).parents[1]
LENET = str(ROOT / "examples" / "lenet.net")


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def wrong(tmp_path):
    path = tmp_path / "wrong.net"
    path.write_text("input 8\nFC-w\nconf3-4\n")
    return str(path)


def test_check_says_what_the_net_is():
    done = run("check", LENET)

    assert done.exit_code == 0
    assert done.stdout.endswith("lenet.net: 28x28x1 -> 10, 8 layers, 61,706 parameters, 416,520 MACs\n")


def test_check_tells_inputs_from_outputs_and_those_of_training(tmp_path):
    text = (
        "input 3 @a\ninput 4 @b\nadd[@a, FC-5 | FC-5] relu @c, FC-2, output one\n@c, FC-7, output two side\n@c, FC-6\n"
    )
    (tmp_path / "a.net").write_text(text)

    assert ": 3, 4 -> 2, 6 (in training 7 too), " in run("check", str(tmp_path / "a.net")).stdout


def test_check_tells_every_error_on_stderr_and_ends_with_1(wrong):
    done = run("check", wrong)

    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.count("error[") == 2
    assert "\033" not in done.stderr


def test_check_as_json_tells_errors_with_line_and_column(wrong):
    done = run("check", wrong, "--json")
    data = json.loads(done.stdout)

    assert done.exit_code == 1
    assert [(e["code"], e["line"], e["column"]) for e in data["errors"]] == [
        ("unknown-constant", 2, 4),
        ("unknown-layer", 3, 1),
    ]


def test_ctrl_c_ends_every_command_with_130(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("netlang.syntax.read.read", interrupt)
    done = run("check", LENET)

    assert (done.exit_code, done.stderr) == (130, "stopped by Ctrl-C\n")


def test_notes_go_to_stderr(tmp_path):
    path = tmp_path / "s.net"
    path.write_text("input 8x8\nrelu\n")
    done = run("check", str(path))

    assert done.exit_code == 0
    assert done.stderr.startswith("note[sequence]")


def test_summary_as_json_is_one_object():
    data = json.loads(run("summary", LENET, "--json", "--batch", "64").stdout)

    assert (data["net"], data["parameters"], data["batch"]) == ("lenet", 61706, 64)


def test_set_replaces_a_constant(tmp_path):
    path = tmp_path / "n.net"
    path.write_text("w = 4\ninput 8\nFC-w\n")

    assert "8 -> 6" in run("check", str(path), "--set", "w=6").stdout
    assert run("check", str(path), "--set", "w").exit_code == 2
    assert run("check", str(path), "--set", "v=1").exit_code == 1


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("missing.net", None, "there is no file"),
        ("big.net", b"#" * 1_000_001, "is larger than"),
        ("zero.net", b"input 8\0", "is no text"),
        ("latin.net", b"input 8\nFC-2 # \xe9\n", "is not written in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_plainly(tmp_path, name, data, said):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    done = run("check", str(tmp_path / name))

    assert done.exit_code == 1
    assert said in done.stderr


def test_a_folder_and_a_near_name_are_told(tmp_path):
    (tmp_path / "lenet.net").write_text("input 8\nFC-2\n")

    assert "is a folder" in run("check", str(tmp_path)).stderr
    assert "did you mean" in run("check", str(tmp_path / "lenett.net")).stderr
    assert "lenet.net`?" in run("check", str(tmp_path / "lenet")).stderr


def test_the_zoo_is_named_where_a_file_of_its_name_is_missing(tmp_path):
    (tmp_path / "bin.net").write_text("input 8\nFC-2\n")

    assert "did you mean `zoo/lenet.net`?" in run("check", str(tmp_path / "lenet.net")).stderr
    assert "did you mean `zoo/lenet.net`?" in run("check", "zoo/lenett.net").stderr
    assert "did you mean" not in run("check", str(tmp_path / "missing.net")).stderr  # only the endings agree


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("H=1.5", "`H` is a size: a whole number"),
        ("H=3x3", "`H` is a size: a whole number"),
        ("w=8/2", "`8/2` is no value"),
        (f"w={'9' * 99}", f"`{'9' * 39}…` is no value"),
    ],
)
def test_a_value_of_set_that_would_be_ignored_or_read_otherwise_is_refused(tmp_path, setting, said):
    (tmp_path / "a.net").write_text("w = 4\ninput Hx8x3\nconv3-w\n")
    done = run("check", str(tmp_path / "a.net"), "--set", setting)

    assert (done.exit_code, said in done.stderr) == (1, True)


LONG = "a" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", f"{LONG}.net"],
        ["check", f"{LONG}.net:D"],
        ["fmt", f"{LONG}.net"],
        ["annotate", f"{LONG}.net"],
        ["new", f"{LONG}.net", "--from", "lenet"],
        ["draw", LENET, "-o", f"{LONG}.svg"],
    ],
)
def test_a_name_longer_than_a_system_takes_is_told(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)

    assert (done.exit_code, "the name is too long" in done.stderr) == (1, True)


@pytest.mark.parametrize("command", ["check", "fmt"])
def test_a_pipe_that_nobody_writes_into_is_not_waited_for(tmp_path, command):
    os.mkfifo(tmp_path / "pipe.net")
    done = run(command, str(tmp_path / "pipe.net"))

    assert done.exit_code == (1 if command == "check" else 0)
    assert ("this file is empty" in done.stderr) == (command == "check")


def test_a_pipe_is_read_to_its_end_though_its_writer_comes_late(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.net")
    there = os.open(tmp_path / "pipe.net", os.O_RDWR)  # opening for writing alone would wait for a reader
    writer = os.open(tmp_path / "pipe.net", os.O_WRONLY)
    os.close(there)
    waiting, really = threading.Event(), os.set_blocking

    def write():
        waiting.wait()
        os.write(writer, b"input 8\nFC-2\n")
        os.close(writer)

    def blocking(handle, on):
        waiting.set()  # netlang has found nothing in the pipe
        really(handle, on)

    monkeypatch.setattr(os, "set_blocking", blocking)
    late = threading.Thread(target=write)
    late.start()
    done = run("check", str(tmp_path / "pipe.net"))
    waiting.set()
    late.join()

    assert (done.exit_code, "8 -> 2" in done.stdout) == (0, True)


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_stream_that_was_closed_before_the_start_changes_nothing(tmp_path, closed):
    (tmp_path / "a.net").write_text("input 8\nFC-2\n")
    done = subprocess.run(
        [sys.executable, "-m", "netlang", "check", "a.net"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: os.close(closed),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    path = tmp_path / "w.net"
    path.write_bytes("\ufeffinput 8\r\nFC-2,\r\n  softmax  -> 2\r\n".encode())

    assert run("check", str(path)).exit_code == 0


def test_a_colon_names_a_variant_unless_the_file_is_called_so(tmp_path):
    (tmp_path / "a:b").write_text("input 8\nFC-2\n")

    assert run("check", str(tmp_path / "a:b")).exit_code == 0
    assert "has no variants" in run("check", LENET + ":D").stderr


def test_layers_lists_settings_and_tells_about_one():
    listed = json.loads(run("layers", "--json").stdout)["layers"]

    assert any(layer["word"] == "conv" and layer["settings"][0]["name"] == "kernel" for layer in listed)
    assert "pad" in run("layers", "CONV").stdout
    assert "did you mean" in run("layers", "conf").stderr
    assert run("layers", "conf").exit_code == 1
    assert json.loads(run("layers", "conf", "--json").stdout)["errors"][0]["severity"] == "error"


def test_layers_tells_about_losses_and_optimizers_too_and_shows_examples():
    adam = json.loads(run("layers", "adam", "--json").stdout)

    assert [(s["name"], s["default"]) for s in adam["settings"]] == [
        ("beta1", "0.9"),
        ("beta2", "0.999"),
        ("eps", "1e-08"),
    ]
    assert "margin of 1" in run("layers", "hinge").stdout
    assert "conv3-16" in run("layers", "conv").stdout
    assert json.loads(run("layers", "crop", "--json").stdout)["settings"][-1]["name"] == "like"


def test_layers_shows_what_must_be_given_by_its_name():
    listed = {line.split()[0]: line.split()[1:] for line in run("layers").stdout.splitlines() if line}

    assert (listed["reshape"], listed["scale"], listed["crop"]) == (["SHAPE"], ["FACTOR"], ["[BY]", "like=@LABEL"])
    assert not [word for word, settings in listed.items() if "None" in " ".join(settings)]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("--style volumes", "--style needs a picture"),
        ("-o x.dot --legend", "--legend needs a picture"),
        ("-o x.txt --backward", "--backward needs a picture"),
        ("-o x.svg --cell lstm --depth 1", "--cell and --depth do not go together"),
        ("-o x.svg --backward --style volumes", "--backward and --style do not go together"),
        ("-o x.svg --style volumes --unroll 3", "--style volumes and --unroll do not go together"),
    ],
)
def test_draw_says_which_options_have_no_meaning(options, why):
    done = run("draw", LENET, *options.split())

    assert done.exit_code == 2
    assert why in done.stderr


def test_draw_tells_what_a_net_does_not_have(tmp_path):
    done = run("draw", LENET, "-o", str(tmp_path / "x.svg"), "--cell", "lstm")

    assert done.exit_code == 1
    assert done.stderr == "error: `lenet` has no recurrent layer `lstm`: it has none\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".svg", ".dot"])
def test_draw_unrolls_no_net_without_recurrent_layers(ending, tmp_path):
    done = run("draw", LENET, "-o", str(tmp_path / f"x{ending}"), "--unroll", "3")

    assert done.exit_code == 1
    assert done.stderr == "error: --unroll 3: `lenet` has no recurrent layer\n"
    assert not list(tmp_path.iterdir())


def test_draw_writes_what_the_ending_asks_for(tmp_path):
    for ending, start in ((".txt", "  "), (".dot", "digraph")):
        done = run("draw", LENET, "-o", str(tmp_path / f"x{ending}"))
        assert done.exit_code == 0
        assert (tmp_path / f"x{ending}").read_text().startswith(start)
    assert "conv5-6" in run("draw", LENET).stdout
    assert run("draw", LENET, "-o", "x.gif").exit_code == 2
    assert run("draw", LENET, "-o", str(Path(LENET) / "x.txt")).exit_code == 1  # a file is no folder


def test_a_wrong_command_line_ends_with_2():
    assert run("chek", LENET).exit_code == 2
    assert "did you mean `netlang check`?" in run("chek", LENET).stderr
    assert run("check").exit_code == 2
    assert run("summary", LENET, "--batch", "0").exit_code == 2


def test_help_names_every_command_and_loads_none():
    code = "import sys; from netlang.cli import main; main(['--help'], standalone_mode=False)\n"
    code += "assert not [m for m in sys.modules if m.startswith('netlang.cli.')]"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", ["check", "summary", "draw", "layers"])
def test_a_command_loads_neither_numba_nor_torch(command):
    arguments = [command, *([LENET] if command != "layers" else [])]
    code = f"import sys; from netlang.cli import main; main({arguments!r}, standalone_mode=False)\n"
    code += "assert not {'numba', 'torch', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
