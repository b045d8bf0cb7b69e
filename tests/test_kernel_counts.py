"""How many kernels nets need: sizes are data, so that a net of many sizes is compiled in seconds."""

import os
import re

import pytest

import netlang
from netlang import catalogue
from netlang.check import letters, sized
from netlang.pipeline import compile_plan
from netlang.primitives.launch import KernelText, Target

TARGET = Target("avx512", "f32", ((6, 4), (12, 2), (8, 3), (14, 1), (6, 2), (6, 1), (1, 1)), 2)
MOST = 60  # generated kernels of a net, for training and evaluation together
SHARED = 11  # parts that they call, the same in all nets where windows are
QUICK = ["resnet-basic", "googlenet", "inception-v3", "inception-resnet-v2", "mobilenet-v2", "lstm"]
NETS = [entry.name for entry in catalogue.entries()] if os.environ.get("NETLANG_ZOO") == "all" else QUICK


def kernels(net, purpose):
    plan = compile_plan(net, purpose, TARGET, 8).plan
    return {launch.draft.kernel for launches in plan.segments.values() for launch in launches}


def parts(net, purpose):
    plan = compile_plan(net, purpose, TARGET, 8).plan
    drafts = [launch.draft for launches in plan.segments.values() for launch in launches]
    return {argument for draft in drafts for argument in draft.args if isinstance(argument, KernelText)}


@pytest.mark.parametrize("name", NETS)
def test_a_net_needs_few_kernels(name):
    net = netlang.load(catalogue.folder() / f"{name}.net").checked
    net = sized(net, dict.fromkeys(letters(net), 32))

    made = kernels(net, "train") | kernels(net, "evaluate")

    assert len(made) <= MOST
    assert len(parts(net, "train") | parts(net, "evaluate")) <= SHARED


def test_images_of_another_size_need_no_other_kernels():
    text = "input {0}x{0}x32\nblock b:\n  conv3-32, bn, relu, dropout 0.5\nb, b, flatten, FC-10, softmax\n"
    small, large = (netlang.from_text(text.format(size)).checked for size in (16, 24))

    assert kernels(small, "train") == kernels(large, "train")
    assert parts(small, "train") == parts(large, "train") != set()


def test_layers_that_draw_their_own_numbers_share_a_kernel():
    one, two = ("input 64\n" + "FC-64, dropout 0.5\n" * n + "FC-10, softmax\n" for n in (2, 3))

    assert len(kernels(netlang.from_text(two).checked, "train")) == len(
        kernels(netlang.from_text(one).checked, "train")
    )


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("conv1-32, scale 0.1, relu", "conv1-32, scale 0.2, relu"),
        ("conv3-32, dropout 0.3", "conv3-32, dropout 0.2"),
        ("conv7x1-20, relu", "conv1x7-20, relu"),
    ],
)
def test_what_differs_in_a_number_or_a_windows_shape_alone_shares_kernels(one, two):
    first, second = (netlang.from_text(f"input 16x16x32\n{body}, {body}, gap, FC-10, softmax") for body in (one, two))

    assert kernels(first.checked, "train") == kernels(second.checked, "train")


@pytest.mark.parametrize("name", ["vgg", "googlenet", "lstm", "resnet-basic"])
def test_no_line_of_a_kernel_takes_the_name_of_a_table(name):
    """What reads it later would find something else."""
    net = netlang.load(catalogue.folder() / f"{name}.net").checked
    for kernel in kernels(sized(net, dict.fromkeys(letters(net), 32)), "train"):
        tables = re.findall(r"^    (\w+) = args \+ \d+$", kernel.text, re.MULTILINE)
        for table in tables:
            assert len(re.findall(rf"^ +(?:for )?{table} (?:=|in) ", kernel.text, re.MULTILINE)) == 1, kernel.name
