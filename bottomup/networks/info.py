"""What is known of a network beside its weights: `NetworkInfo`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from bottomup.networks.calibration import Calibration
from bottomup.skeleton import Skeleton

TASKS = ("fields", "tags", "crops", "places")
DECODES = ("argmax", "quarter", "taylor", "integral")
"""The ways to read a joint off the heatmap of one person; see `bottomup.keypoint_decoding.locate`."""
MAX_INPUT = 2048
"""Pixels: the highest input, and the largest crop, that a file may ask for; `Settings` may ask for more."""
_MAX_STRIDE = 64
_SETTINGS = ("input_height", "person_threshold", "pose_denoiser")
DENOISER = "default"
"""The pose denoiser that a network may ask for: the package's own, of COCO's 17 joints."""


@dataclass(frozen=True)
class NetworkInfo:
    """The facts of a network that everything around it goes by.

    skeleton: the joints and limbs of its fields.
    stride: network pixels per cell of its fields.
    alignment: the sides of its input must be multiples of this.
    task: what it gives. `fields`: heatmaps and part affinity fields of everybody in a picture; `tags`: heatmaps and
        associative embeddings; `crops`: heatmaps of the person in a crop; `places`: for each joint of that person a
        distribution over the cells of a crop, as logits.
    name: of the network, for people to read.
    y_offset: by how many network pixels it sees everything higher than it is.
    crop_size: (height, width) in pixels of the crops that it sees, or the side of square ones; 0 if it sees whole
        pictures.
    crop_margin: its crops are so many times as large as the box of their person.
    padding: grey level of its crops beyond the picture's edge.
    corner_cells: whether cell c of its heatmaps lies on pixel `stride` c, and not on (c + 0.5) `stride` - 0.5.
    decode: how the joints are read off its heatmaps, a name in `DECODES`; empty if it does
        not mind.
    default_settings: what it asks for where `Settings` leave it open: `input_height`, `person_threshold` (a score as
        the decoder gives it, before the calibration), `pose_denoiser`.
    calibration: what the scores of its people and joints mean; None where that was not measured.
    refine_share: of a network for crops, the weight of its joints against those of the people whom it looks at again, 0
        to 1; at 1 its joints take the others' place.

    Raises ValueError (TypeError for a wrong type) that names the fact, what it must be and what it was.
    """

    skeleton: Skeleton
    stride: int
    alignment: int
    task: str = "fields"
    name: str = ""
    y_offset: float = 0.0
    crop_size: int | tuple[int, int] = 0
    crop_margin: float = 1.25
    padding: int = 128
    corner_cells: bool = False
    decode: str = ""
    default_settings: Mapping[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    refine_share: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.skeleton, Skeleton):
            raise TypeError(f"skeleton must be a Skeleton but is a {type(self.skeleton).__name__}")
        check_whole("stride", self.stride, 1, _MAX_STRIDE)
        check_whole("alignment", self.alignment, 1, MAX_INPUT)
        if self.alignment % self.stride:
            raise ValueError(f"alignment must be a multiple of the stride {self.stride} but is {self.alignment}")
        if self.task not in TASKS:
            raise ValueError(f"task must be one of {TASKS} but is {self.task!r}")
        object.__setattr__(self, "crop_size", check_crop_size(self.crop_size, self.task))
        if not (math.isfinite(self.crop_margin) and 0.1 <= self.crop_margin <= 10):
            raise ValueError(f"crop_margin must be from 0.1 to 10 but is {self.crop_margin}")
        check_whole("padding", self.padding, 0, 255)
        if self.decode not in ("", *DECODES):
            raise ValueError(f"decode must be empty or one of {DECODES} but is {self.decode!r}")
        if not math.isfinite(self.y_offset) or abs(self.y_offset) > self.stride:
            raise ValueError(f"y_offset must be within a stride of {self.stride} but is {self.y_offset}")
        if not isinstance(self.calibration, Calibration | None):
            raise TypeError(f"calibration must be a Calibration but is a {type(self.calibration).__name__}")
        check_share(self.refine_share)
        object.__setattr__(self, "default_settings", MappingProxyType(_checked_settings(self.default_settings)))

    def __reduce__(self) -> tuple[Any, ...]:
        values = {fact.name: getattr(self, fact.name) for fact in fields(self)}
        return NetworkInfo, tuple((values | {"default_settings": dict(self.default_settings)}).values())


def check_crop_size(size: object, task: str) -> int | tuple[int, int]:
    """The `crop_size` of a network with a task; TypeError or ValueError if it cannot have it."""
    pair = tuple(size) if isinstance(size, (list, tuple)) else (size, size)
    if len(pair) != 2:
        raise ValueError(f"crop_size must be a side or height and width but is {size!r}")
    for side in pair:
        check_whole("crop_size", side, 0, MAX_INPUT)
    if all(side > 0 for side in pair) != (task in ("crops", "places")) or (0 in pair and any(pair)):
        raise ValueError(f"crop_size must be above 0 for crops and 0 for {task} but is {size}")
    return pair[0] if pair[0] == pair[1] else (pair[0], pair[1])


def check_share(share: object) -> None:
    """TypeError or ValueError unless it may be a `refine_share`."""
    if isinstance(share, bool) or not isinstance(share, (int, float)):
        raise TypeError(f"refine_share must be a number but is {share!r}")
    if not 0 < share <= 1:
        raise ValueError(f"refine_share must be above 0, up to 1, but is {share}")


def check_denoiser(name: object, *known: str) -> None:
    """ValueError unless it is one of the pose denoisers that a network may ask for: no file of its own choice."""
    if name not in known:
        raise ValueError(f"pose_denoiser must be one of {list(known)} but is {name!r}")


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """TypeError unless `value` is an int, ValueError unless it is from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number but is {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high} but is {value}")


def _checked_settings(wishes: object) -> dict[str, Any]:
    if not isinstance(wishes, Mapping):
        raise TypeError(f"default_settings must be a mapping but is a {type(wishes).__name__}")
    if unknown := sorted(str(name) for name in wishes if name not in _SETTINGS):
        raise ValueError(f"default_settings must be of {list(_SETTINGS)} but has {unknown[:5]}")
    if "input_height" in wishes:
        check_whole("input_height", wishes["input_height"], 1, MAX_INPUT)
    check_denoiser(wishes.get("pose_denoiser", DENOISER), DENOISER)
    threshold = wishes.get("person_threshold", 0.0)
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
        raise TypeError(f"person_threshold must be a number but is {threshold!r}")
    if not 0 <= threshold <= 1:
        raise ValueError(f"person_threshold must be from 0 to 1 but is {threshold}")
    return dict(wishes)
