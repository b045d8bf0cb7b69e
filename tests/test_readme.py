"""What the README shows is true."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_net_in_the_readme_is_the_example():
    shown = re.search(r"```net\n(input .*?)```", README, re.DOTALL)
    assert shown is not None
    example = (ROOT / "examples" / "lenet.net").read_text().splitlines()

    assert [line for line in shown[1].splitlines() if line] == [
        line for line in example if line and not line.startswith(("#", "netlang"))
    ]


def test_the_python_in_the_readme_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    text = block[1].replace("examples/lenet.net", str(ROOT / "examples" / "lenet.net"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"x": np.zeros((64, 28, 28, 1), np.float32), "labels": np.arange(64) % 10}

    exec(text, names)

    assert np.asarray(names["y"]).sum(1) == pytest.approx(np.ones(64), abs=1e-5)
    assert (tmp_path / "lenet.safetensors").is_file()


@pytest.mark.parametrize("name", re.findall(r"`netlang (\w+)", README))
def test_the_commands_in_the_readme_exist(name: str):
    from click.testing import CliRunner

    from netlang.cli import main

    result = CliRunner().invoke(main, [name, "--help"])

    assert result.exit_code == 0
