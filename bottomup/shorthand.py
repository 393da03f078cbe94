"""`detect_people`, the shorthand for a `Detector` that is kept."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, overload

from bottomup.detector import Detector, OnePicture
from bottomup.people import People
from bottomup.settings import Settings, check_settings
from bottomup.weights import NETWORKS, resolve_model

_KEPT_DETECTORS = 4  # that `detect_people` keeps ready: a few models or settings in turn, not a program's whole history


@overload
def detect_people(
    image: OnePicture,
    *,
    model: str | os.PathLike[str] = "default",
    device: str | None = None,
    settings: Settings | None = None,
    rgb: bool = False,
) -> People: ...
@overload
def detect_people(
    image: list[Any] | tuple[Any, ...],
    *,
    model: str | os.PathLike[str] = "default",
    device: str | None = None,
    settings: Settings | None = None,
    rgb: bool = False,
) -> list[People]: ...
@overload
def detect_people(
    image: Any,
    *,
    model: str | os.PathLike[str] = "default",
    device: str | None = None,
    settings: Settings | None = None,
    rgb: bool = False,
) -> Any: ...
def detect_people(
    image: Any,
    *,
    model: str | os.PathLike[str] = "default",
    device: str | None = None,
    settings: Settings | None = None,
    rgb: bool = False,
) -> People | list[People]:
    """The people in a picture, or of each picture of several, as `Detector(model, ...)(image)` finds them.

    The Detector is kept, so that only the first call with the same model, device and settings loads the network.
    See `Detector` for the parameters and errors, and its `__call__` for `image` and `rgb`.
    """
    if not isinstance(model, str) or model not in NETWORKS:
        model = str(resolve_model(model).absolute())  # a relative path means another file elsewhere
    detector = _detector(model, None if device is None else str(device), check_settings(settings))
    people: People | list[People] = detector(image, rgb=rgb)
    return people


@lru_cache(maxsize=_KEPT_DETECTORS)
def _detector(model: str, device: str | None, settings: Settings) -> Detector:
    return Detector(model, device=device, settings=settings)
