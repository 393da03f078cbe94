"""A server of files on this computer, that behaves well, and badly in every way that matters."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from bottomup.weights.registry import RemoteFile

DATA = np.random.default_rng(0).bytes(300_000)


class Server(ThreadingHTTPServer):
    """Serves DATA under every path. Each reply is made by `behaviours`, one after the other, the last one for good."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviours: list[Callable[[Handler], None]] = [Handler.well]
        self.ranges: list[str | None] = []

    def file(self, name: str = "network.bin", data: bytes = DATA) -> RemoteFile:
        url = f"http://127.0.0.1:{self.server_port}/{name}"
        return RemoteFile(name, url, len(data), hashlib.sha256(data).hexdigest())


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        behaviours = self.server.behaviours
        (behaviours.pop(0) if len(behaviours) > 1 else behaviours[0])(self)

    def log_message(self, *_: object) -> None:
        pass

    def well(self, data: bytes = DATA, stop: int | None = None) -> None:
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : len(data) if stop is None else start + stop])

    def breaks_off(self) -> None:
        self.well(stop=100_000)

    def ignores_range(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA)

    def ignores_range_and_breaks_off(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA[:120_000])

    def resumes_elsewhere(self) -> None:
        """Claims to resume, but from the beginning."""
        self.send_response(206)
        self.send_header("Content-Range", f"bytes 0-{len(DATA) - 1}/{len(DATA)}")
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA)

    def tampered(self) -> None:
        self.well(DATA[:-1] + bytes([DATA[-1] ^ 1]))

    def too_long(self) -> None:
        self.well(DATA + b"more" * 100_000)

    def shorter_file(self) -> None:
        self.well(DATA[:-1000])

    def absent(self) -> None:
        self.send_error(404, "Not Found")

    def hangs_up(self) -> None:
        self.close_connection = True


def trickles(handler: Handler) -> None:
    """Sends 2,000 bytes and then no more, but keeps the connection."""
    Handler.well(handler, stop=2000)
    handler.wfile.flush()
    handler.rfile.read()


def endless_headers(handler: Handler) -> None:
    """A header that never ends, byte by byte, until the connection does."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    with suppress(ConnectionError):
        while True:
            handler.wfile.write(b"a")
            threading.Event().wait(0.01)


def sends_on(handler: Handler, url: str) -> None:
    handler.send_response(302)
    handler.send_header("Location", url)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
