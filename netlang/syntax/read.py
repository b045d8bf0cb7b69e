"""Files to sources, and what a user may write for one: `FILE` or `FILE:VARIANT`."""

import io
import os
from pathlib import Path

from netlang.catalogue import PREFIX, names, shipped
from netlang.diagnostics import Diagnostic, Label, NetError, closest
from netlang.files import Problem, met, reason, there, write
from netlang.source import Source, Span, unified

LARGEST = 1_000_000  # bytes; a net of 10,000 lines has half of them


def divided(file: str) -> tuple[Path, str | None]:
    """Path and variant of `vgg.net:D`; a colon that is part of an existing path stays there."""
    path, colon, variant = file.rpartition(":")
    if not colon or not path or not variant or "/" in variant or os.sep in variant or there(Path(file)):
        return Path(file), None
    return Path(path), variant


def read(path: str | Path) -> Source:
    """The text of a `.net` file. Raises NetError for what is no readable text."""
    name = str(path)
    return decoded(name, content(name))


def content(name: str) -> bytes:
    """The bytes of a `.net` file. Raises NetError."""
    try:
        path = _existing(name)
        met(path)
        data = _bytes(path)
    except (OSError, ValueError) as problem:
        raise _unreadable(name, problem) from None
    if len(data) > LARGEST:
        raise _no_file(
            name, f"`{name}` is larger than {LARGEST:,} bytes", "a .net file is a text of some lines; is this one?"
        )
    return data


def decoded(name: str, data: bytes) -> Source:
    """The text of the bytes of a `.net` file. Raises NetError."""
    if b"\0" in data:
        raise _no_file(name, f"`{name}` is no text: it holds zero bytes", "a .net file is plain text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise _undecodable(name, data, problem) from None
    return Source(name, unified(text))


def rewrite(name: str, text: str) -> None:
    """A new text for a file that was read. Raises Problem, also for one that ships with netlang."""
    if not there(Path(name)) and (entry := shipped(name)):
        raise Problem(f"{name} ships with netlang and stays; `netlang new NAME.net --from {entry.stem}` copies it")
    write(Path(name).resolve(), text.encode())


def _bytes(path: Path) -> bytes:
    """Up to LARGEST + 1 bytes. A pipe that nobody writes into is empty: a writer might never come."""
    with open(path, "rb", buffering=0, opener=_at_once) as raw:
        first = raw.read(1) or b""  # None where a writer is there and has not written yet
        os.set_blocking(raw.fileno(), True)
        with io.BufferedReader(raw) as rest:
            return first + rest.read(LARGEST)


def _existing(name: str) -> Path:
    """The path of a name; `zoo/…` is the zoo that ships with netlang, unless there is a folder of that name."""
    path = Path(name)
    return path if there(path) else (shipped(name) or path)


def _unreadable(name: str, problem: OSError | ValueError) -> NetError:
    if isinstance(problem, FileNotFoundError):
        near = _near(name)
        return _no_file(name, f"there is no file `{name}`", f"did you mean `{near}`?" if near else None)
    if isinstance(problem, IsADirectoryError):
        return _no_file(name, f"`{name}` is a folder, not a file", None)
    if isinstance(problem, PermissionError):
        return _no_file(name, f"`{name}` may not be read", "its permissions forbid it")
    why = reason(problem) if isinstance(problem, OSError) else str(problem)
    return _no_file(name, f"`{name}` cannot be read: {why}", None)


def _near(name: str) -> str | None:
    """A file of the same folder, or a net of the zoo, that may have been meant."""
    path = Path(name)
    try:
        beside = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    except OSError:
        beside = []
    stems = {Path(entry).stem.lower(): entry for entry in beside}  # endings are alike, and prove nothing
    if f"{path.name}.net" in beside:
        return f"{name}.net"
    zoo = closest(path.stem, names())
    if zoo and (name.startswith(PREFIX) or zoo == path.stem.lower()):
        return f"{PREFIX}{zoo}.net"
    found = closest(path.stem, stems)
    return str(path.parent / stems[found]) if found else None


def _at_once(name: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _undecodable(name: str, data: bytes, problem: UnicodeDecodeError) -> NetError:
    good = data[: problem.start].decode("utf-8", "replace")
    source = Source(name, good + "\N{REPLACEMENT CHARACTER}")
    at = Label(Span(source, len(good), len(good) + 1), f"byte 0x{data[problem.start]:02x}")
    return NetError(Diagnostic("encoding", f"`{name}` is not written in UTF-8", at, help="save it as UTF-8"))


def _no_file(name: str, title: str, help: str | None) -> NetError:
    source = Source("command line", name, of_file=False)
    return NetError(Diagnostic("file", title, Label(Span(source, 0, len(name))), help=help))
