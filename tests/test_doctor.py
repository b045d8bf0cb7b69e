"""`netlang doctor`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlang.backend import folder
from netlang.backend.cuda import machine
from netlang.cli import doctor


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(folder, "folder", lambda: tmp_path)
    (tmp_path / "0123456789abcdef").mkdir()
    (tmp_path / "0123456789abcdef" / "kernel.o").write_bytes(b"1234")
    return tmp_path


def test_the_report_names_versions_processor_threads_and_tools(cache: Path):
    report = json.loads(CliRunner().invoke(doctor.command, ["--json"]).stdout)

    assert report["packages"]["numba"]
    assert report["threads"]["used"] >= 1
    assert report["processor"]["name"]
    assert report["cache"]["entries"] == 1
    assert set(report) == {"python", "system", "packages", "processor", "threads", "cache", "cuda"}


def test_the_text_says_what_is_missing_to_run_on_a_gpu(cache: Path, monkeypatch: pytest.MonkeyPatch):
    lacking = ["there is no NVIDIA driver here", "numba-cuda is not installed"]
    monkeypatch.setattr(machine, "found", lambda: lacking[0])
    monkeypatch.setattr(machine, "missing", lambda: lacking)

    lines = CliRunner().invoke(doctor.command, []).stdout.splitlines()

    assert lines[-2:] == ["cuda        there is no NVIDIA driver here", "cuda        numba-cuda is not installed"]
    assert all(line[:12].strip() for line in lines)


def test_a_gpu_is_named_with_its_driver(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "found", lambda: machine.Gpu("NVIDIA H200", (9, 0), 13010))
    monkeypatch.setattr(machine, "missing", list)

    text = CliRunner().invoke(doctor.command, []).stdout

    assert text.endswith("cuda        NVIDIA H200, compute capability 9.0, a driver for CUDA 13.1\n")


def test_cache_shows_and_clear_empties_it(cache: Path):
    shown = CliRunner().invoke(doctor.command, ["--cache"]).stdout
    cleared = CliRunner().invoke(doctor.command, ["--clear"]).stdout
    after = json.loads(CliRunner().invoke(doctor.command, ["--cache", "--json"]).stdout)

    assert shown == f"cache       1 kernel, 4 B, in {cache}\n"
    assert cleared.startswith("cache       cleared: it held 1 kernel, 4 B, in ")
    assert after["cache"]["entries"] == 0
    assert list(cache.iterdir()) == []
