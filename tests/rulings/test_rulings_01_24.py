"""Rulings 1 to 24: the default activation, text and names."""

import pytest
from rulings.said import errors, layers, message, net, notes, on_image, on_vector, shape


def test_ruling_01_the_next_thing_is_what_reads_the_tensor_first():
    assert on_image("conv3-4 @a, maxpool, gap, output a1\n@a, tanh, gap, output b")[:2] == ["conv3-4", "+relu"]
    assert on_image("[conv3-4, dropout] x2, tanh")[:5] == ["conv3-4", "+relu", "dropout", "conv3-4", "dropout"]
    assert on_image("concat[conv3-4 | conv3-4], bn") == ["conv3-4", "conv3-4", "concat", "bn"]
    assert "+relu" not in layers("block b: conv3-4\ninput 8x8x4\nb, tanh\n")
    assert on_image("conv3-4, maxpool, tanh")[:2] == ["conv3-4", "+relu"]


def test_ruling_01_a_setting_reads_no_more_than_the_size_of_what_it_names():
    text = "input 8x8x3\nconv3-5 @v\nconv3-4 @u\n@v, crop like=@u @w\n@u, tanh @t\nconcat[@w | @t]\n"

    assert layers(text) == ["conv3-5", "+relu", "conv3-4", "crop", "tanh", "concat"]


def test_ruling_02_later_readers_change_nothing_and_a_note_says_so():
    text = "input 8x8x4\nconv3-4 @a, maxpool, gap, output a1\n@a, tanh, gap, output b\n"

    assert notes(text) == ["late-activation"]


def test_ruling_03_a_shortcut_is_no_reader():
    v1 = on_image("conv3-4, residual[conv3-4, conv3-4] relu")
    v2 = on_image("conv3-4, residual[bn, relu, conv3-4]")

    assert v1[:2] == ["conv3-4", "+relu"]
    assert v2[:2] == ["conv3-4", "bn"]


@pytest.mark.parametrize(
    "behind",
    ["relu", "bn", "ln", "in", "gn 2", "softmax", "logsoftmax", "channelpool2", "add[identity | identity]"],
)
def test_ruling_04_what_settles(behind):
    assert on_image(f"conv3-4, {behind}")[1] != "+relu"


@pytest.mark.parametrize("behind", ["lrn", "maxpool", "gap", "conv3-4"])
def test_ruling_04_what_does_not_settle(behind):
    assert on_image(f"conv3-4, {behind}")[1] == "+relu"


def test_ruling_05_an_activation_in_default_obeys_the_list():
    assert on_vector("default fc: tanh\nFC-4, FC-3, softmax") == ["fc-4", "+tanh", "fc-3", "softmax"]
    assert on_vector("default fc: tanh\nFC-4 sigmoid, softmax") == ["fc-4", "+sigmoid", "softmax"]


def test_ruling_06_a_norm_as_a_step_leaves_no_activation():
    assert on_image("conv3-4, bn, maxpool") == ["conv3-4", "bn", "maxpool2"]
    assert on_image("conv3-4 bn, maxpool") == ["conv3-4 bias=no", "+bn", "+relu", "maxpool2"]
    assert "no-activation" in notes("input 8x8x4\nconv3-4, bn, maxpool\n")


def test_ruling_07_the_order_is_sum_norm_activation():
    assert errors("input 8x8x4\nconv3-4 relu bn\n") == ["order"]
    assert "relu, bn" in message("input 8x8x4\nconv3-4 relu bn\n")


def test_ruling_08_cases_that_need_linear():
    assert on_image("conv1-4, avgpool")[1] == "+relu"
    assert on_image("conv1-4 linear, avgpool")[1] == "+linear"
    assert on_image("conv1-4, gap")[1] == "+relu"


def test_ruling_09_joined_digits_are_one_pair():
    assert on_image("conv3-4/2x1 linear")[0] == "conv3-4/2x1"
    assert "blank before its `x`" in message("input 8x8x4\nconv3-4x2\n")
    assert shape("input (4 x 4 x 2)\nrelu -> 4 x 4 x 2\n") == (4, 4, 2)


def test_ruling_10_a_pair_or_triple_is_a_value():
    assert on_image("p = 1x2\nconv3-4 pad=p linear")[0] == "conv3-4 pad=1x2"
    assert shape("input 36\nreshape 3x3x4\n") == (3, 3, 4)
    assert shape("k = 4x4x12\nblock b(p): reshape (p)\ninput 8x8x3\nb(k), b(8x4x6), b(p=2x8x12)\n") == (2, 8, 12)
    assert shape("k = 4x4x12\ninput 8x8x3\nreshape (k)\n", k="2x2x48") == (2, 2, 48)
    assert shape("variant A: k=2x1\ninput 8x8x3\npad 2x1, pad (k), pad by=k\n") == (20, 14, 3)
    assert on_image("k = [2x1, 1]\nconv3-4 pad=k linear x2") == [
        "conv3-4 pad=2x1",
        "+linear",
        "conv3-4 pad=1",
        "+linear",
    ]
    assert errors("k = 2x1\nv = 2*k\ninput 8\nFC-2\n") == ["value"]


def test_ruling_11_a_number_behind_a_step_and_behind_an_equal_sign():
    assert on_image("conv3-4 leaky=0.2, leaky 0.3, elu 1.5, gn 2")[1:] == ["+leaky 0.2", "leaky 0.3", "elu 1.5", "gn 2"]
    assert errors("conv = 3\ninput 8\nFC-2\n") == ["reserved"]


def test_ruling_12_a_layer_that_is_no_option():
    assert "did you mean a comma?" in message("input 8\nFC-4 dropout 0.5\n")
    assert errors("input 8\nrelu 3\n") == ["unknown-setting"]


def test_ruling_13_a_positional_setting():
    assert on_vector("p = 0.25\ndropout (2*p), dropout(0.25), dropout 0.5") == ["dropout", "dropout 0.25", "dropout"]
    assert "a constant stands in brackets: `dropout (p)`" in message("p = 0.25\ninput 8\ndropout p\n")


def test_ruling_14_suffixes_may_be_options():
    assert on_image("conv kernel=3 width=2 stride=2 linear")[0] == "conv3-2/2"
    assert errors("input 8x8x1\nconv-4\n") == errors("input 8x8x1\nlocal-4\n") == ["missing-setting"]


def test_ruling_15_after_a_width_a_slash_is_the_stride():
    assert "`FC-(n/2)`" in message("n = 4\ninput 8\nFC-n/2\n")


def test_ruling_16_negative_numbers_stand_behind_an_equal_sign_or_in_brackets():
    assert errors("input 8\nleaky -1\n") != []
    assert on_vector("leaky (-1)") == ["leaky -1"]
    assert net("input 8\nn = -1\nFC-(3+n)\n")


def test_ruling_17_only_soft_max_has_a_hyphen():
    assert on_vector("soft-max") == ["softmax"]
    assert net('input 8\nFC-2\ntrain: data="fashion-mnist" loss=smooth_l1\n').train["data"] == "fashion-mnist"


def test_ruling_18_after_a_comma_the_line_goes_on_inside_blocks_too():
    assert shape("block b:\n    FC-4,\n  FC-3\ninput 8\nb\n") == (3,)


def test_ruling_19_the_values_that_the_sketch_lacked():
    text = "input 8\ndefault conv fc: tanh\nFC-4 init=normal(0.05) @a, FC-4, FC-2 lr=5E-4\nexpect macs=56\n"

    assert net(text)
    assert layers("cell a(n):\n    state h=n\n    h = tanh(W[x, h])\n    output h\ninput 5x4\na-8\n") == ["a-8"]


def test_ruling_20_words_ignore_case_and_names_keep_it():
    assert on_vector("N = 3\nn = 4\nfc-N TANH, Dense-n") == ["fc-3", "+tanh", "fc-4"]
    for name in ("output", "conv3", "x", "x2", "Relu"):
        assert errors(f"{name} = 1\ninput 8\nFC-2\n") != []
    assert on_vector("relu6") == ["relu6"]


def test_ruling_21_the_type_of_a_setting_tells_whether_a_word_is_a_constant():
    assert shape("same = 2\ninput 8x8x1\nconv3-2 pad=same linear\n") == (8, 8, 2)
    assert on_image("stride = 2\nconv3-2 stride=stride linear bias=(stride-2)")[0] == "conv3-2/2 bias=no"
    assert shape("vocab = 9\ninput T tokens vocab=vocab\nembed-3\n") == ("T", 3)


def test_ruling_22_a_flag_takes_no_and_the_layer_wins_over_its_default():
    assert on_image("default conv: bn\nconv3-4 bn=no")[0] == "conv3-4"
    assert on_image("default conv: bn\nconv3-4 ln, maxpool")[1] == "+ln"
    assert on_image("default conv: valid\nconv3-4 valid=no linear")[0] == "conv3-4"
    assert errors("input 8x8x4\nconv3-4 bn ln\n") == errors("input 8\nFC-2 relu tanh\n") == ["twice"]


def test_ruling_23_the_order_of_suffixes():
    assert shape("input 8x8x4\nresidual[conv3-4] relu x2 @a\n@a, gap\n") == (4,)
    assert errors("input 8\nFC-4 @a\n@a x2\n") == ["syntax"]
    assert errors("input 8\n[FC-4] relu\n") == ["syntax"]


def test_ruling_24_identity_counts_nothing_and_an_empty_branch_is_an_error():
    assert on_image("add[identity | identity]") == ["identity", "identity", "add"]
    assert errors("input 8\nadd[FC-8 | ]\n") == ["branches"]
