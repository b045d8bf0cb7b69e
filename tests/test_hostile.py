"""Files written to do harm end in a diagnostic, with little memory and no time: each in a process of its own.

The processor time and memory of that process are limited by the system, which ends it where a limit is passed.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MEMORY = 1_500_000_000  # bytes of addresses; NumPy and the libraries below it take half of them
SECONDS = 20  # of processor time: ten times what importing netlang takes on a slow machine

NESTED = "".join(f"block b{k}: {f'b{k - 1}' if k else 'relu'} x10\n" for k in range(21))
TEXTS = {
    "a huge repeat": "input 8\nrelu x1000000000000",
    "a huge repeat of nothing": "input 8\n[relu x0] x1000000000000",
    "nested repeats": "input 8\n" + "[" * 12 + "relu" + " x1000]" * 12,
    "blocks that grow tenfold, 21 deep": NESTED + "input 8\nb20",
    "blocks deeper than any net": "block b0: relu\n"
    + "".join(f"block b{k}: b{k - 1}\n" for k in range(1, 60))
    + "input 8\nb59",
    "brackets a thousand deep": "input 8\n" + "[" * 1000 + "relu" + "]" * 1000,
    "brackets of an expression": "n = " + "(" * 100_000 + "1" + ")" * 100_000 + "\ninput 8\nrelu",
    "brackets that never close": "input 8\n" + "[" * 100_000,
    "a huge image": "input 1000000000000x1000000000000x3\nconv3-64",
    "a huge layer": "input 8\nfc-" + "9" * 23,
    "a huge kernel": "input 8x8x3\nconv999999999999-3 valid",
    "a long number": "input 8\nfc-" + "9" * 100_000,
    "a huge exponent": "n = 1e999999999\ninput 8\nfc-n",
    "a huge product": "n = " + "*".join(["999999999"] * 1000) + "\ninput 8\nfc-n",
    "a huge rate": "input 8\ndropout 1e308, fc-2",
    "a word for no number": "input 8\ndropout nan, fc-2",
    "a word for infinity": "input 8\nfc-inf",
    "a division by zero": "n = 1/0\ninput 8\nfc-n",
    "a division by a hidden zero": "n = 4/(2-2)\ninput 8\nfc-n",
    "a default told by itself": "block b(w=w): fc-w\ninput 8\nb",
    "a constant told by itself": "n = n\ninput 8\nfc-n",
    "blocks that use each other": "block a: b\nblock b: a\ninput 8\na",
    "a long line of nonsense": "input 8\n" + "é" * 900_000,
    "a long line of steps": "input 8\n" + ", ".join(["fc-2"] * 100_000),
    "a long line of options": "input 8\nFC-2 " + "relu " * 180_000,
    "many wrong lines": "input 8\n" + "fc-\n" * 100_000,
    "ten megabytes": "input 8\n" + "relu\n" * 2_000_000,
    "an absolute path": 'use "/etc/passwd"\ninput 8\nfc-2',
    "a path out of the folder": 'use "../../etc/passwd"\ninput 8\nfc-2',
    "a path out and back": 'use "a/../../b.net"\ninput 8\nfc-2',
    "a device": 'use "/dev/zero"\ninput 8\nfc-2',
    "a file that uses itself": 'use "hostile.net"\ninput 8\nfc-2',
    "a zero byte": "input 8\nfc-2\0",
}


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def refused(path):
    """What `netlang check` says of a file, in a process that may take neither much memory nor much time."""
    done = subprocess.run(
        [sys.executable, "-m", "netlang", "check", str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        preexec_fn=_limited,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said[-2000:]
    assert "Traceback" not in said
    assert "error[" in said
    assert len(said) < 100_000
    return said


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_hostile_file_is_refused(text, tmp_path):
    path = tmp_path / "hostile.net"
    path.write_text(text, encoding="utf8")

    refused(path)


def test_files_that_use_each_other_in_a_circle_are_refused(tmp_path):
    for k in range(3):
        (tmp_path / f"c{k}.net").write_text(f'use "c{(k + 1) % 3}.net"\ninput 8\nfc-2')

    assert "circle" in refused(tmp_path / "c0.net")


def test_a_link_does_not_lead_out_of_the_folder(tmp_path):
    (tmp_path / "outside.net").write_text("n = 2")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link.net").symlink_to(tmp_path / "outside.net")
    (tmp_path / "inside" / "a.net").write_text('use "link.net"\ninput 8\nfc-n')

    assert "stays in the folder" in refused(tmp_path / "inside" / "a.net")


def test_nothing_of_a_file_outside_is_quoted(tmp_path):
    (tmp_path / "secret.txt").write_text("the password is swordfish")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "a.net").write_text('use "../secret.txt"\ninput 8\nfc-2')

    assert "swordfish" not in refused(tmp_path / "inside" / "a.net")
