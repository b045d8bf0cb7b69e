"""Weights that files bring (`weights=`, RULINGS 54): the files, and what their headers say before they are loaded."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from os.path import relpath
from pathlib import Path

from netlang.check.problems import Problems
from netlang.check.tree import Stored
from netlang.diagnostics import either, error, meant
from netlang.files import Problem, inside, met, reason
from netlang.graph import Stored as Found
from netlang.record import dataclass
from netlang.source import Span
from netlang.syntax import ast
from netlang.types import Tensor, shown

NUMBERS = ("F64", "F32", "F16")  # what weights may be stored as
NEAR = 3  # names a message offers


@dataclass(frozen=True)
class Wanted:
    """A tensor of the net, and where it is read from."""

    id: str
    type: Tensor
    file: Stored


@dataclass(frozen=True)
class Header:
    """What a file holds. path: as it is reached from here; tensors: how each is stored, and its shape."""

    path: Path
    tensors: Mapping[str, tuple[str, tuple[int, ...]]]


def found(wanted: Iterable[Wanted], folder: Path, problems: Problems) -> dict[str, Found]:
    """Where each tensor is read from. folder: that of the net, which no file may leave."""
    files: dict[Span, list[Wanted]] = {}
    for one in wanted:
        files.setdefault(one.file.path.span, []).append(one)
    headers: dict[Path, Header] = {}
    result: dict[str, Found] = {}
    for tensors in files.values():
        with problems.collected():
            text = tensors[0].file.path
            path = _path(text, folder)
            if path not in headers:
                headers[path] = _header(path, text)
            _complete(tensors, headers[path], text)
            written = Path(relpath(path.resolve(), folder.resolve())).as_posix()
            result |= {one.id: Found(path, written, one.file.name(one.id)) for one in tensors}
    return result


def _path(text: ast.Text, folder: Path) -> Path:
    """The file, relative to the one that names it. Raises NetError for what lies outside of the net's folder."""
    try:
        path = inside(text.text, Path(text.span.source.name).parent, folder)
    except Problem as problem:
        raise error(
            "weights", f"`weights=` {problem}", text.span, help="its path is relative to the file that says it"
        ) from None
    met(path)
    try:
        if path.is_file():
            return path
        near = [one.name for one in path.parent.glob("*.safetensors")] if path.parent.is_dir() else []
    except OSError as problem:
        raise error("weights", f"`weights=` cannot be read: {reason(problem)}", text.span) from None
    raise error("weights", f"there is no file `{text.text}`", text.span, help=meant(path.name, near))


def _header(path: Path, text: ast.Text) -> Header:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names: list[str] = file.keys()
            slices = {name: file.get_slice(name) for name in names}
            tensors = {name: (one.get_dtype(), tuple(one.get_shape())) for name, one in slices.items()}
    except OSError as problem:
        raise error("weights", f"`{text.text}` cannot be read: {reason(problem)}", text.span) from None
    except SafetensorError:
        raise error(
            "weights",
            f"`{text.text}` is not a whole safetensors file",
            text.span,
            help="`netlang train` writes such files, and so does `save_file` of safetensors",
        ) from None
    return Header(path, tensors)


def _complete(wanted: list[Wanted], header: Header, text: ast.Text) -> None:
    """Raise NetError unless the file has all that is wanted of it; what else it has does not matter."""
    lacking = {name: one for one in wanted if (name := one.file.name(one.id)) not in header.tensors}
    if lacking:
        first = next(iter(lacking))
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise error(
            "weights",
            f"`{text.text}` has no `{first}`{more}",
            text.span,
            f"where `{lacking[first].id}` would be",
            help=_nearest(first, list(header.tensors)),
        )
    for one in wanted:
        name = one.file.name(one.id)
        kind, shape = header.tensors[name]
        if kind not in NUMBERS:
            raise error("weights", f"`{name}` is stored as {kind}", text.span, f"weights are {either(NUMBERS)}")
        if shape != one.type.arrayed(0):
            raise error(
                "weights",
                f"`{name}` has another shape in `{text.text}` than `{one.id}`",
                text.span,
                f"there {shown(('n', *shape))}, here {shown(('n', *one.type.shape))}",
            )


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=NEAR, cutoff=0.4) or sorted(known)[:NEAR]
    return (
        f"it has {either(near, 'and')}" + (" among others" if len(known) > len(near) else "") if near else "it is empty"
    )
