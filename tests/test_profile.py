"""`netlang profile`."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import netlang
from netlang.bench import limits
from netlang.bench.limits import Limits
from netlang.bench.profile import least
from netlang.cli import main

PROFILED = """# two layers
input 6

FC-4
FC-3, softmax
"""


@pytest.fixture
def profiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(limits, "measure", lambda threads: Limits(500, 60))
    (tmp_path / "a.net").write_text(PROFILED)
    return lambda *args: CliRunner().invoke(main, ["profile", str(tmp_path / "a.net"), "--repeat", "3", *args])


def test_a_profile_has_the_file_behind_its_margin(profiled: Any):
    result = profiled("--batch", "4")

    assert result.exit_code == 0
    rows = result.stdout.splitlines()
    assert [row.partition("  | ")[2] for row in rows[1:6]] == PROFILED.splitlines()
    assert rows[4].count(" ms") == rows[5].count(" ms") == 2
    assert " ms for the optimizer" in rows[6]


def test_a_profile_as_json_has_every_line_that_computes(profiled: Any):
    found = json.loads(profiled("--json", "--batch", "4").stdout)
    lines = {line["line"]: line for line in found["lines"]}

    assert set(lines) == {4, 5}
    assert all(line["forward_ms"] > 0 and line["backward_ms"] > 0 for line in lines.values())
    assert sum(line["share"] for line in lines.values()) + found["update_ms"] / found["launches_ms"] == pytest.approx(
        1, abs=0.01
    )


def test_inference_has_no_backward_pass(profiled: Any):
    assert "backward" not in profiled("--mode", "infer").stdout


@pytest.mark.parametrize("training", [False, True])
def test_what_weights_become_counts_where_they_change_in_every_step(training: bool):
    """A convolution of 64 channels reads transformed weights."""
    net = netlang.from_text("input 12x12x64\nconv3-64, gap, FC-3, softmax")
    loaded = net.compile(batch=8, training=training).loaded("train" if training else "evaluate")

    timed = {launch.node for launch, _ in least(loaded, 8, 3)}

    assert ("conv1.w.winograd" in timed) == training
    assert len(timed) > 2
