"""The page of a file, given out to browsers of this machine."""

import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from netlang.files import Problem, reason
from netlang.watch.follow import Follower
from netlang.watch.page import inside, page, policy, tag

LOOPBACK = "127.0.0.1"
# Another name may be one of a foreign page whose address was changed to this machine's (DNS rebinding).
OWN_NAMES = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)


class Server(ThreadingHTTPServer):
    """Listens to this machine alone. port: 0 takes one that is free. Raises Problem where it cannot have the port."""

    daemon_threads = True  # a browser that keeps its connection does not keep the command

    def __init__(self, follower: Follower, port: int) -> None:
        self.follower = follower
        try:
            super().__init__((LOOPBACK, port), Answer)
        except OSError as error:
            raise Problem(f"cannot listen on port {port}: {reason(error)}; `--port 0` takes a free one") from None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Answer(BaseHTTPRequestHandler):
    """The answers: `/` the page, `/inside` what changes of it. Nothing else is there, no file of the disk."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "netlang", ""
    timeout = 60  # seconds a connection may be silent

    def do_GET(self) -> None:
        """Answer a request."""
        if not self._from_here():
            self.send_error(HTTPStatus.FORBIDDEN, explain="this page is for browsers of its own machine")
        elif self.path == "/":
            self._send(page(self.server.follower.view(), live=True))
        elif self.path == "/inside":
            self._send(inside(self.server.follower.view()))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_HEAD(self) -> None:
        """Answer a request without the content."""
        self.do_GET()

    def _from_here(self) -> bool:
        hosts = self.headers.get_all("Host", [])
        return len(hosts) == 1 and OWN_NAMES.fullmatch(hosts[0]) is not None

    def _send(self, content: str) -> None:
        known = tag(content)
        if self.headers.get("If-None-Match") == known:
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.send_header("ETag", known)
            self.end_headers()
            return
        data = content.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", known)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def end_headers(self) -> None:
        """With what keeps other pages from reading or framing this one."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", f"{policy(live=True)}; frame-ancestors 'none'")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not told."""
