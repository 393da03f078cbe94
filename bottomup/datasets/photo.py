"""What is known of one photo, whatever the form of the data set that it comes from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton

# Beyond the outermost joints, as a share of their extent: a hand, a foot, the top of a head.
_BOX_MARGIN = 0.15

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Photo:
    """One photo and what is known of the people in it; coordinates are image pixels, pixel centres at integers.

    keypoints: (N, K, 2) float32 for the people whose joints are labelled, NaN where a joint is not.
    boxes: (N, 4) float32 xyxy, all of each of these people.
    ignore: (M, 4) float32 boxes xyxy with people whose joints are not labelled.
    known: (K,) bool, False for joints that the data set never labels.
    split: the data set's own name of the part that the photo belongs to, empty if it has none.
    shrunk: how many pixels of this file are one of the photo as its data set has it.
    bystanders: whether there may be people of whom nothing is said, not even a box to ignore.
    """

    id: int
    path: Path
    keypoints: FloatArray
    boxes: FloatArray
    ignore: FloatArray
    known: npt.NDArray[np.bool_]
    split: str = ""
    shrunk: float = 1.0
    bystanders: bool = False

    @property
    def visible(self) -> npt.NDArray[np.bool_]:
        """(N, K), True where a joint is labelled."""
        return np.asarray(np.isfinite(self.keypoints[..., 0]))


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

    def convert(self, keypoints: FloatArray, seen: npt.NDArray[np.bool_]) -> FloatArray:
        """(N, J, 2) coordinates and (N, J) which of them are labelled as (N, K, 2), NaN where they are not.

        Raises ValueError if a labelled coordinate is not finite.
        """
        if not np.isfinite(keypoints[seen]).all():
            raise ValueError("keypoints must be finite")
        return self._source.convert(keypoints, seen.astype(np.float32), self._target)[0]

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(K,) which of the skeleton's joints can be labelled at all."""
        everything = np.zeros((1, self.count, 2), np.float32)
        return np.asarray(np.isfinite(self.convert(everything, np.ones((1, self.count), bool))[0, :, 0]))


def joint_boxes(keypoints: FloatArray) -> FloatArray:
    """(N, 4) boxes xyxy a little larger than the labelled joints of (N, K, 2); of nobody's joints, an empty one."""
    boxes = np.zeros((len(keypoints), 4), np.float32)
    for box, points in zip(boxes, keypoints, strict=True):
        seen = points[np.isfinite(points[:, 0])]
        if len(seen):
            low, high = seen.min(axis=0), seen.max(axis=0)
            margin = _BOX_MARGIN * float((high - low).max())
            box[:2], box[2:] = low - margin, high + margin
    return boxes


def validation_ids(photos: Iterable[Photo], *, split: str = "val2017", count: int = 300) -> frozenset[int]:
    """The ids of the `count` photos of lowest id in a split: the part that training never sees."""
    if count < 0:
        raise ValueError(f"count must be at least 0 but is {count}")
    return frozenset(sorted(photo.id for photo in photos if photo.split == split)[:count])
