"""What `netlang train` says of data and losses that do not go together."""

import pytest
from click.testing import CliRunner

from netlang.cli import main

SIDE = "FC-9 @a, FC-10, softmax, output\n@a, FC-10, output aux side"


@pytest.mark.parametrize("ending", ["FC-10", "FC-10 tanh", "FC-10, step", SIDE])
def test_classes_are_not_trained_by_a_loss_that_nobody_named(tmp_path, ending):
    (tmp_path / "a.net").write_text(f"input 8x8x1\n{ending}\n")

    result = CliRunner().invoke(main, ["train", str(tmp_path / "a.net"), "--data", "digits", "--out", str(tmp_path)])

    assert result.exit_code == 1
    assert result.stderr.startswith("error: digits: ")
    assert "loss=" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.net"]
