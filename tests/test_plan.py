"""Plans: what lies where, and where threads wait."""

import os
from pathlib import Path

import numpy as np
import pytest
from test_agreement import NETS

import netlang
from netlang.backend.cpu import bind
from netlang.memory import constants
from netlang.passes import optimise
from netlang.pipeline import compile_plan
from netlang.plan import plan
from netlang.primitives.launch import Target

GOLDEN = Path(__file__).parent / "golden"
TARGET = Target("golden", "f32", ((6, 4), (12, 2), (8, 3), (14, 1), (6, 2), (6, 1), (1, 1)), 2)
PURPOSES = ["evaluate", "gradients", "train"]
each_plan = pytest.mark.parametrize(
    ("name", "purpose", "batch"), [(n, p, b) for n in NETS for p in PURPOSES for b in (3, 16)]
)


def stages_of(name, purpose, batch, **options):
    return compile_plan(netlang.from_text(NETS[name]).checked, purpose, TARGET, batch, **options)


def launches_of(made):
    return [launch for launches in made.segments.values() for launch in launches]


@each_plan
def test_what_a_launch_reads_is_still_what_its_maker_wrote(name, purpose, batch):
    """The plan is played on a map of who wrote each line of memory last."""
    made = stages_of(name, purpose, batch).plan
    last = {arena: np.full(size // 64, "", object) for arena, size in made.arenas.items()}

    def lines(buffer):
        at = made.buffers[buffer]
        return last[at.arena][at.offset // 64 : (at.offset + at.size) // 64]

    for node in made.inputs:
        lines(node.id)[:] = node.id
    for _ in range(2):  # the second step finds what the first one left
        for launch in launches_of(made):
            for buffer in launch.reads:
                if made.buffers[buffer].arena == "values":
                    assert set(lines(buffer)) == {buffer}, f"{launch.node} reads {buffer}"
            for buffer in launch.writes:
                lines(buffer)[:] = buffer
    for output, buffer in made.outputs.items():
        if made.buffers[buffer].arena == "values":
            assert set(lines(buffer)) <= {buffer}, output


@each_plan
def test_no_two_launches_between_barriers_touch_what_one_of_them_writes(name, purpose, batch):
    made = stages_of(name, purpose, batch).plan
    for launches in made.segments.values():
        together = []
        for launch in launches:
            for other in together:
                for mine, theirs in ((launch.writes, other.reads + other.writes), (launch.reads, other.writes)):
                    met = [(a, b) for a in mine for b in theirs if made.buffers[a].overlaps(made.buffers[b])]
                    assert not met, (launch.node, other.node)
                assert not (launch.draft.scratch[1] and other.draft.scratch[1]), (launch.node, other.node)
            together = [] if launch.barrier else [*together, launch]
        assert not launches or launches[-1].barrier


@pytest.mark.parametrize("name", NETS)
def test_sharing_takes_less_memory_than_not_sharing(name):
    shared, apart = (stages_of(name, "train", 16, share=share).plan for share in (True, False))

    assert shared.arenas["values"] < apart.arenas["values"]
    assert [launch.draft.kernel for launch in launches_of(shared)] == [
        launch.draft.kernel for launch in launches_of(apart)
    ]


def test_what_depends_on_weights_only_is_prepared():
    made = stages_of("mlp", "gradients", 16)

    prepared = {launch.node for launch in made.plan.segments["prepare"]}

    assert prepared == {"fc1.w.t", "fc2.w.t", "fc3.w.t"}
    assert prepared < constants(made.optimised)


def test_a_training_step_prepares_nothing_for_it_changes_the_weights():
    made = stages_of("mlp", "train", 16).plan

    assert made.segments["prepare"] == ()
    assert {"fc2.w.t", "fc3.w.t"} < {launch.node for launch in made.segments["step"]}


def test_the_optimizer_is_one_launch_over_all_weights():
    made = stages_of("lenet", "train", 16).plan

    (update,) = made.segments["update"]

    assert update.reads == ("weights[:]", "gradients[:]", "state.mean[:]", "state.square[:]")
    assert len({made.buffers[b].size for b in update.reads}) == 1


def test_two_weights_with_one_gradient_have_a_buffer_each():
    """y = (x + b1) + b2: both gradients are the same sum."""
    net = netlang.from_text("input 3\nadd[FC-2 linear | FC-2 linear]\ntrain: loss=mse optimizer=sgd")
    graph = compile_plan(net.checked, "train", TARGET, 4).optimised

    made = plan(optimise(graph, 4), TARGET, 4)

    offsets = [b.offset for b in made.buffers.values() if b.arena == "gradients" and b.id != "gradients[:]"]
    assert len(offsets) == len(set(offsets)) == 4


def test_threads_scratch_lies_one_stride_apart_in_all_launches_of_a_segment():
    """Else a thread that is one launch ahead writes over the scratch of one that is not."""
    made = stages_of("lenet", "train", 16).plan
    launches = made.segments["step"]
    assert len({launch.draft.scratch[0] for launch in launches}) > 1

    table = bind([(launch.draft, False) for launch in launches], dict.fromkeys(made.buffers, 64), 1 << 20, 1 << 30)

    strides = set()
    for (_, block, _), launch in zip(table, launches, strict=True):
        words = np.ctypeslib.as_array(
            (np.ctypeslib.ctypes.c_int64 * (len(launch.draft.args) + 3)).from_address(int(block))
        )
        strides.add(int(words[-1]))
    assert strides == {max(launch.draft.scratch[0] for launch in launches)}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_plan_of_lenet_is_golden(purpose):
    """NETLANG_GOLDEN=1 writes it anew."""
    path = GOLDEN / f"lenet-{purpose}.plan"
    text = str(stages_of("lenet", purpose, 64).plan) + "\n"
    if os.environ.get("NETLANG_GOLDEN"):
        path.write_text(text)

    assert text == path.read_text()
