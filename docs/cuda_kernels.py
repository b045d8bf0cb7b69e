"""Writes docs/measurements/cuda-kernels.md: what the kernels of the zoo's steps and evaluations take of a GPU.

    python docs/cuda_kernels.py                    all nets: some 25 minutes
    python docs/cuda_kernels.py lenet resnet50     the sections of these anew, the others as they are

It needs the extra `cuda`, and neither a GPU nor a driver: nothing runs. `netlang compile FILE --device cuda` shows the
same of one net, kernel by kernel.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import netlang
from netlang.backend.cuda.assembled import Use, use
from netlang.backend.cuda.target import gpu_target
from netlang.check import letters
from netlang.fit import PRODUCTS
from netlang.pipeline import compile_plan
from netlang.primitives.launch import Draft, chain

PAGE = Path(__file__).parent / "measurements" / "cuda-kernels.md"
ROOT = Path(__file__).parent.parent
ALL, ONE = ("fast", "bf16", "strict"), ("fast",)
NETS = {  # file and variant: batch, precisions
    "lenet": (512, ALL),
    "alexnet": (256, ("fast", "bf16")),
    "vgg:D": (128, ("fast", "bf16")),
    "googlenet": (128, ("fast", "bf16")),
    "resnet50": (256, ("fast", "bf16")),
    "lstm512": (512, ALL),
    "gru": (64, ONE),
    "gru-before": (64, ("fast", "bf16")),
    "rnn": (64, ONE),
    "lstm-peephole": (64, ONE),
    "bidirectional": (64, ONE),
    "stacked": (64, ONE),
    "character-model": (64, ("fast", "bf16")),
    "sentences": (64, ONE),
    "mobilenet-v2": (128, ("fast", "bf16")),
    "densenet121": (64, ("fast", "bf16")),
    "unet": (8, ("fast", "bf16")),
    "resnext50": (64, ONE),
    "inception-v3": (64, ONE),
    "squeezenet": (128, ONE),
    "fcn": (8, ONE),
    "dilated": (8, ONE),
    "nin": (128, ONE),
    "dannet": (128, ONE),
    "digits-resnet": (64, ONE),
    "others": (64, ONE),
}
EVALUATED = ("lenet", "alexnet", "vgg:D", "googlenet", "resnet50", "lstm512", "gru", "mobilenet-v2")  # too, fast
FILES = {"lstm512": "docs/measurements/recurrent:LSTM512", "others": "docs/measurements/others"}
OPEN = {"T": 64, "H": 256, "W": 256}  # sizes that nets leave open: steps, pixels
ROW = re.compile(r"\| (\w+) \| ([\d,]+) \| (\d+) \| (\d+)(?: to (\d+))? \| (\d+) \| [\d,]+ \| (\d+) %")
HEAD = """\
# What kernels for CUDA take of a GPU

**Nothing here has run on a GPU.** {count} training steps and {evaluated} evaluations of {nets} nets, compiled for
sm_90: registers, spilled bytes and shared memory by nvJitLink {linker} from what numba-cuda {numba} and NVVM {nvvm}
make; occupancy computed from them and the threads of a block by the rules of the CUDA programming guide.
Made by `python docs/cuda_kernels.py`, some 25 minutes; `netlang compile FILE --device cuda` tells it kernel by kernel.

- **{kinds} kinds of kernels in {launches:,} launches: {spilled} bytes are spilled in all.**
- Occupancy is lowest, {lowest} %, of {worst}.
- Of more than 128 registers, so that of blocks of 256 threads one fits a multiprocessor and not two: {many}.
  A recurrence (`scan`) is made for one block each, which keeps its matrices in them.

*Kernels* are those of one name that differ: by the formula pasted in, by tiles, by what lies in bf16. Registers are of
a thread, shared memory of the kernel that takes most, occupancy of the worst.
"""


@dataclass(frozen=True)
class Step:
    """A training step, or an evaluation. name: of NETS"""

    name: str
    precision: str
    purpose: str = "train"

    @property
    def title(self) -> str:
        """Of its section."""
        said = f"{self.name}, batch {NETS[self.name][0]}, precision {self.precision}"
        return said if self.purpose == "train" else f"{said}, evaluation"

    def section(self, found: dict[tuple[str, int], Use]) -> str:
        """Its kernels, those of one name together. found: what others have taken, by text and threads"""
        name, _, variant = FILES.get(self.name, f"examples/{self.name}").partition(":")
        net = netlang.load(str(ROOT / f"{name}.net"), variant or None)
        net = net.sized({letter: OPEN[letter] for letter in letters(net.checked)})
        target = gpu_target(products=PRODUCTS[self.precision])
        batch, strict = NETS[self.name][0], self.precision == "strict"
        plan = compile_plan(net.checked, self.purpose, target, batch, strict=strict).plan
        kinds: dict[str, list[Draft]] = {}
        for part in plan.segments.values():
            for draft in (draft for launch in part for draft in chain(launch.draft)):
                kinds.setdefault(draft.kernel.name.removesuffix("_cuda"), []).append(draft)
        rows = (_row(name, drafts, found) for name, drafts in sorted(kinds.items()))
        head = ["kernel", "launches", "kernels", "registers", "spilled", "shared", "occupancy"]
        table = [f"| {' | '.join(head)} |", f"|---|{'---:|' * 6}", *rows]
        memory = f"{plan.size:,} bytes of memory, {plan.moved:,} read and written at a time."
        return "\n".join([f"## {self.title}", "", *table, "", memory, ""])


def _row(name: str, drafts: list[Draft], found: dict[tuple[str, int], Use]) -> str:
    uses = []
    for draft in {draft.kernel: draft for draft in drafts}.values():
        key = draft.kernel.text, draft.grid[1]
        if key not in found:
            found[key] = use(draft, "sm_90")
        uses.append(found[key])
    registers = sorted({used.registers for used in uses})
    said = f"{registers[0]} to {registers[-1]}" if len(registers) > 1 else str(registers[0])
    spilled, shared = sum(used.spilled + used.stack for used in uses), max(used.shared for used in uses)
    occupancy = min(used.occupancy for used in uses)
    return f"| {name} | {len(drafts):,} | {len(uses)} | {said} | {spilled} | {shared:,} | {occupancy:.0%} |".replace(
        "% |", " % |"
    )


def sections(page: str) -> dict[str, str]:
    """Those of a page, by title."""
    found = re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]
    return {text.partition("\n")[0].removeprefix("## "): text.rstrip("\n") + "\n" for text in found}


def steps(names: Iterable[str]) -> Iterator[Step]:
    """All that are listed of some nets."""
    for name in names:
        yield from (Step(name, precision) for precision in NETS[name][1])
        yield from [Step(name, "fast", "evaluate")] * (name in EVALUATED)


def page(made: dict[str, str]) -> str:
    """The sections in the order of NETS, under what is to be known of all of them."""
    order = [made[step.title] for step in steps(NETS) if step.title in made]
    rows = [found.groups() for text in order for found in ROW.finditer(text)]
    occupancy = [(int(row[6]), row[0]) for row in rows]
    lowest = min(part for part, _ in occupancy)
    most: dict[str, int] = {}
    for name, _, _, least, largest, *_ in rows:
        most[name] = max(most.get(name, 0), int(largest or least))
    many = [f"`{name}` ({count})" for name, count in sorted(most.items()) if count > 128]
    head = HEAD.format(
        count=sum(", evaluation\n" not in text for text in order),
        evaluated=sum(", evaluation\n" in text for text in order),
        nets=len({text.partition(",")[0] for text in order}),
        linker=version("nvidia-nvjitlink").rpartition(".")[0],
        numba=version("numba-cuda"),
        nvvm=version("nvidia-nvvm").rpartition(".")[0],
        kinds=len(most),
        launches=sum(int(row[1].replace(",", "")) for row in rows),
        spilled=sum(int(row[5]) for row in rows),
        lowest=lowest,
        worst=", ".join(sorted({f"`{name}`" for part, name in occupancy if part == lowest})),
        many=", ".join(many) or "none",
    )
    return "\n".join([head, *order]).rstrip("\n") + "\n"


def main(names: list[str]) -> None:
    """Write the sections of these nets, or of all."""
    made = sections(PAGE.read_text(encoding="utf8")) if PAGE.exists() else {}
    found: dict[tuple[str, int], Use] = {}
    for step in steps(names or NETS):
        made[step.title] = step.section(found)
        PAGE.write_text(page(made), encoding="utf8")


if __name__ == "__main__":
    main(sys.argv[1:])
