"""The WebSocket: frames in, people with ids out, one answer for each frame."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import Field, ValidationError

from bottomup.detector import Detector
from bottomup.server.answers import skeleton_answer
from bottomup.server.detection import look
from bottomup.server.errors import RefusalError, internal_error
from bottomup.server.parameters import Layers, SettingParameters, chosen_settings, network_name
from bottomup.server.protection import is_token
from bottomup.server.service import Service
from bottomup.tracking import Tracker, TrackOptions

_POLICY, _TRY_LATER, _TOO_MANY_ERRORS, _GOING_AWAY = 1008, 1013, 1003, 1001  # close codes, RFC 6455 and IANA's list
_FORGIVEN = 20  # messages in a row that make no sense before the connection is closed


class LiveOptions(SettingParameters):
    """The text that a client may send at any time: what is to be done with the frames that follow."""

    type: Literal["options"] = "options"
    token: str | None = Field(default=None, description="the service's token, if it wants one: in the first message")
    model: str | None = None
    layers: Layers = Field(default=[])
    track: bool = True


class LiveSession:
    """One open WebSocket.

    Parameters
    ----------
    service:
        What does the work.
    socket:
        The connection, accepted.
    """

    def __init__(self, service: Service, socket: WebSocket) -> None:
        self._service, self._socket = service, socket
        self._tracker = _new_tracker()
        self._frames = 0
        self._let_in = service.token is None
        self._set(LiveOptions())

    def _set(self, options: LiveOptions) -> None:
        networks = self._service.networks
        name = network_name(networks, options.model)
        settings = chosen_settings(networks, name, options, self._service.options)
        self._name, self._options = name, options
        self._detector: Detector = networks.detector(name, settings)

    async def run(self) -> None:
        """Answer until the client goes, says nothing for too long or sends too much nonsense, or the service stops."""
        leaving = asyncio.create_task(self._leave())
        try:
            await self._talk()
        finally:
            leaving.cancel()

    async def _talk(self) -> None:
        wrong = 0
        while wrong < _FORGIVEN:
            try:
                async with asyncio.timeout(self._service.options.live_timeout):
                    message = await self._message()
            except TimeoutError:
                await self._socket.close(_POLICY, "nothing came for too long")
                return
            try:
                answer = await self._answer(message)
                wrong = 0
            except RefusalError as refusal:
                if refusal.status == 401:
                    await self._socket.close(_POLICY, refusal.message)
                    return
                wrong += refusal.status < 429
                answer = {"type": "error", "frame": self._frames, **refusal.body}
            await self._socket.send_text(json.dumps(answer, allow_nan=False))
        await self._socket.close(_TOO_MANY_ERRORS, "too many messages made no sense")

    async def _message(self) -> dict[str, Any]:
        message = dict(await self._socket.receive())
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        return message

    async def _leave(self) -> None:
        """Close the connection once the service is to stop."""
        await self._service.stopping.wait()
        await self._socket.close(_GOING_AWAY, "the service is stopping")

    async def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        text, data = message.get("text"), message.get("bytes")
        if text is not None:
            return self._configure(text)
        if not self._let_in:
            raise RefusalError(401, "no_token", "the first message must hold the service's token but does not")
        return await self._look(data or b"")

    def _configure(self, text: str) -> dict[str, Any]:
        try:
            options = LiveOptions.model_validate_json(text)
        except ValidationError as error:
            places = {".".join(map(str, entry["loc"])) or "text": entry["msg"] for entry in error.errors()}
            wrong = "; ".join(f"{place}: {reason}" for place, reason in places.items())
            code = "invalid_parameters" if "text" not in places else "bad_text"
            raise RefusalError(422, code, f"a text must be options as JSON: {wrong}", parameters=places) from None
        if not self._let_in:
            if not is_token(options.token or "", self._service.token or ""):
                raise RefusalError(401, "no_token", "the first message must hold the service's token but does not")
            self._let_in = True
        before = self._detector.skeleton
        self._set(options)
        if self._detector.skeleton != before or not options.track:
            self._tracker = _new_tracker()
        return {"type": "options", "model": self._name, "skeleton": skeleton_answer(self._detector.skeleton)}

    async def _look(self, data: bytes) -> dict[str, Any]:
        service, started = self._service, time.perf_counter()
        self._frames += 1
        layers: Sequence[str] = self._options.layers
        try:
            async with asyncio.timeout(service.options.request_timeout):
                with service.batcher.accept(1):
                    async with service.pictures.read(data) as picture:
                        people, drawn = await look(service, self._detector, picture, layers)
                        height, width, _ = picture.shape
                        if self._options.track:
                            people = await asyncio.to_thread(self._tracker.update, people, time.monotonic(), picture)
        except TimeoutError:
            raise RefusalError(504, "timed_out", "the frame was not answered in time") from None
        service.metrics.frames.inc()
        rows = people.to_dict()["people"]
        milliseconds = round(1000 * (time.perf_counter() - started), 1)
        answer = {"type": "people", "frame": self._frames, "width": width, "height": height, "people": rows}
        return {**answer, "milliseconds": milliseconds, **({} if drawn is None else {"layers": drawn})}


def _new_tracker() -> Tracker:
    """A tracker without optical flow, which would cost a camera more frames than it gains."""
    return Tracker(TrackOptions(flow=False))


async def live(service: Service, socket: WebSocket) -> None:
    """Serve one WebSocket, from the handshake on."""
    if not _same_origin(socket):
        await socket.close(_POLICY, "the page is of another origin")  # before it is accepted: status 403
        return
    await socket.accept()
    if service.live >= service.options.max_live or service.stopping.is_set():
        await socket.close(_TRY_LATER, "the service has as many cameras as it can take on; try again later")
        return
    service.live += 1
    service.metrics.live.set(service.live)
    try:
        await LiveSession(service, socket).run()
    except WebSocketDisconnect:
        pass
    except RuntimeError as error:  # what Starlette raises if the client goes while it is being answered
        if "websocket" not in str(error).lower():
            await _fail(socket, error)
    except Exception as error:
        await _fail(socket, error)
    finally:
        service.live -= 1
        service.metrics.live.set(service.live)


async def _fail(socket: WebSocket, error: Exception) -> None:
    refusal = internal_error(error)
    await socket.close(1011, refusal.message)


def _same_origin(socket: WebSocket) -> bool:
    """Whether a browser opened it from our own page; other programs send no origin."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")
