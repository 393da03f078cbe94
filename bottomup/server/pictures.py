"""From bytes that a client sent to a picture, without trust: formats, pixels and memory are bounded."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from bottomup.image import BgrImage, to_bgr
from bottomup.server.errors import RefusalError
from bottomup.server.metrics import Metrics
from bottomup.server.options import ServerOptions

# What browsers, phones and cameras make. Pillow's other readers are rarely used and so rarely tested, and one of them
# (EPS) starts another program.
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
            picture = _open(data, self._max_pixels)
        except RefusalError:
            self._metrics.bad_pictures.inc()
            raise
        pixels = min(self._budget, picture.width * picture.height)
        async with self._changed:
            await self._changed.wait_for(lambda: self._left >= pixels)
            self._left -= pixels
        try:
            yield await self._unpack(picture)
        finally:
            self._left += pixels  # before anything is awaited: a cancelled request gives its memory back too
            async with self._changed:
                self._changed.notify_all()

    async def _unpack(self, picture: Image.Image) -> BgrImage:
        started = time.perf_counter()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _to_bgr, picture)
        except RefusalError:
            self._metrics.bad_pictures.inc()
            raise
        finally:
            self._metrics.unpack.observe(time.perf_counter() - started)


def _open(data: bytes, max_pixels: int) -> Image.Image:
    """The picture with its header read and its pixels not."""
    if not data:
        raise RefusalError(400, "bad_picture", "the picture is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on many pixels, which are counted below, and on odd metadata
            picture = Image.open(BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_many_pixels(max_pixels) from None
    except UnidentifiedImageError:
        kinds = "JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF"
        raise RefusalError(400, "bad_picture", f"the picture must be a {kinds} file but is none") from None
    except Exception:  # Pillow's readers raise OSError, SyntaxError, EOFError, struct.error and more
        raise RefusalError(400, "bad_picture", "the picture must be complete but its header is broken") from None
    if picture.width * picture.height > max_pixels:
        raise _too_many_pixels(max_pixels, picture.width, picture.height)
    return picture


def _too_many_pixels(max_pixels: int, width: int = 0, height: int = 0) -> RefusalError:
    was = f"is {width} x {height}" if width else "has more"
    return RefusalError(413, "too_many_pixels", f"the picture must have at most {max_pixels} pixels but {was}")


def _to_bgr(picture: Image.Image) -> BgrImage:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return to_bgr(picture)
    except MemoryError:
        raise RefusalError(413, "too_many_pixels", "the picture does not fit into memory") from None
    except Exception:
        raise RefusalError(400, "bad_picture", "the picture must be complete but cannot be read to its end") from None
