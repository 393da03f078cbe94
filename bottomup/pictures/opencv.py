"""OpenCV's decoder, which gives WebP in half the memory of Pillow's and AVIF whatever its metadata."""

from __future__ import annotations

import threading
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt


def decode_by_opencv(data: bytes, flags: int) -> npt.NDArray[Any] | None:
    """The pixels, None if they cannot be had; OpenCV writes nothing about it to stderr."""
    with _quiet:
        try:
            return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error:
            return None


class _QuietOpenCV:
    """OpenCV's log is off while any thread is inside, and then as it was."""

    def __init__(self) -> None:
        self._lock, self._inside, self._level = threading.Lock(), 0, 0

    def __enter__(self) -> None:
        logging = cv2.utils.logging
        with self._lock:
            if self._inside == 0:
                self._level = logging.getLogLevel()
                logging.setLogLevel(logging.LOG_LEVEL_SILENT)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                cv2.utils.logging.setLogLevel(self._level)


_quiet = _QuietOpenCV()
