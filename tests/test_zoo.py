"""The zoo: every net has the parameters and multiply-adds that were published for it."""

import re
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from netlang import catalogue
from netlang.check import checked
from netlang.check.counts import FIGURES, macs_of, running
from netlang.layer import Layer, Weight
from netlang.syntax.parse import parse
from netlang.syntax.read import read

DOCS = Path(__file__).parents[1] / "docs" / "zoo.md"
ALL = [(entry.name, variant) for entry in catalogue.entries() for variant in entry.variants or (None,)]

# Parameters and multiply-adds as published, of the latter as many digits as the source gives; docs/zoo.md tells more.
PUBLISHED = {
    ("lenet5", None): (61_706, None),
    ("lenet", None): (61_706, None),
    ("alexnet", None): (60_965_224, "0.724G"),
    ("alexnet-torchvision", None): (61_100_840, "0.71G"),
    ("zfnet", None): (62_357_608, None),
    ("vgg", "A"): (132_863_336, None),
    ("vgg", "ALRN"): (132_863_336, None),
    ("vgg", "B"): (133_047_848, None),
    ("vgg", "C"): (133_638_952, None),
    ("vgg", "D"): (138_357_544, "15.47G"),
    ("vgg", "E"): (143_667_240, "19.63G"),
    ("vgg16", None): (138_357_544, "15.47G"),
    ("vgg16-table", None): (138_357_544, "15.47G"),
    ("nin", None): (966_986, "0.222G"),
    ("googlenet", None): (6_998_552, "1.583G"),
    ("googlenet-torchvision", None): (6_624_904, "1.50G"),
    ("inception-v3", None): (23_834_568, "5.713G"),
    ("inception-v4", None): (42_679_816, "12.25G"),
    ("inception-resnet-v2", None): (55_843_464, "13.16G"),
    ("resnet-basic", "18"): (11_689_512, "1.81G"),
    ("resnet-basic", "34"): (21_797_672, "3.66G"),
    ("resnet", "50"): (25_557_032, "3.86G"),
    ("resnet50", None): (25_557_032, "3.86G"),
    ("resnet", "101"): (44_549_160, "7.57G"),
    ("resnet", "152"): (60_192_808, "11.28G"),
    ("resnet", "200"): (64_673_832, "14.78G"),
    ("resnet-v2", "50"): (25_549_352, None),
    ("resnet-v1.5", "50"): (25_557_032, "4.09G"),
    ("resnet-v1.5", "101"): (44_549_160, "7.80G"),
    ("resnet-v1.5", "152"): (60_192_808, "11.51G"),
    ("resnet-cifar", "20"): (269_722, "40.55M"),
    ("resnet-cifar", "56"): (853_018, "125.49M"),
    ("resnet-cifar-projection", "20"): (272_474, None),
    ("resnet-cifar-projection", "56"): (855_770, None),
    ("densenet121", None): (7_978_856, "2.83G"),
    ("mobilenet-v2", None): (3_504_872, "300M"),
    ("squeezenet", None): (1_248_424, "0.82G"),
    ("resnext50", None): (25_028_904, "4.23G"),
    ("unet", None): (31_030_658, None),
}
TRAINING = {"googlenet": 13_378_280, "googlenet-torchvision": 13_004_888, "inception-v3": 27_161_264}
LINES = {"vgg16": 7, "resnet50": 13, "googlenet": 28, "inception-v3": 42, "lstm-peephole": 6}  # at most
EXPECTED_NOTES = {"fcn": {"condition"}, "unet-same": {"condition"}}  # images of any size that 32 or 16 divides


@cache
def net(name, variant=None):
    return checked(parse(read(catalogue.entry(name).path)), variant=variant)


def figure(kind, name, variant=None):
    found = net(name, variant)[0]
    count, training = FIGURES[kind]
    return count(found.graph, None if training else running(found.graph, found.running()))


def named(value):
    return value if isinstance(value, str) else None


@pytest.mark.parametrize(("name", "variant"), ALL, ids=named)
def test_every_net_checks(name, variant):
    found, notes = net(name, variant)

    assert found.graph.outputs
    assert {note.code for note in notes} == EXPECTED_NOTES.get(name, set())


@pytest.mark.parametrize(("name", "variant"), PUBLISHED, ids=named)
def test_parameters_and_macs_are_those_published(name, variant):
    parameters, macs = PUBLISHED[name, variant]

    assert figure("parameters", name, variant) == parameters
    assert macs is None or rounds_to(figure("macs", name, variant), macs)


@pytest.mark.parametrize("name", TRAINING)
def test_side_heads_count_in_training_only(name):
    assert figure("training_parameters", name) == TRAINING[name]
    assert figure("training_macs", name) > figure("macs", name)


@pytest.mark.parametrize("name", LINES)
def test_a_net_takes_no_more_lines_than_promised(name):
    lines = catalogue.entry(name).text.splitlines()
    code = [line for line in lines if not re.match(r"\s*(#|$|netlang |expect |train)", line)]

    assert len(code) <= LINES[name]


def test_every_published_figure_is_expected_in_its_file():
    for (name, variant), (parameters, _) in PUBLISHED.items():
        assert net(name, variant)[0].expected["parameters"] == parameters, name


def test_the_figures_of_the_docs_are_those_of_the_nets():
    row = re.compile(r"^\| \[`([\w.-]+?)\.net(?::(\w+))?`\]\([^)]*\) \|[^|]*\| ([\d,]+) \| ([^|]+) \|", re.M)
    found = row.findall(DOCS.read_text(encoding="utf8"))

    assert {(name, variant or None) for name, variant, *_ in found} == set(ALL)
    for name, variant, parameters, macs in found:
        assert f"{figure('parameters', name, variant or None):,}" == parameters, name
        assert f"{figure('macs', name, variant or None):,}" == macs.strip(" `"), name


def rounds_to(count, published):
    """Whether a count shows as the published digits, rounded or cut off: sources do either."""
    digits, unit = Fraction(published[:-1]), {"K": 10**3, "M": 10**6, "G": 10**9}[published[-1]]
    last = Fraction(unit, digits.denominator if "." not in published else 10 ** len(published[:-1].split(".")[1]))
    return -last / 2 <= count - digits * unit < last


# Weights without biases of each module of GoogLeNet, and its multiply-adds in millions, rounded as the paper does.
MODULES = {
    1: (163_328, 128),  # 3a
    2: (388_096, 304),
    3: (375_552, 74),  # 4a: the paper cuts off, 73
    4: (448_512, 88),
    5: (509_440, 100),
    6: (604_672, 119),
    7: (867_328, 170),
    8: (1_042_432, 51),  # 5a: the paper's 54 M and 1072 K belong to another width
    9: (1_442_816, 71),
}


@pytest.mark.parametrize("number", MODULES)
def test_the_modules_of_googlenet_cost_what_its_table_says(number):
    graph = net("googlenet")[0].graph
    use = list(net("googlenet")[0].calls)[number - 1]
    inside = [node for node in graph if node.path[:1] == use]
    weights = sum(n.type.size for n in inside if isinstance(n.made_by, Weight) and n.made_by.name == "w")
    macs = sum(macs_of(graph, node) for node in inside if isinstance(node.made_by, Layer))

    assert (weights, round(macs / 1e6)) == MODULES[number]


# Layers of a lecture's table: weights in thousands, multiply-adds in millions; it cuts off 102 to 101 and 17 to 16.
LECTURE = {"conv1": (35, 102), "conv2": (614, 415), "fc1": (26_214, 26), "fc2": (16_777, 17)}


@pytest.mark.parametrize("name", LECTURE)
def test_the_layers_of_the_lectures_alexnet_cost_what_its_table_says(name):
    graph = net("alexnet-lecture")[0].graph
    node = graph[name]

    assert (round(graph[f"{name}.w"].type.size / 1e3), round(macs_of(graph, node) / 1e6)) == LECTURE[name]


def test_an_inception_module_costs_less_than_one_convolution():
    macs = {variant: figure("macs", "inception-module", variant) for variant in ("module", "conv3", "conv5")}

    assert {name: round(count / 1e6) for name, count in macs.items()} == {"module": 128, "conv3": 347, "conv5": 963}


def recurrent(name, word="lstm1"):
    return sum(n.type.size for n in net(name)[0].graph.made_by(Weight) if n.path[0] == word)


def test_an_lstm_has_four_gates_of_weights_and_peepholes_three_vectors_more():
    n, m = 128, 28
    assert recurrent("lstm") == 4 * (n * (n + m) + n)
    n, m = 256, 128
    assert recurrent("lstm-peephole") == 4 * (n * (n + m) + n) + 3 * n


def test_a_gru_that_resets_before_the_product_has_one_bias_vector_less():
    n, m = 128, 28
    assert recurrent("gru-before", "gru1") == 3 * (n * (n + m) + n)
    assert recurrent("gru", "gru1") == 3 * (n * (n + m) + n) + n
