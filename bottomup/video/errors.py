"""What goes wrong with videos."""

from __future__ import annotations

from typing import Any


class VideoError(ValueError):
    """A video that cannot be read, or that ended in a way that it should not have. The message names it."""


def import_av() -> Any:
    """PyAV; ImportError says what to install."""
    try:
        import av
    except ImportError as error:
        raise ImportError('video files need PyAV: pip install "bottomup[video]"') from error
    av.logging.set_level(None)  # FFmpeg's own lines about every broken packet; errors still come as exceptions
    return av
