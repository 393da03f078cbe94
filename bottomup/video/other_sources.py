"""Frames that come from elsewhere than FFmpeg: folders of pictures, cameras, arrays."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bottomup.image import PICTURE_SUFFIXES, BgrImage, read_image, to_bgr
from bottomup.video.av_source import fit
from bottomup.video.errors import VideoError
from bottomup.video.frames import Frame, FrameOptions, SourceInfo, SourceStats

_SEQUENCE_RATE = 25.0


class PictureSource:
    """A folder of pictures as a video, in the order of the numbers in their names, 25 a second unless `rate` says so.

    A picture that cannot be read is counted and skipped. Raises VideoError if there is none.
    """

    def __init__(self, folder: Path, options: FrameOptions, rate: float = _SEQUENCE_RATE) -> None:
        self.options, self.stats = options, SourceStats()
        inside = (path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        self.paths = sorted((path for path in inside if not path.name.startswith(".")), key=_numbers_in)
        if not self.paths:
            raise VideoError(f"source must be a folder of pictures but there are none in {str(folder)!r}")
        self.info = SourceInfo(str(folder), rate=rate, duration=len(self.paths) / rate)

    def __iter__(self) -> Iterator[Frame]:
        size: tuple[int, int] | None = None
        for number, path in enumerate(self.paths):
            try:
                image = read_image(path)
            except (OSError, ValueError):
                self.stats.corrupt += 1
                continue
            size = size or (image.shape[0], image.shape[1])
            if image.shape[:2] != size:
                image = fit(image, size)
                self.stats.resized += 1
            yield Frame(self.stats.decoded, number / self.info.rate, image)
            self.stats.decoded += 1
        if not self.stats.decoded:
            raise VideoError(f"source must hold pictures but none in {self.info.name!r} can be read")

    def close(self) -> None:
        """Nothing is held open."""


class ArraySource:
    """Pictures that a program makes, at a rate or with a time for each.

    frames: pictures of any kind that the detector takes, or (seconds, picture) pairs.
    """

    def __init__(self, frames: Iterable[Any], options: FrameOptions, rate: float = _SEQUENCE_RATE) -> None:
        self._frames, self.options, self.stats = frames, options, SourceStats()
        self.info = SourceInfo("frames", rate=rate)

    def __iter__(self) -> Iterator[Frame]:
        last = -np.inf
        for number, item in enumerate(self._frames):
            stamp, image = item if isinstance(item, tuple) else (number / self.info.rate, item)
            if not stamp > last:
                raise ValueError(f"frames must have times that rise but frame {number} has {stamp} after {last:g}")
            last = float(stamp)
            yield Frame(number, last, to_bgr(image))
            self.stats.decoded += 1

    def close(self) -> None:
        """The frames are the caller's."""


class CameraSource:
    """A camera that OpenCV opens by its number; the time is that of the arrival since the first frame.

    Raises VideoError if there is no such camera, or if it stops giving frames.
    """

    def __init__(self, number: int, options: FrameOptions) -> None:
        self.options, self.stats = options, SourceStats()
        self._camera = _open_camera(number)
        width, height = (
            int(self._camera.get(which)) for which in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        rate = self._camera.get(cv2.CAP_PROP_FPS)
        rate = rate if 1 <= rate <= 400 else 30.0
        self.info = SourceInfo(f"camera {number}", width, height, rate, live=options.live is not False)

    def __iter__(self) -> Iterator[Frame]:
        first: float | None = None
        while (image := self._read()) is not None:
            now = time.monotonic()
            first = now if first is None else first
            yield Frame(self.stats.decoded, now - first, image)
            self.stats.decoded += 1
        raise VideoError(f"{self.info.name} gave no more frames after {self.stats.decoded}: unplugged?")

    def _read(self) -> BgrImage | None:
        """The next frame; None if the camera is gone. A thread waits for it, as drivers may hang."""
        box: list[Any] = []
        waiting = threading.Thread(target=lambda: box.append(self._camera.read()), daemon=True)
        waiting.start()
        waiting.join(self.options.timeout)
        if not box or not box[0][0]:
            return None
        return np.asarray(box[0][1], np.uint8)

    def close(self) -> None:
        """Let go of the camera."""
        self._camera.release()


def _open_camera(number: int) -> Any:
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        camera = cv2.VideoCapture(number)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if not camera.isOpened():
        camera.release()
        raise VideoError(f"source must be a camera that is plugged in but there is no camera {number}")
    return camera


def _numbers_in(path: Path) -> list[Any]:
    """Sorts 9.jpg before 10.jpg."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", path.name)]
