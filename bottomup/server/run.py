"""Serving over HTTP until the signal to stop; accepted requests are answered first."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from bottomup.server.service import Service

_BACKLOG = 2048  # connections that may wait to be taken, as uvicorn has it
_LAST_ANSWERS = 5  # seconds for the pictures that the network sees when the time to stop is up, and for refusals


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP, which closes a connection that takes too long over its headers.

    Without that, a client that sends half a line holds its connection for ever.
    """

    header_timeout = 10.0
    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """See asyncio."""
        super().connection_made(transport)
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._headers_came()
        elif self._header_timer is None:  # uvicorn's own timer for idle connections ends at the first byte
            self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._headers_came()
        super().connection_lost(exc)

    def _await_headers(self) -> None:
        if not self.transport.is_closing():
            self._header_timer = self.loop.call_later(self.header_timeout, self.transport.close)

    def _headers_came(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


class _Server(uvicorn.Server):
    """uvicorn's server, which says at /readyz that it will stop before it takes no more connections."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        self._service.stopping.set()
        waited = 0.0
        while waited < self._service.options.drain and not self.force_exit:  # a second Ctrl-C waits for nothing
            await asyncio.sleep(0.05)
            waited += 0.05
        batcher = self._service.batcher
        refusing = asyncio.get_running_loop().call_later(self._service.options.stop_timeout, batcher.refuse_waiting)
        await super().shutdown(sockets)
        refusing.cancel()


def make_server(app: FastAPI, *, host: str = "127.0.0.1", port: int = 8000, root_path: str = "") -> uvicorn.Server:
    """A uvicorn server for an application of `create_app`, not yet running."""
    service: Service = app.state.service
    options = service.options

    class Protocol(PatientProtocol):
        header_timeout = options.header_timeout

    graceful = round(options.stop_timeout) + _LAST_ANSWERS
    config = uvicorn.Config(
        app, host=host, port=port, http=Protocol, ws="websockets-sansio", ws_max_size=options.max_body,
        ws_max_queue=4, ws_per_message_deflate=False, limit_concurrency=options.max_connections,
        timeout_keep_alive=15, timeout_graceful_shutdown=graceful, server_header=False,
        log_level="info", access_log=False, root_path=root_path, lifespan="on",
    )  # fmt: skip
    return _Server(config, service)


def run(app: FastAPI, *, host: str = "127.0.0.1", port: int = 8000, root_path: str = "") -> None:
    """Serve an application of `create_app` until SIGTERM or Ctrl-C.

    Parameters
    ----------
    app:
        The application.
    host, port:
        Where to listen: this computer only, unless told otherwise; port 0 takes a free one.
    root_path:
        The path under which a proxy shows the service.

    Raises
    ------
    OSError
        If the port is taken or the address is not this computer's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)  # from here on clients may connect, and wait until the service has started
    except OSError:
        listener.close()
        raise
    server = make_server(app, host=host, port=port, root_path=root_path)
    address = f"[{host}]" if ":" in host else host
    logging.getLogger("uvicorn.error").info("Listening on http://%s:%d", address, listener.getsockname()[1])
    with _stopped_by_signals():
        server.run(sockets=[listener])


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Make a stop by a signal end normally: uvicorn raises the signal again once it has stopped, for the handler that
    was there before."""
    stops = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = [(number, signal.signal(number, lambda *_: None)) for number in stops]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
