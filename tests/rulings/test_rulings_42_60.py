"""Rulings 42 to 60: layers, weights, recurrent layers."""

import pytest
from rulings.said import errors, figures, layers, message, net, notes, on_image, shape, weights

from netlang.formula import names
from netlang.layer import Weight
from netlang.layers.recurrent.library import shipped


def test_ruling_42_a_dilated_window_reaches_further():
    assert shape("input 9x9x1\nconv3-2 dilation=2 valid linear\n") == (5, 5, 2)


def test_ruling_43_deconv_is_the_adjoint_of_conv():
    assert shape("input 4x4x1\ndeconv4-3/2\n") == (8, 8, 3)
    assert shape("input 4x4x1\ndeconv4-3/2 valid\n") == (10, 10, 3)


def test_ruling_44_pools_of_even_kernel_keep_their_size_at_stride_1():
    assert shape("input 5x5x1\nmaxpool2/1\n") == (5, 5, 1)


def test_ruling_45_ceil_counts_a_window_that_is_partly_outside():
    assert shape("input 8x8x1\nmaxpool3/2 ceil\n") == (4, 4, 1)
    assert shape("input 8x8x1\nmaxpool3/2 valid\n") == (3, 3, 1)


def test_ruling_46_unused_rows_are_noted_unless_the_stride_passes_them_by():
    assert notes("input 7x7x1\nmaxpool valid\n") == ["unused"]
    assert notes("input 7x7x1\nconv1-2/2 linear\n") == []


def test_ruling_47_fc_on_a_sequence_offers_what_may_be_meant():
    said = message("input 5x8\nFC-4\n")

    assert all(word in said for word in ("`conv1-4`", "`flatten`", "`last`", "`mean`"))
    assert errors("input HxWx3\nFC-2\n") == ["shape"]


def test_ruling_48_settings_of_a_norm_follow_it():
    assert on_image("default conv: bn eps=1e-3 scale=no\nconv3-4, gap")[1] == "+bn eps=0.001 scale=no"
    assert on_image("conv3-4 ln, gap")[0] == "conv3-4"
    assert on_image("conv3-4 in, gap")[0] == "conv3-4 bias=no"
    assert on_image("conv3-4 bn bias=yes, gap")[0] == "conv3-4"
    assert notes("input 8x8x4\nconv3-4, bn, relu\n") == ["bias"]
    assert layers("input 8\nFC-4 bn, relu\n") == ["fc-4 bias=no", "+bn", "relu"]


def test_ruling_49_scale_and_shift_are_per_channel():
    for norm in ("bn", "ln", "in", "gn 2"):
        assert figures(f"input 8x8x4\n{norm}\n")[0] == 8
    assert figures("input 4x4x1\nlocal3-2\n")[0] == 16 * (9 * 2 + 2)


@pytest.mark.parametrize(
    "line",
    [
        "identity",
        "relu6",
        "scale 0.17",
        "abs",
        "sub[identity | identity]",
        "avgpool count_padding",
        "maxpool, upsample like=@whole",
    ],
)
def test_ruling_50_also_words(line):
    assert shape(f"input 8x8x4 @whole\n{line}\n")


def test_ruling_51_a_vector_is_repeated_over_the_positions():
    assert shape("input 8x8x4\nmul[identity | gap, FC-4 sigmoid]\n") == (8, 8, 4)
    assert shape("input 5x4\nconcat[identity | mean]\n") == (5, 8)


def test_ruling_52_dropout_says_what_is_dropped():
    assert layers("input 8\ndropout, dropout 0.4\n") == ["dropout", "dropout 0.4"]
    assert errors("input 8\ndropout 1\n") == ["shape"]


def test_ruling_53_tie_shares_weights_pair_by_pair():
    assert weights("input 8\nFC-8 @a, FC-8 tie=@a\n") == ["a.w", "a.b"]
    assert weights("block b: FC-8, FC-8\ninput 8\nb @a, b tie=@a\n") == ["a.fc1.w", "a.fc1.b", "a.fc2.w", "a.fc2.b"]
    assert errors("input 8\nFC-4 @a, FC-6, FC-4 tie=@a\n") == ["tie"]
    graph = net("input 8\nFC-3 @code, FC-8 tie=@code transposed\n").graph
    assert [(n.id, n.made_by.transposes) for n in graph.made_by(Weight)][2:] == [("fc2.w", "code.w"), ("fc2.b", None)]
    assert figures("input 8\nFC-3 @code, FC-8 tie=@code transposed\n")[0] == 8 * 3 + 3 + 8


def test_ruling_54_names_of_weights():
    text = "block b(w): residual[conv1-w, conv3-w]\ninput 8x8x4\nb(4) x2\nconv3-2 @head\n"

    assert {"b1.conv1.w", "b2.conv2.b", "head.w"} <= set(weights(text))
    assert "residual1.shortcut.w" in weights("input 8x8x4\nresidual[conv3-8]\n")


def test_ruling_54_settings_of_a_block_hold_for_all_its_weights():
    text = "block b: FC-4, FC-2\ninput 8\nb freeze lr=0.1 l2=5e-4\n"
    found = {n.id: n.made_by for n in net(text).graph.made_by(Weight)}

    assert all(w.frozen and w.rate == 0.1 for w in found.values())
    assert (found["b1.fc1.w"].l2, found["b1.fc1.b"].l2) == (5e-4, 0)
    assert errors("block b: FC-4\ninput 8\nb tanh\n") == ["unknown-option"]


CELL = "cell mine(n, k=2):\n    state h=n\n    h = tanh(W[x, k * h] + b)\n    output h\n"


def test_ruling_55_a_width_is_the_argument_of_a_recurrent_layer():
    assert shape("input 5x4\nlstm-6 bidirectional last\n") == (12,)
    assert layers("input 5x4\nlstm(6) last\n") == layers("input 5x4\nlstm-6 last\n")
    assert errors("gru = 2\ninput 8\nFC-2\n") == ["reserved"]
    assert errors(CELL.replace("mine", "gru") + "input 5x4\ngru-6\n") == ["reserved"]


def test_ruling_55_a_width_is_the_argument_of_a_cell():
    forms = ["mine-6", "mine(6)", "mine(6, 2)", "mine(6, k=2)", "mine(n=6)", "mine width=6"]

    assert {tuple(layers(f"{CELL}input 5x4\n{form}\n")) for form in forms} == {("mine-6",)}
    assert layers(CELL + "input 5x4\nmine-6 k=3, mine(6, 0.5)\n") == ["mine-6 k=3", "mine-6 k=0.5"]
    assert shape(CELL + "input 5x4\nmine-6 bidirectional last\n") == (12,)
    assert shape(CELL + "input 5x4\nmine-6 reverse\n") == (5, 6)


def test_ruling_56_weights_are_called_by_their_equations_and_numbered_if_several():
    assert weights("input 5x4\ngru-6\n")[-4:] == ["gru1.g.W1", "gru1.g.b1", "gru1.g.W2", "gru1.g.b2"]
    assert weights("input 5x4\nrnn-6 bidirectional\n")[2:] == ["rnn1.back.h.W", "rnn1.back.h.b"]
    assert weights(CELL + "input 5x4\nmine-6, mine-6 @top\n")[2:] == ["top.h.W", "top.h.b"]


def test_ruling_56_widths_follow_from_what_a_value_meets():
    text = (
        "cell two(n):\n    state h=n, c=2*n\n    g = sigmoid(W[x])\n    c = g * tanh(W[x, c])\n    p = W[c]\n"
        "    h = tanh(W[p, h])\n    output h\ninput 5x4\ntwo-3\n"
    )
    found = {n.id.removeprefix("two1."): n.type.shape for n in net(text).graph.made_by(Weight)}

    assert found == {"g.W": (4, 6), "c.W": (4 + 6, 6), "p.W": (6, 3), "h.W": (3 + 3, 3)}


def test_ruling_56_some_names_are_taken():
    for name in ("x", "W", "w", "b", "tanh"):
        cell = f"cell m(n):\n    state h=n\n    {name} = sigmoid(W[x])\n    h = tanh(W[x, h])\n    output h\n"

        assert errors(cell + "input 5x4\nm-6\n") == ["reserved"]


def test_ruling_57_one_bias_per_gate():
    assert figures("input 5x4\nlstm-6\n")[0] == 4 * (6 * (6 + 4) + 6)
    assert figures("input 5x4\nlstm-6 peephole\n")[0] == 4 * (6 * (6 + 4) + 6) + 3 * 6
    assert figures("input 5x4\ngru-6\n")[0] == 3 * (6 * (6 + 4) + 6) + 6
    assert figures("input 5x4\ngru-6 reset=before\n")[0] == 3 * (6 * (6 + 4) + 6)


def test_ruling_57_the_forget_bias_starts_as_it_says():
    starts = {n.id: n.made_by.init for n in net("input 5x4\nlstm-6 forget=2\n").graph.made_by(Weight)}

    assert (starts["lstm1.f.b"], starts["lstm1.i.b"], starts["lstm1.f.W"]) == ("constant(2)", "zeros", "xavier")


def test_ruling_57_peepholes_see_the_old_cell_but_that_of_the_output_the_new():
    reads = {one.name: {n for n in names(one.term) if n[0] == "c"} for one in shipped("lstm_peephole").equations}

    assert (reads["f"], reads["i"], reads["o"]) == ({"c'"}, {"c'"}, {"c"})


def test_ruling_58_bidirectional_outputs_are_joined():
    assert shape("input 5x4\nlstm-6 bidirectional\n") == (5, 12)
    assert "one-direction" in notes("input 5x4\nlstm-6 bidirectional, last\n")


def test_ruling_59_sequences_of_any_length_check():
    assert shape("input T tokens vocab=9\nembed-4, lstm-6, last, FC-2\n") == (2,)


def test_ruling_60_an_expanded_projection_is_the_projection():
    short = figures("input 8x8x4\nresidual[conv3-8/2 bn]\n")
    long = figures("input 8x8x4\nadd[conv3-8/2 bn linear | conv1-8/2 bn linear]\n")

    assert short == long
