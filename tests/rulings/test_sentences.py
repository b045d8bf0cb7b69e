"""The sentences of the rulings that a first test of each does not reach, by number."""

import numpy as np
import pytest
from rulings.said import answer, errors, figures, layers, message, net, notes, on_image, on_vector, shape, weights

from netlang.expand import expanded

LOOKED_THROUGH = ["dropout", "reshape 8x4x8", "pad 1", "crop 1", "upsample2", "scale 0.5", "identity", "[identity]"]


@pytest.mark.parametrize("step", [*LOOKED_THROUGH, "identity @b", "concat[identity | conv1-2 linear]"])
def test_ruling_01_steps_are_looked_through_as_far_as_the_next_thing(step):
    assert on_image(f"conv3-4, {step}, tanh")[1] != "+relu"
    assert on_image(f"conv3-4, {step}, conv3-2")[1] == "+relu"


def test_ruling_01_a_branch_ends_in_its_merge_and_a_copy_in_the_next():
    assert on_image("add[conv3-4 | conv1-4], conv3-2")[:2] == ["conv3-4", "conv1-4"]
    assert on_image("concat[conv3-4 | conv1-4], conv3-2")[:4] == ["conv3-4", "+relu", "conv1-4", "+relu"]
    assert layers("block b: conv3-4\ninput 8x8x4\nb, b, tanh\n") == ["conv3-4", "+relu", "conv3-4", "tanh"]
    assert on_image("[tanh, conv3-4] x2, maxpool") == ["tanh", "conv3-4", "tanh", "conv3-4", "+relu", "maxpool2"]


@pytest.mark.parametrize(("later", "noted"), [("relu", True), ("bn", True), ("conv3-4", False), ("maxpool", False)])
def test_ruling_02_only_an_activation_or_norm_among_later_readers_is_noted(later, noted):
    assert ("late-activation" in notes(f"input 8x8x4\nconv3-4 @a, maxpool, gap, output a1\n@a, {later}\n")) == noted


def test_ruling_03_a_projection_is_no_reader_either():
    assert on_image("conv3-4, residual[conv3-8/2, conv3-8] relu")[:2] == ["conv3-4", "+relu"]
    assert on_image("conv3-4, residual[bn, relu, conv3-8/2]")[:2] == ["conv3-4", "bn"]


@pytest.mark.parametrize("merge", ["add", "mul", "max", "sub", "residual"])
def test_ruling_04_a_merge_settles_and_so_does_the_end_of_the_net(merge):
    assert on_image(f"{merge}[conv3-4 | conv1-4], conv3-2")[:2] == ["conv3-4", "conv1-4"]
    assert on_image("conv3-4") == ["conv3-4"]
    assert on_image("conv3-4, output a")[-1] == "conv3-4"
    assert on_image("conv3-4 relu") == ["conv3-4", "+relu"]


def test_ruling_04_the_end_of_a_block_is_not_the_end_of_the_net():
    assert layers("block b: FC-4\ninput 8\nb, FC-2\n") == ["fc-4", "+relu", "fc-2"]


@pytest.mark.parametrize("default", ["tanh", "act=tanh", "relu, default fc: tanh"])
def test_ruling_05_an_activation_of_the_layer_itself_always_applies(default):
    head = f"default fc: {default}".replace(", ", "\n") + "\n"

    assert on_vector(f"{head}FC-4, FC-3 sigmoid, softmax") == ["fc-4", "+tanh", "fc-3", "+sigmoid", "softmax"]


def test_ruling_06_the_note_says_what_to_write():
    from netlang.check import checked
    from netlang.source import Source
    from netlang.syntax.parse import parse

    _, found = checked(parse(Source("t.net", "input 8x8x4\nconv3-64 bias=no, bn, maxpool\n")))

    assert [n.title for n in found] == ["there is no activation after this `bn`"]
    assert "write `conv3-64 bias=no bn`" in found[0].help
    assert "add an activation" in found[0].help


@pytest.mark.parametrize("behind", ["deconv4-4/2", "maxpool", "avgpool", "mul[gap, FC-4 sigmoid | identity]"])
def test_ruling_08_what_reads_next_would_let_the_relu_in(behind):
    assert on_image(f"conv1-4, {behind}")[1] == "+relu"
    assert on_image(f"conv1-4 linear, {behind}")[1] == "+linear"
    assert on_image("dwconv3, conv1-4")[:2] == ["dwconv3", "+relu"]


def test_ruling_09_where_a_repeat_may_follow_and_where_blanks_may_stand():
    assert on_vector("w = 3\nFC-(w)x2 , [FC-2]x2") == ["fc-3", "+relu"] * 2 + ["fc-2", "+relu", "fc-2"]
    assert on_image("conv3-4 pad=1 x 2") == ["conv3-4 pad=1", "+relu", "conv3-4 pad=1"]  # a repeat
    assert errors("input 8x8x4\nconv3-4/2 x1\nconv3 x3-4\n") != []


def test_ruling_12_a_layer_without_a_positional_setting_refuses_a_number():
    for step in ("flatten 2", "softmax 2", "bn 2", "gap (2)"):
        assert errors(f"input 8x8x4\n{step}\n") == ["unknown-setting"]


def test_ruling_14_a_deconv_without_a_kernel_is_an_error():
    assert errors("input 8x8x1\ndeconv-4/2\n") == ["missing-setting"]
    assert shape("block b(k, w, s): conv kernel=k width=w stride=s\ninput 8x8x1\nb(3x1, 5, 2x4)\n") == (4, 2, 5)


def test_ruling_16_a_minus_stands_behind_an_equal_sign():
    assert on_vector("FC-4 leaky=-0.5, FC-2")[1] == "+leaky -0.5"
    assert errors("input 8x8x1\npad -1\n") != []


def test_ruling_17_another_hyphen_is_a_width_or_an_error():
    assert errors("input 8\nFC-2, log-softmax\n") != []
    assert errors("input 8\nFC-2\ntrain: loss=smooth-l1\n") != []


def test_ruling_19_the_other_values():
    text = (
        "variant D: k=3\ninput 8x8x1\nconv3-4 pad=1x1\nexpect D: parameters=40 macs=2304\nexpect training_macs=2.3K\n"
    )

    assert net(text)
    assert errors(text.replace("2.3K", "3858M")) == ["expect"]


@pytest.mark.parametrize("name", ["input", "use", "Softmax", "conv3", "x", "X7"])
def test_ruling_20_no_name_may_be_a_word_of_the_language(name):
    for text in (f"block {name}: FC-2\ninput 8\nFC-2\n", f"block b({name}): FC-2\ninput 8\nb(2)\n"):
        assert errors(text) != []
    assert errors(f"input 8\nFC-2 @{name}\n") == ["reserved"]


def test_ruling_21_yes_no_settings_take_expressions():
    assert layers("n = 1\ninput 8\nFC-4 bias=(n-1), FC-4 bias=n, FC-2 bias=no\n")[::2] == [
        "fc-4 bias=no",
        "fc-4",
        "fc-2 bias=no",
    ]


def test_ruling_22_any_flag_takes_no():
    assert on_image("default maxpool: ceil\nmaxpool3/2 ceil=no") == ["maxpool3/2"]
    assert on_vector("default fc: tanh\nFC-4 tanh=no, FC-2") == ["fc-4", "fc-2"]
    assert on_vector("default fc: tanh\nFC-4 sigmoid, FC-2")[1] == "+sigmoid"


def test_ruling_23_a_label_behind_a_repeat_names_the_last_copy():
    assert shape("input 8\nw = [5, 6]\nFC-w x2 @a\nFC-3\nconcat[@a | identity]\n") == (9,)


def test_ruling_24_identity_counts_nothing():
    assert figures("input 8x8x4\nidentity, add[identity | conv1-4 bias=no]\n")[:2] == (16, 16 * 64)


def test_ruling_25_a_default_does_not_reach_other_files(tmp_path):
    from netlang.check import check
    from netlang.syntax.parse import parse
    from netlang.syntax.read import read

    (tmp_path / "b.net").write_text("block b: FC-4\n")
    (tmp_path / "a.net").write_text('use "b.net"\ninput 8\ndefault fc: tanh\nb, FC-3, FC-2\n')
    found = [
        str(n.made_by) for n in check(parse(read(tmp_path / "a.net"))).graph if "." not in n.id.removeprefix("b1.")
    ]

    assert found[1:] == ["fc-4", "fc-3", "fc-2"]


def test_ruling_27_shapes_are_checked_under_set_too():
    text = "w = 3\ninput 8\nFC-w -> 3\nexpect parameters=27\n"

    assert net(text)
    assert errors(text, w="4") == ["promise"]
    assert notes(text.replace("-> 3", "-> ?"), w="4") == ["expect-skipped"]


def test_ruling_32_the_nearest_repeat_is_one_of_the_same_block():
    assert errors("w = [3, 4]\nblock b: FC-w\ninput 8\nb x2\n") == ["list"]
    assert on_vector("w = [3, 4]\nblock b: FC-w x2\nb x2")[::2] == ["fc-3", "fc-4", "fc-3", "fc-4"]


def test_ruling_33_the_result_of_a_block_is_its_last_line():
    assert shape("block b:\n    FC-4 @a\n    FC-3\n    concat[@a | identity]\ninput 8\nb\n") == (7,)
    assert errors("block b:\n    FC-4 @a, FC-3\n    @a, FC-2\ninput 8\nb\n") == ["unread"]


def test_ruling_34_how_many_sizes_an_input_has():
    assert [shape(f"input {s}\nrelu\n") for s in ("13", "5x4", "6x5x4", "6x5 gray")] == [
        (13,),
        (5, 4),
        (6, 5, 4),
        (6, 5, 1),
    ]
    assert shape("input 8 @a\nFC-4 @b\ninput 3 @c\nFC-2\nconcat[@b | identity]\n") == (6,)


def test_ruling_36_an_output_without_a_name_is_called_output():
    assert [o.name for o in net("input 8\nFC-2 @a, output one\n@a, FC-3\n").outputs] == ["one", "output"]


def test_ruling_37_how_losses_are_recognised():
    from netlang.lower import loss_of

    found = [
        loss_of(net(f"input 8\n{end}\n")).word for end in ("FC-2 sigmoid", "FC-2, sigmoid", "FC-2, softmax", "FC-2")
    ]

    assert found == ["binary_cross_entropy", "binary_cross_entropy", "cross_entropy", "squared_error"]
    assert errors("input 8\nFC-2 softmax\n") == ["comma"]


def test_ruling_38_running_statistics_and_merges_count_nothing():
    assert figures("input 8x8x4\nbn\n")[:2] == (8, 0)
    assert figures("input 4\nmul[identity | identity], concat[identity | identity]\n")[:2] == (0, 0)


def test_ruling_39_the_stride_of_a_projection_is_that_of_pools_too():
    graph = net("input 8x8x4\nresidual[conv3-8/2, maxpool2, conv3-8]\n").graph

    assert str(graph["residual1.shortcut"].made_by) == "conv1-8/4"


def test_ruling_41_option_a_takes_every_second_pixel_and_appends_zeros():
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    y = answer("input 4x4x1\nresidual shortcut=pad[conv1-2/2 bias=no]\n", x, conv1_w=np.zeros((1, 1, 1, 2)))

    np.testing.assert_array_equal(y[0, ..., 0], [[0, 2], [8, 10]])
    assert not y[..., 1].any()


def test_ruling_44_where_windows_of_even_kernel_stand():
    x = np.arange(1.0, 4.0).reshape(1, 3, 1, 1)
    ones = answer("input 3x1x1\nconv2x1-1 bias=no linear\n", x, conv1_w=np.ones((2, 1, 1, 1)))

    assert answer("input 3x1x1\nmaxpool2x1/1\n", x).ravel().tolist() == [2, 3, 3]  # below
    assert answer("input 3x1x1\nmaxpool2x1/1\n", -x).ravel().tolist() == [-1, -2, -3]  # and by no zero
    assert ones.ravel().tolist() == [1, 3, 5]  # above


def test_ruling_45_a_window_that_starts_outside_is_left_away():
    assert shape("input 6x6x1\nmaxpool2/3 ceil\n") == (2, 2, 1)  # ⌈4/3⌉ + 1 = 3, but the third would start at 6
    assert shape("input 5x5x1\nmaxpool3/2 ceil pad=1\n") == (3, 3, 1)  # ⌈4/2⌉ + 1
    assert shape("input 7x7x1\nmaxpool3/3 ceil\n") == (3, 3, 1)


def test_ruling_46_a_stride_beyond_the_kernel_is_no_oversight():
    assert notes("input 8x8x1\nconv2-1/3 valid linear\n") == []
    assert notes("input 8x8x1\nmaxpool3/3 valid\n") == ["unused"]
    assert notes("input 8x8x1\nmaxpool3/3\n") == []


def test_ruling_47_images_are_read_by_rows_columns_channels():
    x = np.arange(12.0).reshape(1, 2, 3, 2)

    assert answer("input 2x3x2\nflatten\n", x).ravel().tolist() == list(range(12))
    assert answer("input 2x3x2\nreshape 3x4\n", x)[0].tolist() == x.reshape(3, 4).tolist()
    assert answer("input 2x3x2\nFC-1 bias=no\n", x, fc1_w=np.arange(12.0)[:, None]).item() == sum(
        k * k for k in range(12)
    )


@pytest.mark.parametrize("line", ["conv3-4", "dwconv3", "deconv3-4", "local3-4", "FC-4"])
def test_ruling_48_bias_is_off_under_bn_and_in_alone(line):
    assert on_image(f"{line} bn, relu")[0] == f"{line.lower()} bias=no"
    assert on_image(f"{line} ln, relu")[0] == line.lower()


def test_ruling_48_scale_and_shift_go_by_themselves():
    assert [weights(f"input 8\nbn{s}\n") for s in ("", " scale=no", " shift=no")] == [
        ["bn1.scale", "bn1.shift"],
        ["bn1.shift"],
        ["bn1.scale"],
    ]


def test_ruling_49_a_layer_norm_is_over_the_image_or_over_each_step():
    image = np.random.default_rng(1).normal(size=(2, 3, 3, 4))
    y = answer("input 3x3x4\nln eps=1e-30\n", image, ln1_scale=np.ones(4), ln1_shift=np.zeros(4))
    same = answer("input 3x3x4\ngn 1 eps=1e-30\n", image, gn1_scale=np.ones(4), gn1_shift=np.zeros(4))
    steps = answer("input 9x4\nln eps=1e-30\n", image.reshape(2, 9, 4), ln1_scale=np.ones(4), ln1_shift=np.zeros(4))

    np.testing.assert_allclose(y, same, rtol=1e-12)  # the same sums in float64
    np.testing.assert_allclose(y.mean((1, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(steps.mean(2), 0, atol=1e-12)
    assert figures("input 8x8x4\nprelu\n")[0] == 4


def test_ruling_50_tokens_one_by_one_and_crops_alike():
    assert shape("input 5 tokens vocab=9\nonehot\n") == (5, 9)
    assert shape("input 4x4x1 @small\ninput 8x8x1 @large\n@large, crop like=@small\nadd[@small | identity]\n") == (
        4,
        4,
        1,
    )


@pytest.mark.parametrize(("merge", "of"), [("add", 3.0), ("mul", 2.0), ("sub", 1.0), ("max", 2.0)])
def test_ruling_51_every_merge_repeats_a_vector(merge, of):
    y = answer(f"input 2x2x1\n{merge}[scale 2 | gap]\n", np.ones((1, 2, 2, 1)))

    assert np.unique(y).tolist() == [of]
    assert y.shape == (1, 2, 2, 1)


def test_ruling_52_bare_dropout_drops_one_half():
    assert net("input 8\ndropout\n").graph["dropout1"].made_by.rate == 0.5


def test_ruling_53_a_transposed_tie_shares_the_matrix_alone():
    assert weights("input 8\nFC-3 tanh @a, FC-8 tie=@a transposed\n") == ["a.w", "a.b", "fc2.w", "fc2.b"]
    assert errors("block b: FC-8, FC-8\nblock c: FC-8, FC-8\ninput 8\nb @a, c tie=@a\n") == ["tie"]


def test_ruling_54_copies_count_on_and_a_use_takes_six_settings():
    text = "block bottleneck(w): residual[conv1-w, conv3-w]\ninput 8x8x4\nbottleneck(4) x5\n"

    assert "bottleneck5.conv2.w" in weights(text)
    for setting in ("freeze", "lr=0.5", "l2=1e-4", "init=zeros"):
        assert net(text.replace("x5", f"{setting} x5"))
    assert "`freeze`" in message(text.replace("x5", "bias=no x5"))


def test_ruling_60_expand_writes_padding_activation_bias_and_projections():
    text = expanded(net("input 8x8x4\nresidual[conv3-8/2 bn] relu\nconv3-2\n"))

    assert "add[" in text.replace("add [", "add[")
    assert "conv1-8/2 pad=same bias=no bn linear" in text
    assert "conv3-8/2 pad=same bias=no bn linear" in text
    assert "conv3-2 pad=same bias=yes linear" in text
