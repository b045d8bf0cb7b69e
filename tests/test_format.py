"""`netlang fmt`: one layout, the same meaning, every comment."""

import json
import random
import re
from pathlib import Path

import lark
import pytest
from click.testing import CliRunner

from netlang.cli import main
from netlang.diagnostics import NetError
from netlang.files import Problem
from netlang.source import Source
from netlang.syntax.format import formatted
from netlang.syntax.format.same import same
from netlang.syntax.layout import LayoutError
from netlang.syntax.parse import parse, parser

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "format"
EXAMPLES = sorted((ROOT / "examples").rglob("*.net"))
LAYOUT = ("_NL", "_INDENT", "_DEDENT")


def laid(text):
    return formatted(Source("t.net", text))


def readable(text):
    """The tree of a text, or None where it cannot be read."""
    try:
        parser()[0].parse(text + "\n")
        return parse(Source("t.net", text))
    except (lark.UnexpectedInput, LayoutError, NetError):
        return None


TEXTS = [path.read_text(encoding="utf8") for path in [*EXAMPLES, *GOLDEN.glob("*.net")]]
MESSAGES = sorted((ROOT / "tests" / "messages").glob("*.net"))  # most can be read: what is wrong in them is no syntax
TEXTS += [text for path in MESSAGES if readable(text := path.read_text(encoding="utf8", errors="replace"))]


def test_everything_is_laid_out_as_the_golden_file_shows():
    assert laid((GOLDEN / "everything.net").read_text()) == (GOLDEN / "everything.txt").read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_every_example_is_in_its_canonical_layout(path):
    assert laid(path.read_text(encoding="utf8")) == path.read_text(encoding="utf8")


def test_formatting_again_changes_nothing():
    assert TEXTS
    for text in TEXTS:
        once = laid(text)

        assert laid(once) == once


def comments(text):
    return sorted(line.rstrip() for line in re.findall(r"#.*", re.sub(r'"[^"\n]*"', "", text)))


def scattered(text, rng):
    """The same tokens with other blanks, and with lines and comments broken in wherever brackets or commas allow."""
    tokens = [t for t in parser()[0].parse_interactive(text + "\n").exhaust_lexer() if t.type not in LAYOUT]
    out, end, depth = "", 0, 0
    for token in tokens:
        gap = text[end : token.start_pos]
        if end and "\n" not in gap:
            if (depth or out.endswith(",")) and rng.random() < 0.3:
                gap += rng.choice((" # beside\n", "\n # above\n", "\n")) + " " * rng.randrange(5)
            elif gap and rng.random() < 0.3:
                gap += " "
        out += gap + str(token)
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(str(token), 0)
        end = token.end_pos
    return out + text[end:]


def test_no_scattering_of_blanks_lines_and_comments_changes_what_a_file_means():
    rng = random.Random(0)
    done = 0
    for text in TEXTS:
        other = scattered(text, rng)
        if (tree := readable(other)) is None or re.search(r"[x×]\s\s+[(\d]", other):
            continue
        once = laid(other)
        done += 1

        assert same(parse(Source("t", once)), tree)
        assert laid(once) == once
        assert comments(once) == comments(other)
    assert done > len(TEXTS) / 2  # the others broke in two what the language reads as one, such as a label


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("input 28 x 28 x 1\n", "input 28x28x1\n"),
        ("input (224 × 224 RGB image)\n", "input (224 × 224 RGB image)\n"),
        ("input 8\nFC - 10 , soft-max\n", "input 8\nFC-10, soft-max\n"),
        ("input 8\n[ FC-4,dropout  0.5 ]x2\n", "input 8\n[FC-4, dropout 0.5] x2\n"),
        ("input 8\nFC-4 x( n )\n", "input 8\nFC-4 x(n)\n"),
        ("w=2*[1,2]\n", "w = 2 * [1, 2]\n"),
        ("input 8\nconv1-( 4 * w )/s pad = [2, 1]\n", "input 8\nconv1-(4*w)/s pad=[2,1]\n"),
        ("input 8\nadd[FC-4|identity]relu\n", "input 8\nadd[ FC-4 | identity ] relu\n"),
        ("train :data=digits   lr = 0.1", "train: data=digits lr=0.1\n"),
        ("train:\n  lr = 0.1", "train:\n    lr=0.1\n"),
        ("\n\n\ninput 8\n\n\n\nFC-4\n\n\n", "input 8\n\nFC-4\n"),
    ],
)
def test_blanks_stand_where_the_language_shows_them(written, canonical):
    assert laid(written) == canonical


def test_shapes_start_in_one_column_of_a_paragraph():
    text = "input 8\nFC-4 -> 4\nFC-100, relu -> 100\nFC-2\n\nFC-10 -> 10\n"

    assert laid(text) == "input 8\nFC-4            -> 4\nFC-100, relu    -> 100\nFC-2\n\nFC-10   -> 10\n"


def test_one_wide_row_does_not_push_the_others():
    wide = "FC-4, " * 12 + "FC-3"

    assert laid(f"input 8\n{wide} -> 3\nFC-4 -> 4\n") == f"input 8\n{wide}  -> 3\nFC-4    -> 4\n"


def test_branches_that_were_broken_stand_below_one_another():
    text = "input 8\nconcat[ FC-4 |\n add[FC-2, \n FC-3 | FC-3 | identity] | FC-5\n] relu\n"

    assert laid(text) == (
        "input 8\n"
        "concat[ FC-4\n"
        "      | add[ FC-2,\n"
        "             FC-3\n"
        "           | FC-3\n"
        "           | identity ]\n"
        "      | FC-5 ] relu\n"
    )


def test_a_line_continued_behind_a_comma_is_indented():
    assert laid("input 8\nFC-4,\nFC-5\n") == "input 8\nFC-4,\n    FC-5\n"


def test_comments_stay_beside_their_tokens_or_on_lines_of_their_own():
    text = "#a\ninput 8 # b\nadd[ FC-8 | # c\n  # d\n identity ] # e\n\n\n # f"

    assert laid(text) == (
        "#a\ninput 8             # b\nadd[ FC-8           # c\n   # d\n   | identity ]     # e\n\n# f\n"
    )


def test_a_comment_that_stands_as_deep_as_a_body_belongs_to_it():
    text = "train:\n lr=1\n # in\n# out\ninput 8\n"

    assert laid(text) == "train:\n    lr=1\n    # in\n# out\ninput 8\n"


def test_an_empty_file_and_one_of_comments_stay_what_they_are():
    assert (laid(""), laid("\n\n"), laid("# only"), laid("\n# only\n\n\n# two\n")) == (
        "",
        "",
        "# only\n",
        "# only\n\n# two\n",
    )


def test_a_layout_that_would_be_read_differently_is_refused():
    with pytest.raises(Problem, match="left as it is"):
        laid("input 8\nadd[FC-4 x\n   (2) | FC-4]\n")


def run(*arguments, **settings):
    return CliRunner().invoke(main, ["fmt", *map(str, arguments)], **settings)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.net"
    path.write_bytes(b"input 8\r\nFC-4,FC-3\r\n")
    return path


def test_fmt_writes_the_file_and_says_so(file):
    done = run(file)

    assert (done.exit_code, done.stdout) == (0, f"changed {file}\n")
    assert file.read_bytes() == b"input 8\nFC-4, FC-3\n"
    assert run(file).stdout == ""


def test_check_changes_nothing_and_ends_with_1(file):
    before = file.read_bytes()
    done = run("--check", file)

    assert (done.exit_code, done.stdout) == (1, f"would change {file}\n")
    assert file.read_bytes() == before


def test_a_checked_file_in_order_ends_with_0(file):
    run(file)

    assert run("--check", file).exit_code == 0


def test_stdout_leaves_the_file(file):
    before = file.read_bytes()

    assert run("--stdout", file).stdout == "input 8\nFC-4, FC-3\n"
    assert file.read_bytes() == before


def test_standard_input_is_answered_on_standard_output():
    assert run("-", input="input 8\nFC-4,FC-3").stdout == "input 8\nFC-4, FC-3\n"


def test_a_file_with_errors_is_left_as_it_is_and_the_others_are_written(file, tmp_path):
    wrong = tmp_path / "wrong.net"
    wrong.write_text("input  8\nFC-\n")
    done = run(wrong, file)

    assert done.exit_code == 1
    assert "wrong.net:2:4" in done.stderr
    assert wrong.read_text() == "input  8\nFC-\n"
    assert file.read_bytes() == b"input 8\nFC-4, FC-3\n"


def test_a_folder_stands_for_the_files_below_it(file, tmp_path):
    assert run(tmp_path).stdout == f"changed {file}\n"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(empty).exit_code == 2


def test_json_names_each_file(file):
    data = json.loads(run("--check", "--json", file).stdout)

    assert data["ok"] is False
    assert [(f["file"], f["changed"], f["errors"]) for f in data["files"]] == [(str(file), True, [])]


def test_bytes_that_are_no_text_are_refused():
    done = run("-", input=b"\xff\xfe")

    assert (done.exit_code, "`<stdin>` is not written in UTF-8" in done.stderr) == (1, True)


def test_a_table_without_settings_is_laid_out_too():
    assert formatted(Source("t.net", "variant  D:\ninput 8\n")) == "variant D:\ninput 8\n"
