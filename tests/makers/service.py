"""A service without a network's weights: pictures with rectangles, whose colours say where people stand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import uvicorn
from fastapi import FastAPI
from PIL import Image

from bottomup.detector import Detector
from bottomup.fields import draw_fields
from bottomup.server import ServedNetworks, ServerOptions, create_app
from bottomup.server.run import make_server
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17
from tests.drawing.test_people import pose

RED = (0, 0, 200)  # BGR


class SeesRed:
    """A backend whose fields are ideal ones of a standing person in each red rectangle.

    before: called before each batch, with its images: a test may wait or fail there.
    """

    skeleton, stride, alignment, device = COCO_17, 8, 8, "cpu"

    def __init__(self, before: Callable[[npt.NDArray[np.uint8]], object] = lambda images: None) -> None:
        self.before = before
        self.batches: list[int] = []

    def run(self, images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """See `Backend`."""
        self.batches.append(len(images))
        self.before(images)
        fields = [self._fields(image) for image in images]
        return np.stack([f.heatmaps for f in fields]), np.stack([f.pafs for f in fields])

    def _fields(self, image: npt.NDArray[np.uint8]) -> Any:
        red = (image[:, :, 2] > 150) & (image[:, :, 1] < 60) & (image[:, :, 0] < 60)
        rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
        points = np.zeros((0, 17, 2))
        if len(rows):
            scale = (rows[-1] - rows[0]) / 110
            points = (pose(COCO_17) * scale + (columns[0], rows[0] + 5 * scale))[None]
        height, width, _ = image.shape
        return draw_fields(points, np.ones(points.shape[:2]), COCO_17, height=height, width=width, stride=8)


def photo(people: int = 1, *, height: int = 240, width: int = 320, left: int = 60) -> npt.NDArray[np.uint8]:
    """(height, width, 3) BGR: grey, with a red rectangle in which `SeesRed` sees a person, unless people is 0."""
    picture = np.full((height, width, 3), 128, np.uint8)
    if people:
        picture[height // 8 : -height // 8, left : left + height // 2] = RED
    return picture


def encoded(picture: npt.NDArray[np.uint8], format: str = "PNG") -> bytes:
    """The picture as a file."""
    file = BytesIO()
    Image.fromarray(picture[:, :, ::-1]).save(file, format)
    return file.getvalue()


def make_app(backend: SeesRed | None = None, *, token: str | None = None, **options: Any) -> FastAPI:
    """The service over `SeesRed`, as network `red` and, looking at 160 pixels, `coarse`."""
    backend = backend or SeesRed()
    networks = ServedNetworks(
        {
            "red": Detector(backend=backend, settings=Settings(input_height=240)),
            "coarse": Detector(backend=backend, settings=Settings(input_height=160)),
        }
    )
    return create_app(networks, ServerOptions(**({"drain": 0.0} | options)), token=token)


@contextmanager
def serving(app: FastAPI) -> Iterator[tuple[uvicorn.Server, int]]:
    """The application over real sockets on this computer: the server, and its port."""
    server = make_server(app, port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
