"""`netlang doctor`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlang.backend import folder
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


def test_the_text_says_plainly_that_cuda_is_not_used(cache: Path):
    text = CliRunner().invoke(doctor.command, []).stdout

    assert "runs on the CPU only" in text
    assert all(line[:12].strip() for line in text.splitlines())


def test_cache_shows_and_clear_empties_it(cache: Path):
    shown = CliRunner().invoke(doctor.command, ["--cache"]).stdout
    cleared = CliRunner().invoke(doctor.command, ["--clear"]).stdout
    after = json.loads(CliRunner().invoke(doctor.command, ["--cache", "--json"]).stdout)

    assert shown == f"cache       1 kernels, 0.0 MiB, in {cache}\n"
    assert cleared.startswith("cache       cleared: there were 1 kernels")
    assert after["cache"]["entries"] == 0
    assert list(cache.iterdir()) == []
