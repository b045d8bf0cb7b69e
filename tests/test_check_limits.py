"""A file that asks for too much is refused at once, and says so."""

import pytest

from netlang.check import checked
from netlang.diagnostics import NetError
from netlang.source import Source
from netlang.syntax.parse import parse

DOUBLED = "block b0: relu x0\n" + "".join(f"block b{i}: b{i - 1}, b{i - 1}\n" for i in range(1, 39)) + "input 8\nb38\n"
NESTED = "block b0: relu\n" + "".join(f"block b{i}: b{i - 1}\n" for i in range(1, 100)) + "input 8\nb99\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DOUBLED, "more than 20,000 layers and copies"),
        (NESTED, "more than 40 blocks and brackets"),
        ("input 8\n[relu x0] x1000000000\n", "more than 20,000 layers and copies"),
        ("input 8\n" + "default fc: tanh\n" * 101 + "FC-2\n", "more than 100 options are default"),
        ("input 8\nFC-2147483649\n", "an output of 2,147,483,649 numbers"),
        ("input 8\n" + "FC-8  # one\n" * 20_001, "this file has more than 20,000 steps"),
        ("input 8\n" + "relu, " * 20_001, "this file has more than 20,000 steps"),
    ],
)
def test_a_limit_is_an_error_of_its_own(text, said):
    with pytest.raises(NetError, match=said):
        checked(parse(Source("t.net", text)))


def test_a_long_file_with_many_slips_is_not_read_again_for_each():
    with pytest.raises(NetError) as error:
        parse(Source("t.net", "input 8\n" + "FC-8 ]\n" * 20 + "# comment\n" * 10_000))
    with pytest.raises(NetError) as short:
        parse(Source("t.net", "input 8\n" + "FC- ,\n" * 20))
    with pytest.raises(NetError) as long:
        parse(Source("t.net", "input 8\n" + "FC- ,\n" * 20 + "# comment\n" * 10_000))

    assert len(error.value.diagnostics) == 1
    assert len(long.value.diagnostics) < len(short.value.diagnostics)


def test_copies_that_are_wrong_alike_are_not_all_read():
    expansion_errors = []
    for times in (3, 15_000):
        with pytest.raises(NetError) as error:
            checked(parse(Source("t.net", f"input 8\nFC-8 otputw x{times}\n")))
        expansion_errors.append([d.title for d in error.value.diagnostics])

    assert expansion_errors == [["`fc` has no option `otputw`"]] * 2


def test_no_more_than_a_hundred_errors_are_told():
    with pytest.raises(NetError) as error:
        checked(parse(Source("t.net", "input 8\n" + "foo\n" * 3000)))

    assert len(error.value.diagnostics) == 101


def test_files_use_each_other_to_a_depth(tmp_path):
    for k in range(30):
        (tmp_path / f"f{k}.net").write_text(f'use "f{k + 1}.net"\nblock b{k}: relu\n')
    path = tmp_path / "f0.net"

    with pytest.raises(NetError, match="20 within one another"):
        checked(parse(Source(str(path), path.read_text() + "input 8\nb0\n")))


def test_checking_loads_no_numpy():
    import subprocess
    import sys

    code = (
        "import sys; from netlang.check import check; from netlang.source import Source; "
        "from netlang.syntax.parse import parse; check(parse(Source('t', 'input 8x8x3\\nconv3-4 bn\\nFC-2\\n'))); "
        "sys.exit('numpy' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
