"""A window that shows frames as they come."""

from __future__ import annotations

import os
import sys
from types import TracebackType

import cv2

from bottomup.image import BgrImage


def check_display() -> None:
    """RuntimeError if there is no display to show a window on."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise RuntimeError("--show needs a display but there is none (DISPLAY is not set)")


class Window:
    """OpenCV's window; q, Escape or its cross end the show.

    Raises RuntimeError if there is no display, or if this OpenCV was built without windows.
    """

    def __init__(self, title: str) -> None:
        check_display()
        self.title = title
        try:
            cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        except cv2.error as error:
            raise RuntimeError(
                "--show needs an OpenCV with windows: pip install opencv-python in place of opencv-python-headless"
            ) from error
        self._sized = False

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cv2.destroyWindow(self.title)
        cv2.waitKey(1)

    def show(self, image: BgrImage) -> bool:
        """Show a frame; False if the user wants no more."""
        if not self._sized:
            cv2.resizeWindow(self.title, image.shape[1], image.shape[0])
            self._sized = True
        cv2.imshow(self.title, image)
        key = cv2.waitKey(1) & 0xFF
        return key not in (ord("q"), 27) and cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) >= 1
