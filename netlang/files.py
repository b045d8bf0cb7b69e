"""Files, read and written so that nothing is ever half there."""

import errno
import hashlib
import json
import math
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

SMALL = 1_000_000  # bytes: up to here the content of a file tells whether it changed, beyond it when it was written
State = tuple[object, ...]
_followed: ContextVar[dict[Path, State] | None] = ContextVar("followed", default=None)


class Problem(Exception):
    """What a user can put right about a file, the data or the machine: one plain paragraph."""


def there(path: Path, kind: Callable[[Path], bool] = Path.exists) -> bool:
    """Whether something of a kind is at a path. Nothing is where none may look, and none has too long a name."""
    try:
        return kind(path)
    except (OSError, ValueError):
        return False


def write(path: Path, content: bytes | Iterable[bytes], name: Path | None = None) -> None:
    """The whole content at `path`, or, if that fails, what was there before. It may come part by part.

    Written beside the file, flushed to the disk, then renamed over it. A link stays one: what it points to is
    replaced. Pipes and devices, which a file must not replace, are written to. Raises Problem.
    name: what messages call it
    """
    parts = (content,) if isinstance(content, bytes) else content
    place = Path(os.path.realpath(path))
    if there(place) and not place.is_file() and not place.is_dir():
        _write_into(path, b"".join(parts))
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    except OSError as error:
        raise Problem(f"cannot write {name or path}: {reason(error)}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(0o666 & ~_mask())
        Path(draft).replace(place)
    except BaseException as error:
        with suppress(OSError):
            Path(draft).unlink()
        if isinstance(error, OSError):
            kept = " The file that was there is untouched." if there(path) else ""
            raise Problem(f"cannot write {name or path}: {reason(error)}.{kept}") from None
        raise


def create(path: Path, content: bytes) -> None:
    """The whole content in a new file at `path`, or none. Raises Problem, also where a file is there already.

    Written beside it and then linked: a link, unlike a renaming, never takes the place of a file.
    """
    if there(path) or there(path, Path.is_symlink):
        raise Problem(f"{path} is there already, and stays as it is; choose another name")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    write(draft, content, path)
    try:
        os.link(draft, path)
    except FileExistsError:
        raise Problem(f"{path} is there already, and stays as it is; choose another name") from None
    except OSError as error:
        raise Problem(f"cannot write {path}: {reason(error)}") from None
    finally:
        draft.unlink(missing_ok=True)


def _write_into(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Problem(f"cannot write {path}: {reason(error)}") from None


def json_line(value: Any) -> str:
    """JSON text; numbers that are not finite, which JSON does not know, become null."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def followed() -> Iterator[dict[Path, State]]:
    """The files that this thread reads for a net, or looks for in vain, meanwhile; each with its state before."""
    found: dict[Path, State] = {}
    token = _followed.set(found)
    try:
        yield found
    finally:
        _followed.reset(token)


def met(path: Path) -> None:
    """Say that a file is about to be read, or looked for."""
    files = _followed.get()
    if files is not None and path not in files:
        files[path] = state(path)


def state(path: Path) -> State:
    """What changes when a file is written, made or removed."""
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and found.st_size <= SMALL:  # two saves may share a time and a size
            return (hashlib.sha256(path.read_bytes()).digest(),)
    except (OSError, ValueError):
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def read(path: Path) -> bytes:
    """The bytes of a file. Raises Problem."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Problem(f"cannot read {path}: {reason(error)}") from None


def inside(text: str, base: Path, root: Path) -> Path:
    """The file that a text of another names, from the folder `base`. Raises Problem for what lies outside of `root`."""
    if not text.strip() or "\0" in text:
        raise Problem("names a file")
    try:
        place = (base / text).resolve()
    except (OSError, RuntimeError):
        raise Problem("leads nowhere") from None
    if Path(text).is_absolute() or not place.is_relative_to(root.resolve()):
        raise Problem("stays in the folder of the net or below it")
    return base / text


def reason(error: OSError) -> str:
    """Why the system refused, in plain words."""
    words = {
        errno.ENOENT: "there is no such file",
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EACCES: "permission denied",
        errno.EROFS: "the file system is read-only",
        errno.EEXIST: "a part of the path is not a folder",
        errno.ENAMETOOLONG: "the name is too long",
        errno.EISDIR: "it is a folder",
        errno.ENOTDIR: "a part of the path is not a folder",
    }
    return words.get(error.errno or 0, error.strerror or str(error))


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
