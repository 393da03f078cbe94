"""What is labelled in one photo, or one frame of a video, whatever the form of the data set that it comes from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton

AREA_OF_BOX = 0.53
"""Share of its box that a person covers: what CrowdPose's own evaluation takes, which has no outlines."""

# Beyond the outermost joints, as a share of their extent: a hand, a foot, the top of a head.
_BOX_MARGIN = 0.15

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PhotoLabels:
    """One photo and the N people who are labelled in it; coordinates are image pixels, pixel centres at integers.

    id: number of the photo in its file of labels.
    path: the photo's file.
    keypoints: (N, K, 2), NaN where a joint is not labelled.
    boxes: (N, 4) xyxy, all of each person.
    ignore: (M, 4) xyxy, where people are, or may be, who are not among the N: learnt from in no way.
    known: (K,) bool, False for joints that the data set never labels.
    split: the data set's own name of the part that the photo belongs to, empty if it has none.
    shrunk: how many pixels of this file are one of the photo as its data set has it.
    bystanders: whether there may be people of whom nothing is said, not even a box to ignore.
    areas: (N,) square pixels that each person covers; left out, 0.53 of the boxes.
    heads: (N, 4) xyxy of the heads, NaN where none is labelled; left out, nowhere.
    ignored: (N,) bool, people who do not count: finding them is neither right nor wrong; left out, those of whom no
        joint is labelled.
    crowds: (N,) bool, ignored boxes that hold several people; left out, none.
    trust: (N,) 0 to 1, how far each person's joints are to be believed, as those that a network found; left out, all 1.
    tracks: (N,) whole numbers, the same person's in all frames of a video; None if the data set has none.
    regions: polygons of (P, 2) pixels in which nothing is judged.
    labelled: False for a frame of a video of which nothing is labelled.
    size: (width, height) that the labels are made for, None if they do not tell.
    crowd_index: CrowdPose's measure of overlap, None if it is not told.
    video, frame: the video that this is a frame of, empty for a photo, and its number in it.
    unused: joints of the data set that the skeleton has no place for.
    """

    id: int
    path: Path
    keypoints: FloatArray
    boxes: FloatArray
    ignore: FloatArray
    known: BoolArray
    split: str = ""
    shrunk: float = 1.0
    bystanders: bool = False
    areas: FloatArray = None  # type: ignore[assignment]  # these five are made below
    heads: FloatArray = None  # type: ignore[assignment]
    ignored: BoolArray = None  # type: ignore[assignment]
    crowds: BoolArray = None  # type: ignore[assignment]
    trust: FloatArray = None  # type: ignore[assignment]
    tracks: npt.NDArray[np.int64] | None = None
    regions: tuple[FloatArray, ...] = ()
    labelled: bool = True
    size: tuple[int, int] | None = None
    crowd_index: float | None = None
    video: str = ""
    frame: int = 0
    unused: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.keypoints)
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        made: dict[str, Any] = {
            "areas": AREA_OF_BOX * sides[:, 0] * sides[:, 1],
            "heads": np.full((count, 4), np.nan),
            "ignored": ~self.visible.any(axis=1),
            "crowds": np.zeros(count, bool),
            "trust": np.ones(count),
        }
        for name, value in made.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    @classmethod
    def of_people(
        cls,
        keypoints: FloatArray,
        boxes: FloatArray,
        *,
        areas: FloatArray | None = None,
        heads: FloatArray | None = None,
        ignored: BoolArray | None = None,
    ) -> PhotoLabels:
        """The labels of people of whom no photo is known."""
        given = {"areas": areas, "heads": heads, "ignored": ignored}
        return cls(
            0, Path(), keypoints, boxes, np.zeros((0, 4)), np.ones(keypoints.shape[1], bool),
            **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
        )  # fmt: skip

    @property
    def visible(self) -> BoolArray:
        """(N, K), True where a joint is labelled."""
        return np.asarray(np.isfinite(self.keypoints[..., 0]))

    @property
    def sides(self) -> FloatArray:
        """(N, 2) width and height of the boxes."""
        return np.asarray(self.boxes[:, 2:] - self.boxes[:, :2])

    def select(self, rows: BoolArray) -> PhotoLabels:
        """Some of the people, all else as it is."""
        names = ("keypoints", "boxes", "areas", "heads", "ignored", "crowds", "trust", "tracks")
        chosen = {name: None if getattr(self, name) is None else getattr(self, name)[rows] for name in names}
        return replace(self, **chosen)  # type: ignore[arg-type]

    def scored(self) -> PhotoLabels:
        """Only the people who count; the boxes of the others are regions to ignore."""
        ignore = np.concatenate([self.ignore, self.boxes[self.ignored]]) if self.ignored.any() else self.ignore
        return replace(self.select(~self.ignored), ignore=ignore)

    def without(self, joints: Sequence[int]) -> PhotoLabels:
        """The same with some joints unlabelled; a person who has no other joint no longer counts."""
        keypoints = self.keypoints.copy()
        keypoints[:, list(joints)] = np.nan
        return replace(self, keypoints=keypoints, ignored=self.ignored | ~np.isfinite(keypoints[..., 0]).any(axis=1))

    def convert(self, joints: JointNames) -> PhotoLabels:
        """The people in the joints of another skeleton, as float32."""
        small = {
            one.name: np.asarray(getattr(self, one.name), np.float32)
            for one in fields(self)
            if one.name in ("boxes", "ignore", "areas", "heads")
        }
        keypoints = joints.convert(self.keypoints, self.visible)
        ignored = self.ignored | ~np.isfinite(keypoints[..., 0]).any(axis=1)
        return replace(
            self,
            keypoints=keypoints,
            ignored=ignored,
            known=joints.known,
            unused=joints.unused,
            **small,  # type: ignore[arg-type]
        )


class JointNames:
    """The joints that a data set labels, on their way into a skeleton.

    A joint of the skeleton that the data set does not name is built as `Skeleton.convert` does (the neck is the
    midpoint of the shoulders), else it stays unlabelled. `skip_joints` are not used, because the data set means
    something else by the name.
    """

    def __init__(self, joints: Sequence[str], skeleton: Skeleton, skip_joints: Collection[str] = ()) -> None:
        # A skipped joint keeps its place in the rows of numbers, under a name that no skeleton has.
        named = tuple(f"skipped {name}" if name in skip_joints else str(name) for name in joints)
        self._source = Skeleton("annotations", named, (), (0.1,) * len(named))
        self._target = skeleton
        self.count = len(named)

    def convert(self, keypoints: FloatArray, seen: BoolArray) -> FloatArray:
        """(N, J, 2) coordinates and (N, J) which of them are labelled as (N, K, 2) float32, NaN where they are not.

        Raises ValueError if a labelled coordinate is not finite.
        """
        if not np.isfinite(keypoints[seen]).all():
            raise ValueError("keypoints must be finite")
        return self._source.convert(keypoints, seen.astype(np.float32), self._target)[0]

    @property
    def known(self) -> BoolArray:
        """(K,) which of the skeleton's joints can be labelled at all."""
        lacking = self._source.lacks(self._target)
        return np.array([joint not in lacking for joint in self._target.joints], bool)

    @property
    def unused(self) -> tuple[str, ...]:
        """The data set's joints that no joint of the skeleton is made from, but those that were skipped."""
        used = {name for joint in self._target.joints for name in self._source.sources(joint)}
        return tuple(name for name in self._source.joints if name not in used and not name.startswith("skipped "))


def joint_boxes(keypoints: FloatArray) -> FloatArray:
    """(N, 4) boxes xyxy a little larger than the labelled joints of (N, K, 2); of no joints, an empty one."""
    boxes = np.zeros((len(keypoints), 4), keypoints.dtype)
    for box, points in zip(boxes, keypoints, strict=True):
        seen = points[np.isfinite(points[:, 0])]
        if len(seen):
            low, high = seen.min(axis=0), seen.max(axis=0)
            margin = _BOX_MARGIN * float((high - low).max())
            box[:2], box[2:] = low - margin, high + margin
    return boxes


def validation_ids(photos: Iterable[PhotoLabels], *, split: str = "val2017", count: int = 300) -> frozenset[int]:
    """The ids of the `count` photos of lowest id in a split: the part that training never sees."""
    if count < 0:
        raise ValueError(f"count must be at least 0 but is {count}")
    return frozenset(sorted(photo.id for photo in photos if photo.split == split)[:count])
