"""What this process may use: processors and memory, of the machine, of its affinity and of its control groups."""

import os
from collections.abc import Iterator
from pathlib import Path

from netlang.record import dataclass

MOST_THREADS = 1024
UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))
_NO_LIMIT = 1 << 60  # version 1 writes a number near 2^63 where there is no limit


class ThreadsError(ValueError):
    """A number of threads that cannot be, from --threads or NETLANG_THREADS."""


class OutOfThreadsError(RuntimeError):
    """The system starts no more threads."""


class OutOfMemoryError(Exception):
    """More memory is needed than this process may use; said before any of it is taken."""


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """The limits of the control groups this process is in, version 1 and 2.

    root: of the file system, another one in tests
    """

    root: Path = Path("/")

    def _folders(self, controller: str) -> Iterator[Path]:
        """The process's groups, innermost first; inside a container their names may not exist: then the mount."""
        try:
            lines = (self.root / "proc/self/cgroup").read_text().splitlines()
        except OSError:
            return
        mount = self.root / "sys/fs/cgroup"
        for line in lines:
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            base = mount / controller if controllers else mount
            relative = Path(path.lstrip("/"))
            yield from (base / part for part in (relative, *relative.parents) if ".." not in part.parts)

    def processors(self) -> float | None:
        """The least quota, in processors; None without one."""
        found = [quota for folder in self._folders("cpu") if (quota := _quota(folder))]
        return min(found, default=None)

    def memory(self) -> int | None:
        """Bytes still free under the tightest limit; None without one."""
        found = [free for folder in self._folders("memory") if (free := _free(folder)) is not None]
        return min(found, default=None)


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _numbers(*paths: Path) -> list[int]:
    """The first number of each file that has one."""
    return [int(words[0]) for path in paths if (words := _words(path)) and words[0].lstrip("-").isdigit()]


def _quota(folder: Path) -> float | None:
    words = _words(folder / "cpu.max")
    if len(words) == 2 and words[0].isdigit():
        return int(words[0]) / int(words[1])
    old = _numbers(folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us")
    return old[0] / old[1] if len(old) == 2 and old[0] > 0 else None


def _free(folder: Path) -> int | None:
    for limit, used, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        numbers = _numbers(folder / limit, folder / used)
        if len(numbers) == 2 and numbers[0] < _NO_LIMIT:
            words = _words(folder / "memory.stat")  # pages of files count as used, but are given back when needed
            reclaimable = int(words[words.index(cached) + 1]) if cached in words else 0
            return max(0, numbers[0] - numbers[1] + reclaimable)
    return None


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def second_cache(root: Path = Path("/")) -> int:
    """Bytes of a core's second cache; 1 MB where the system does not tell."""
    for folder in (root / "sys/devices/system/cpu/cpu0/cache").glob("index*"):
        size = "".join(_words(folder / "size"))
        if _words(folder / "level") == ["2"] and size.endswith("K") and size[:-1].isdigit():
            return int(size[:-1]) << 10
    return 1 << 20


def thread_count(asked: int | None = None, groups: ControlGroups | None = None) -> int:
    """Threads to run with: `asked`, else NETLANG_THREADS, else as many as the process may use at once.

    That is the smaller of its affinity and its quota. Raises ThreadsError for a number that cannot be.
    """
    if asked is not None:
        return _checked(str(asked), "the number of threads")
    if named := os.environ.get("NETLANG_THREADS"):
        return _checked(named, "NETLANG_THREADS")
    quota = (groups or ControlGroups()).processors()
    return max(1, min(_affinity(), int(quota) if quota else MOST_THREADS))


def _checked(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MOST_THREADS:
        raise ThreadsError(f"{what} is {text!r}; it must be a whole number from 1 to {MOST_THREADS}.")
    return int(text)


def free_memory(groups: ControlGroups | None = None) -> int:
    """Bytes this process can still take without swapping or being killed."""
    groups = groups or ControlGroups()
    limit = groups.memory()
    machine = _machine_memory(groups.root)
    return machine if limit is None else min(machine, limit)


def _machine_memory(root: Path) -> int:
    words = _words(root / "proc/meminfo")
    if "MemAvailable:" in words:
        return 1024 * int(words[words.index("MemAvailable:") + 1])
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # macOS tells no better number here


def refuse_beyond_memory(size: int, what: str, free: int | None = None) -> None:
    """Raise OutOfMemoryError if `what` needs more bytes than there are."""
    available = free_memory() if free is None else free
    if size > available:
        raise OutOfMemoryError(
            f"{what} needs {binary_size(size)} of memory, but only {binary_size(available)} are free here. "
            "Use a smaller batch or smaller images."
        )


def binary_size(size: int) -> str:
    """A size in bytes for people."""
    unit, name = next((each for each in UNITS if size >= each[0]), UNITS[-1])
    return f"{size / unit:.1f} {name}" if unit > 1 else f"{size} {name}"
