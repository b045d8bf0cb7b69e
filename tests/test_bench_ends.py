"""`netlang bench` of nets with several inputs and outputs, and of files that are not what they should be."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlang
from netlang.bench import compare, history, peers, profile, runtime
from netlang.bench.limits import Limits
from netlang.cli import main

ENDS = """input 6x5x3 @a
input 4 @b
@a, conv3-4 relu @u
@u, globalavgpool, FC-2, softmax, output aux side weight=0.3
@u, globalavgpool, FC-5 linear, output other weight=2 loss=mse
@u, globalavgpool @v
concat[ @v | @b ], FC-3, softmax
"""
HEAD = f"| {' | '.join(history.COLUMNS)} |\n{'|---' * 8}|\n"


@pytest.fixture(name="case")
def two_inputs_and_three_outputs():
    net = netlang.from_text(ENDS)
    program = net.compile(batch=4, training=True, threads=1)
    weights = {name: np.array(program.weights[name]) for name in program.weights}
    x, target = compare.inputs(net, 4)
    yield peers.Case(net, weights, x, target, {}, 1), program
    program.close()


@pytest.mark.reference
def test_peers_train_all_outputs_by_the_weights_of_their_losses(case):
    torch = pytest.importorskip("torch")
    from netlang.layers.twin import twin

    of, program = case
    assert set(of.x) == {"a", "b"}
    assert set(of.target) == set(of.net.graph.outputs)
    ours, _ = program.gradients(of.x, of.target)
    total = peers._loss(of, twin(of.net).load(of.weights).train())
    inputs = [torch.from_numpy(x) for x in of.inputs]
    targets = {k: torch.from_numpy(t[..., None] if t.dtype.kind in "iu" else t) for k, t in of.targets.items()}

    assert float(total(inputs, targets).detach()) == pytest.approx(ours, rel=1e-5)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("text", "modes"),
    [
        ("input 3\nFC-2\n", ["torch", "torch compiled"]),
        ("input 5x4\nlstm-3, last\n", ["torch", "torch compiled"]),
        (
            "input 3x3x1\nconv3-1, flatten, FC-2\n",
            ["torch@-first", "torch@-last", "torch compiled@-first", "torch compiled@-last"],
        ),
    ],
)
def test_pytorch_runs_compiled_too_and_images_in_both_layouts(text, modes, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(peers, "_no_compiler", lambda: "")
    net = netlang.from_text(text)
    program = net.compile(batch=2, threads=1)
    weights = {name: np.array(program.weights[name]) for name in program.weights}
    case = peers.Case(net, weights, *compare.inputs(net, 2), {}, 1)

    assert [name for name, *_ in peers._modes(case, peers.silent)] == [m.replace("@", " channels") for m in modes]


@pytest.mark.reference
def test_in_evaluation_peers_leave_out_what_is_there_for_training(case):
    torch = pytest.importorskip("torch")
    from netlang.layers.twin import twin

    of, program = case
    made = twin(of.net).load(of.weights).eval()
    ran = []
    made.parts = {name: lambda *x, p=p, name=name: ran.append(name) or p(*x) for name, p in made.parts.items()}

    with torch.no_grad():
        answer = made(*(torch.from_numpy(x) for x in of.inputs))

    assert not made.side & set(ran)
    assert {of.net.graph.outputs["aux"]} < made.side
    outputs = program(of.x)
    assert set(outputs) == set(of.net.graph.outputs) - {"aux"}
    assert any(np.allclose(answer, value, atol=1e-6) for value in outputs.values())


@pytest.mark.reference
def test_onnx_runtime_is_given_every_input(case):
    pytest.importorskip("onnxruntime")
    of, program = case

    answers = runtime.inference(of)["onnxruntime"]()

    for answer, value in zip(answers, program(of.x).values(), strict=True):
        np.testing.assert_allclose(answer, value, atol=1e-6)


def test_a_profile_takes_several_inputs_and_outputs():
    found = profile.profile(netlang.from_text(ENDS), 2, "train", 1, 3, Limits(100.0, 10.0))

    assert found.whole > 0


def rows(tmp_path: Path, *these: tuple[str, str]) -> Path:
    path = tmp_path / "m.md"
    lines = (f"| 2026-01-0{k} | lenet, 3 | train | 1 | 1 | {peer} | 2 | {r} |" for k, (peer, r) in enumerate(these, 1))
    path.write_text(HEAD + "\n".join(lines) + "\n")
    return path


def test_a_peer_that_becomes_the_fastest_hides_no_drop(tmp_path: Path):
    found = history.rows(rows(tmp_path, ("jax", "2.19"), ("torch", "0.50")))

    said = "lenet, 3, train, against torch: 0.50 on 2026-01-02, 77% below 2.19 against jax on 2026-01-01"
    assert history.dropped(found) == [said]


def test_another_machine_or_file_hides_no_drop_and_makes_none(tmp_path: Path):
    head = HEAD.replace("|\n", "| threads | machine |\n", 1)
    line = "| 2026-01-0{} | lenet, 3 | train | 1 | 1 | jax | 2 | {} | {} | {}, 500 GFLOP/s |\n"
    slow = [line.format(2, "1.00", 2, "Intel"), line.format(3, "1.00", 1, "AMD"), line.format(4, "1.90", 2, "AMD")]
    (tmp_path / "a.md").write_text("".join([head, line.format(1, "2.00", 2, "AMD"), *slow]))
    (tmp_path / "b.md").write_text("# Notes\n")
    (tmp_path / "c.md").write_text("".join([head, line.format(5, "0.50", 2, "AMD"), line.format(6, "0.40", 2, "AMD")]))

    said = "lenet, 3, train, against jax: 0.40 on 2026-01-06, 20% below 0.50 on 2026-01-05 (AMD)"
    assert history.dropped(history.rows(tmp_path)) == [said]
    assert history.dropped(history.rows(tmp_path / "a.md")) == []


def test_a_file_without_rows_is_no_history(tmp_path: Path):
    path = tmp_path / "notes.md"
    path.write_text("# Notes\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")

    result = CliRunner().invoke(main, ["bench", "--history", str(path)])

    assert result.exit_code == 1
    assert f"{path} has no row" in result.stderr


@pytest.mark.parametrize("ratio", ["nan", "inf", "0", "-1"])
def test_a_ratio_that_none_can_have_is_named(tmp_path: Path, ratio: str):
    result = CliRunner().invoke(main, ["bench", "--history", str(rows(tmp_path, ("jax", ratio)))])

    assert result.exit_code == 1
    assert "a row is not one that `netlang bench --append` writes" in result.stderr


@pytest.mark.parametrize("arguments", [["--history"], ["examples/xor-mlp.net", "--append"]], ids=["history", "append"])
def test_a_file_that_is_not_text_is_refused_before_anything_is_measured(
    tmp_path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compare, "compare", lambda *_: pytest.fail("it measured"))
    path = tmp_path / "m.md"
    path.write_bytes(b"\xff\xfe\x80")
    result = CliRunner().invoke(main, ["bench", *arguments, str(path)])

    assert result.exit_code == 1
    assert f"{path} is not text" in result.stderr


def test_what_was_measured_is_told_even_where_no_row_can_be_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A comparison may take minutes."""
    none = compare.Comparison("xor", 4, 1, None, (), ())
    monkeypatch.setattr(compare, "compare", lambda *_: none)
    (tmp_path / "file").write_text("no folder")
    rows_of = tmp_path / "file" / "m.md"
    result = CliRunner().invoke(main, ["bench", "examples/xor-mlp.net", "--against", "none", "--append", str(rows_of)])

    assert result.exit_code == 1
    assert result.stdout == f"{compare.table(none)}\n"
    assert f"cannot write {rows_of}" in result.stderr
