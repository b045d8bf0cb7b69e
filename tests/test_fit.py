"""The largest batch whose training fits the memory."""

import pytest
from click.testing import CliRunner

import netlang
from netlang.backend.cuda.memory import refuse_beyond_memory
from netlang.backend.limits import OutOfMemoryError
from netlang.cli import train
from netlang.fit import device, largest_batch
from netlang.pipeline import compile_plan

NET = netlang.from_text("input 9x9x3\nconv3-5, maxpool, FC-4, softmax\ntrain: optimizer=adam\n").checked


@pytest.fixture(scope="module")
def cpu():
    on = device("cpu", "f32", threads=1)
    yield on
    on.close()


def size(cpu, batch):
    step, other = (compile_plan(NET, purpose, cpu.target, batch).plan for purpose in ("train", "evaluate"))
    return step.size + other.beside


@pytest.mark.parametrize("batch", [1, 2, 37])
def test_the_largest_batch_fits_and_the_next_does_not(cpu, batch):
    room = size(cpu, batch)

    found = largest_batch(NET, cpu, 100, room)

    assert found >= batch
    assert size(cpu, found) <= room < size(cpu, found + 1)


def test_no_more_than_there_are_examples(cpu):
    assert largest_batch(NET, cpu, 19, float("inf")) == 19


def test_what_does_not_fit_with_one_example_is_told(cpu):
    with pytest.raises(OutOfMemoryError, match=r"step on 1 example.* need .* and 1000 B may be taken here"):
        largest_batch(NET, cpu, 19, 1000.0)


def test_the_gpu_is_asked_before_anything_is_taken():
    refuse_beyond_memory(3 << 30, "this plan", free=3 << 30)

    with pytest.raises(OutOfMemoryError, match=r"needs 3\.0 GiB of the GPU's memory, but only 2\.0 GiB are free"):
        refuse_beyond_memory(3 << 30, "this plan", free=2 << 30)


@pytest.mark.parametrize("wrong", ["0", "many"])
def test_a_batch_is_a_number_or_fit(wrong):
    told = CliRunner().invoke(train.command, ["net.net", "--batch", wrong])

    assert told.exit_code == 2
    assert "'--batch'" in told.stderr


def test_training_takes_the_batch_that_fits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "xor.net").write_text("input 2\nFC-2 tanh, FC-1 sigmoid\ntrain: data=xor epochs=1\n")

    done = CliRunner().invoke(train.command, ["xor.net", "--batch", "fit", "--quiet", "--threads", "1"])

    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("batch=4\n")
