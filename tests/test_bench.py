"""Timing, limits, floors and rows of `netlang bench`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import netlang
from netlang.bench import alone, compare, floor, history, jaxed, kernels, limits, measure, peers, runtime
from netlang.bench.limits import Limits
from netlang.bench.measure import Timing
from netlang.cli import bench, main
from netlang.graph import Graph, Input, Node
from netlang.layer import Weight, find
from netlang.source import NOWHERE
from netlang.types import Tensor


class Clock:
    """Time that passes only in work."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, seconds: float, calls: list[str]) -> Any:
        def run() -> None:
            calls.append(name)
            self.now += seconds

        return run


def test_contenders_take_turns_and_samples_are_long_enough():
    clock, calls, rests = Clock(), [], []
    contenders = {"slow": clock.work("slow", 0.03, calls), "fast": clock.work("fast", 0.004, calls)}

    timings = measure.interleaved(contenders, 3, clock, lambda: rests.append(calls[-1] if calls else "none"))

    assert timings["slow"].samples == pytest.approx([0.03] * 3)
    assert timings["fast"].samples == pytest.approx([0.004] * 3)
    assert rests == ["none", *["slow", "fast"] * 2, "slow"], "before each sample the one before comes to rest"
    rounds = [name for i, name in enumerate(calls) if i == 0 or calls[i - 1] != name]
    assert rounds[-6:] == ["slow", "fast"] * 3
    fast_in_last_round = len(calls) - 1 - max(i for i, name in enumerate(calls) if name == "slow")
    assert fast_in_last_round * 0.004 >= measure.SAMPLE + measure.SETTLE


def test_the_median_counts_and_the_spread_is_shown():
    timing = Timing((1.0, 5.0, 2.0))

    assert timing.median == 2
    assert timing.spread == 2


def test_the_kernels_behind_the_limits_do_what_they_say():
    from netlang.backend.cache import interpreted

    x, y, z = (np.full(32, value, np.float32) for value in (1, 2, np.nan))
    args = np.array([x.ctypes.data, y.ctypes.data, z.ctypes.data, 128], np.int64)
    interpreted(limits.TRIAD)(args.ctypes.data, 0, 0)
    sums = np.full(16 * 2, 0.5, np.float32)
    interpreted(limits.fma_text(2))(np.array([3, sums.ctypes.data], np.int64).ctypes.data, 0, 0)

    assert z.tolist() == [7] * 32
    assert sums.tolist() == [0.9375] * 32  # 0.5 -> 0.75 -> 0.875 -> 0.9375
    assert limits.bandwidth(1, 1 << 16) > 0


def lenet_head() -> Graph:
    """28x28 → conv5-6 → one dense layer of 10, as a graph of layers."""
    graph = Graph()
    conv, fc = find("conv"), find("fc")
    assert conv is not None
    assert fc is not None
    x = graph.add(Node("x", Input("x"), (), Tensor("f32", ("n", 28, 28, 1)), NOWHERE))

    def layer(name: str, made_by: Any, source: Node) -> Node:
        weights = [graph.add(Node(f"{name}.{w.name}", w, (), w.type, NOWHERE)) for w in made_by.weights(source.type)]
        inputs = (source.id, *(w.id for w in weights))
        return graph.add(Node(name, made_by, inputs, made_by.infer(source.type), NOWHERE))

    layer("fc", fc(width=10), layer("conv", conv(kernel=(5, 5), width=6), x))
    assert all(isinstance(node.made_by, Weight) for node in graph if "." in node.id)
    return graph


def test_the_floor_counts_products_and_bytes():
    graph = lenet_head()
    conv, fc = 28 * 28 * 6 * 25, 28 * 28 * 6 * 10
    weights = 4 * (25 * 6 + 6 + 28 * 28 * 6 * 10 + 10)
    activation = 4 * 100 * 28 * 28 * 6  # of the convolution, batch 100: above 1 MB

    infer, train = floor.inference(graph, 100), floor.training(graph, 100, state=2 * weights)

    assert infer.flops == 2 * 100 * (conv + fc)
    assert infer.moved == weights + 2 * activation
    assert train.flops == 2 * 100 * (2 * conv + 3 * fc)  # no gradient of the picture
    assert train.moved == 2 * weights + 2 * weights + 2 * 2 * weights + weights + 4 * activation


def test_the_floor_counts_what_a_first_recurrent_layer_leads_back_through_time():
    graph = netlang.from_text("input 10x6\nrnn-5\nlast, FC-1\n").graph
    step, back, head = (6 + 5) * 5, 5 * 5, 5 * 1

    assert floor.inference(graph, 3).flops == 2 * 3 * (10 * step + head)
    assert floor.training(graph, 3, state=0).flops == 2 * 3 * (2 * 10 * step + 10 * back + 3 * head)


def test_small_activations_stay_in_the_caches():
    graph = lenet_head()

    assert floor.inference(graph, 1).moved == 4 * (25 * 6 + 6 + 28 * 28 * 6 * 10 + 10)


def test_the_floor_adds_both_limits():
    assert Limits(gflops=2, gbs=4).floor(2e9, 8e9) == 1 + 2


RESULT = compare.Result(
    "train", Timing((2.0e-3,) * 3), 1e-3, {"a": Timing((5e-3,) * 3), "b": Timing((4e-3,) * 3)}, {"cold": 9}
)
COMPARISON = compare.Comparison("lenet", 64, 2, Limits(500, 60), (RESULT,), ("c: left out",))


def test_the_fastest_peer_counts():
    assert RESULT.best == "b"
    assert RESULT.ratio == pytest.approx(2)


def test_json_holds_the_documented_names():
    found = COMPARISON.as_json()

    assert found["results"][0]["netlang_ms"] == 2
    assert found["results"][0]["floor_ms"] == 1
    assert found["results"][0]["peers"] == {"a": 5, "b": 4}
    assert found["results"][0]["ratio"] == 2
    assert found["results"][0]["compile_s"] == {"cold": 9}
    assert (found["net"], found["batch"], found["threads"], found["peak_gflops"], found["bandwidth_gbs"]) == (
        *("lenet", 64, 2),
        *(500, 60),
    )


def test_rows_are_appended_to_a_table_and_what_was_there_stays(tmp_path: Path):
    path = tmp_path / "m.md"
    compare.append(path, COMPARISON, "2026-01-01")
    compare.append(path, COMPARISON, "2026-01-02")

    lines = path.read_text().splitlines()

    assert lines[0] == "# Measurements: lenet"
    assert [line.split(" | ")[0] for line in lines[4:]] == ["| 2026-01-01", "| 2026-01-02"]
    assert len({line.count("|") for line in lines[2:]}) == 1


def test_an_empty_file_of_rows_is_begun_like_one_that_is_not_there(tmp_path: Path):
    path, empty = tmp_path / "m.md", tmp_path / "empty.md"
    empty.write_text("\n")

    compare.append(path, COMPARISON, "2026-01-01")
    compare.append(empty, COMPARISON, "2026-01-01")

    assert empty.read_text() == path.read_text()


def test_rows_come_behind_their_own_table_whatever_the_file_goes_on_with(tmp_path: Path):
    path = tmp_path / "m.md"
    compare.append(path, COMPARISON, "2026-01-01")
    notes = "\n## What lost\n\n| tried | figure |\n|---|---|\n| larger tiles | 2 % |\n"
    path.write_text(path.read_text() + notes)

    compare.append(path, COMPARISON, "2026-01-02")

    lines = path.read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[4:6]] == ["| 2026-01-01", "| 2026-01-02"]
    assert path.read_text().endswith(notes)


def test_only_a_row_that_is_worse_than_one_before_is_told(tmp_path: Path):
    path = tmp_path / "m.md"
    slower = replace(RESULT, netlang=Timing((2.3e-3,) * 3))
    compare.append(path, COMPARISON, "2026-01-01")
    compare.append(path, replace(COMPARISON, batch=8, results=(slower,)), "2026-01-02")
    assert history.dropped(history.rows(path)) == []

    compare.append(path, replace(COMPARISON, results=(slower,)), "2026-01-03")

    said = f"lenet, 64, train, against b: 1.74 on 2026-01-03, 13% below 2.00 on 2026-01-01 ({COMPARISON.machine})"
    assert history.dropped(history.rows(path)) == [said]
    assert CliRunner().invoke(main, ["bench", "--history", str(path)]).exit_code == 1
    compare.append(path, COMPARISON, "2026-01-04")
    assert history.dropped(history.rows(path)) == []
    assert CliRunner().invoke(main, ["bench", "--history", str(path)]).output.startswith("none of 4 rows")


def test_without_a_peer_the_floor_is_the_measure(tmp_path: Path):
    path = tmp_path / "m.md"
    for took, day in ((2e-3, "2026-01-01"), (4e-3, "2026-01-02")):
        alone_ = replace(RESULT, netlang=Timing((took,) * 3), peers={})
        compare.append(path, replace(COMPARISON, results=(alone_,)), day)

    (said,) = history.dropped(history.rows(path))

    assert said.startswith("lenet, 64, train, against the floor: 0.25 on 2026-01-02, 50% below 0.50 on 2026-01-01")


def test_a_table_of_something_else_is_not_read_and_a_spoilt_row_is_named(tmp_path: Path):
    path = tmp_path / "m.md"
    compare.append(path, COMPARISON, "2026-01-01")
    whole = path.read_text()
    path.write_text("| a | b |\n|---|---|\n| 1 | 2 |\n\n" + whole)
    assert len(history.rows(path)) == 1

    path.write_text(whole.replace("| 2.00 |", "| fast |"))

    result = CliRunner().invoke(main, ["bench", "--history", str(path)])
    assert result.exit_code == 1
    assert "a row is not one that" in result.stderr


@pytest.mark.parametrize("asked", [[], ["x.net", "--kernels"], ["--kernels", "--history", "m.md"]])
def test_one_thing_is_measured_at_a_time(asked: list[str]):
    result = CliRunner().invoke(main, ["bench", *asked])

    assert result.exit_code == 2
    assert "give one of FILE, --kernels and --history" in result.stderr


def test_memory_is_what_a_process_of_its_own_takes_and_a_failure_is_a_note(tmp_path: Path):
    file = tmp_path / "a.net"
    file.write_text(f"input 64\nFC-{1 << 16}, tanh\nFC-3, softmax\n")
    request = alone.Request(str(file), None, {}, 2, "infer", 1)
    notes: list[str] = []

    found = alone._asked(request, notes.append)

    assert found is not None
    assert found["peak"] > 4 * 64 * (1 << 16) / 1e6  # the weights alone
    assert alone._asked(replace(request, path="nowhere.net", contender="onnxruntime"), notes.append) is None
    assert len(notes) == 1
    assert notes[0].startswith("onnxruntime: its memory was not measured: ")


def test_memory_and_both_ways_to_compile_are_in_json_and_table():
    measured = alone.Measured({"netlang": 10.5}, {"cold": 3.0, "warm": 0.5})
    result = replace(RESULT, peaks=measured.peaks, compiled=measured.compiled)

    found = result.as_json()

    assert (found["peak_mb"], found["compile_s"]) == ({"netlang": 10.5}, {"cold": 3, "warm": 0.5})
    text = compare.table(replace(COMPARISON, results=(result,)))
    assert "memory: netlang 10 MB" in text
    assert "compiled in 3.0 s cold, 0.5 s warm" in text


def test_a_product_is_timed_beside_the_peak_of_a_core(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "SAMPLE", 1e-4)

    found = kernels._product("spread_f32_1x1", 100.0)

    assert found.gflops > 0
    assert found.share == pytest.approx(found.gflops / 100, abs=1e-3)


def test_kernels_are_told_with_their_share():
    moving = kernels.Moving("map_c", "relu1", 2.0, 80.0, 40.0, 0.8)
    found = kernels.Kernels(200, 2, Limits(400, 50), (kernels.Product("spread_f32_6x4", 190, 0.95),), (moving,))

    text = kernels.table(found)

    assert "spread_f32_6x4               190 GFLOP/s    95%" in text
    assert "map_c                       40.0 GB/s       80%    2.000 ms  relu1" in text
    assert found.as_json()["moving"][0]["gbs"] == 40


def bench_of(monkeypatch: pytest.MonkeyPatch, *args: str) -> Any:
    net = netlang.from_text("input 4\nFC-3, softmax\n")
    monkeypatch.setattr(bench, "opened", lambda file, settings: net)
    monkeypatch.setattr(limits, "measure", lambda threads: Limits(500, 60))
    monkeypatch.setattr(measure, "SAMPLE", 1e-4)
    return CliRunner().invoke(bench.command, ["x.net", "--batch", "8", "--repeat", "3", "--quick", *args])


def test_without_pytorch_netlang_stands_alone_and_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(peers, "available", lambda: False)
    monkeypatch.setattr(runtime, "available", lambda: False)
    monkeypatch.setattr(jaxed, "available", lambda: False)

    result = bench_of(monkeypatch, "--json")

    found = json.loads(result.stdout)
    assert [r["mode"] for r in found["results"]] == ["train", "infer"]
    assert all(r["netlang_ms"] > 0 and r["ratio"] is None for r in found["results"])
    assert "pip install 'netlang[reference]'" in result.stderr


def test_the_table_names_all_contenders():
    text = compare.table(COMPARISON)

    assert "lenet, batch 64, 2 threads: train" in text
    assert "ratio 2.00: b / netlang" in text
    assert "netlang takes 2.00 times that" in text
    assert text.endswith("note: c: left out")


@pytest.mark.parametrize("wrong", [("--mode", "test"), ("--against", "torch,torch"), ("--against", "keras")])
def test_an_unknown_mode_or_peer_is_a_wrong_command_line(wrong: tuple[str, str], monkeypatch: pytest.MonkeyPatch):
    result = bench_of(monkeypatch, *wrong)

    assert result.exit_code == 2
    assert f"`{wrong[1]}`: it may be" in result.stderr
    assert ("or none" in " ".join(result.stderr.replace("`", "").split())) == (wrong[0] == "--against")


def test_a_floor_of_nothing_is_no_measure_and_names_of_any_length_stand_in_line():
    peers_ = {"torch compiled channels-first": Timing((1e-3,) * 3)}
    result = replace(RESULT, floor=0.0, peers=peers_)

    lines = compare.table(replace(COMPARISON, results=(result,))).splitlines()

    assert not any("times that" in line for line in lines)
    assert len({line.index(" ms") for line in lines if " ms" in line}) == 1


def test_times_of_small_nets_keep_three_digits(tmp_path: Path):
    result = replace(RESULT, netlang=Timing((1.234e-5,) * 3), floor=7.56e-9)
    comparison = replace(COMPARISON, results=(result,))
    compare.append(tmp_path / "m.md", comparison, "2026-01-01")

    assert comparison.as_json()["results"][0]["floor_ms"] == 7.56e-6
    assert ["7.56e-06", "ms"] in [line.split()[1:3] for line in compare.table(comparison).splitlines()]
    assert (tmp_path / "m.md").read_text().splitlines()[4].split(" | ")[3:5] == ["0.0123", "7.56e-06"]


@pytest.mark.reference
def test_onnx_runtime_is_a_peer_of_inference(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    file = tmp_path / "a.net"
    file.write_text("input 6x5x3\nconv3-4, maxpool, flatten\nFC-3, softmax\n")
    net = netlang.load(file)
    program = net.compile(batch=2, threads=1)
    x, target = compare.inputs(net, 2)
    weights = {name: np.array(program.weights[name]) for name in program.weights}
    case = peers.Case(net, weights, x, target, {}, 1)

    (answer,) = runtime.inference(case)["onnxruntime"]()
    np.testing.assert_allclose(answer, program(x), atol=1e-6)


@pytest.mark.reference
@pytest.mark.parametrize(("precision", "matrices", "tf32"), [
    ("strict", "highest", False), ("fast", "high", True), ("bf16", "high", True),
])  # fmt: skip
def test_on_a_gpu_pytorch_computes_in_the_precision_of_netlang(
    monkeypatch: pytest.MonkeyPatch, precision: str, matrices: str, tf32: bool
):
    torch = pytest.importorskip("torch")
    said: dict[str, Any] = {}
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda word: said.update(matrices=word))
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    for name in ("allow_tf32", "benchmark"):
        monkeypatch.setattr(torch.backends.cudnn, name, not tf32)
    case = peers.Case(None, {}, np.zeros(0), np.zeros(0), {}, 1, "cuda", precision)

    case.prepare()

    assert (said["matrices"], torch.backends.cudnn.allow_tf32) == (matrices, tf32)
    with peers.Case(None, {}, np.zeros(0), np.zeros(0), {}, 1, "cpu", precision).mixed():
        made = torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2))
    assert made.dtype == (torch.bfloat16 if precision == "bf16" else torch.float32)


def test_the_table_says_of_which_products_the_peak_is():
    on_gpu = replace(COMPARISON, on="cuda")

    assert "500 GFLOP/s of tf32, 60.0 GB/s" in compare.table(on_gpu)
    assert "500 GFLOP/s of bf16" in compare.table(replace(on_gpu, precision="bf16"))
    assert "500 GFLOP/s of float32" in compare.table(replace(on_gpu, precision="strict"))
    assert "500 GFLOP/s of float32" in compare.table(replace(COMPARISON, precision="fast"))


def test_precision_is_told_where_it_is_not_the_usual_one():
    strict = replace(COMPARISON, precision="strict")

    assert compare.table(strict).startswith("lenet, batch 64, 2 threads: train, strict\n")
    assert strict.as_json()["precision"] == "strict"
    assert compare.table(COMPARISON).startswith("lenet, batch 64, 2 threads: train\n")


def test_tokens_are_whole_numbers_of_the_vocabulary(tmp_path: Path):
    net = netlang.from_text("input 9 tokens vocab=5\nembed-4, mean, FC-3, softmax\n")

    x, _ = compare.inputs(net, 40)
    assert set(np.unique(x)) == {0, 1, 2, 3, 4}
