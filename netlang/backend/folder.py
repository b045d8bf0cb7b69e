"""The folder of compiled kernels: where it is, whose it is, and how large it may grow.

A compiled kernel is machine code that we will run: the folder is readable by its owner only, and one that belongs to
somebody else is not used. Every entry carries a checksum; one that does not match is deleted and made again.
"""

import atexit
import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from netlang.record import dataclass

LIMIT = 1 << 30  # bytes; beyond it the entries that were used longest ago are removed
CHECK_EVERY = 100  # entries written between two looks at the size
_MAGIC = b"netlang kernel 1"
_ENVIRONMENT = re.compile(r"[0-9a-f]{16}")  # what `cache.environment` names the folders


class CacheWarning(UserWarning):
    """Compiled kernels cannot be kept, and why: the program runs, but compiles again next time."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What lies in the cache: for `netlang doctor --cache`. size in bytes."""

    path: Path
    entries: int
    size: int


def wanted() -> Path:
    """Where the cache should be: NETLANG_CACHE, or netlang in XDG_CACHE_HOME, or ~/.cache/netlang."""
    if named := os.environ.get("NETLANG_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base) / "netlang" if base else Path("~/.cache/netlang").expanduser()


@cache
def folder() -> Path:
    """The cache folder, made if need be. Where it cannot be used: a temporary one, and one warning that says why."""
    try:
        path = wanted()
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        reason = _objection(path)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        reason = f"{error}; NETLANG_CACHE may name another folder"
    if not reason:
        return path
    warnings.warn(f"compiled kernels will not be kept for the next run: {reason}", CacheWarning, stacklevel=2)
    return _temporary()


def forget() -> None:
    """Look for the folder anew, and say anew what is wrong with it."""
    global _refused
    _refused = False
    folder.cache_clear()


def _objection(path: Path) -> str:
    """Why a folder cannot be the cache; "" if it can."""
    status = path.stat()
    if status.st_uid != os.getuid():
        return f"{path} belongs to another user (number {status.st_uid})"
    if status.st_mode & 0o077:
        if foreign := [child.name for child in path.iterdir() if not _ENVIRONMENT.fullmatch(child.name)]:
            return f"{path} holds other things ({foreign[0]}) and others may look into it: name a folder of its own"
        path.chmod(0o700)
    try:
        tempfile.TemporaryFile(dir=path).close()
    except OSError:
        if not _environments(path):
            raise  # else what is kept can be read at least; a kernel that is not says that it cannot be written
    return ""


def _temporary() -> Path:
    path = tempfile.mkdtemp(prefix="netlang-")
    owner = os.getpid()
    atexit.register(lambda: shutil.rmtree(path, ignore_errors=True) if os.getpid() == owner else None)
    return Path(path)


def environment(told: object, sources: Iterable[Path]) -> str:
    """A name for all that shapes machine code besides a kernel's text: one folder of the cache.

    told: versions, settings, the processor; sources: what makes code of a text, files and folders of files
    """
    digest = hashlib.sha256(repr(told).encode())
    for place in sources:
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def entry(environment: str, name: str, text: str) -> Path:
    """The file of a kernel of this name and text."""
    return folder() / environment / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:32]}.o"


def empty(environment: str) -> bool:
    """Whether nothing is kept for it."""
    try:
        return next((folder() / environment).iterdir(), None) is None
    except OSError:
        return True


def read(path: Path) -> tuple[str, bytes] | None:
    """The symbol and the object code of an entry; None if there is none, or none that is whole (it is then deleted)."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used now
    head, _, body = data.partition(b"\n")
    if head != _MAGIC + b" " + hashlib.sha256(body).hexdigest().encode():
        discard(path)
        return None
    symbol, _, code = body.partition(b"\n")
    return symbol.decode(), code


def discard(path: Path) -> None:
    """Delete a file of the cache, as far as the folder lets us: one that stays is not used."""
    with contextlib.suppress(OSError):
        path.unlink()


def write(path: Path, symbol: str, code: bytes) -> None:
    """Keep an entry. Other processes see all of it or nothing."""
    body = symbol.encode() + b"\n" + code
    write_atomically(path, _MAGIC + b" " + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


_written = 0
_refused = False


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file of the cache; a full disk is one warning, not an error."""
    global _written, _refused
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        discard(temporary)
        if not _refused:
            _refused = True
            warnings.warn(f"compiled kernels cannot be kept for the next run: {error}", CacheWarning, stacklevel=2)
        return
    if _written % CHECK_EVERY == 0:
        trim(LIMIT)
    _written += 1


def _environments(path: Path) -> list[Path]:
    """The folders that netlang made: whatever else somebody keeps beside them is none of our business."""
    return [child for child in path.iterdir() if _ENVIRONMENT.fullmatch(child.name)]


def _files(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for file in (file for ours in _environments(path) for file in ours.rglob("*")):
        try:
            if file.is_file():
                yield file, file.stat()
        except OSError:  # another process has just removed it
            continue


def trim(limit: int) -> None:
    """Remove the files used longest ago until the rest has at most `limit` bytes."""
    files = sorted(_files(folder()), key=lambda item: item[1].st_mtime_ns)
    total = sum(status.st_size for _, status in files)
    for file, status in files:
        if total <= limit:
            return
        discard(file)
        total -= status.st_size


def summary() -> Summary:
    """How many kernels the cache holds, and how many bytes it has on disk."""
    files = list(_files(folder()))
    return Summary(folder(), sum(f.suffix == ".o" for f, _ in files), sum(status.st_size for _, status in files))


def clear() -> Summary:
    """Remove all kernels from the cache; returns what was there."""
    before = summary()
    for child in _environments(before.path):
        shutil.rmtree(child, ignore_errors=True) if child.is_dir() else discard(child)
    return before
