"""A window that shows frames as they come."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from types import TracebackType

import cv2

from bottomup.image import BgrImage

_PROBE = "import cv2; cv2.namedWindow('probe', cv2.WINDOW_GUI_NORMAL); cv2.destroyAllWindows()"


def check_display() -> None:
    """RuntimeError if there is no display to show a window on, or this OpenCV was built without windows."""
    if not sys.platform.startswith("linux"):
        return
    displays = [os.environ.get(name, "") for name in ("WAYLAND_DISPLAY", "DISPLAY")]
    if not any(displays):
        raise RuntimeError("--show needs a display but there is none (DISPLAY is not set)")
    if reason := _probe(*displays):
        raise RuntimeError(reason)


@lru_cache(maxsize=1)
def _probe(wayland: str, display: str) -> str:
    """Why no window can be shown there; empty if one can. In another process, since Qt aborts the one that it is in."""
    try:
        tried = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return f"--show needs a display but {display or wayland} does not answer"
    if tried.returncode == 0:
        return ""
    if "not implemented" in tried.stderr:
        return "--show needs an OpenCV with windows: pip install opencv-python in place of opencv-python-headless"
    return f"--show needs a display but {display or wayland} cannot be reached"


class Window:
    """OpenCV's window; q, Escape or its cross end the show.

    Raises RuntimeError if there is no display, or if this OpenCV was built without windows.
    """

    def __init__(self, title: str) -> None:
        check_display()
        self.title = title
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
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
