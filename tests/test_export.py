"""What `netlang export` and `net.export` write: names, shapes, weights and files, and words where they cannot."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlang
from netlang import checkpoint
from netlang.cli import main
from netlang.export import given
from netlang.export import onnx as writing
from netlang.export.onnx import Form
from netlang.export.operators import Scaling, operators
from netlang.files import Problem
from netlang.start import shapes

onnx = pytest.importorskip("onnx", reason="the extra `reference` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `reference` is not installed")
from onnx_runs import assert_near, by_netlang, by_runtime, numbers, written  # noqa: E402 (needs onnx)

pytestmark = pytest.mark.reference
SMALL = "input 6x5x3\nconv3-4 bn @a, maxpool, FC-21, soft-max\n"
MANY = """input 8 @meta
input 6x6x3 @picture
conv3-4 @body
@body, gap, FC-3, soft-max, output kind
add[ @body | @meta, FC-4 ], conv1-2, soft-max, output mask
@body, flatten, FC-2, soft-max, output helper side weight=0.3
"""
TIED = """input 5x4x3
conv3-3 @a, conv3-3 tie=@a, flatten
FC-9 @code, FC-60 tie=@code transposed
"""


def run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def exported(text, path, **settings):
    """The model of a text, and what ONNX Runtime and netlang make of the same numbers."""
    net = netlang.from_text(text)
    inputs, weights = numbers(net.checked)
    net.export(path, weights, **settings)
    return net.checked, inputs, weights, onnx.load(path)


def faces(values):
    return {v.name: [d.dim_value or d.dim_param for d in v.type.tensor_type.shape.dim] for v in values}


def test_inputs_and_outputs_have_netlangs_names_and_shapes_and_the_batch_is_free(tmp_path):
    _, _, _, made = exported(MANY, tmp_path / "x.onnx")

    assert faces(made.graph.input) == {"meta": ["n", 8], "picture": ["n", 6, 6, 3]}
    assert faces(made.graph.output) == {"kind": ["n", 3], "mask": ["n", 6, 6, 2]}
    assert [(o.domain, o.version) for o in made.opset_import] == [("", 18)]


def test_several_inputs_and_outputs_agree_and_side_heads_stay_behind(tmp_path):
    net, inputs, weights, made = exported(MANY, tmp_path / "x.onnx")

    assert_near(by_runtime(tmp_path / "x.onnx", inputs), by_netlang(net, inputs, weights))
    stored = {tensor.name for tensor in made.graph.initializer}
    assert "helper" not in faces(made.graph.output)
    assert shapes(net).keys() - stored == {"fc3.w", "fc3.b"}


def test_an_output_called_like_an_input_has_another_name(tmp_path):
    net, inputs, weights, made = exported("input 4 @a\nFC-3, output a\n", tmp_path / "x.onnx")

    assert (faces(made.graph.input), faces(made.graph.output)) == ({"a": ["n", 4]}, {"a/output": ["n", 3]})
    found = by_runtime(tmp_path / "x.onnx", inputs)
    assert_near({"a": found["a/output"]}, by_netlang(net, inputs, weights))


def test_channels_may_come_first(tmp_path):
    net, inputs, weights, made = exported(MANY, tmp_path / "x.onnx", channels_first=True)

    turned = {name: np.moveaxis(x, -1, 1) for name, x in inputs.items()}
    found = by_runtime(tmp_path / "x.onnx", turned)
    assert faces(made.graph.input)["picture"] == ["n", 3, 6, 6]
    assert faces(made.graph.output)["mask"] == ["n", 2, 6, 6]
    assert_near({name: np.moveaxis(y, 1, -1) for name, y in found.items()}, by_netlang(net, inputs, weights))
    assert "Transpose" not in {node.op_type for node in made.graph.node}


def test_a_size_that_is_open_keeps_its_letter(tmp_path):
    net = netlang.from_text("input T tokens vocab=9\nembed-6, conv3-5/2, soft-max\n")
    net.export(tmp_path / "x.onnx")
    net.export(tmp_path / "fixed.onnx", sizes={"T": 12})

    made = onnx.load(tmp_path / "x.onnx")
    assert faces(made.graph.input) == {"input": ["n", "T"]}
    assert made.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.INT64
    assert faces(made.graph.output) == {"output": ["n", "ceil(T/2)", 5]}
    assert faces(onnx.load(tmp_path / "fixed.onnx").graph.output) == {"output": ["n", 6, 5]}


def test_weights_that_are_tied_are_stored_once(tmp_path):
    net, inputs, weights, made = exported(TIED, tmp_path / "x.onnx")

    assert_near(by_runtime(tmp_path / "x.onnx", inputs), by_netlang(net, inputs, weights))
    assert {tensor.name for tensor in made.graph.initializer if "/" not in tensor.name} == shapes(net).keys()


def test_weights_beside_the_model_are_the_same_numbers(tmp_path):
    net, inputs, weights, _ = exported(SMALL, tmp_path / "inside.onnx")
    beside = written(net, weights, tmp_path / "x.onnx", Form(external=True))
    held = {tensor.name: tensor for tensor in onnx.load(beside, load_external_data=False).graph.initializer}

    assert held["fc1.w"].data_location == onnx.TensorProto.EXTERNAL
    assert held["a.bn.mean"].data_location == onnx.TensorProto.DEFAULT  # a few numbers
    assert (tmp_path / "x.onnx.data").stat().st_size < 4096 * len(held)
    (found,), (again,) = (by_runtime(tmp_path / f"{name}.onnx", inputs).values() for name in ("inside", "x"))
    np.testing.assert_array_equal(found, again)


def test_weights_from_a_program_through_safetensors_to_onnx_answer_as_the_program_does(tmp_path):
    net = netlang.load(Path(__file__).parents[1] / "examples" / "xor-mlp.net")
    prog = net.compile(batch=2, seed=3)
    x = np.random.default_rng(0).normal(size=(2, 2)).astype(np.float32)
    prog.weights.save(tmp_path / "w.safetensors")
    net.export(tmp_path / "copy.safetensors", tmp_path / "w.safetensors")
    net.export(tmp_path / "a.onnx", tmp_path / "copy.safetensors")
    net.export(tmp_path / "b.onnx", prog.weights)
    net.export(tmp_path / "c.onnx", seed=3)
    try:
        expected = prog(x)
    finally:
        prog.close()

    for name in "abc":
        (found,) = by_runtime(tmp_path / f"{name}.onnx", {"input": x}).values()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)  # two ways of float32


def test_the_statistics_of_a_training_are_part_of_the_model(tmp_path):
    net = netlang.from_text(SMALL)
    mean, std = (0.5, 1.0, -2.0), (0.25, 2.0, 3.0)
    about = {"statistics": {"mean": mean, "std": std, "peak": 1.0}, "settings": {"batch": 8}, "progress": {"epoch": 1}}
    inputs, weights = numbers(net.checked)
    checkpoint.save(tmp_path / "w.safetensors", checkpoint.Checkpoint(weights, {"fc1.w.m": weights["fc1.w"]}, about))
    (tmp_path / "a.net").write_text(SMALL)

    for name, more in (("a.onnx", []), ("raw.onnx", ["--raw"]), ("a.safetensors", [])):
        done = run("export", tmp_path / "a.net", "-o", tmp_path / name, "--weights", tmp_path / "w.safetensors", *more)
        assert (done.exit_code, "normalised" in done.output) == (0, name == "a.onnx"), done.output
    scaled = {"input": ((inputs["input"] - mean) / std).astype(np.float32)}
    assert_near(by_runtime(tmp_path / "a.onnx", inputs), by_netlang(net.checked, scaled, weights))
    assert_near(by_runtime(tmp_path / "raw.onnx", inputs), by_netlang(net.checked, inputs, weights))
    kept = checkpoint.load(tmp_path / "a.safetensors")
    assert (kept.about["statistics"]["mean"], kept.state, "progress" in kept.about) == (list(mean), {}, False)


def test_pretrained_weights_are_exported(tmp_path):
    net = netlang.from_text(SMALL)
    _, weights = numbers(net.checked)
    checkpoint.save(tmp_path / "w.safetensors", checkpoint.Checkpoint({"w": weights["fc1.w"], "b": weights["fc1.b"]}))
    (tmp_path / "a.net").write_text(SMALL.replace("FC-21", 'FC-21 weights="w.safetensors"'))

    made = given(netlang.load(tmp_path / "a.net").checked, None)

    np.testing.assert_array_equal(made["fc1.w"], weights["fc1.w"])


def test_the_answer_for_programs_names_the_files(tmp_path):
    (tmp_path / "a.net").write_text(SMALL)
    done = run("export", tmp_path / "a.net", "-o", tmp_path / "x.onnx", "--external", "--opset", 20, "--json")

    files = [str(tmp_path / "x.onnx"), str(tmp_path / "x.onnx.data")]
    assert json.loads(done.output) == {"net": "a", "files": files, "opset": 20, "normalises": False}
    assert onnx.load(tmp_path / "x.onnx").opset_import[0].version == 20


def refused(*args):
    done = run("export", *args)
    assert done.exit_code, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, " ".join(done.output.split())


def test_what_cannot_be_written_is_told_in_words(tmp_path, monkeypatch):
    (tmp_path / "a.net").write_text(SMALL)
    net, x = tmp_path / "a.net", tmp_path / "x.onnx"
    (tmp_path / "other.safetensors").write_bytes(b"")
    checkpoint.save(tmp_path / "b.safetensors", checkpoint.Checkpoint({"fc1.w": np.zeros((3, 3), np.float32)}))

    assert refused(net, "-o", tmp_path / "x.pb")[0] == 2
    assert "a net is exported as .onnx or .safetensors" in refused(net, "-o", tmp_path / "x.pb")[1]
    assert refused(net, "-o", x, "--opset", 11)[0] == 2
    assert "are for .onnx files" in refused(net, "-o", tmp_path / "x.safetensors", "--raw")[1]
    assert "does not hold the weights of this net" in refused(net, "-o", x, "--weights", tmp_path / "b.safetensors")[1]
    assert "is not a whole safetensors file" in refused(net, "-o", x, "--weights", tmp_path / "other.safetensors")[1]
    monkeypatch.setattr(writing, "LARGEST", 100)
    assert "do not fit into one ONNX file; take --external" in refused(net, "-o", x)[1]
    monkeypatch.setattr(writing.importlib.util, "find_spec", lambda name: None)
    assert refused(net, "-o", x) == (1, f"error: {writing.INSTALL}")
    assert not x.exists()


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path):
    net = netlang.from_text(SMALL)
    _, weights = numbers(net.checked)

    with pytest.raises(ValueError, match=r"the weights lack `a\.w`"):
        net.export(tmp_path / "x.onnx", {})
    with pytest.raises(ValueError, match=r"`fc1\.b` has the shape 21, not 3"):
        net.export(tmp_path / "x.onnx", weights | {"fc1.b": np.zeros(3)})
    with pytest.raises(Problem, match=r"`fc1\.b` holds numbers that are not finite in float32"):
        net.export(tmp_path / "x.onnx", weights | {"fc1.b": np.full(21, 1e300)})
    with pytest.raises(ValueError, match="the opset is from 18 to 26, not 7"):
        net.export(tmp_path / "x.onnx", weights, opset=7)
    assert not list(tmp_path.iterdir())


def test_a_scaling_spreads_over_the_places_of_an_image(tmp_path):
    _, inputs, weights, _ = exported("input 2x3x2\nidentity\n", tmp_path / "x.onnx", scaling=Scaling((1, 2), (2, 4)))

    (found,) = by_runtime(tmp_path / "x.onnx", inputs).values()
    np.testing.assert_allclose(found, (inputs["input"] - [1, 2]) / [2, 4], rtol=1e-6)
    assert not weights


def test_a_scaling_that_does_not_suit_is_refused(tmp_path):
    tokens = netlang.from_text("input 4 tokens vocab=9\nembed-6\n")

    with pytest.raises(ValueError, match="takes tokens, which are not scaled"):
        tokens.export(tmp_path / "x.onnx", scaling=Scaling((0,), (1,)))
    with pytest.raises(ValueError, match="has 3 means and deviations, or one of each"):
        netlang.from_text(SMALL).export(tmp_path / "x.onnx", scaling=Scaling((0, 1), (1, 1)))


def test_statistics_of_other_channels_are_told(tmp_path):
    (tmp_path / "a.net").write_text(SMALL)
    _, weights = numbers(netlang.from_text(SMALL).checked)
    about = {"statistics": {"mean": (1, 2), "std": (1, 2), "peak": 1.0}}
    checkpoint.save(tmp_path / "w.safetensors", checkpoint.Checkpoint(weights, {}, about))

    code, said = refused(tmp_path / "a.net", "-o", tmp_path / "x.onnx", "--weights", tmp_path / "w.safetensors")
    assert (code, "its statistics are of 2 channels, the net reads 3" in said) == (1, True)


def test_a_layer_without_words_in_onnx_is_refused_by_line(monkeypatch):
    monkeypatch.setattr("netlang.export.operators.writer", lambda layer: None)

    with pytest.raises(netlang.NetError, match="cannot write `conv` as ONNX") as refused:
        operators(netlang.from_text(SMALL).checked)
    assert [problem.at.span.text for problem in refused.value.diagnostics][-1] == "soft-max"


def test_tied_recurrent_layers_share_one_set_of_matrices(tmp_path):
    net = netlang.from_text("input Tx6\nlstm-6 @a, lstm-6 tie=@a\n")
    made = operators(net.checked)

    assert made.initial.keys() == {"a.W", "a.R", "a.B"}
    assert made.initial["a.W"].shape == (1, 24, 6)
