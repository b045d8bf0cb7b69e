"""Files to sources, and what a user may write for one: `FILE` or `FILE:VARIANT`."""

import os
from pathlib import Path

from netlang.catalogue import shipped
from netlang.diagnostics import Diagnostic, Label, NetError
from netlang.source import Source, Span, unified

LARGEST = 1_000_000  # bytes; a net of 10,000 lines has half of them


def divided(file: str) -> tuple[Path, str | None]:
    """Path and variant of `vgg.net:D`; a colon that is part of an existing path stays there."""
    path, colon, variant = file.rpartition(":")
    if not colon or not path or not variant or "/" in variant or os.sep in variant or Path(file).exists():
        return Path(file), None
    return Path(path), variant


def read(path: str | Path) -> Source:
    """The text of a `.net` file. Raises NetError for what is no readable text."""
    name = str(path)
    try:
        with _existing(name).open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as problem:
        raise _unreadable(name, problem) from None
    if len(data) > LARGEST:
        raise _no_file(
            name, f"`{name}` is larger than {LARGEST:,} bytes", "a .net file is a text of some lines; is this one?"
        )
    if b"\0" in data:
        raise _no_file(name, f"`{name}` is no text: it holds zero bytes", "a .net file is plain text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise _undecodable(name, data, problem) from None
    return Source(name, unified(text))


def _existing(name: str) -> Path:
    """The path of a name; `zoo/…` is the zoo that ships with netlang, unless there is a folder of that name."""
    path = Path(name)
    return path if path.exists() else (shipped(name) or path)


def _unreadable(name: str, problem: OSError | ValueError) -> NetError:
    if isinstance(problem, FileNotFoundError):
        near = _near(name)
        return _no_file(name, f"there is no file `{name}`", f"did you mean `{near}`?" if near else None)
    if isinstance(problem, IsADirectoryError):
        return _no_file(name, f"`{name}` is a folder, not a file", None)
    if isinstance(problem, PermissionError):
        return _no_file(name, f"`{name}` may not be read", "its permissions forbid it")
    reason = problem.strerror if isinstance(problem, OSError) else str(problem)
    return _no_file(name, f"`{name}` cannot be read: {reason}", None)


def _near(name: str) -> str | None:
    """A file of the same folder that may have been meant."""
    from netlang.diagnostics import closest

    path = Path(name)
    try:
        names = {entry.name.lower(): entry.name for entry in path.parent.iterdir() if entry.is_file()}
    except OSError:
        return None
    exact = f"{path.name}.net".lower()
    found = exact if exact in names else closest(path.name, names)
    return str(path.parent / names[found]) if found else None


def _undecodable(name: str, data: bytes, problem: UnicodeDecodeError) -> NetError:
    good = data[: problem.start].decode("utf-8", "replace")
    source = Source(name, good + "\N{REPLACEMENT CHARACTER}")
    at = Label(Span(source, len(good), len(good) + 1), f"byte 0x{data[problem.start]:02x}")
    return NetError(Diagnostic("encoding", f"`{name}` is not written in UTF-8", at, help="save it as UTF-8"))


def _no_file(name: str, title: str, help: str | None) -> NetError:
    source = Source("command line", name, of_file=False)
    return NetError(Diagnostic("file", title, Label(Span(source, 0, len(name))), help=help))
