"""Settings of all tests: one kernel cache, canaries on, tests against PyTorch left out where it is missing."""

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TORCH = importlib.util.find_spec("torch") is not None
LONG = ["test_cuda_simulator.py", "test_cuda_program.py", "test_cuda_ptx.py", "test_cuda_driver.py"]
WHOLE = "pytestmark = pytest.mark.reference"  # a file that imports PyTorch at its head


def _of_the_reference() -> list[str]:
    """The files that cannot even be imported without PyTorch."""
    return [path.name for path in Path(__file__).parent.glob("test_*.py") if WHOLE in path.read_text()]


collect_ignore = [] if TORCH else _of_the_reference()


def pytest_configure(config: pytest.Config) -> None:
    """Kernels are compiled once per session, also where xdist runs it in several processes.

    NETLANG_CACHE, if set, is kept: `.ci/run` and whoever runs the tests again and again save compiling.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` starts us deaf: tests of Ctrl-C would hang
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # so does `nohup`
    os.environ["NETLANG_CHECK_MEMORY"] = "1"
    if "NETLANG_CACHE" in os.environ:
        return
    import tempfile

    folder = tempfile.TemporaryDirectory(prefix="netlang-tests-")
    os.environ["NETLANG_CACHE"] = str(Path(folder.name) / "cache")  # workers of xdist inherit it
    config.add_cleanup(folder.cleanup)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need PyTorch, or a GPU, are not collected without; the closing line counts them as deselected.

    Those that take longest come first, so that no process waits for another at the end.
    """
    from netlang.backend.cuda import machine

    lacking = [*([] if TORCH else ["reference"]), *(["cuda"] if machine.missing() else [])]
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in lacking)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where `-n` says nothing else, a process that is through takes tests of the other."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


def pytest_report_header() -> str:
    """Says at the top whether the reference takes part."""
    if TORCH:
        return "PyTorch: takes part"
    return f"PyTorch is not installed: tests marked `reference` are left out, with {', '.join(collect_ignore)}"


@pytest.fixture(scope="session", autouse=True)
def _all_threads() -> None:
    """The small nets of the tests run on all threads too: what meets between two of them is to be seen."""
    from netlang import on_cpu

    on_cpu.SHORT = on_cpu.TINY = 0.0


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache for this test."""
    from netlang.backend import cache  # after NETLANG_CACHE is set

    path = tmp_path / "cache"
    monkeypatch.setenv("NETLANG_CACHE", str(path))
    cache.forget()
    yield path
    cache.forget()
