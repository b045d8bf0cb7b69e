"""The folder a training run leaves: `runs/<name>/` with weights, log and the file that was trained.

    weights.safetensors   weights, optimizer state, statistics of the data, how far training was (`checkpoint.py`)
    log.jsonl             one JSON object per epoch
    <net>.net             the text as trained

Each is written whole or not at all, and no run takes the folder of another.
"""

import json
import os
from pathlib import Path
from typing import Any

from netlang.checkpoint import Checkpoint, save
from netlang.files import Problem, json_line, reason, write
from netlang.record import dataclass

WEIGHTS = "weights.safetensors"
LOG = "log.jsonl"


@dataclass(frozen=True)
class Run:
    """An existing run folder."""

    folder: Path

    @property
    def weights(self) -> Path:
        """The file of the last weights."""
        return self.folder / WEIGHTS

    def keep(self, checkpoint: Checkpoint, log: list[dict[str, Any]]) -> None:
        """Replace weights and log by newer ones. Raises Problem; what was there stays whole."""
        save(self.weights, checkpoint)
        write(self.folder / LOG, "".join(json_line(row) + "\n" for row in log).encode())

    def log(self) -> list[dict[str, Any]]:
        """The epochs logged so far; a line that is no whole JSON object ends them."""
        rows: list[dict[str, Any]] = []
        path = self.folder / LOG
        for line in path.read_text(errors="replace").splitlines() if path.is_file() else []:
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not isinstance(row, dict):
                break
            rows.append(row)
        return rows


def new(parent: Path, net: str, name: str | None, text: str) -> Run:
    """A new folder in `parent`: `name`, or the net's name and the first free number.

    Raises Problem if `name` is taken or the folder cannot be made.
    """
    folder = _named(parent, name) if name is not None else _numbered(parent, net)
    run = Run(folder)
    write(folder / f"{Path(net).name or 'net'}.net", text.encode())
    return run


def existing(path: Path) -> Run:
    """The run of a folder or of its weights file. Raises Problem."""
    folder = path.parent if path.name == WEIGHTS else path
    if not (folder / WEIGHTS).is_file():
        raise Problem(f"{path} is not a training run: there is no {folder / WEIGHTS}")
    return Run(folder)


def _named(parent: Path, name: str) -> Path:
    folder = parent / name
    if name in ("", ".", "..") or Path(name).name != name:
        raise Problem(f"`{name}` cannot be the name of a run: it must be the name of one folder")
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise Problem(
            f"the run {folder} exists; choose another --name, or go on with it by --resume {folder}"
        ) from None
    except OSError as error:
        raise Problem(f"cannot make the folder {folder}: {reason(error)}") from None
    return folder


def _numbered(parent: Path, net: str) -> Path:
    number = 1
    while True:
        folder = parent / f"{net}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError as error:
            if not os.path.lexists(folder):  # it is a folder on the way that is something else
                raise Problem(f"cannot make the folder {folder}: {reason(error)}") from None
            number += 1
        except OSError as error:
            raise Problem(f"cannot make the folder {folder}: {reason(error)}") from None
        else:
            return folder
