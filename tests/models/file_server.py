"""A small HTTP server on the loopback that serves one file, well or badly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What is served and how; each fault in `faults` spoils one request, in order."""

    content: bytes
    etag: str | None = '"v1"'
    ranges: bool = True
    faults: list[str] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requests.append(dict(self.headers))
            fault = server.faults.pop(0) if server.faults else ""
            if fault.isdecimal():
                self.send_error(int(fault))
                return
            start = self._start()
            if start >= len(server.content):
                self.send_error(416)
                return
            body = server.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
            if server.etag:
                self.send_header("ETag", server.etag)
            if fault != "no length":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault == "truncate":
                body = body[: len(body) // 2]
            elif fault == "corrupt":
                body = bytes([body[0] ^ 1]) + body[1:]
            self.wfile.write(body)

        def _start(self) -> int:
            asked = self.headers.get("Range")
            if not (asked and server.ranges) or self.headers.get("If-Range") not in (None, server.etag):
                return 0
            return int(asked.removeprefix("bytes=").rstrip("-"))

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hangs up in the middle is part of the tests."""


@contextmanager
def serving(content: bytes) -> Iterator[FileServer]:
    server = FileServer(content)
    with _QuietServer(("127.0.0.1", 0), _handler(server)) as http:
        server.url = f"http://127.0.0.1:{http.server_port}/weights.pt"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
