"""`netlang watch`: a page that shows a net and follows its file."""

import base64
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from functools import partial
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file

from netlang.cli import main
from netlang.cli.file import opened
from netlang.draw import svg
from netlang.watch.follow import Follower
from netlang.watch.server import Server

ROOT = Path(__file__).parents[1]
RIGHT = "input 8x8x1\nconv3-4, maxpool\nFC-10, softmax\n"
WRONG = "input 8x8x1\nconf3-4, maxpool\nFC-10, softmax\n"


class Page:
    """A server of the page of a file, and what it answers."""

    def __init__(self, file, style):
        self.server = Server(Follower(file, partial(opened, file), partial(svg, style=style, live="script")), 0)
        threading.Thread(target=self.server.serve_forever, args=(0.01,)).start()

    def ask(self, path="/inside", method="GET", **headers):
        """Status, headers and text of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=60)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A function that serves a file of the current folder."""
    monkeypatch.chdir(tmp_path)
    pages = []

    def serve(file="a.net", style="boxes"):
        pages.append(Page(file, style))
        return pages[-1]

    yield serve
    for page in pages:
        page.close()


def save(text, name="a.net"):
    Path(name).write_text(text)


def messages(text):
    return [re.sub("<[^>]*>", "", found) for found in re.findall(r'<pre class="error".*?</pre>', text, re.DOTALL)]


def test_the_page_shows_drawing_and_summary(served):
    save(RIGHT)
    status, _, text = served().ask("/")

    assert status == 200
    assert "conv3-4" in unescape(text[text.index("<svg") : text.index("</svg>")])
    assert "8x8x1 -&gt; 10, 690 parameters" in text
    assert '<td class="text">maxpool1</td>' in text


def test_a_drawing_that_lies_across_has_the_table_below_it(served):
    save(RIGHT)

    assert ('class="sheets"' in served().ask()[2], 'class="sheets below"' in served(style="volumes").ask()[2]) == (
        True,
        True,
    )


def test_a_drawing_too_broad_for_a_table_beside_it_has_the_table_below_it_and_fits_the_page(served):
    save("input 32x32x3\nconcat[" + " | ".join(f"conv3-{n}, conv3-{n}" for n in range(1, 9)) + "]\nFC-2, softmax\n")
    text = served().ask("/")[2]
    style = " ".join(text[text.index("<style>") : text.index("</style>")].split())

    assert 'class="sheets below"' in text
    assert 'id="full"> <label for="full">full size</label>' in text
    assert ".drawing svg { display: block; max-width: 100%; height: auto; }" in style
    assert "main:has(#full:checked) .drawing svg { max-width: none; }" in style


def test_a_saved_file_changes_the_page(served):
    save(RIGHT)
    page = served()
    _, before, _ = page.ask()
    save(RIGHT.replace("conv3-4", "conv3-5"))
    status, after, text = page.ask(If_None_Match=before["ETag"])

    assert (status, "conv3-5" in text) == (200, True)
    assert page.ask(If_None_Match=after["ETag"])[::2] == (304, "")
    save(RIGHT.replace("conv3-4", "conv3-5") + "# a comment\n")
    assert page.ask(If_None_Match=after["ETag"])[0] == 304  # it is read, and nothing looks otherwise


def test_a_wrong_file_has_its_messages_above_the_last_right_drawing(served):
    save(RIGHT)
    page = served()
    right = page.ask()[2]
    save(WRONG)
    wrong = page.ask()[2]
    save(RIGHT)

    assert messages(right) == []
    assert "there is no layer called `conf3`" in unescape(messages(wrong)[0])
    assert wrong.index("conf3") < wrong.index("<svg")
    assert ("stale" in right, "stale" in wrong) == (False, True)
    assert wrong[wrong.index("<svg") :] == right[right.index("<svg") :]
    assert page.ask()[2] == right


def test_a_file_that_is_wrong_from_the_start_or_goes_away_shows_its_message(served):
    save(WRONG)
    page = served()
    text = page.ask()[2]
    save(RIGHT)
    page.ask()
    Path("a.net").unlink()

    assert (len(messages(text)), "<svg" in text, "stale" in text) == (1, False, False)
    assert "there is no file `a.net`" in unescape(page.ask()[2])


def test_files_that_are_used_are_followed(served):
    save('use "b.net"\ninput 8\nmine\nFC-2\n')
    page = served()
    missing = page.ask()[2]
    save("block mine:\n    FC-11\n", "b.net")
    there = page.ask()[2]
    save("block mine:\n    FC-12\n", "b.net")

    assert "this file cannot be used" in missing
    assert ("fc-11" in there, messages(there)) == (True, [])
    assert "fc-12" in page.ask()[2]


def test_files_of_weights_are_followed(served):
    save('input 3\nFC-2 weights="w.safetensors"\n')
    page = served()
    missing = page.ask()[2]
    save_file({"w": np.zeros((3, 2), np.float32), "b": np.zeros(2, np.float32)}, "w.safetensors")
    there = page.ask()[2]
    save_file({"w": np.zeros((4, 2), np.float32), "b": np.zeros(2, np.float32)}, "w.safetensors")

    assert [len(messages(text)) for text in (missing, there, page.ask()[2])] == [1, 0, 1]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil@localhost", "127.0.0.1:80:80", ""])
def test_other_names_than_those_of_this_machine_are_refused(served, host):
    save(RIGHT)
    page = served()

    for path in ("/", "/inside"):
        status, _, text = page.ask(path, Host=host)
        assert (status, "conv3" in text) == (403, False)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
def test_the_names_of_this_machine_are_answered(served, host):
    save(RIGHT)

    assert served().ask(Host=host)[0] == 200


@pytest.mark.parametrize("heads", ["", "Host: localhost\r\nHost: evil.example\r\n"])
def test_a_request_without_one_host_is_refused(served, heads):
    save(RIGHT)
    with socket.create_connection(("127.0.0.1", served().server.server_port), timeout=60) as line:
        line.sendall(f"GET / HTTP/1.1\r\n{heads}\r\n".encode())
        assert line.recv(100).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "path", ["/a.net", "/../a.net", "/..%2fa.net", "//a.net", "/inside/../a.net", "http://localhost/a.net"]
)
def test_nothing_but_the_page_is_given_out(served, path):
    save(RIGHT)
    status, _, text = served().ask(path)

    assert (status, "conv3" in text) == (404, False)


def test_nothing_is_taken(served):
    save(RIGHT)
    page = served()

    assert page.ask("/", "POST")[0] == 501
    status, headers, text = page.ask("/", "HEAD")
    assert (status, text, int(headers["Content-Length"]) > 1000) == (200, "", True)


def scripts(text):
    """The scripts of a page, each as a policy names it."""
    found = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    plain = (re.fullmatch(r"(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?", one, re.DOTALL)[1] for one in found)
    return {f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in plain}


def test_the_page_may_run_its_own_scripts_alone(served):
    save(RIGHT)
    _, headers, text = served().ask("/")
    rules = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))

    assert text.count("<script") == 2  # of the page and of the drawing
    assert set(rules["script-src"].split()) == scripts(text)
    assert (rules["default-src"], rules["frame-ancestors"]) == ("'none'", "'none'")
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


EVIL = "<img src=x onerror=alert(1)>&<script>alert(2)<script>"


def test_hostile_names_and_texts_are_shown_as_they_are_written(served):
    save(f'input 8\nblock mine: FC-9\nmine weights="{EVIL}"\n', f"{EVIL}.net")
    wrong = served(f"{EVIL}.net").ask("/")[2]
    save(f"input 8\nFC-9  # {EVIL}\n", f"{EVIL}.net")
    right = served(f"{EVIL}.net").ask("/")[2]

    assert EVIL in unescape(messages(wrong)[0])
    assert (wrong.count("<script"), right.count("<script")) == (1, 2)
    for text in (wrong, right):
        assert "<img" not in text
        assert "&lt;img src=x onerror=alert(1)&gt;&amp;" in text
    assert "<svg" in right


def run(*arguments):
    return CliRunner().invoke(main, ["watch", *map(str, arguments)])


@pytest.mark.parametrize("name", ["lenet", "googlenet", "lstm", "fcn"])
def test_the_page_as_a_file_loads_nothing(tmp_path, name):
    done = run(ROOT / "examples" / f"{name}.net", "--out", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf8")

    assert (done.exit_code, done.stdout) == (0, f"wrote {tmp_path / 'page.html'}\n")
    assert text.count("<svg") == 1
    assert text.count("<script") == 1  # of the drawing
    assert all(one in unescape(text) for one in scripts(text))
    assert set(re.findall(r"""(?:href|src)=["']([^"']*)""", text)) == {"data:,"}
    assert not re.findall(r"url\(|@import", text)
    assert "Content-Security-Policy" in text


def test_a_wrong_file_is_told_and_no_page_is_written(tmp_path):
    (tmp_path / "a.net").write_text(WRONG)
    done = run(tmp_path / "a.net", "--out", tmp_path / "page.html")

    assert (done.exit_code, "error[unknown-layer]" in done.stderr) == (1, True)
    assert not (tmp_path / "page.html").exists()
    assert run(tmp_path / "a.net", "--out", tmp_path / "page.svg").exit_code == 2


def test_what_cannot_be_served_is_told(tmp_path):
    (tmp_path / "a.net").write_text(RIGHT)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(tmp_path / "a.net", "--port", taken.getsockname()[1], "--no-browser")

    assert (done.exit_code, "cannot listen on port" in done.stderr) == (1, True)
    assert "there is no file" in run(tmp_path / "b.net").stderr
    assert run(tmp_path / "a.net", "--set", "w").exit_code == 2


def test_ctrl_c_ends_it_with_130(tmp_path):
    (tmp_path / "a.net").write_text(RIGHT)
    with subprocess.Popen(
        [sys.executable, "-m", "netlang", "watch", "a.net", "--no-browser", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        known = json.loads(process.stdout.readline())
        port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/", known["url"])[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200  # it keeps the connection, as browsers do
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
        connection.close()

    assert (process.returncode, said) == (130, "stopped by Ctrl-C\n")
