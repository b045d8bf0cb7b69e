"""The zoo: nets that ship with netlang. A wheel carries them as `netlang/zoo`, a checkout has them in `examples`.

Each file begins with a comment that says what the net is, then in brackets where it was published.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from netlang.record import dataclass

PREFIX = "zoo/"  # `zoo/lenet.net` is read from here where there is no such file


@dataclass(frozen=True)
class Entry:
    """One file of the zoo. what: a line about the net; source: the paper; variants: their names, in order."""

    name: str
    path: Path
    what: str
    source: str
    variants: tuple[str, ...]

    @property
    def text(self) -> str:
        """The file itself."""
        return self.path.read_text(encoding="utf8")


@cache
def folder() -> Path:
    """Where the files are. Raises FileNotFoundError where an installation lost them."""
    here = Path(__file__).parent
    for found in (here / "zoo", here.parent / "examples"):
        if (found / "lenet.net").is_file():
            return found
    raise FileNotFoundError("this installation of netlang lacks its zoo: install it again")


def names() -> list[str]:
    """The names of all nets, sorted."""
    return sorted(path.stem for path in folder().glob("*.net"))


def entries() -> Iterator[Entry]:
    """All nets, in the order of their names."""
    return (entry(name) for name in names())


def entry(name: str) -> Entry:
    """The net of a name. Raises FileNotFoundError."""
    path = folder() / f"{name}.net"
    text = path.read_text(encoding="utf8")
    what, source = _head(text)
    return Entry(name, path, what, source, tuple(re.findall(r"(?m)^variant +(\w+)", text)))


def shipped(path: str) -> Path | None:
    """The file that `zoo/lenet.net` stands for."""
    name = path.removeprefix(PREFIX).removesuffix(".net")
    return folder() / f"{name}.net" if path.startswith(PREFIX) and name in names() else None


def _head(text: str) -> tuple[str, str]:
    """What the first comment says: up to its first bracket or sentence, and what stands in the bracket."""
    lines = text.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("#"))
    end = next(at for at in range(start, len(lines)) if not lines[at].startswith("#"))
    said = " ".join(line.lstrip("# ") for line in lines[start:end])
    found = re.match(r"(?P<what>[^(:]*?),? \((?P<source>[^()]*)\)", said)
    if found is None:
        return said.partition(". ")[0], ""
    return found["what"].strip(), found["source"]
