"""The service: people in pictures over HTTP, live over a WebSocket, and a page to try it with.

`create_app` makes the ASGI application, `run` serves it until it is told to stop. Needs the extra `serve`.
"""

from __future__ import annotations

try:
    import fastapi  # noqa: F401
    import fastapi_offline  # noqa: F401
    import prometheus_client  # noqa: F401
    import python_multipart  # noqa: F401
    import uvicorn  # noqa: F401
    import websockets  # noqa: F401
except ImportError as error:
    raise ImportError(f'the service needs {error.name}: pip install "bottomup[serve]"') from error

from bottomup.server.app import create_app
from bottomup.server.networks import ServedNetworks
from bottomup.server.options import ServerOptions
from bottomup.server.run import run

__all__ = ["ServedNetworks", "ServerOptions", "create_app", "run"]
