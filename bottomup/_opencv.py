"""OpenCV, and what to do where it does not load."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import cv2
else:
    try:
        cv2 = import_module("cv2")
    except ImportError as error:
        if "libGL" not in str(error) and "libgthread" not in str(error):
            raise
        raise ImportError(
            "OpenCV needs a library for windows that is not installed here; the build without windows does not: "
            "pip uninstall -y opencv-python && pip install opencv-python-headless"
        ) from error

__all__ = ["cv2"]
