"""Compiled kernels, made ready once in a process: from the cache folder, or compiled and put there."""

from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

from netlang.backend import crew, folder
from netlang.files import there
from netlang.record import dataclass

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


@dataclass(slots=True)
class Counts:
    """Kernels made ready by this process: compiled anew, and loaded from the cache."""

    compiled: int = 0
    loaded: int = 0


counts = Counts()


class Shelf(Generic[K, R]):
    """The kernels of one kind of processor, each by a key that equal kernels share.

    job: the compilation of a kernel; path: the file it is kept in
    load: what makes machine code ready, from its symbol and its bytes; raises whatever it likes where they are damaged
    empty: whether none is kept
    """

    def __init__(
        self,
        job: Callable[[K], crew.Job],
        path: Callable[[K], Path],
        load: Callable[[str, bytes], R],
        empty: Callable[[], bool],
    ) -> None:
        self._job, self._path, self._load, self._empty = job, path, load, empty
        self._ready: dict[K, R] = {}

    def ready(self, key: K) -> R:
        """A kernel, ready to run. Equal ones are compiled once."""
        if key not in self._ready:
            found = self._from_file(self._path(key))
            self._ready[key] = self._from_text(key) if found is None else found
        return self._ready[key]

    def missing(self, keys: Iterable[K]) -> list[K]:
        """Those that would have to be compiled, each once."""
        new = (key for key in dict.fromkeys(keys) if key not in self._ready)
        return [key for key in new if not there(self._path(key))]

    def compile_missing(self, batches: Iterable[Iterable[K]], helpers: int | None = None) -> None:
        """Compile those that are not kept, in several processes if they are many.

        batches: which other processes begin with while the next one is asked for
        helpers: processes besides this one; as many as are worth their start where none are asked for
        """
        jobs = dict[crew.Job, K]()
        with crew.Crew(helpers, at_once=self._empty()) as team:
            for keys in batches:
                new = {self._job(key): key for key in self.missing(keys)}
                team.add(job for job in new if job not in jobs)
                jobs |= new
            for made in team.finish() if jobs else ():
                key = jobs[made.job]
                self._ready[key] = self._kept(made, self._path(key))

    def forget(self) -> None:
        """Drop what this process has made ready."""
        self._ready.clear()

    def _from_file(self, path: Path) -> R | None:
        """A kept kernel; None if there is none or it is damaged."""
        entry = folder.read(path)
        if entry is None:
            return None
        try:
            found = self._load(*entry)
        except Exception:  # whatever is wrong with a file of the cache, making it again is right
            folder.discard(path)
            return None
        counts.loaded += 1
        return found

    def _from_text(self, key: K) -> R:
        job = self._job(key)
        return self._kept(job.compiled(), self._path(key))

    def _kept(self, made: crew.Code, path: Path) -> R:
        """A kernel just compiled, which is kept for the next process."""
        folder.write(path, made.symbol, made.code)
        folder.write_atomically(path.with_suffix(".py"), made.job.text.encode())
        counts.compiled += 1
        return self._load(made.symbol, made.code)
