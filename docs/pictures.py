"""Draws the pictures of README and tutorial: `python docs/pictures.py`, with `--train` those of trainings too.

Nets come from `examples/` and from the blocks ```net NAME.net of the tutorial's pages.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

from click.testing import CliRunner

from netlang.cli import main

DOCS = Path(__file__).resolve().parent
DRAWN = {
    "lenet.svg": "draw examples/lenet.net --style volumes",
    "tutorial/mine.svg": "draw mine.net",
    "tutorial/module.svg": "draw module.net",
    "tutorial/blocks.svg": "draw blocks.net",
    "tutorial/alexnet.svg": "draw alexnet.net --style volumes",
    "tutorial/vgg.svg": "draw vgg.net --style volumes",
    "tutorial/words.svg": "draw words.net --unroll 3",
    "tutorial/cells.svg": "draw cells.net",
    "tutorial/cell.svg": "draw cells.net --cell long_short",
    "tutorial/backward.svg": "draw xor-mlp.net --backward",
}
TRAINED = {
    "lenet-training.svg": ("train examples/lenet.net --name lenet", "curves runs/lenet"),
    "tutorial/curves.svg": (
        "train mine.net --name mine",
        "train examples/lenet.net --epochs 30 --name lenet",
        "curves runs/lenet runs/mine",
    ),
    "tutorial/depth.svg": (
        *(f"train depth.net:{variant} --name {variant}" for variant in ("shallow", "plain", "residual")),
        "curves runs/shallow runs/plain runs/residual",
    ),
}


def nets() -> dict[str, str]:
    """The named files of the tutorial's pages, each as it stands last."""
    pages = "\n".join(page.read_text(encoding="utf8") for page in sorted((DOCS / "tutorial").glob("*.md")))
    return dict(re.findall(r"^```net (\S+\.net)$\n(.*?)^```$", pages, re.DOTALL | re.MULTILINE))


def draw(picture: str, *commands: str) -> None:
    """Run commands in a folder of their own, the last one with `-o picture`."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in nets().items():
            (Path(folder) / name).write_text(text, encoding="utf8")
        (Path(folder) / "examples").symlink_to(DOCS.parent / "examples")
        os.chdir(folder)
        *before, last = commands
        for command in (*before, f"{last} -o {DOCS / picture}"):
            done = CliRunner().invoke(main, command.split())
            sys.stdout.write("\n".join(done.output.splitlines()[-2:]) + "\n")
            if done.exit_code:
                sys.exit(f"netlang {command}: {done.output}")


if __name__ == "__main__":
    for name, command in DRAWN.items():
        draw(name, command)
    for name, commands in TRAINED.items() if "--train" in sys.argv else ():
        draw(name, *commands)
