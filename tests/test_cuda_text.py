"""The text of CUDA kernels, and the command that prints it."""

import re

import cases
import pytest
from click.testing import CliRunner

import netlang
from netlang.backend.cpu import host_target
from netlang.backend.cuda import machine, ptx
from netlang.backend.cuda.target import gpu_target
from netlang.cli import main
from netlang.diagnostics import NetError
from netlang.files import Problem
from netlang.formula import Name, Random, maximum, where
from netlang.pipeline import compile_plan, refuse_undrafted
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Convert, Panels, SpaceToDepth
from netlang.primitives.launch import KernelText, Operand, draft, has_draft
from netlang.primitives.map.op import Map
from netlang.primitives.region.op import Region
from netlang.primitives.sum.op import Sum
from netlang.primitives.winograd.op import Winograd, WinogradGradient, WinogradWeights
from netlang.types import Tensor

i0, i1, i2, y = Name("i0"), Name("i1"), Name("i2"), Name("y")
HEAD = """\
import math

from numba import cuda
from numpy import float32 as f32, int64 as i64, uint64 as u64
"""


def drafted(primitive, *shapes, batch=8):
    types = [Tensor("f32", shape) for shape in shapes]
    inputs = tuple(Operand(f"x{k}", t, "c" if t.batched else "w") for k, t in enumerate(types))
    result = primitive.infer(*types)
    return draft(primitive, inputs, Operand("out", result, "c" if result.batched else "w"), gpu_target(), batch)


def printed(primitive, *shapes):
    text = drafted(primitive, *shapes).kernel.text
    assert text.startswith(HEAD)
    return text[text.index("def kernel") :]


def test_a_map_is_a_loop_over_four_elements_at_once():
    assert (
        printed(Map(maximum(i0 + i1, 0)), ("n", 4, 5, 18), (18,))
        == """\
def kernel(team, rate, y, i0, i1, places, pitch):
    own_i0 = cuda.local.array(4, f32)
    own_i1 = cuda.local.array(4, f32)
    out_y = cuda.local.array(4, f32)
    at = cuda.grid(1) * 4
    while at < team[0] * places * pitch:
        position = at // pitch
        first = at - position * pitch
        load_4(own_i0, i0, at)
        load_4(own_i1, i1, first)
        for e in range(4):
            v_i0 = own_i0[e]
            v_i1 = own_i1[e]
            new_y_0 = v_i0 + v_i1
            new_y = new_y_0 if new_y_0 >= f32(0.0) or new_y_0 != new_y_0 else f32(0.0)
            out_y[e] = new_y
        store_4(y, at, out_y)
        at += cuda.gridsize(1) * 4
"""
    )


def test_a_formula_that_draws_counts_by_the_public_index_and_leaves_padding_zero():
    assert (
        printed(Map(where(Random(7) < 0.5, i0, 1)), ("n", 2, 3))
        == """\
def kernel(team, rate, y, i0, places, pitch, channels):
    low, word = u64(0xFFFFFFFF), u64(32)
    own_i0 = cuda.local.array(4, f32)
    out_y = cuda.local.array(4, f32)
    at = cuda.grid(1) * 4
    while at < team[0] * places * pitch:
        position = at // pitch
        first = at - position * pitch
        load_4(own_i0, i0, at)
        for e in range(4):
            c = first + e
            v_i0 = own_i0[e]
            index = u64((team[1] * places + position) * channels + c)
            d0, d1, d2, d3 = index & low, index >> word, u64(team[2]) & low, u64(7)
            k0, k1 = u64(team[3]) & low, u64(team[3]) >> word
            for draw in range(10):
                p0, p1 = d0 * u64(0xD2511F53), d2 * u64(0xCD9E8D57)
                d0, d1, d2, d3 = (p1 >> word) ^ d1 ^ k0, p1 & low, (p0 >> word) ^ d3 ^ k1, p0 & low
                k0, k1 = (k0 + u64(0x9E3779B9)) & low, (k1 + u64(0xBB67AE85)) & low
            random_7 = f32(d0 >> u64(8)) * f32(5.960464477539063e-08)
            new_y_0 = random_7 < f32(0.5)
            new_y = v_i0 if new_y_0 else f32(1.0)
            if c >= channels:
                new_y = f32(0.0)
            out_y[e] = new_y
        store_4(y, at, out_y)
        at += cuda.gridsize(1) * 4
"""
    )


def test_a_sum_is_shared_by_a_block_and_joined_in_a_tree():
    assert (
        printed(Sum(i0 * i1, "channel"), ("n", 4, 5, 18), ("n", 4, 5, 18))
        == """\
def kernel(team, rate, y0, i0, i1, places, pitch):
    own_i0 = cuda.local.array(4, f32)
    own_i1 = cuda.local.array(4, f32)
    acc0 = cuda.local.array(4, f32)
    joining = cuda.shared.array(1024, f32)
    thread = cuda.threadIdx.x
    item = cuda.blockIdx.x
    while item < (team[0] * places + 31) // 32:
        for e in range(4):
            acc0[e] = f32(0.0)
        lane, position = thread % 8, item * 32 + thread // 8
        if position < team[0] * places:
            for first in range(lane * 4, pitch, 32):
                at = position * pitch + first
                load_4(own_i0, i0, at)
                load_4(own_i1, i1, at)
                for e in range(4):
                    v_i0 = own_i0[e]
                    v_i1 = own_i1[e]
                    term0 = v_i0 * v_i1
                    acc0[e] += term0
        for e in range(4):
            mine = thread * 4 + e
            joining[mine] = acc0[e]
        cuda.syncthreads()
        half = 4
        while half >= 1:
            if lane < half:
                for e in range(4):
                    mine = thread * 4 + e
                    theirs = (thread + half) * 4 + e
                    joining[mine] += joining[theirs]
            cuda.syncthreads()
            half //= 2
        for e in range(4):
            mine = thread * 4 + e
            acc0[e] = joining[mine]
        if lane < 2 and position < team[0] * places:
            acc0[0] += acc0[1]
            acc0[2] += acc0[3]
            acc0[0] += acc0[2]
            acc0[1] = f32(0.0)
            acc0[2] = f32(0.0)
            acc0[3] = f32(0.0)
            if lane > 0:
                acc0[0] = f32(0.0)
            store_4(y0, position * 8 + lane * 4, acc0)
        cuda.syncthreads()
        item += cuda.gridDim.x
"""
    )


CONV = Region(Contraction("out", (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (9, 8)), (i0, i1), maximum(y + i2, 0))


def test_a_convolution_is_a_product_in_tiles_of_shared_memory():
    assert (
        printed(CONV, ("n", 9, 8, 6), (3, 3, 6, 48), (48,))
        == """\
def kernel(
    team, rate, y, a, b, i2,
    places, pitch, taps_w, mul_h, base_h, source_h, mul_w, base_w, source_w, taps, width,
    a_channels, a_pitch, b_pitch,
):
    # y[m, c] = sum over k of a[m, k] * b[k, c]: a block makes 64 x 64 of y
    a_tile = cuda.shared.array((16, 65), f32)
    b_tile = cuda.shared.array((16, 65), f32)
    sums = cuda.local.array((4, 4), f32)
    ours = cuda.local.array(4, f32)
    of = cuda.local.array(4, i64)
    of_h = cuda.local.array(4, i64)
    of_w = cuda.local.array(4, i64)
    line, lane = cuda.threadIdx.x // 16, cuda.threadIdx.x % 16
    count, depth = team[0] * places, taps * a_channels
    across = (pitch + 63) // 64
    tiles = (count + 63) // 64 * across
    tile = cuda.blockIdx.x
    while tile < tiles:
        top, left = tile // across * 64, tile % across * 64
        for r in range(4):
            m = top + line + r * 16
            image = m // places
            place = m - image * places
            i = place // width
            j = place - i * width
            of[r], of_h[r], of_w[r] = image, i * mul_h + base_h, j * mul_w + base_w
        for r in range(4):
            for q in range(4):
                sums[r, q] = f32(0.0)
        for start in range(0, depth, 16):
            k = start + lane
            tap = k // a_channels
            channel = k - tap * a_channels
            u = tap // taps_w
            v = tap - u * taps_w
            k_h, k_w = u, v
            for r in range(4):
                m = top + line + r * 16
                h, w = of_h[r] + k_h, of_w[r] + k_w
                seen = f32(0.0)
                if k < depth and m < count and 0 <= h < source_h and 0 <= w < source_w:
                    seen = a[((of[r] * source_h + h) * source_w + w) * a_pitch + channel]
                a_tile[lane, line + r * 16] = seen
            k = start + line
            for r in range(4):
                c = left + lane + r * 16
                seen = f32(0.0)
                if k < depth and c < pitch:
                    seen = b[k * b_pitch + c]
                b_tile[line, lane + r * 16] = seen
            cuda.syncthreads()
            for s in range(16):
                for r in range(4):
                    ours[r] = a_tile[s, line + r * 16]
                for q in range(4):
                    other = b_tile[s, lane + q * 16]
                    for r in range(4):
                        sums[r, q] += ours[r] * other
            cuda.syncthreads()
        for r in range(4):
            for q in range(4):
                position = top + line + r * 16
                c = left + lane + q * 16
                if position < count and c < pitch:
                    at = position * pitch + c
                    v_y = sums[r, q]
                    v_i2 = i2[c]
                    new_y_0 = v_y + v_i2
                    new_y = new_y_0 if new_y_0 >= f32(0.0) or new_y_0 != new_y_0 else f32(0.0)
                    y[at] = new_y
        tile += cuda.gridDim.x
"""
    )


def test_the_gradient_by_the_data_reads_the_weights_backwards_and_only_where_a_tap_meets_a_pixel():
    data = Contraction("data", (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (9, 8))

    lines = [line.strip() for line in printed(data, ("n", 5, 4, 48), (3, 3, 6, 48)).splitlines()]

    assert {"off_h = h % 2", "off_w = w % 2"} <= set(lines)
    assert "seen = b[((taps - 1 - tap) * channels + c) * b_pitch + channel]" in lines


def test_every_primitive_has_a_kernel_but_those_that_only_cpu_passes_form():
    kinds = {type(p): p for p, _, _ in cases.launches()}

    without = {kind for kind, primitive in kinds.items() if not has_draft(primitive, "cuda")}

    assert without == {Panels, SpaceToDepth, Winograd, WinogradGradient, WinogradWeights}
    assert not has_draft(Convert("n"), "cuda")


def kernels(text, purpose):
    plan = compile_plan(netlang.from_text(text).checked, purpose, gpu_target(), 32).plan
    return {launch.draft.kernel for part in plan.segments.values() for launch in part}


def test_a_plan_for_cuda_has_channels_in_the_lanes_and_no_winograd():
    net = netlang.load("examples/lenet.net").checked

    stages = compile_plan(net, "train", gpu_target(), 32)

    assert {buffer.lanes for buffer in stages.plan.buffers.values()} == {"c", "w"}
    assert not list(stages.optimised.made_by(Convert)) + list(stages.optimised.made_by(WinogradWeights))


def test_what_has_no_kernel_on_a_device_is_told_by_line():
    net = netlang.from_text("input 16x16x32\nconv3-32\nglobalavgpool, FC-2, soft-max").checked
    for_cpu = compile_plan(net, "evaluate", host_target(), 16).optimised
    assert list(for_cpu.made_by(WinogradWeights))

    with pytest.raises(NetError) as refused:
        refuse_undrafted(for_cpu, "cuda")

    assert "<text>:2:1" in str(refused.value)
    assert "this version has no kernel for cuda of what this line becomes (winograd" in str(refused.value)


@pytest.mark.parametrize(("net", "purpose"), [
    ("input {0}x{0}x3\nconv3-8, maxpool, conv3-9 tanh, avgpool, FC-50", "evaluate"),
    ("input {0}x6\nlstm-5, last, FC-3", "train"),
])  # fmt: skip
def test_other_sizes_are_no_other_kernels(net, purpose):
    assert kernels(net.format(24), purpose) == kernels(net.format(32), purpose)


def invoke(*arguments):
    return CliRunner().invoke(
        main, ["compile", "examples/lenet.net", "--device", "cuda", "--precision", "strict", *arguments]
    )


def test_compile_prints_cuda_kernels_under_what_launches_them():
    shown = invoke("--emit", "kernels", "--batch", "8", "--for", "evaluate")

    assert shown.exit_code == 0
    assert shown.stdout.startswith("# contraction_out_cuda\n#   conv1.relu: 98 x 256 threads, sizes 784, 8, ")
    kernels = re.findall(r"^# \w+_cuda$", shown.stdout, re.MULTILINE)
    assert shown.stdout.count("def kernel(") == len(kernels) == len(shown.stdout.split("import math")) - 1


def test_compile_prints_the_plan_for_cuda():
    shown = invoke("--emit", "plan", "--batch", "8")

    assert shown.exit_code == 0
    assert shown.stdout.startswith("plan for batches of up to 8, gpu, f32")
    assert "conv1.relu = contraction_out_cuda(" in shown.stdout


@pytest.mark.parametrize(("arguments", "exit_code", "message"), [
    (("--device", "cpu", "--arch", "sm_80"), 2, "--arch is of --device cuda"),
    (("--device", "cpu", "--precision", "bf16"), 2, "--precision bf16 is of --device cuda"),
    (("--emit", "asm"), 2, "--emit asm is a stage of --device cpu"),
    (("--device", "cpu", "--emit", "ptx"), 2, "--emit ptx is a stage of --device cuda"),
])  # fmt: skip
def test_what_is_not_there_for_a_device_is_told(arguments, exit_code, message):
    told = invoke(*arguments)

    assert (told.exit_code, told.stdout) == (exit_code, "")
    assert message in told.stderr


def test_ptx_without_its_compiler_names_the_extra(monkeypatch):
    monkeypatch.setattr(machine, "find_spec", lambda name: None)

    with pytest.raises(Problem, match=r"numba-cuda, which .* is not installed: pip install 'netlang\[cuda\]'"):
        ptx.ptx(ptx.Typed(KernelText("nothing", HEAD), ()))


def test_a_launch_moves_each_of_its_buffers_once():
    plan = compile_plan(netlang.from_text("input 5\nFC-3").checked, "evaluate", gpu_target(), 4).plan

    rows = 4 + 5 + 1 + 4  # of the examples, the weights and the bias, and of what is made, eight float32 each

    assert plan.moved == rows * 32


def test_the_small_maps_of_a_batch_norm_are_one_launch():
    net = netlang.from_text("input 4x4x3\nconv3-5 bn relu, FC-2, soft-max\ntrain: optimizer=sgd lr=0.1").checked
    plan = compile_plan(net, "train", gpu_target("f32", "bf16"), 8).plan

    together = [launch.writes for launch in plan.segments["step"] if launch.draft.kernel.name == "map_cuda"]

    assert sorted(map(len, together))[-2:] == [1, 4]  # mean, deviation and what is kept of both
