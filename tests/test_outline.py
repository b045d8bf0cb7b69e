"""`netlang compile --emit ast`: the tree of a file as text."""

import pytest

from netlang.catalogue import entries
from netlang.source import Source
from netlang.syntax.outline import outline
from netlang.syntax.parse import parse


def test_each_part_stands_below_its_own_with_line_and_column():
    found = list(outline(parse(Source("x.net", "input 4\nFC-(2*n) bn x2 @a\n"))))

    assert found[0] == "File"
    assert "      sizes: Number 4 at 1:7" in found
    assert "          width: Chained at 2:5" in found
    assert "            rest: *" in found
    assert "            rest: Word n at 2:7" in found
    assert [line.strip() for line in found if "Name bn" in line] == ["name: Name bn at 2:10"]


@pytest.mark.parametrize("net", list(entries()), ids=lambda net: net.name)
def test_no_outline_holds_the_text_of_the_file_or_a_part_that_is_not_there(net):
    found = list(outline(parse(Source(net.name, net.text))))

    assert len(found) > 5
    assert not [line for line in found if "Source" in line or "None" in line or "()" in line]
    assert max(map(len, found)) < 120
