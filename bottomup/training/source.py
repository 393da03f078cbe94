"""Where the photos of a training run come from."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One folder of photos.

    folder: relative to the data root; in any form that `bottomup.datasets.read_labels` knows, or photos without people
        if it has no labels.
    labels: file of the labels, relative to the folder; empty: the one with a usual name, as `annotations.json` or
        COCO's own `annotations/person_keypoints_SPLIT.json`.
    pseudo_labels: a second file of labels of the same photos, relative to the folder, with people whom a network found
        beside those of `labels` (`score` in it is how far they are believed), and regions to ignore.
    images: folder of the photos that are labelled, relative to `folder`; empty: where they usually are.
    weight: this source's share of the crops, relative to the other sources.
    skip_joints: joints of the file that mean something else than the skeleton's joint of that name.
    bystanders: people may be there of whom the labels do not even have a box. Without a teacher nothing is learnt
        beyond the labelled people then. Always so for Leeds Sports Pose.
    held_out_split, held_out: this many photos of lowest id in that split are never trained on. Only COCO's form has
        splits and ids (`coco_split`); elsewhere it is the first photos, in the order of the file or by path.
    held_out_share: hold this share of the photos out instead, one at least, spread over the folder by their file names.
    person_size: > 0 rescales each photo so that its labelled person is that many pixels long (at most thrice as
        large), the scale to which `scale` and `teacher_scales` are relative; 0 takes the photo as it is.
    scale: smallest and largest scale of a crop.
    teacher_scales: at which scales the teacher looks at the photo; empty: no teacher here.
    label_trust: share of the label, against the teacher, near a labelled joint.
    """

    folder: str
    weight: float = 1.0
    labels: str = ""
    pseudo_labels: str = ""
    images: str = ""
    skip_joints: tuple[str, ...] = ()
    bystanders: bool = False
    held_out_split: str = ""
    held_out: int = 0
    held_out_share: float = 0.0
    person_size: float = 0.0
    scale: tuple[float, float] = (0.5, 1.5)
    teacher_scales: tuple[float, ...] = ()
    label_trust: float = 1.0

    def __post_init__(self) -> None:
        for name in ("skip_joints", "scale", "teacher_scales"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        require = Requirements()
        require(math.isfinite(self.weight) and self.weight > 0, "weight", "positive", self.weight)
        require(len(self.scale) == 2 and 0 < self.scale[0] <= self.scale[1], "scale", "two rising sizes", self.scale)
        require(min(self.teacher_scales, default=1) > 0, "teacher_scales", "positive", self.teacher_scales)
        require(0 <= self.label_trust <= 1, "label_trust", "from 0 to 1", self.label_trust)
        require(0 <= self.held_out_share < 1, "held_out_share", "from 0 to below 1", self.held_out_share)
        require.check()


class Requirements:
    """What values must be: all that are wrong are told at once."""

    def __init__(self) -> None:
        self._broken: list[str] = []

    def __call__(self, fits: bool, name: str, what: str, value: object) -> None:
        """Note the value, what it must be and what it is, unless it fits."""
        if not fits:
            self._broken.append(f"{name} must be {what} but is {value}")

    def check(self) -> None:
        """ValueError that lists what was noted, if anything was."""
        if self._broken:
            raise ValueError("; ".join(self._broken))
