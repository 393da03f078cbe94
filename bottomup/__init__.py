"""bottomup: bottom-up multi-person pose, as fast for a crowd as for one.

>>> from bottomup import detect_people
>>> people = detect_people("photo.jpg")
"""

from bottomup._version import __version__
from bottomup.decoder import decode_fields
from bottomup.detector import Detector, detect_people
from bottomup.fields import Fields
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton

__all__ = [
    "Detector",
    "Fields",
    "People",
    "Settings",
    "Skeleton",
    "__version__",
    "decode_fields",
    "detect_people",
]
