"""bottomup: bottom-up multi-person pose estimation.

>>> from bottomup import detect_people
>>> people = detect_people("photo.jpg")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bottomup._version import __version__
    from bottomup.crop_detector import CropDetector
    from bottomup.decoder import decode_fields
    from bottomup.detector import Detector
    from bottomup.fields import Fields
    from bottomup.people import People
    from bottomup.settings import Settings
    from bottomup.shorthand import detect_people
    from bottomup.skeleton import Skeleton
    from bottomup.tag_decoder import decode_tags
    from bottomup.tracking import Tracker
    from bottomup.video import track_video

__all__ = [
    "CropDetector",
    "Detector",
    "Fields",
    "People",
    "Settings",
    "Skeleton",
    "Tracker",
    "__version__",
    "decode_fields",
    "decode_tags",
    "detect_people",
    "track_video",
]

_HOMES = {
    "CropDetector": "crop_detector",
    "Detector": "detector",
    "Fields": "fields",
    "People": "people",
    "Settings": "settings",
    "Skeleton": "skeleton",
    "Tracker": "tracking",
    "__version__": "_version",
    "decode_fields": "decoder",
    "decode_tags": "tag_decoder",
    "detect_people": "shorthand",
    "track_video": "video",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command line starts quickly and `bottomup doctor`
    can speak where OpenCV or the extension does not load."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bottomup' has no attribute {name!r}")
    value = getattr(import_module(f"bottomup.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
