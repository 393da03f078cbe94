"""Connections that end at a time, whatever the server does."""

from __future__ import annotations

import http.client
import socket
import threading
import urllib.request
from contextlib import suppress
from functools import partial
from typing import Any


class Deadline:
    """The end of the time for a download: its connection is shut then, whatever it waits for.

    The time limit of a socket starts anew with each byte, which bounds neither the headers of a server that sends them
    byte by byte, nor those of a proxy.
    """

    def __init__(self, seconds: float) -> None:
        self._lock, self._over = threading.Lock(), threading.Event()
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def watch(self, connected: socket.socket) -> None:
        """Take the connection that is waited for from now on."""
        with self._lock:
            self._socket = connected
        if self.is_over:
            self._end()

    def _end(self) -> None:
        self._over.set()
        with self._lock, suppress(OSError):  # no connection any more
            if self._socket is not None:
                # The method of a TLS socket would also take its state away from the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Connection(http.client.HTTPConnection):
    """A connection that the deadline knows from its first byte on."""

    def __init__(self, deadline: Deadline, *arguments: Any, **options: Any) -> None:
        self._deadline = deadline
        super().__init__(*arguments, **options)

    @property
    def sock(self) -> Any:
        return self._sock

    @sock.setter
    def sock(self, connected: socket.socket | None) -> None:
        self._sock = connected
        if connected is not None:
            self._deadline.watch(connected)


class _TlsConnection(_Connection, http.client.HTTPSConnection):
    pass


class OpenUntil(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Opens connections that end at a deadline."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_Connection, self._deadline), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_TlsConnection, self._deadline), req)
