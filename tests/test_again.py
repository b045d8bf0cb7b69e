"""Calls on examples of a kind that was just evaluated, which look nothing up again."""

import os

import numpy as np
import pytest

import netlang
from netlang.backend.exclusive import BusyError
from netlang.backend.executor import Team

VECTORS = "input 13\nFC-8 tanh, FC-2 sigmoid"
NETS = {  # copied with padding and without, read where they lie, and answers whose memory has another shape
    VECTORS: (5, 13),
    "input 16\nFC-3": (5, 16),
    "input 12x12x3\nconv3-20 pad=1, FC-3": (60, 12, 12, 3),
    "input 64x16\nconv1-3": (40, 64, 16),
    "input 5x7\nconv1-3": (3, 5, 7),
}


@pytest.fixture
def runs(monkeypatch):
    """How many runs were told before."""
    monkeypatch.delenv("NETLANG_CHECK_MEMORY")  # which looks at launches one by one
    found = []
    again = Team.again
    monkeypatch.setattr(Team, "again", lambda team, told: (found.append(1), again(team, told))[1])
    return found


@pytest.fixture
def vectors():
    prog = netlang.from_text(VECTORS).compile(batch=8, training=True, threads=2)
    yield prog
    prog.close()


def examples(shape=(5, 13), seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def looked_up(prog, x):
    """The answer, with all looked up."""
    return prog({"input": x})


@pytest.mark.parametrize("text", NETS)
@pytest.mark.parametrize("threads", [1, 2])
def test_answers_are_the_same_bits(runs, text, threads):
    prog = netlang.from_text(text).compile(batch=64, threads=threads)
    x, other = examples(NETS[text]), examples(NETS[text], seed=1)
    wanted = [looked_up(prog, each) for each in (x, other)]

    found = [prog(each) for each in (x, x, other, x)]

    prog.close()
    assert len(runs) == 2
    for answer, right in zip(found, [wanted[0], wanted[0], wanted[1], wanted[0]], strict=True):
        assert answer.shape == right.shape
        np.testing.assert_array_equal(answer, right)


def test_an_answer_is_the_callers_own(runs, vectors):
    x = examples()
    first, *_, last = [vectors(x) for _ in range(4)]

    last[:] = 7

    assert len(runs) == 2
    np.testing.assert_array_equal(vectors(x), first)


def test_weights_may_change_meanwhile(runs, vectors):
    x, y = examples(), np.zeros((5, 2), np.float32)
    before = [vectors(x) for _ in range(3)][-1]

    vectors.step(x, y)
    stepped = [vectors(x) for _ in range(3)]
    wanted = looked_up(vectors, x)
    vectors.weights["fc2.b"] = [3, -3]
    assigned = vectors(x)

    assert len(runs) == 3
    assert not np.array_equal(before, wanted)
    np.testing.assert_array_equal(stepped, [wanted] * 3)
    assert (assigned[:, 0] > wanted[:, 0]).all()
    np.testing.assert_array_equal(assigned, looked_up(vectors, x))


def test_other_examples_may_come_between(runs, vectors):
    x, fewer = examples(), examples((3, 13))
    wanted = looked_up(vectors, x), looked_up(vectors, fewer)

    for k in (0, 0, 0, 1, 0, 1, 1, 1, 0, 0):
        np.testing.assert_array_equal(vectors((x, fewer)[k]), wanted[k])
    assert len(runs) >= 2


@pytest.mark.parametrize("text", ["input 12x12x3\nconv3-20 pad=1, FC-3", VECTORS], ids=["where they lie", "copied"])
def test_arrays_of_a_kind_may_lie_as_they_like(runs, text):
    prog = netlang.from_text(text).compile(batch=64)
    x = examples(NETS[text])
    wanted = looked_up(prog, x), looked_up(prog, x[:, ::-1].copy())
    locked = x.copy()
    locked.setflags(write=False)
    offset = np.frombuffer(b"." + x.tobytes(), np.float32, offset=1).reshape(x.shape)

    found = [prog(each) for each in (x, x, x, x[:, ::-1], locked, offset, np.asfortranarray(x))]

    prog.close()
    assert len(runs) == 5
    for answer, right in zip(found, [wanted[k] for k in (0, 0, 0, 1, 0, 0, 0)], strict=True):
        np.testing.assert_array_equal(answer, right)


def test_of_other_numbers_all_is_looked_at(runs, vectors):
    x = examples()
    wanted, *_ = [vectors(x) for _ in range(3)]

    np.testing.assert_array_equal(vectors(x.astype(float)), wanted)
    np.testing.assert_array_equal(vectors(x.astype(">f4")), wanted)
    with pytest.raises(ValueError, match="13"):
        vectors(x[:, :12])
    assert len(runs) == 1


def test_nan_is_found_every_time(monkeypatch):
    monkeypatch.delenv("NETLANG_CHECK_MEMORY")
    prog = netlang.from_text(VECTORS).compile(batch=8, check_nan=True)
    x = examples()
    for _ in range(3):
        prog(x)
    x[1, 2] = np.nan

    with pytest.raises(netlang.NetError):
        prog(x)
    prog.close()


def test_a_second_caller_is_refused(runs, vectors, monkeypatch):
    x = examples()
    wanted, *_ = [vectors(x) for _ in range(3)]
    again, refused = Team.again, []

    def meanwhile(team, told):
        with pytest.raises(BusyError):
            vectors(-x)
        refused.append(1)
        again(team, told)

    monkeypatch.setattr(Team, "again", meanwhile)

    np.testing.assert_array_equal(vectors(x), wanted)
    assert refused == [1]


def test_memory_that_was_lent_is_given_back_whatever_happens(runs, monkeypatch):
    text = "input 12x12x3\nconv3-20 pad=1, FC-3"
    prog = netlang.from_text(text).compile(batch=64)
    x = examples(NETS[text])
    wanted, *_ = [prog(x) for _ in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(Team, "again", None)
        with pytest.raises(TypeError):
            prog(x + 1)

    found = looked_up(prog, x[:, ::-1])[:, :], looked_up(prog, x)

    np.testing.assert_array_equal(found[1], wanted)
    np.testing.assert_array_equal(found[0], looked_up(prog, x[:, ::-1].copy()))
    prog.close()


def test_the_child_of_a_fork_calls_as_its_parent_did(runs, vectors):
    x = examples()
    wanted, *_ = [vectors(x) for _ in range(3)]

    child = os.fork()
    if child == 0:
        os._exit(0 if all(np.array_equal(vectors(x), wanted) for _ in range(2)) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    np.testing.assert_array_equal(vectors(x), wanted)


def test_a_program_that_was_closed_does_not_run(runs, vectors):
    x = examples()
    for _ in range(3):
        vectors(x)
    vectors.close()

    with pytest.raises(RuntimeError, match="closed"):
        vectors(x)


@pytest.mark.parametrize(("text", "inputs"), [
    ("input 2 @left\ninput 2 @right\nconcat[@left | @right], FC-1", ["left", "right"]),
    ("input 2 @a\n@a, FC-5 linear, output other loss=mse\n@a, FC-3, softmax", ["a"]),
])  # fmt: skip
def test_nets_of_several_inputs_or_outputs_look_all_up(runs, text, inputs):
    prog = netlang.from_text(text).compile(2)
    x = {name: examples((2, 2), seed) for seed, name in enumerate(inputs)}
    found = [prog(x if len(inputs) > 1 else x["a"]) for _ in range(3)]

    prog.close()
    assert not runs
    for answer in found[1:]:
        np.testing.assert_equal(answer, found[0])
