"""The application: its routes, and what they share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, WebSocket
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles

from bottomup._version import __version__
from bottomup.server.answers import DetectAnswer, skeleton_answer
from bottomup.server.detection import detect_request
from bottomup.server.errors import ErrorAnswer, add_handlers
from bottomup.server.live import live
from bottomup.server.metrics import CONTENT_TYPE
from bottomup.server.networks import ServedNetworks
from bottomup.server.options import ServerOptions
from bottomup.server.parameters import SETTING_NAMES, DetectParameters
from bottomup.server.protection import Protection
from bottomup.server.service import Service

_PAGE = Path(__file__).with_name("page")
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": description}
    for status, description in {
        400: "No picture, or one that is broken", 401: "The token is missing or wrong",
        408: "The body came too slowly", 413: "Too many bytes, pixels or pictures",
        422: "Parameters that cannot be what they were, each named", 429: "Full; see Retry-After",
        504: "Not answered in time",
    }.items()
}  # fmt: skip
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY = {
    "required": True,
    "description": "A picture as it is in its file, or a form of several (each a file, under any name).",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"image": {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        },
        **dict.fromkeys(("image/jpeg", "image/png", "image/webp", "application/octet-stream"), _BINARY),
    },
}


def create_app(networks: ServedNetworks, options: ServerOptions | None = None, *, token: str | None = None) -> FastAPI:
    """The service as an ASGI application.

    Parameters
    ----------
    networks:
        What it serves.
    options:
        Its limits; None takes the defaults.
    token:
        What clients must send as `Authorization: Bearer ...`; None lets everything in.

    Raises ValueError if the token is empty or not printable ASCII.
    """
    if token is not None and not (token and token.isascii() and token.isprintable() and " " not in token):
        raise ValueError("token must be printable ASCII without spaces, at least one character")
    service = Service(networks, options or ServerOptions(), token)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="bottomup", summary="People and their joints in pictures.", version=__version__, lifespan=lifespan,
        docs_url=None, redoc_url=None, openapi_url="/openapi.json",
    )  # fmt: skip
    app.state.service = service
    app.add_middleware(Protection, service=service)
    add_handlers(app)
    _add_detection(app, service)
    _add_health(app, service)
    _add_pages(app)
    return app


def _add_detection(app: FastAPI, service: Service) -> None:
    @app.post(
        "/v1/detect",
        summary="People in pictures",
        response_model=None,
        responses={200: {"model": DetectAnswer}, **_REFUSALS},
        openapi_extra={"requestBody": _BODY},
    )
    async def detect(request: Request, parameters: Annotated[DetectParameters, Query()]) -> Response:
        return JSONResponse(await detect_request(service, request, parameters))

    @app.get("/v1/networks", summary="What is served: networks, their joints and settings, and the limits")
    async def networks() -> dict[str, Any]:
        return describe(service)

    @app.websocket("/v1/live")
    async def websocket(socket: WebSocket) -> None:
        await live(service, socket)


def describe(service: Service) -> dict[str, Any]:
    """The answer of `/v1/networks`."""
    limits = ("max_body", "max_pixels", "max_pictures", "max_input_height", "max_scales", "request_timeout")
    return {
        "version": __version__,
        "networks": [
            {
                "name": name,
                "runtime": service.networks.runtime(name),
                "skeleton": skeleton_answer((detector := service.networks.default(name)).skeleton),
                "settings": {setting: getattr(detector.settings, setting) for setting in SETTING_NAMES},
            }
            for name in service.networks.names
        ],
        "limits": {limit: getattr(service.options, limit) for limit in limits},
    }


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", summary="Whether the process works")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", summary="Whether requests should be sent here", responses={503: {"description": "Not now"}})
    async def readyz() -> JSONResponse:
        reason = service.unready
        return JSONResponse({"status": reason or "ready"}, 503 if reason else 200)

    @app.get("/metrics", summary="Counters for Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


def _add_pages(app: FastAPI) -> None:
    # FastAPI's own /docs asks another host for Swagger's files; this package holds a copy of them.
    app.mount("/docs/files", StaticFiles(packages=[("fastapi_offline", "static")]), name="docs-files")
    app.mount("/page", StaticFiles(directory=_PAGE), name="page")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json", title="bottomup: the interface", swagger_favicon_url="page/icon.svg",
            swagger_js_url="docs/files/swagger-ui-bundle.js", swagger_css_url="docs/files/swagger-ui.css",
        )  # fmt: skip

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_PAGE / "index.html")
