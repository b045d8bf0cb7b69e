"""What a machine lacks to run CUDA kernels, told by its driver's library; here a small stand-in for it."""

import ctypes
import subprocess
import sys

import pytest
from click.testing import CliRunner

from netlang.backend.cuda import machine
from netlang.backend.cuda.machine import Gpu, found, missing
from netlang.cli import main
from netlang.files import Problem

NET = "examples/xor-mlp.net"


class Driver:
    """A driver's library, as ctypes opens it."""

    def __init__(self, *, status=0, version=13000, count=1, capability=(9, 0)):
        self.status, self.numbers = status, {"cuDriverGetVersion": version, "cuDeviceGetCount": count}
        self.capability = dict(zip((75, 76), capability, strict=True)) | {
            16: 132,
            13: 1_830_000,
            36: 2_619_000,
            37: 5120,
        }

    def cuInit(self, flags):
        return self.status

    def cuDeviceGet(self, device, ordinal):
        device._obj.value = 7 + ordinal
        return 0

    def cuDeviceGetAttribute(self, answer, which, device):
        assert device == 7
        answer._obj.value = self.capability[which]
        return 0

    def cuDeviceGetName(self, text, size, device):
        text.value = b"NVIDIA H200"
        return 0

    def __getattr__(self, name):
        def ask(answer):
            answer._obj.value = self.numbers[name]
            return 0

        return ask


def absent(name):
    raise OSError(name)


def test_a_gpu_is_found():
    gpu = found(lambda name: Driver(version=13040))

    assert gpu == Gpu("NVIDIA H200", (9, 0), 13040, 132, 1_830_000, 2_619_000, 5120)


def test_what_a_gpu_can_do_at_most_is_that_of_its_datasheet():
    """NVIDIA's of the H100 SXM5: 66.9, 494.7 and 989.4 TFLOP/s without sparsity; HBM3 of 3.35 TB/s."""
    gpu = found(lambda name: Driver())

    figures = [gpu.peak(products) / 1e12 for products in ("fma", "tf32", "bf16")]
    assert figures == pytest.approx([61.8, 494.7, 989.4], rel=1e-3)  # 66.9 is at the higher clock of plain float32
    assert gpu.bandwidth == pytest.approx(3.35e12, rel=1e-2)


def test_what_nobody_says_of_a_gpu_is_not_guessed():
    assert Gpu("another", (12, 0), 13000, 100, 1_000_000, 0, 0).peak("tf32") is None
    assert Gpu("another", (9, 0), 13000).peak("tf32") is None
    assert Gpu("another", (9, 0), 13000).bandwidth is None


@pytest.mark.parametrize(("load", "said"), [
    (absent, "there is no NVIDIA driver here"),
    (lambda name: Driver(status=100), "the NVIDIA driver finds no GPU on this machine"),
    (lambda name: Driver(status=999), "the NVIDIA driver does not start (cuInit gives error 999)"),
    (lambda name: Driver(count=0), "the NVIDIA driver finds no GPU on this machine"),
    (lambda name: Driver(version=12080), "the NVIDIA driver is one for CUDA 12.8, and 13.0 is needed: update it"),
    (lambda name: Driver(capability=(7, 5)), "NVIDIA H200 has compute capability 7.5, and kernels"),
])  # fmt: skip
def test_what_is_missing_is_told_in_words(load, said):
    assert str(found(load)).startswith(said)
    assert missing(load)[0].startswith(said)


def test_a_missing_compiler_is_told_too(monkeypatch):
    monkeypatch.setattr(machine, "find_spec", lambda name: None)

    assert missing(lambda name: Driver()) == [
        "numba-cuda, which compiles the kernels, is not installed: pip install 'netlang[cuda]'"
    ]


def test_a_missing_toolkit_is_told_too(monkeypatch):
    """As where numba-cuda was installed without its compiler."""
    monkeypatch.setattr(machine, "find_spec", lambda name: "there")
    monkeypatch.setattr(machine, "_there", lambda library: library != "nvvm")

    assert missing(lambda name: Driver()) == [
        "the compiler (libnvvm) of CUDA's toolkit is not found: pip install 'netlang[cuda]'"
    ]


def test_numbers_are_asked_for_as_ctypes_passes_them():
    asked = []

    def ask(answer, *what):
        asked.append((isinstance(answer._obj, ctypes.c_int), what))
        answer._obj.value = 5
        return 0

    assert machine._number(ask, 1, 2) == 5
    assert asked == [(True, (1, 2))]


def test_without_a_gpu_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(machine, "missing", lambda: ["no GPU", "no compiler"])

    with pytest.raises(Problem, match=r"^CUDA cannot be used here: no GPU$"):
        machine.refuse_without_gpu()


@pytest.mark.parametrize("command", [
    ("train", NET), ("run", NET, "--weights", "w", "--input", "x.npy"), ("evaluate", NET, "--weights", "w"),
    ("bench", NET, "--against", "none"), ("gradcheck", NET), ("gradcheck", NET, "--device", "cpu,cuda"),
])  # fmt: skip
def test_every_command_that_runs_a_net_tells_it_before_all_else(command, monkeypatch):
    monkeypatch.setattr(machine, "missing", lambda: ["no GPU", "no compiler"])

    told = CliRunner().invoke(main, [*command[:2], "--device", "cuda", *command[2:]])

    assert (told.exit_code, told.stderr) == (1, "error: CUDA cannot be used here: no GPU\n")


@pytest.mark.parametrize("command", ["train", "bench"])
def test_a_missing_gpu_is_told_before_numba_and_pytorch_are_loaded(command):
    code = (
        "import sys; from netlang.backend.cuda import machine; machine.LIBRARY = 'no such library'\n"
        "from netlang.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: print(end.code, sorted({'numba', 'torch', 'cuda.core'} & set(sys.modules)))"
    )
    arguments = [sys.executable, "-c", code, command, NET, "--device", "cuda"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)

    assert done.stdout == "1 []\n"
    assert done.stderr.startswith("error: CUDA cannot be used here: there is no NVIDIA driver here")
