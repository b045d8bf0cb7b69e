"""`netlang curves`: what the logs of runs tell, as a picture and as a table."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from netlang.cli import main
from netlang.train.curves import HEIGHT, LEFT, TOP, WIDTH, Curves, svg, table


def run(name="net-1", losses=(1.0, 0.5, 0.25), scores=(0.5, 0.75, 0.875), key="test_accuracy"):
    rows = [{"epoch": k + 1, "train_loss": a, key: b} for k, (a, b) in enumerate(zip(losses, scores, strict=True))]
    return Curves(name, tuple(rows))


def lines(picture):
    """The corners of each line, panel by panel."""
    return [
        [tuple(map(float, point.split(","))) for point in found.split()]
        for found in re.findall(r'<polyline points="([^"]+)"', picture)
    ]


def test_each_run_has_a_line_in_each_panel_whose_corners_are_its_epochs():
    found = lines(svg([run(), run("net-2", (2.0, 1.0), (0.25, 0.5))]))

    assert [len(line) for line in found] == [3, 2, 3, 2]
    assert [x for x, _ in found[0]] == [LEFT, LEFT + WIDTH / 2, LEFT + WIDTH]
    assert [x for x, _ in found[1]] == [LEFT, LEFT + WIDTH / 2]


def test_higher_values_stand_higher_and_all_within_the_frame():
    loss, score = lines(svg([run()]))

    assert [y for _, y in loss] == sorted(y for _, y in loss)
    assert [y for _, y in score] == sorted((y for _, y in score), reverse=True)
    assert all(TOP <= y <= TOP + HEIGHT for _, y in loss + score)


def test_a_loss_that_falls_by_powers_of_10_has_an_axis_of_powers_of_10():
    [loss] = lines(svg([run(losses=(1.0, 0.1, 0.01), scores=(None,) * 3)]))

    assert [y for _, y in loss] == pytest.approx([TOP, TOP + HEIGHT / 2, TOP + HEIGHT])


@pytest.mark.parametrize("losses", [(0.0, 0.0, 0.0), (-1.0, 3.0, 2.0), (0.5, None, 0.25), (1e-9, 1e9, 1.0)])
def test_losses_of_any_kind_have_a_picture_and_a_table(losses):
    found = [run(losses=losses)]

    ElementTree.fromstring(svg(found))
    assert "nan" not in svg(found)
    assert len(list(table(found))) == 4


def test_epochs_and_numbers_that_cannot_be_are_left_out():
    rows = [
        {"epoch": e, "train_loss": v}
        for e, v in ((0, 1.0), (1, float("inf")), (1, 10**400), (2, "a"), (None, 1.0), (3, 0.5))
    ]

    assert Curves("odd", tuple(rows)).of("train_loss") == [(3, 0.5)]


def test_a_single_epoch_is_a_dot():
    assert svg([run(losses=(1.0,), scores=(0.5,))]).count("<circle") == 2


def test_names_of_runs_cannot_write_into_the_picture():
    picture = svg([run("<script>&")])

    assert "<script>" not in picture
    assert "<script>&:" in "".join(ElementTree.fromstring(picture).itertext())


def test_the_table_has_the_first_epochs_and_the_last_of_each_run():
    long, short = run("a", (1.0,) * 30, (0.9,) * 30), run("b", (2.0,) * 7, (0.5,) * 7)
    rows = [line.split() for line in table([long, short])][1:]

    assert [row[0] for row in rows] == ["1", "2", "5", "7", "10", "20", "30"]
    assert rows[3] == ["7", "1", "90.00%", "2", "50.00%"]
    assert rows[4] == ["10", "1", "90.00%"]


def folder(path: Path, rows):
    path.mkdir()
    (path / "weights.safetensors").write_bytes(b"")
    (path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_the_command_draws_runs_and_tells_of_them(tmp_path):
    first, second = (folder(tmp_path / r.name, r.rows) for r in (run("a"), run("b", key="test_squared_error")))
    picture = tmp_path / "x.svg"

    drawn = CliRunner().invoke(main, ["curves", first, second, "-o", str(picture)])
    told = CliRunner().invoke(main, ["curves", first, second, "--json"])

    assert drawn.output == f"drew a, b as {picture}\n"
    assert "test mean squared error" in picture.read_text()
    assert [entry["run"] for entry in json.loads(told.output)["runs"]] == ["a", "b"]
    assert CliRunner().invoke(main, ["curves", first]).output.splitlines()[0].startswith("epoch  a: training loss")


@pytest.mark.parametrize(("rows", "said"), [(None, "is not a training run"), ([], "tells of no epoch")])
def test_what_is_no_run_is_told_in_words(tmp_path, rows, said):
    path = str(tmp_path / "none") if rows is None else folder(tmp_path / "run", rows)

    found = CliRunner().invoke(main, ["curves", path])

    assert found.exit_code == 1
    assert said in found.output


def test_only_svg_is_drawn(tmp_path):
    assert CliRunner().invoke(main, ["curves", str(tmp_path), "-o", "x.png"]).exit_code == 2
