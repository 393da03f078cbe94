"""What a caller may name as a video."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from bottomup.video.av_source import AvSource, is_address
from bottomup.video.errors import VideoError
from bottomup.video.frames import Frame, FrameOptions, SourceInfo, SourceStats
from bottomup.video.other_sources import ArraySource, CameraSource, PictureSource


class Source(Protocol):
    """Frames, and what is known of them."""

    info: SourceInfo
    stats: SourceStats
    options: FrameOptions

    def __iter__(self) -> Iterator[Frame]: ...
    def close(self) -> None:
        """Let go of what is held open."""


def open_source(source: Any, options: FrameOptions | None = None, *, rate: float | None = None) -> Source:
    """Open a video.

    Parameters
    ----------
    source:
        A file, a folder of pictures, an address (rtsp, http and so on), the number of a camera (also as text, "0"), or
        an iterable of pictures or of (seconds, picture).
    options:
        Which frames to take; see `FrameOptions`.
    rate:
        Frames a second of a folder or of pictures; 25 if not given. Files and cameras know theirs.

    Raises VideoError, FileNotFoundError, TypeError or ImportError that say what is wrong with the source.
    """
    options = options or FrameOptions()
    if rate is not None and not rate > 0:
        raise ValueError(f"rate must be positive but is {rate}")
    more = {} if rate is None else {"rate": rate}
    if isinstance(source, bool):
        raise TypeError(f"source must be a video but is {source!r}")
    if isinstance(source, int) or (isinstance(source, str) and source.isascii() and source.isdecimal()):
        return CameraSource(int(source), options)
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source)
        if not text:
            raise VideoError("source must be the path of a video but is empty")
        if is_address(text):
            return AvSource(text, options)
        path = Path(text)
        if path.is_dir():
            return PictureSource(path, options, **more)
        if not path.exists() and "%" not in text:  # "frame%04d.png" is FFmpeg's name for a sequence
            raise FileNotFoundError(f"source must be a video but {text!r} does not exist")
        if path.is_file() and path.stat().st_size == 0:
            raise VideoError(f"source must be a video but {text!r} is empty")
        return AvSource(str(path), options)
    if isinstance(source, Iterable):
        return ArraySource(source, options, **more)
    raise TypeError(f"source must be a file, an address, a camera or pictures but is a {type(source).__name__}")
