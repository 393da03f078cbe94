"""One entry of a file in COCO form: an annotation, checked, with what converters leave out or write otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bottomup.datasets.photo import FloatArray

# AI Challenger's v for a joint that is not labelled; COCO's own are 0, 1 and 2.
_NOT_LABELLED = 3
# Square pixels: nothing that small has joints, so such an area was never measured.
_LEAST_AREA = 1.0
_FARTHEST = 1e9  # pixels; more is a slip, and its square has no place in float32


@dataclass(slots=True)
class Annotation:
    """What is kept of an annotation. `where` names it in errors."""

    where: str
    image: int | str
    category: Any
    keypoints: FloatArray | None
    counted: int | None
    box: FloatArray | None
    area: float
    crowd: bool
    head: FloatArray | None
    track: int | None
    trust: float


def canonical_id(value: Any) -> int | str:
    """A photo's id as a whole number where it is one, also as 7.0 or "0007"; other text as it is.

    Raises ValueError if it is neither.
    """
    if isinstance(value, str) and value.strip():
        return int(value) if value.strip().isdecimal() else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"ids must be whole numbers or text but one is {value!r}")
    return value


def read_annotation(number: int, annotation: Mapping[str, Any]) -> Annotation:
    """The annotation with this number in its file; ValueError that names it and what is wrong with it."""
    where = f"annotation {number}" + (f" (id {annotation['id']!r})" if "id" in annotation else "")
    if "image_id" not in annotation:
        raise ValueError(f"{where} has no image_id")
    try:
        return Annotation(
            where=where,
            image=canonical_id(annotation["image_id"]),
            category=annotation.get("category_id"),
            keypoints=_keypoints(annotation.get("keypoints")),
            counted=_count(annotation.get("num_keypoints")),
            box=_box(annotation.get("bbox")),
            area=_area(annotation.get("area")),
            crowd=annotation.get("iscrowd") not in (None, 0, False, "0", "false", ""),
            head=_head(annotation),
            track=_count(annotation.get("track_id")),
            trust=_trust(annotation.get("score")),
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{where}: {error}") from error


def _keypoints(values: Any) -> FloatArray | None:
    """x, y, v of each joint in a row; NaN coordinates where v says that it is not labelled."""
    if values is None or (isinstance(values, list) and not values):
        return None
    array = np.asarray(values)
    if array.dtype == object and array.ndim == 1 and all(v is None or is_number(v) for v in values):
        array = np.array([np.nan if v is None else v for v in values], np.float64)
    if array.dtype.kind not in "iuf" or array.size % 3 or (array.ndim > 1 and array.shape[1:] != (3,)):
        raise ValueError(f"keypoints must be finite numbers, 3 for each joint, but is {values!r}"[:200])
    rows = array.astype(np.float64).reshape(-1, 3)
    labelled = (rows[:, 2] > 0) & (rows[:, 2] != _NOT_LABELLED)
    _check_near("keypoints", rows[labelled])
    if np.isfinite(rows).all():  # as nearly always
        rows[~labelled] = (np.nan, np.nan, 0)
        return rows.ravel()
    unsure = np.isnan(rows[:, 2]) & np.isfinite(rows[:, :2]).all(axis=1) & rows[:, :2].any(axis=1)
    if not np.isfinite(rows[labelled]).all() or unsure.any():
        raise ValueError(f"keypoints must be {array.size} finite numbers but is {values!r}"[:200])
    rows[~labelled] = (np.nan, np.nan, 0)
    return rows.ravel()


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _count(value: Any) -> int | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if is_number(value) and math.isfinite(value) and int(value) == value:
        return int(value)
    raise ValueError(f"ids and counts must be whole numbers but one is {value!r}")


def _box(values: Any, name: str = "bbox") -> FloatArray | None:
    """(4,) xyxy from x, y, width and height; None if it is not told."""
    if values is None or (isinstance(values, list) and (not values or all(v is None for v in values))):
        return None
    array = np.asarray(values)
    if array.shape != (4,) or array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be 4 finite numbers but is {values!r}"[:200])
    box = array.astype(np.float64)
    if np.isnan(box).any():
        return None
    if not np.isfinite(box).all():
        raise ValueError(f"{name} must be 4 finite numbers but is {values!r}"[:200])
    if box[2:].min() < 0:
        raise ValueError(f"{name} must have width and height from 0 on but is {values}")
    _check_near(name, box)
    box[2:] += box[:2]
    return box


def _check_near(name: str, values: FloatArray) -> None:
    if np.abs(values).max(initial=0.0) > _FARTHEST and np.isfinite(values).all():
        raise ValueError(f"{name} must be within {_FARTHEST:.0e} pixels but has {np.abs(values).max():g}")


def _area(value: Any) -> float:
    """Square pixels, NaN if they are not told or can be none."""
    if value is None:
        return math.nan
    if not is_number(value):
        raise ValueError(f"area must be a number but is {value!r}")
    return float(value) if _LEAST_AREA < value < _FARTHEST**2 else math.nan


def _trust(score: Any) -> float:
    """The score of what a network found, where it is one of 0 to 1; labels by people have none and count 1."""
    return float(score) if is_number(score) and 0 <= score <= 1 else 1.0


def _head(annotation: Mapping[str, Any]) -> FloatArray | None:
    """(4,) xyxy of the head: `head_box` and PoseTrack's `bbox_head` have sides, Bonn's `head_rect` has corners."""
    if (corners := annotation.get("head_rect")) is not None:
        box = np.asarray(corners, np.float64)
        if box.shape != (4,):
            raise ValueError(f"head_rect must be 4 numbers but is {corners!r}"[:200])
        return np.concatenate([np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])])
    for name in ("head_box", "bbox_head"):
        if annotation.get(name) is not None:
            return _box(annotation[name], name)
    return None
