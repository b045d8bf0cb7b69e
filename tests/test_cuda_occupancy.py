"""How many blocks a multiprocessor holds: the numbers of NVIDIA's occupancy calculator."""

import runpy
from pathlib import Path

import pytest

from netlang.backend.cuda.assembled import Use


@pytest.mark.parametrize(("architecture", "threads", "registers", "shared", "blocks"), [
    ("sm_90", 256, 32, 0, 8),  # all 64 warps
    ("sm_90", 256, 33, 0, 6),  # 40 registers a thread, 51 warps, in quarters 48
    ("sm_90", 256, 64, 0, 4),
    ("sm_90", 256, 128, 0, 2),
    ("sm_90", 256, 255, 0, 1),
    ("sm_90", 32, 32, 0, 32),  # no more than 32 blocks
    ("sm_80", 256, 32, 48 * 1024, 3),  # 49 of 164 KiB each
    ("sm_90", 256, 32, 48 * 1024, 4),
])  # fmt: skip
def test_blocks_at_once_are_what_the_scarcest_resource_allows(architecture, threads, registers, shared, blocks):
    use = Use(architecture, threads, registers, shared, 0, 0)

    assert use.blocks == blocks
    assert use.occupancy == blocks * -(-threads // 32) / 64


def test_spills_are_told():
    assert "spilled" not in str(Use("sm_80", 256, 40, 0, 0, 0))
    assert "8 bytes spilled" in str(Use("sm_80", 256, 255, 0, 8, 16))


def test_the_page_of_kernels_has_every_step_it_should_and_none_of_their_kernels_spills():
    script = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "cuda_kernels.py"))
    text = script["PAGE"].read_text(encoding="utf8")

    made = script["sections"](text)

    assert "\n\n\n" not in text
    assert list(made) == [step.title for step in script["steps"](script["NETS"])]
    rows = [found for section in made.values() for found in script["ROW"].finditer(section)]
    assert len(rows) == sum(section.count("\n| ") - 1 for section in made.values())
    assert {row[6] for row in rows} == {"0"}
