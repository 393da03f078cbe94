"""What the routes share: the networks, the queue before them, the readers, the counters, and whether it is ready."""

from __future__ import annotations

import asyncio
import contextlib

from bottomup.server.batching import Batcher
from bottomup.server.bodies import BodyReader
from bottomup.server.errors import log
from bottomup.server.metrics import Metrics
from bottomup.server.networks import ServedNetworks
from bottomup.server.options import ServerOptions
from bottomup.server.pictures import PictureReader


class Service:
    """The state of one application.

    Attributes
    ----------
    networks, options, metrics, batcher, pictures, bodies:
        See their classes.
    token:
        What clients must send; None lets everything in.
    live:
        How many WebSockets are open.
    stopping:
        Set once the signal to stop has come.
    """

    def __init__(self, networks: ServedNetworks, options: ServerOptions, token: str | None) -> None:
        self.networks, self.options, self.token = networks, options, token
        self.metrics = Metrics()
        self.bodies = BodyReader(options, self.metrics)
        self.live = 0
        self.stopping = asyncio.Event()
        self._warm = False

    async def start(self) -> None:
        """Begin to work, in the running event loop; the networks warm up meanwhile."""
        self.batcher = Batcher(self.options, self.metrics)
        self.pictures = PictureReader(self.options, self.metrics)
        self.batcher.start()
        self._warming = asyncio.create_task(self._warm_up())

    async def stop(self) -> None:
        """End the threads."""
        self._warming.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._warming
        await self.batcher.stop()
        await self.pictures.stop()

    async def _warm_up(self) -> None:
        try:
            await self.batcher.run(self.networks.warm_up)
        except Exception:
            log.exception("a network failed on its first picture: the service will not become ready")
        else:
            self._warm = True

    @property
    def unready(self) -> str | None:
        """Why no requests should be sent here, None if they should."""
        if self.stopping.is_set():
            return "stopping"
        if not self._warm:
            return "loading"
        return None if self.batcher.is_alive else "broken"
