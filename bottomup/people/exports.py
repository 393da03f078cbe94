"""What People become for other tools, and how they come from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from bottomup.people import formats
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, get_skeleton

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import supervision as sv
    import torch

    from bottomup.people.people import People


class Exports:
    """The methods of People that write or read other tools' formats; `formats` does it."""

    def to_dict(self) -> dict[str, Any]:
        """The people as plain numbers, ready for `json.dump`.

        Returns
        -------
        `skeleton` (its name), `joints` (their names) and `people`, a list of {score, box, keypoints, traced}: `box` is
        x1, y1, x2, y2 (zeros for a person without joints), `keypoints` x, y, score of each joint in a flat list,
        0, 0, 0 for a missing one, `traced` the names of the joints that no peak of their own shows, and `id` stands
        first where there are ids. Coordinates are rounded to a thousandth of a pixel,
        scores to a millionth.
        """
        return formats.to_dict(_people(self))

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """One dictionary for each joint of each person: person (its number), id, person_score, joint (its name), x, y,
        score, traced. x and y of a missing joint are None, and its score is 0; id is None where nothing was tracked."""
        return formats.to_rows(_people(self))

    def to_dataframe(self) -> pd.DataFrame:
        """pandas' table of `to_rows`: N K lines, x and y of a missing joint NaN. ImportError if there is no pandas."""
        return formats.to_dataframe(_people(self))

    def to_arrow(self) -> pa.Table:
        """pyarrow's table of `to_rows`: N K lines, x and y of a missing joint null, the skeleton's name in the schema's
        metadata. ImportError if there is no pyarrow."""
        return formats.to_arrow(_people(self))

    def to_coco(self, image_id: int) -> list[dict[str, Any]]:
        """COCO's keypoint results, ready for `json.dump`.

        Each person is {image_id, category_id: 1, keypoints: [x, y, v, ...], keypoint_scores, score} with v = 2 for a
        joint that was found and 0, 0, 0 for a missing one, and track_id for people with ids. Coordinates are rounded to
        a thousandth of a pixel.
        """
        return formats.to_coco(_people(self), image_id)

    def to_openpose(self) -> dict[str, Any]:
        """OpenPose's JSON structure (its output format 1.3), ready for `json.dump`.

        `pose_keypoints_2d` holds x, y, confidence of each joint, 0 0 0 for a missing one; `person_id` is the id of the
        person, -1 where nothing was tracked. COCO-17 people are given as OpenPose's COCO-18, neck included, since that
        is what its readers expect; others keep their joints.
        """
        return formats.to_openpose(_people(self))

    def to_torchvision(self, *, logits: bool = False) -> dict[str, torch.Tensor]:
        """The dictionary of torchvision's Keypoint R-CNN, whose own joint scores are no shares but logits.

        logits: give logits of the joint scores, log(p / (1 - p)), within 9.2 of 0, for programs with thresholds made
        for Keypoint R-CNN's, such as 0 or 2; else they are from 0 to 1 as everywhere here.

        Returns
        -------
        boxes (N, 4) float32, labels (N,) int64 ones, scores (N,), keypoints (N, K, 3) with x, y and
        visibility 0 or 1 (a missing joint is 0 0 0), keypoints_scores (N, K).
        """
        return formats.to_torchvision(_people(self), logits)

    def to_supervision(self) -> sv.KeyPoints:
        """supervision's key points, for its annotators: a missing joint is 0 0, not visible, of confidence 0; ids are
        `data["tracker_id"]`. Edges for its `EdgeAnnotator` are the skeleton's limbs counted from 1. ImportError if
        there is no supervision."""
        return formats.to_supervision(_people(self))

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows: the picture with the people drawn on it, if it is still known."""
        people = _people(self)
        return None if people._picture is None else people._picture.png(people.draw)

    def _repr_html_(self) -> str:
        """What a notebook shows: the picture, if it is still known, and a table of the people."""
        return formats.to_html(_people(self), self._repr_png_())

    @classmethod
    def from_coco(cls, entries: Any, skeleton: Skeleton | str = COCO_17, *, image_id: int | None = None) -> People:
        """The people of COCO's results or annotations.

        Parameters
        ----------
        entries:
            A list of dictionaries with `keypoints` (x, y and a third number for each joint), or a dictionary of which
            `annotations` is one. Third numbers that are all 0, 1 or 2 are COCO's visibility: 0 is a missing joint, any
            other has score 1. Else they are scores. `keypoint_scores`, `score` (1 without it) and `track_id` are read.
        skeleton:
            What the joints are, or the name of a built-in one.
        image_id:
            Take only the entries of this picture.

        Raises
        ------
        TypeError, ValueError
            If entries are no such list, of several pictures without an image_id, or of another number of joints.
        """
        skeleton = get_skeleton(skeleton) if isinstance(skeleton, str) else skeleton
        return cast("type[People]", cls)(*formats.from_coco(entries, skeleton, image_id))

    @classmethod
    def from_openpose(cls, document: Any, skeleton: Skeleton | str | None = None) -> People:
        """The people of OpenPose's JSON, as `json.load` gives it.

        Parameters
        ----------
        document:
            A dictionary of which `people` is a list, each with `pose_keypoints_2d`.
        skeleton:
            What the joints are, or the name of a built-in one; None tells it by their number: 25 (BODY_25), 18
            (OpenPose's COCO) or 17.

        A person's score is the mean of its joints' scores, as OpenPose has none. Raises TypeError or ValueError if that
        is no such document, or has another number of joints.
        """
        skeleton = get_skeleton(skeleton) if isinstance(skeleton, str) else skeleton
        return cast("type[People]", cls)(*formats.from_openpose(document, skeleton))


def _people(exports: Exports) -> People:
    return cast("People", exports)
