"""Values computed again on the way back: less memory, the same numbers."""

import re
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner

import netlang
from netlang.backend.limits import OutOfMemoryError
from netlang.cli import main
from netlang.passes.recompute import AGAIN
from netlang.pipeline import compile_plan
from netlang.primitives.launch import Target
from netlang.primitives.map.op import Map
from netlang.primitives.window.op import Window

TARGET = Target("golden", "f32", ((6, 4), (12, 2), (8, 3), (14, 1), (6, 2), (6, 1), (1, 1)), 2)
BLOCK = "residual[conv3-16, bn, relu, dropout 0.3, conv3-16, bn], relu\n"
TEXT = f"input 16x16x16\nconv3-16, bn, relu\n{BLOCK * 3}maxpool2\nflatten, FC-10, softmax\n"
BATCH = 8


def made(memory=None, batch=BATCH):
    return compile_plan(netlang.from_text(TEXT).checked, "train", TARGET, batch, memory=memory)


def least():
    with pytest.raises(OutOfMemoryError) as refused:
        made(1)
    return int(re.search(r"at least ([\d,]+) bytes", str(refused.value))[1].replace(",", ""))


def copies(stages):
    return [node for node in stages.optimised if node.id.endswith(AGAIN)]


def test_the_least_that_is_possible_is_told_and_possible():
    bytes_ = least()

    assert made(bytes_).plan.size == bytes_
    with pytest.raises(OutOfMemoryError, match=f"at least {bytes_:,} bytes .* and may take {bytes_ - 1:,}"):
        made(bytes_ - 1)


def test_a_plan_takes_no_more_than_it_may_and_less_memory_is_more_work():
    whole, bytes_ = made().plan.size, least()
    limits = [whole - (whole - bytes_) * part // 4 for part in range(5)]

    stages = [made(limit) for limit in limits]

    assert all(each.plan.size <= limit for each, limit in zip(stages, limits, strict=True))
    counts = [len(copies(each)) for each in stages]
    assert counts[0] == 0
    assert counts[1] > 0
    assert all(few <= many for few, many in pairwise(counts))
    assert bytes_ < 0.8 * whole


def test_where_there_is_enough_nothing_changes():
    assert str(made(1 << 40).plan) == str(made().plan)


def test_maps_are_computed_again_before_products_are():
    found = made(made().plan.size - 1)

    assert copies(found)
    assert all(isinstance(node.made_by, Map | Window) for node in copies(found))


def test_a_copy_is_what_it_is_a_copy_of_and_made_when_first_read():
    stages = made(least())
    order = {node.id: k for k, node in enumerate(stages.optimised)}
    loss = order[stages.optimised.outputs["loss"]]

    for copy in copies(stages):
        first = stages.optimised[copy.id.removesuffix(AGAIN)]
        assert (copy.made_by, copy.type, copy.span) == (first.made_by, first.type, first.span)
        assert [i.removesuffix(AGAIN) for i in copy.inputs] == list(first.inputs)
        assert loss < order[copy.id] < min(order[reader.id] for reader in stages.optimised.readers(copy.id))
        assert all(order[reader.id] <= loss for reader in stages.optimised.readers(first.id))


def trained(memory):
    random = np.random.default_rng(3)
    x, target = random.standard_normal((BATCH, 8, 8, 16), np.float32), random.integers(0, 10, BATCH)
    text = f"input 8x8x16\n{BLOCK * 3}flatten, FC-10, softmax\n"
    program = netlang.from_text(text).compile(BATCH, training=True, seed=1, threads=2, memory=memory)
    losses = [program.step(x, target) for _ in range(3)]
    copied = len(copies(program.stages("train")))
    found = {name: program.weights[name] for name in program.weights}
    program.close()
    return copied, losses, found


def test_training_is_the_same_bit_for_bit(monkeypatch):
    with pytest.raises(OutOfMemoryError) as refused:
        trained(1)
    assert re.search(r"a training step on 8 examples takes at least .* and may take 1 ", str(refused.value))
    bytes_ = int(re.search(r"at least ([\d,]+) bytes", str(refused.value))[1].replace(",", ""))
    none, losses, weights = trained(None)

    for limit, canaries in ((bytes_, "0"), (bytes_ * 9 // 8, "1")):  # with canaries no memory serves twice
        monkeypatch.setenv("NETLANG_CHECK_MEMORY", canaries)
        copied, same_losses, same_weights = trained(limit)

        assert copied > none == 0
        assert losses == same_losses
        assert all(np.array_equal(weights[name], same_weights[name]) for name in weights)


@pytest.mark.parametrize("size", ["lots", "2X", "0", "-1", ""])
def test_what_is_no_size_is_a_wrong_command_line(size):
    result = CliRunner().invoke(main, ["compile", "examples/xor-mlp.net", "--memory", size])

    assert result.exit_code == 2
    assert "it may be a number of bytes, as 500M or 2G" in result.stderr


def test_too_little_memory_is_a_message():
    result = CliRunner().invoke(main, ["compile", "examples/xor-mlp.net", "--memory", "1K"])

    assert result.exit_code == 1
    assert "takes at least" in result.stderr
    assert "(1.0 KiB)" in result.stderr
