"""The shape of the project's own networks, checked before anything is built by it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from bottomup.networks.calibration import Calibration
from bottomup.networks.info import (
    DECODES,
    DENOISER,
    MAX_INPUT,
    NetworkInfo,
    check_crop_size,
    check_denoiser,
    check_share,
    check_whole,
)
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18, read_skeleton, reported_skeleton, write_skeleton

TASKS = ("fields", "crops", "places")
BACKBONE_NAMES = (
    "cpn",
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite0_stride16",
    "hourglass",
    "hrnet",
    "pyramid",
    "resnet",
    "resnet50",
    "vgg",
)
STAGED_NAMES = ("cpn", "hourglass")
"""Backbones that make the predictions of all stages themselves."""

# Far above any network that was trained; what is beyond them is damaged, or meant to eat memory.
_MAX_CHANNELS, _MAX_WIDTH, _MAX_DEPTH, _MAX_STAGES = 1024, 4096, 64, 8


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a field network; saved with its weights.

    skeleton: whose joints and limbs the fields have; also given as a built-in one's name, or as the table that
        `Skeleton.from_dict` reads.
    stride: image pixels per cell of the fields, 4 or 8.
    backbone: a name in `BACKBONE_NAMES`.
    channels: of the features that the stages see, up to 1024.
    widths, depths: of the backbone, up to 4096 and 64.
    stages: how many predictions are made in turn, up to 8; of `hourglass` how many hourglasses, of `cpn` 2.
    task: `fields`: heatmaps and part affinity fields of everybody in a picture; `crops`: heatmaps of the person in a
        crop; `places`: for each joint of that person a distribution over the cells of a crop, as logits.
    crop_size: (height, width) in pixels of the crops that it was trained on, or the side of square ones; 0 for
        `fields`.
    decode: how joints are read off its heatmaps (`NetworkInfo.decode`): `integral` where it was trained by the mean.
    person_threshold: least score, as the decoder gives it, of the people in this network's fields, where `Settings`
        leaves it open: how sure a network is where no person is differs between networks. 0: the decoder's own.
    calibration: what the scores of its people and joints mean: the values of `Calibration`, or None.
    input_height: at which the network sees best for the time it takes, where `Settings` leaves it open, up to 2048.
        0: the usual.
    pose_denoiser: `default` if the package's denoiser is to mend this network's people, where they are reported in
        COCO's 17 joints and `Settings` leave it open.
    refine_share: of a network for crops, the weight of its joints in a second look (`NetworkInfo.refine_share`).

    Raises ValueError (TypeError for a wrong type) that names the field.
    """

    skeleton: Skeleton = OPENPOSE_COCO_18
    stride: int = 8
    backbone: str = "pyramid"
    channels: int = 80
    widths: tuple[int, ...] = (48, 64, 144, 256)
    depths: tuple[int, ...] = (1, 2, 2)
    stages: int = 2
    task: str = "fields"
    crop_size: int | tuple[int, int] = 0
    decode: str = ""
    person_threshold: float = 0.0
    input_height: int = 0
    pose_denoiser: str = ""
    calibration: Calibration | None = None
    refine_share: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "skeleton", read_skeleton(self.skeleton))
        if self.stride not in (4, 8):
            raise ValueError(f"stride must be 4 or 8 but is {self.stride}")
        if isinstance(self.person_threshold, bool) or not isinstance(self.person_threshold, (int, float)):
            raise TypeError(f"person_threshold must be a number but is {self.person_threshold!r}")
        if not 0 <= self.person_threshold <= 1:
            raise ValueError(f"person_threshold must be from 0 to 1 but is {self.person_threshold}")
        check_share(self.refine_share)
        check_denoiser(self.pose_denoiser, "", DENOISER)
        check_whole("input_height", self.input_height, 0, MAX_INPUT)
        if not isinstance(self.calibration, Calibration | None):  # JSON and TOML have its values
            object.__setattr__(self, "calibration", Calibration.from_dict(self.calibration))
        if self.task not in TASKS:
            raise ValueError(f"task must be one of {TASKS} but is {self.task!r}")
        object.__setattr__(self, "crop_size", check_crop_size(self.crop_size, self.task))
        if self.decode not in ("", *DECODES):
            raise ValueError(f"decode must be empty or one of {DECODES} but is {self.decode!r}")
        if self.backbone not in BACKBONE_NAMES:
            raise ValueError(f"backbone must be one of {sorted(BACKBONE_NAMES)} but is {self.backbone!r}")
        for name, low, high in (("widths", 1, _MAX_WIDTH), ("depths", 0, _MAX_DEPTH)):
            values = getattr(self, name)
            if not isinstance(values, (list, tuple)) or len(values) > 8:  # TOML and JSON have lists only
                raise TypeError(f"{name} must be at most 8 whole numbers but is {values!r}")
            for value in values:
                check_whole(name, value, low, high)
            object.__setattr__(self, name, tuple(values))
        check_whole("channels", self.channels, 1, _MAX_CHANNELS)
        check_whole("stages", self.stages, 1, _MAX_STAGES)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON or TOML, which `NetworkConfig(**values)` takes back."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values["skeleton"] = write_skeleton(self.skeleton)
        if self.calibration is None:
            del values["calibration"]  # TOML has no null
        else:
            values["calibration"] = self.calibration.to_dict()
        return values

    @property
    def default_settings(self) -> dict[str, Any]:
        """Settings that this network asks for where `Settings` leaves them open."""
        wishes: dict[str, Any] = {"person_threshold": self.person_threshold, "input_height": self.input_height}
        if reported_skeleton(self.skeleton).joints == COCO_17.joints:
            wishes["pose_denoiser"] = self.pose_denoiser
        return {name: value for name, value in wishes.items() if value}

    def info(self, name: str = "") -> NetworkInfo:
        """The same facts as everything around a network asks for them."""
        return NetworkInfo(
            skeleton=self.skeleton,
            stride=self.stride,
            alignment=self.alignment,
            task=self.task,
            name=name,
            crop_size=self.crop_size,
            decode=self.decode,
            default_settings=self.default_settings,
            calibration=self.calibration,
            refine_share=self.refine_share,
        )

    @property
    def alignment(self) -> int:
        """The sides of every input are multiples of it: the stride of the coarsest features."""
        return 64 if self.backbone == "hourglass" else 32

    @property
    def outputs(self) -> int:
        """Channels of heatmaps and part affinity fields together."""
        return self.skeleton.num_joints + (2 * self.skeleton.num_limbs if self.task == "fields" else 0)
