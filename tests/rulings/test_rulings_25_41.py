"""Rulings 25 to 41: scope, outputs, loss, counts, residuals."""

import pytest
from rulings.said import errors, figures, layers, message, net, notes, on_image, on_vector, shape, weights

from netlang.check import checked, letters, sized
from netlang.diagnostics import NetError
from netlang.layer import Weight
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.syntax.read import read


def in_folder(folder, **files):
    """The net of `main`, beside other files."""
    for name, text in files.items():
        (folder / f"{name}.net").write_text(text)
    return checked(parse(read(folder / "main.net")))[0]


def test_ruling_25_a_default_holds_for_later_lines_of_its_file():
    assert on_vector("block b: FC-4\nFC-4\ndefault fc: tanh\nb, FC-4, FC-2")[:6] == [
        "fc-4", "+relu", "fc-4", "+relu", "fc-4", "+tanh",
    ]  # fmt: skip
    assert on_image("default conv: bn\ndefault conv: pad=0\nconv3-4, gap")[:2] == ["conv3-4 pad=0 bias=no", "+bn"]
    assert errors("input 8\nblock b:\n    default fc: tanh\n    FC-2\n") == ["syntax"]


def test_ruling_25_a_label_in_a_default_is_one_of_the_file():
    tied = "input 8\nFC-8 @a\ndefault fc: tie=@a\n"

    assert weights(tied + "block b: FC-8, [FC-8 @a] x2\nb, FC-8\n") == ["a.w", "a.b"]
    assert shape("input 9x9x2 @a\ndefault upsample: like=@a\nmaxpool, upsample\n") == (9, 9, 2)
    assert errors("input 8\ndefault fc: tie=@a\nFC-8 @a\n") == ["unknown-label"]
    assert errors(tied + "FC-4\n") == ["tie"]


def test_ruling_26_set_wins_over_the_variant_and_the_variant_over_the_constant():
    text = "w = 3\nv = 2*w\ninput 8\nvariant A: w=4\nvariant B: w=5\nFC-v\n"

    assert layers(text) == ["fc-8"]
    assert layers(text, "B") == ["fc-10"]
    assert layers(text, "B", w="1") == ["fc-2"]
    assert errors(text, None, u="1") == ["set"]
    assert errors("w = 1\nw = 2\ninput 8\nFC-w\n") == ["twice"]
    assert shape("input Tx4\nrelu\n", T="6") == (6, 4)


def test_ruling_27_expect_and_train_may_hold_for_one_variant():
    text = "variant A: n=2\nvariant B: n=3\ninput 8\nFC-n\nexpect A: parameters=18\nexpect B: parameters=27\n"
    text += "train: lr=0.1 epochs=2\ntrain B: lr=0.2\n"

    assert net(text).train == {"lr": 0.1, "epochs": 2}
    assert net(text, "B").train == {"lr": 0.2, "epochs": 2}
    assert net(text, "B").expected == {"parameters": 27}
    assert notes(text, None, n="7") == ["expect-skipped"] * 2
    assert errors("input 8\nw = 2\nFC-(2*w) -> (3*w)\n") == ["promise"]
    assert shape("input 8x8x1\nw = 2\nconv3-8 -> ?x8x(4*w)\n") == (8, 8, 8)


def test_ruling_28_names_of_a_used_file_arrive_unqualified(tmp_path):
    blocks = "variant A: w=3\nvariant B: w=4\nblock b: FC-w\ninput 5\nFC-9\nexpect parameters=1\ntrain: lr=5\n"
    found = in_folder(tmp_path, blocks=blocks, main='use "blocks.net"\nuse "blocks.net"\ninput 8\nb\nFC-w\n')

    assert [str(n.made_by) for n in found.graph if n.id in ("b1.fc1", "fc1")] == ["fc-3", "fc-3"]
    assert not found.train
    with pytest.raises(NetError, match="two used files have a block"):
        in_folder(tmp_path, other="block b: FC-1\n", main='use "blocks.net"\nuse "other.net"\ninput 8\nb\n')


@pytest.mark.parametrize("path", ["../x.net", "/etc/passwd", "none.net", "main.net", "\0", ""])
def test_ruling_28_a_used_file_lies_in_the_folder_and_in_no_circle(tmp_path, path):
    with pytest.raises(NetError):
        in_folder(tmp_path, main=f'use "{path}"\ninput 8\nFC-2\n')


def test_ruling_29_definitions_stand_above_their_use():
    assert errors("input 8\nFC-w\nw = 2\n") == ["unknown-constant"]
    assert errors("input 8\nb\nblock b: FC-2\n") == ["unknown-block"]
    assert errors("block b: b\ninput 8\nb\n") == ["unknown-block"]
    assert errors("block b: add[@a | FC-8]\ninput 8\nFC-8 @a\nb\n") == ["unknown-label"]
    assert layers("w = 3\nblock b(n): FC-(n*w)\ninput 8\nb(2)\n") == ["fc-6"]


def test_ruling_30_a_parameter_takes_a_label():
    text = "block up(w, @skip): deconv2-w/2, concat[@skip | identity]\ninput 8x8x2\nconv3-4 @e\nmaxpool\nup(6, @e)\n"

    assert shape(text) == (8, 8, 10)
    assert errors(text.replace("(6, @e)", "(6, 2)")) == ["argument"]


def test_ruling_31_labels_are_local_to_blocks_and_copies():
    assert shape("input 8\n[FC-8 @a, add[@a | FC-8]] x2\n") == (8,)
    assert shape("input 8\nconcat[FC-3 @a | FC-4]\nconcat[@a | FC-2]\n") == (5,)
    assert errors("input 8\n[FC-8 @a] x2\nadd[@a | FC-8]\n") == ["unknown-label"]
    assert errors("input 8\nFC-8 @a, FC-8 @a\n") == ["twice"]


def test_ruling_32_lists_go_by_the_nearest_repeat():
    assert on_vector("block b(w): FC-w\nb([3, 4]) x3")[::2] == ["fc-3", "fc-4", "fc-4"]
    assert on_vector("w = [3, 4, 5]\n[FC-w, relu, [FC-w, relu] x1] x2")[::2] == ["fc-3", "fc-3", "fc-4", "fc-3"]
    assert errors("block b(w): FC-w\ninput 8\nb([3, 4])\n") == ["list"]
    assert shape("input 8\nFC-4\nFC-3 x0 @a\nadd[@a | FC-4]\n") == (4,)


def test_ruling_33_what_nothing_reads_is_an_error():
    assert errors("input 8\nFC-4 @a\nFC-3\n@a, FC-2\n") == ["unread"]
    assert errors("input 8\nFC-4, output, FC-2\n") == errors("block b: FC-2, output\ninput 8\nb\n") == ["output"]


def test_ruling_34_inputs():
    assert shape("input 8 @image\ninput 4 @meta\nconcat[@image | @meta]\n") == (12,)
    assert errors("input 8\ninput 4\nFC-2\n")[0] == "input"
    assert shape("input 4x6 RGB\nrelu\n") == (4, 6, 3)
    assert notes("input 28x28\nrelu\n") == ["sequence"]


def test_ruling_35_a_capital_letter_is_a_free_size():
    assert shape("T = 5\ninput Tx4\nrelu -> 5x4\n") == (5, 4)
    assert shape("input HxWx3\nconv3-4 -> HxWx4\n") == ("H", "W", 4)
    text = "input HxHx3\nconv3-4 @a\nmaxpool\ndeconv2-4/2\nadd[@a | identity]\n"
    assert notes(text) == ["condition"]
    assert notes(text, None, H="8") == []
    assert errors(text, None, H="7") == ["shape"]


SIDE = "input 8\nFC-4 @a\nFC-2, softmax, output\n@a, FC-3, softmax, output aux side weight=0.3\n"


def test_ruling_36_side_outputs_count_in_training_only():
    assert figures(SIDE) == (46, 40, 61, 52)
    assert [(o.name, o.side, o.weight) for o in net(SIDE).outputs] == [("output", False, 1.0), ("aux", True, 0.3)]
    assert errors(SIDE.replace("softmax, output\n", "softmax, output one side\n", 1)) == ["output"]


def test_ruling_37_a_loss_suits_the_output_it_is_of():
    assert net("input 8\nFC-1 step, output loss=perceptron\n").outputs[0].loss == "perceptron"
    assert errors("input 8\nFC-1, output loss=perceptron\n") == ["train"]
    assert (
        errors("input 8\nFC-1 step, output loss=mse\n") == errors("input 8\nFC-1 step\ntrain: loss=mse\n") == ["train"]
    )


def test_ruling_38_parameters_are_learned_numbers():
    assert figures("input 8x8x2\nconv3-4 bn freeze, gap\n")[0] == 3 * 3 * 2 * 4 + 2 * 4
    assert figures("input 8\nFC-8 @a, FC-8 tie=@a\n")[:2] == (72, 128)
    assert figures("input 8x8x1\nconv3-1 valid, gap\n")[1] == 36 * 9
    assert figures("input 4 tokens vocab=9\nembed-3\n")[1] == 0


@pytest.mark.parametrize(
    ("line", "shortcut"),
    [
        ("residual[conv3-8/2 bn, conv3-8 bn]", ["conv1-8/2 bias=no", "+bn"]),
        ("residual[conv3-8, maxpool, dropout]", ["conv1-8/2"]),
        ("residual[conv3-8/2, conv3-8 bias=no, bn]", ["conv1-8/2 bias=no", "+bn"]),
        ("residual[bn, relu, conv3-8/2 bias=no]", ["conv1-8/2 bias=no"]),
        ("residual[conv3-8 groups=2]", ["conv1-8"]),
    ],
)
def test_ruling_39_a_projection_is_as_the_last_convolution_of_the_body(line, shortcut):
    graph = net(f"input 8x8x4\n{line}\n").graph
    found = [n for n in graph if n.id.startswith("residual1.shortcut") and hasattr(n.made_by, "word")]

    assert [str(found[0].made_by), *(f"+{n.made_by}" for n in found[1:])] == shortcut


def test_ruling_39_other_disagreement_is_an_error():
    assert errors("input 8x8x4\nresidual[conv3-4 valid]\n") == ["shape"]
    assert errors("input 8x8x4\nresidual[conv3-4/2 | conv3-4]\n") == ["shape"]
    assert weights("input 8\nresidual[FC-4]\n")[-2:] == ["residual1.shortcut.w", "residual1.shortcut.b"]


def test_ruling_40_a_residual_adds_no_activation_of_its_own():
    assert on_image("residual[conv3-4], gap")[-2:] == ["residual", "globalavgpool"]
    assert on_image("bn, relu, residual[conv3-8, conv3-8]")[:2] == ["bn", "relu"]


def test_ruling_41_option_a_and_several_branches():
    assert figures("input 8x8x4\nresidual shortcut=pad[conv3-8/2 bias=no]\n")[0] == 3 * 3 * 4 * 8
    assert shape("input 8x8x4\nresidual[conv3-4 | conv1-4] relu\n") == (8, 8, 4)


def test_nothing_in_a_text_reads_outside_its_folder():
    with pytest.raises(NetError):
        checked(parse(Source("t.net", 'use "../../etc/passwd"\ninput 8\nFC-2\n')))
    assert "stays in the folder of the net" in message('use "../a.net"\ninput 8\nFC-2\n')


RESNET = """# ResNet-50 (He et al. 2016, table 1)
input 224x224x3
default conv: bn

block bottleneck(w, s=1):
    residual shortcut=identity [ conv1-w/s, conv3-w, conv1-(4*w) ] relu

conv7-64/2                        -> 112x112x64
maxpool3/2, conv1-256             -> 56x56x256
bottleneck(64) x3                 -> 56x56x256
bottleneck(128, s=[2,1]) x4       -> 28x28x512
avgpool7, FC-1000, soft-max
"""


def test_a_residual_that_does_not_add_up_is_told_as_the_specification_prints_it():
    with pytest.raises(NetError) as error:
        checked(parse(Source("resnet.net", RESNET)))

    assert str(error.value) == (
        "error[shape]: the branches of `residual` do not add up\n"
        "  --> resnet.net:6:5\n"
        "   6 |     residual shortcut=identity [ conv1-w/s, conv3-w, conv1-(4*w) ] relu\n"
        "     |     ^^^^^^^^ through the branch: 28x28x512; past it: 56x56x256\n"
        "  in bottleneck(w=128, s=2), copy 1 of 4, from resnet.net:11\n"
        "  help: drop `shortcut=identity` to get a 1x1/2 projection (+132,096 parameters)"
    )


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("input 8x8x4\nresidual{}[conv3-6/2x1]\n", "a 1x1/2x1 projection"),
        ("input 8x8x4\nresidual{}[conv3-6 ln]\n", "a 1x1 projection"),
        ("input 8\nresidual{}[FC-6]\n", "an `FC` projection"),
    ],
)
def test_what_a_projection_would_cost_is_what_it_costs(text, added):
    said = message(text.format(" shortcut=identity"))
    projected, alone = figures(text.format(""))[0], figures(text.format(" shortcut=project"))[0]
    body = sum(n.type.size for n in net(text.format("")).graph.made_by(Weight) if "shortcut" not in n.id)

    assert projected == alone
    assert f"to get {added} (+{projected - body:,} parameters)" in said


@pytest.mark.parametrize("data", ["digits", "xor"])
def test_ruling_37_data_of_classes_needs_a_loss_for_them(data):
    text = f"input 8x8x1\nFC-2\ntrain: epochs=1 data={data}\n"

    assert "the data has classes, and the net does not end in `softmax` or `sigmoid`" in message(text)
    for right in (
        text.replace("FC-2", "FC-2, softmax"),
        text.replace("FC-2", "FC-2 sigmoid"),
        text + "train: loss=mse",
    ):
        net(right.replace("\ntrain: loss", " loss"))
    net("variant A: n=2\ninput 8x8x1\nFC-n\ntrain: data=digits\ntrain A: loss=hinge\n")
    net('input 8x8x1\nFC-2\ntrain: data="other.npz"\n')


@pytest.mark.parametrize("gated", ["gap, FC-2, FC-8 sigmoid | identity", "identity | gap, FC-2, FC-8 sigmoid"])
@pytest.mark.parametrize("tail", ["", ", dropout", ", scale 0.1", ", residual[relu]"])
def test_ruling_39_the_last_convolution_is_found_through_merges_in_any_order(gated, tail):
    graph = net(f"input 8x8x4\nresidual[conv3-8/2 bn, conv3-8 bn, mul[{gated}]{tail}] relu\n").graph

    assert str(graph["residual1.shortcut"].made_by) == "conv1-8/2 bias=no"
    assert graph["residual1.shortcut.bn"].type.shape == ("n", 4, 4, 8)


@pytest.mark.parametrize("branches", ["conv3-8 bn | conv1-8", "conv1-8 | conv3-8 bn"])
def test_ruling_39_of_branches_with_convolutions_the_last_in_the_text_is_the_model(branches):
    graph = net(f"input 8x8x4\nresidual[add[{branches}]]\n").graph

    assert ("residual1.shortcut.bn" in graph) == branches.endswith("bn")


OPEN = "input HxWx3\nconv3-4 @a\nmaxpool\ndeconv2-4/2\nadd[@a | identity]\nconv3-2/2\n"


def test_ruling_35_chosen_sizes_are_checked_again():
    found = net(OPEN)
    chosen = sized(found, {"H": 8, "W": 6})

    assert letters(found) == ("H", "W")
    assert letters(chosen) == ()
    assert [str(n.type) for n in chosen.graph] == [str(n.type) for n in net(OPEN, H="8", W="6").graph]
    with pytest.raises(NetError, match=r"with H=8, W=7(.|\n)*gets 8x7x4 and 8x8x4"):
        sized(found, {"H": 8, "W": 7})
    with pytest.raises(NetError, match="5x5 does not fit into 3x9"):
        sized(net("input HxWx3\nconv5-4 valid\n"), {"H": 3, "W": 9})


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"H": 8}, "the size `W` is not fixed"),
        ({"H": 8, "W": 8, "T": 3}, "has no size `T`"),
        ({"H": 8, "W": 0}, "a size is a whole number from 1"),
        ({"H": 8, "W": 2.5}, "a size is a whole number from 1"),
        ({"H": 8, "W": 10**12}, "a size is a whole number from 1"),
    ],
)
def test_ruling_35_wrong_sizes_are_told(sizes, said):
    with pytest.raises(NetError, match=said):
        sized(net(OPEN), sizes)


def test_ruling_35_a_projection_stays_one_for_all_sizes():
    text = "input HxWx4\nresidual[conv3-4/2]\n"

    assert "residual1.shortcut" in sized(net(text), {"H": 1, "W": 1}).graph
