"""CUDA kernels as PTX, and as what the assembler makes of it: no driver is needed, and nothing runs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cases
import pytest
from click.testing import CliRunner

import netlang
from netlang.backend.cuda.assembled import assembled
from netlang.backend.cuda.ptx import ptx, typed
from netlang.backend.cuda.target import gpu_target
from netlang.cli import main
from netlang.formula import Name, Random, where
from netlang.pipeline import compile_plan
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.launch import Also, Operand, chain, draft, has_draft
from netlang.primitives.map.op import Map
from netlang.primitives.region.op import Region
from netlang.primitives.sum.op import Sum
from netlang.primitives.window.op import Window
from netlang.types import Tensor

pytest.importorskip("numba_cuda", reason="needs the extra `cuda`")


def training_step(name):
    """The kernels of a net's training step, each by its first launch."""
    plan = compile_plan(netlang.load(f"examples/{name}.net").checked, "train", gpu_target(), 32).plan
    launches = [launch for part in plan.segments.values() for launch in part]
    return list({launch.draft.kernel: launch.draft for launch in reversed(launches)}.values())[::-1]


def of_every_kind(dtype):
    """A kernel of each name that a layer or a loss needs, and one that draws in a sum."""
    found = {}
    many = [(p, types) for p, types, _ in cases.launches(dtype)]
    many.append((Sum(where(Random(7) < 0.5, Name("i0"), 0), "batch"), (Tensor(dtype, ("n", 3, 18)),)))
    for primitive, types in many:
        if has_draft(primitive, "cuda") and "before=" not in str(primitive):
            named = {**{f"x{k}": t for k, t in enumerate(types)}, "out": primitive.infer(*types)}
            *inputs, result = (Operand(n, t, "c" if t.batched else "w") for n, t in named.items())
            for made in chain(draft(primitive, tuple(inputs), result, gpu_target(dtype), 8)):
                found[made.kernel.name, "random" in made.kernel.text] = made
    return list(found.values())


def assert_a_right_kernel(launch, capability, bits=32):
    """One entry, nothing called that is not there, all numbers in their own type, nothing in local memory."""
    text = ptx(typed(launch), capability)
    assert ".target sm_{}{}".format(*capability) in text
    assert text.count(".visible .entry") == 1
    assert ".extern .func" not in text
    assert "__local_depot" not in text, "a thread's arrays are not in registers"
    if bits == 32:
        assert ".f64" not in text, "float32 became float64"
    for machine in {"sm_{}{}".format(*capability), "sm_90"}:  # PTX is for this machine and all that came later
        found = assembled(text, machine, launch.grid[1])
        assert (found.spilled, found.stack) == (0, 0), "it spills"
        assert found.registers <= 128 or launch.together, "two blocks of 256 threads would not fit"
        assert found.blocks >= 1, "a block does not fit"
    return text


def test_every_kernel_of_lenets_training_step_compiles_without_a_driver():
    launches = training_step("lenet")

    texts = [(launch.kernel.name, assert_a_right_kernel(launch, (8, 0))) for launch in launches]

    products = [text for name, text in texts if name.startswith("contraction")]
    assert len(products) > 8  # five layers in three roles, of which some share a kernel
    assert all("fma.rn.f32" in text and ".shared" in text for text in products)


def test_a_kernel_of_each_kind_in_lenets_training_step_compiles_for_hopper():
    for launch in {launch.kernel.name: launch for launch in training_step("lenet")}.values():
        assert_a_right_kernel(launch, (9, 0))


def test_the_norms_of_a_whole_net_come_in_launches_that_do_not_spill():
    """Evaluation has scale and shift of all of them at once."""
    net = netlang.from_text("input 6x6x16\n" + "conv1-16, bn, relu\n" * 12 + "gap, FC-3, softmax\n")

    plan = compile_plan(net.checked, "evaluate", gpu_target(), 4).plan

    launches = [launch.draft for part in plan.segments.values() for launch in part]
    maps = {each.kernel: each for each in launches if each.kernel.name.startswith("map")}
    assert len(maps) < len(launches) / 2
    for each in maps.values():
        assert_a_right_kernel(each, (8, 0))


def test_a_kernel_of_every_other_primitive_compiles_in_float32():
    lenets = {launch.kernel.name for launch in training_step("lenet")}
    kernels = {(d.kernel.name, "random" in d.kernel.text): d for d in of_every_kind("f32")}
    others = {key: made for key, made in kernels.items() if key[0] not in lenets or key[1]}

    assert {"scan_cuda", "grouped_data_cuda", "unshared_weight_cuda"} <= {name for name, _ in others}
    for made in others.values():
        assert_a_right_kernel(made, (8, 0))


@pytest.mark.parametrize(("role", "shapes", "products"), [
    ("out", (("n", 28, 28, 35), (3, 3, 35, 128)), "tf32"),
    ("out", (("n", 28, 28, 35), (3, 3, 35, 128)), "bf16"),
    ("data", (("n", 28, 28, 128), (3, 3, 35, 128)), "tf32"),
    ("weight", (("n", 28, 28, 35), ("n", 28, 28, 128)), "tf32"),
    ("weight", (("n", 28, 28, 35), ("n", 28, 28, 128)), "bf16"),
])  # fmt: skip
def test_products_on_tensor_cores_are_their_instructions(role, shapes, products):
    primitive = Contraction(role, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), (28, 28))
    types = [Tensor("f32", shape) for shape in shapes]
    *inputs, result = (
        Operand(f"x{k}", t, "c" if t.batched else "w") for k, t in enumerate([*types, primitive.infer(*types)])
    )
    made = draft(primitive, tuple(inputs), result, gpu_target("f32", products), 32)

    text = assert_a_right_kernel(made, (8, 0))

    assert text.count("mma.sync.aligned") == {"tf32": 16, "bf16": 8}[products]
    assert "cp.async.cg.shared.global" in text
    assert ("ldmatrix" in text) == (products == "tf32" and role != "weight")
    assert made.then or role == "out"  # few tiles: k is cut


def of_types(primitive, *shapes, products="fma", sums=(), halves=""):
    """A launch of a primitive on operands of these shapes.

    sums: terms it takes on its way, and whether squares; halves: "x" for each operand, the result last, that is bf16
    """
    types = [Tensor("f32", shape) for shape in shapes]
    made = primitive.infer(*types)
    named = [*types, made, *(Tensor("f32", (made.channels,)) for _ in sums)]
    kept = halves.ljust(len(named), "-")
    operands = [Operand(f"x{k}", t, "c" if t.batched else "w", kept[k] == "x") for k, t in enumerate(named)]
    result, *to = operands[len(types) :]
    further = [Also(term, at, squares) for (term, squares), at in zip(sums, to, strict=True)]
    return draft(primitive, tuple(operands[: len(types)]), result, gpu_target("f32", products), 256, *further)


I0, I1, Y = Name("i0"), Name("i1"), Name("y")
IMAGES = ("n", 28, 28, 64)


@pytest.mark.parametrize("launch", [
    of_types(Map(I0 + I1), IMAGES, (64,)), of_types(Sum(I0 * I1, "batch"), IMAGES, IMAGES),
    of_types(Sum(I0, "channel"), IMAGES), of_types(Window("max", (3, 3), (2, 2), (1, 1, 1, 1), (28, 28)), IMAGES),
], ids=lambda launch: launch.kernel.name)  # fmt: skip
def test_what_only_moves_bytes_moves_sixteen_at_a_time(launch):
    while launch:
        text = assert_a_right_kernel(launch, (8, 0))
        assert "ld.global.v4.f32" in text
        assert "st.global.v4.f32" in text
        assert not re.search(r"(ld|st)\.global\.f32", text)
        launch = launch.then


@pytest.mark.parametrize(("products", "halves"), [("tf32", ""), ("bf16", ""), ("bf16", "x-x"), ("bf16", "xxx")])
def test_the_statistics_of_a_batch_norm_leave_with_the_convolution_and_cost_no_block_its_place(products, halves):
    conv = Region(Contraction("out", (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), (28, 28)), (I0, I1), Y)

    launch = of_types(conv, IMAGES, (3, 3, 64, 128), products=products, sums=((Y, False), (Y, True)), halves=halves)

    text = assert_a_right_kernel(launch, (9, 0))
    assert "shfl.sync.bfly" in text
    assert "div.s64" not in text.split("cp.async.cg")[1]  # nor any in the loop over k
    assert launch.then.kernel.name == "sum_merged_cuda"
    assert_a_right_kernel(launch.then, (9, 0))


@pytest.mark.parametrize(("role", "shapes"), [
    ("out", (IMAGES, (3, 3, 64, 128))), ("data", (("n", 28, 28, 128), (3, 3, 64, 128))),
    ("weight", (IMAGES, ("n", 28, 28, 128))),
])  # fmt: skip
def test_factors_that_lie_in_bf16_come_as_whole_matrices_and_nothing_is_converted(role, shapes):
    primitive = Contraction(role, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), (28, 28))

    text = assert_a_right_kernel(of_types(primitive, *shapes, products="bf16", halves="xx"), (8, 0))

    deep = 1 if role == "weight" else 2  # products of 16 steps of k in a slab
    assert text.count("ldmatrix.sync.aligned.m8n8.x4") == 4 * deep  # two of a and two of b
    assert ("x4.trans" in text) == (role != "data")
    assert text.count("mma.sync.aligned.m16n8k16") == 8 * deep
    assert "cvt.rn.bf16x2" not in text


@pytest.mark.parametrize(("role", "shapes"), [
    ("out", (("n", 28, 28, 35), (3, 3, 35, 24))), ("data", (("n", 28, 28, 24), (3, 3, 35, 24))),
    ("weight", (("n", 28, 28, 35), ("n", 28, 28, 24))),
])  # fmt: skip
def test_channels_that_fill_no_vector_of_sixteen_lie_in_bf16_too(role, shapes):
    primitive = Contraction(role, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), (28, 28))
    launch = of_types(primitive, *shapes, products="bf16", halves="xx-" if role == "weight" else "xxx")

    text = assert_a_right_kernel(launch, (8, 0))

    assert len(re.findall(r"cp\.async\.cg\.shared\.global \[s\], \[%rd\d+\], 16", text)) > 2
    assert not re.search(r"ld\.global\.(f32|u32|u16|v2)", text), "an access of less than 16 bytes"


@pytest.mark.parametrize(("role", "size", "shapes", "products", "halves"), [
    ("weight", 7, (("n", 224, 224, 3), ("n", 112, 112, 64)), "bf16", "-x"),  # the first layer of a ResNet
    ("data", 5, (("n", 14, 14, 16), (5, 5, 6, 16)), "bf16", "xx"),  # the second of LeNet
    ("data", 3, (("n", 14, 14, 320), (3, 3, 160, 320)), "tf32", ""),  # of GoogLeNet
])  # fmt: skip
def test_products_that_would_take_more_registers_than_two_blocks_have_do_without(role, size, shapes, products, halves):
    stride, pad, extent = (2, 3, 224) if size == 7 else (1, size // 2, 14)
    primitive = Contraction(role, (size, size), (stride, stride), (pad,) * 4, (1, 1), (extent, extent))

    assert_a_right_kernel(of_types(primitive, *shapes, products=products, halves=halves), (9, 0))


@pytest.mark.parametrize(("launch", "loads"), [
    (of_types(Map(I0 + I1), IMAGES, (64,), halves="x-x"), "v4"),
    (of_types(Map(I0 + I1), ("n", 28, 28, 21), (21,), halves="x-x"), "v4"),
    (of_types(Sum(I0 * I1, "batch"), IMAGES, IMAGES, halves="xx"), "v2"),
    (of_types(Window("max", (3, 3), (2, 2), (1, 1, 1, 1), (28, 28)), IMAGES, halves="xx"), "v2"),
], ids=["map", "odd", "sum", "window"])  # fmt: skip
def test_maps_move_eight_numbers_in_bf16_at_once_and_what_reduces_four(launch, loads):
    text = assert_a_right_kernel(launch, (8, 0))

    assert f"ld.global.{loads}.u32" in text
    assert not re.search(r"(ld|st)\.global\.(f32|u32|u16)", text)


@pytest.mark.parametrize(("products", "cell", "batch"), [("tf32", "lstm-512", 32), ("bf16", "gru-64", 512)])
def test_recurrences_multiply_on_tensor_cores_with_matrices_in_registers(products, cell, batch):
    net = netlang.from_text(f"input 9x6\n{cell}, last, FC-3, soft-max\ntrain: lr=0.1").checked
    plan = compile_plan(net, "train", gpu_target("f32", products), batch).plan
    launches = [made for one in plan.segments["step"] for made in chain(one.draft) if made.together]

    assert len(launches) == 2
    for launch in launches:
        text = assert_a_right_kernel(launch, (8, 0))
        loop = text.split("red.release.gpu")[1]
        assert "mma.sync" in loop
        assert "ld.global.cg.v4.f32" in loop
        assert "ld.global.v4" not in loop, "the matrices are read in each step"


@pytest.mark.parametrize("name", ["map", "sum_batch", "contraction_out", "contraction_weight"])
def test_kernels_in_float64_compile(name):
    made = next(made for made in of_every_kind("f64") if made.kernel.name == f"{name}_cuda")

    assert ".f64" in assert_a_right_kernel(made, (8, 0), bits=64)


def test_the_page_of_kernels_has_every_kind():
    page = (Path(__file__).parent.parent / "docs" / "measurements" / "cuda-kernels.md").read_text(encoding="utf8")
    listed = set(re.findall(r"^\| (\w+) \|", page, re.MULTILINE))

    assert {launch.kernel.name.removesuffix("_cuda") for launch in of_every_kind("f32")} <= listed


def test_compile_prints_ptx():
    arguments = ["--device", "cuda", "--emit", "ptx", "--for", "evaluate"]
    shown = CliRunner().invoke(main, ["compile", "examples/xor-mlp.net", *arguments])

    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.startswith("// contraction_out_tf32_cuda\n//   fc1")
    assert "\n// sm_80: " in shown.stdout
    assert ".visible .entry" in shown.stdout


def test_compile_tells_what_each_kernel_takes_of_a_gpu():
    arguments = ["compile", "examples/xor-mlp.net", "--device", "cuda", "--for", "evaluate", "--arch", "sm_80"]
    shown = CliRunner().invoke(main, arguments)
    told = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)

    assert "xor-mlp for sm_80, batch " in shown.stdout, shown.stderr
    assert {kernel["spilled"] for kernel in told["kernels"]} == {0}
    assert all(0 < kernel["occupancy"] <= 1 for kernel in told["kernels"])


def without_from_numpy(name):
    """`compile --emit ptx` under a NumPy that has no such function."""
    gone = f"vars(np).pop('{name}', 0); np.__all__ = [n for n in np.__all__ if n != '{name}']"
    code = (
        f"import numpy as np; {gone}\nfrom netlang.cli import main\n"
        f"main(standalone_mode=False); assert not hasattr(np, '{name}')"
    )
    arguments = ["compile", "examples/xor-mlp.net", "--device", "cuda", "--emit", "ptx", "--for", "evaluate"]
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_a_numpy_without_the_alias_that_numba_cuda_looks_up_will_do():
    """As NumPy 2.5 has no `row_stack`."""
    done = without_from_numpy("row_stack")

    assert done.returncode == 0, done.stderr
    assert ".visible .entry" in done.stdout


def test_a_numpy_that_numba_cuda_cannot_be_loaded_with_is_told():
    done = without_from_numpy("column_stack")

    assert done.returncode == 1
    assert re.fullmatch(r"error: numba-cuda [\d.]+ does not go with NumPy [\d.]+: .*`?column_stack'?\n", done.stderr)
