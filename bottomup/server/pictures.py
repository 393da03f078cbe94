"""From bytes that a client sent to a picture, without trust: formats, pixels and memory are bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from bottomup.image import BgrImage, to_bgr
from bottomup.pictures.containers import format_of
from bottomup.pictures.files import picture_size
from bottomup.server.errors import RefusalError
from bottomup.server.metrics import Metrics
from bottomup.server.options import ServerOptions

# What browsers, phones and cameras make.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
_THREADS = 2  # that unpack pictures; the network needs the cores more
_PICTURES_IN_MEMORY = 2  # of the largest size allowed, or very many ordinary ones


class PictureReader:
    """Unpacks pictures in threads of its own, no more pixels at a time than a budget.

    Parameters
    ----------
    options:
        `max_pixels` counts.
    metrics:
        Where times and bad pictures are counted.
    """

    def __init__(self, options: ServerOptions, metrics: Metrics) -> None:
        self._max_pixels, self._metrics = options.max_pixels, metrics
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bottomup-unpack")
        self._budget = self._left = _PICTURES_IN_MEMORY * options.max_pixels
        self._changed = asyncio.Condition()

    async def stop(self) -> None:
        """End the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    @asynccontextmanager
    async def read(self, data: bytes) -> AsyncIterator[BgrImage]:
        """The picture, upright, for as long as the `async with` lasts; then its memory counts as free.

        Raises `RefusalError`: 413 for too many pixels, 400 for what is no complete picture.
        """
        try:
            pixels = min(self._budget, _count_pixels(data, self._max_pixels))
        except RefusalError:
            self._metrics.bad_pictures.inc()
            raise
        async with self._changed:
            await self._changed.wait_for(lambda: self._left >= pixels)
            self._left -= pixels
        try:
            yield await self._unpack(data)
        finally:
            self._left += pixels  # before anything is awaited: a cancelled request gives its memory back too
            async with self._changed:
                self._changed.notify_all()

    async def _unpack(self, data: bytes) -> BgrImage:
        started = time.perf_counter()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _to_bgr, data)
        except RefusalError:
            self._metrics.bad_pictures.inc()
            raise
        finally:
            self._metrics.unpack.observe(time.perf_counter() - started)


def _count_pixels(data: bytes, max_pixels: int) -> int:
    """Pixels of a picture, from the beginning of its file."""
    if not data:
        raise RefusalError(400, "bad_picture", "the picture is empty")
    kinds = "JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF"
    if format_of(data) not in FORMATS:
        raise RefusalError(400, "bad_picture", f"the picture must be a {kinds} file but is none")
    try:
        _, height, width = picture_size(data)
    except ValueError:
        raise RefusalError(400, "bad_picture", "the picture must be complete but its header is broken") from None
    if height * width > max_pixels:
        raise _too_many_pixels(max_pixels, width, height)
    return height * width


def _too_many_pixels(max_pixels: int, width: int, height: int) -> RefusalError:
    message = f"the picture must have at most {max_pixels} pixels but is {width} x {height}"
    return RefusalError(413, "too_many_pixels", message)


def _to_bgr(data: bytes) -> BgrImage:
    try:
        return to_bgr(data)
    except MemoryError:
        raise RefusalError(413, "too_many_pixels", "the picture does not fit into memory") from None
    except ValueError:
        raise RefusalError(400, "bad_picture", "the picture must be complete but cannot be read to its end") from None
