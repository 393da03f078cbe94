"""What stands before every request: the token, the count, the browser's rules, and refusals that clients can read."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bottomup.server.errors import RefusalError
from bottomup.server.service import Service

OPEN_PATHS = frozenset({"/", "/healthz", "/readyz"})
"""What needs no token, beside the page's files: a browser cannot send one before the page has asked for it."""

_PAGE_RULES = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
# Swagger's page has its start in a script and colours in styles of its own.
_DOCS_RULES = _PAGE_RULES + "; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
_LINGER = 2.0  # seconds in which a refused body may still come in and be dropped
_DROPPED = 64 * 2**20  # bytes of it


class Protection:
    """ASGI middleware around the application.

    Parameters
    ----------
    app:
        What comes next.
    service:
        Its token is what clients must send, its metrics count requests; once it is stopping, connections are closed
        after their answer.
    """

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, scope, self._service.stopping)
        started = time.perf_counter()
        try:
            if self._lets_in(scope):
                await self._app(scope, exchange.receive, exchange.send)
            else:
                refusal = RefusalError(401, "no_token", "the request must have the service's token but has not")
                await refusal.response()(scope, exchange.receive, exchange.send)
        finally:
            path = _template(scope)
            self._service.metrics.requests.labels(path, str(exchange.status)).inc()
            self._service.metrics.seconds.labels(path).observe(time.perf_counter() - started)

    def _lets_in(self, scope: Scope) -> bool:
        path, token = _path(scope), self._service.token
        if token is None or path in OPEN_PATHS or path.startswith("/page/"):
            return True
        kind, _, sent = Headers(scope=scope).get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and is_token(sent.strip(), token)


def is_token(sent: str, token: str) -> bool:
    """Whether they are the same, without telling by its time how much of it is."""
    return hmac.compare_digest(sent.encode("utf-8", "replace"), token.encode())


class _Exchange:
    """One request and its answer on their way through."""

    def __init__(self, receive: Receive, send: Send, scope: Scope, stopping: asyncio.Event) -> None:
        self._receive, self._send, self._scope, self._stopping = receive, send, scope, stopping
        self._body_came = False
        self.status = 499  # as nginx calls it: the client went before there was an answer

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._body_came = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            path = _path(self._scope)
            headers["Content-Security-Policy"] = _DOCS_RULES if path.startswith("/docs") else _PAGE_RULES
            headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
            if path.startswith("/v1/"):
                headers["Cache-Control"] = "no-store"
            if (self.status >= 400 and self._is_sending()) or self._stopping.is_set():
                headers["Connection"] = "close"
            await self._send(message)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            if self.status >= 400 and self._is_sending():
                await self._linger(message)
            else:
                await self._send(message)
        else:
            await self._send(message)

    def _is_sending(self) -> bool:
        """Whether the client may still be sending a body."""
        headers = Headers(scope=self._scope)
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        return has_body and not self._body_came

    async def _linger(self, message: Message) -> None:
        """Send the answer and drop the rest of the body for a while: closed at once, the connection would be reset, and
        a client that sends before it reads would never see why."""
        await self._send({**message, "more_body": True})
        dropped = 0
        try:
            async with asyncio.timeout(_LINGER):
                while not self._body_came and dropped < _DROPPED:
                    dropped += len((await self.receive()).get("body", b""))
        except TimeoutError:
            pass
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _path(scope: Scope) -> str:
    """The path of a request as the routes have it, without the one under which a proxy shows the service."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def _template(scope: Scope) -> str:
    """The route's path, so that clients cannot make up labels."""
    route: Any = scope.get("route")
    if isinstance(route, BaseRoute) and (path := getattr(route, "path", None)):
        return str(path)
    return "page" if _path(scope).startswith("/page/") else "other"
