"""People in boxes: a network that looks at one person at a time, where some detector has found somebody.

This is the proposals mode of CrowdPose (Li et al., CVPR 2019). In a crowd a box holds joints of several people, so the
network gives candidates of each joint, those of others too, and one optimal assignment per joint type over all boxes
says whose they are.
"""

from __future__ import annotations

import os
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from bottomup.grouping.assignment import solve_assignment
from bottomup.grouping.edges import Edges
from bottomup.grouping.proposals import check_proposal_lists
from bottomup.image import PADDING_GREY, BgrImage, to_bgr
from bottomup.kernels import find_peaks
from bottomup.keypoint_decoding import WAYS, certainty, locate, softmax
from bottomup.networks.backends.factory import load_backend
from bottomup.people import People
from bottomup.skeletons import reported_skeleton
from bottomup.weights import resolve_model

CROP_MARGIN = 1.25
"""The side of a crop is so many times the longer side of its box: detectors cut off hands and feet."""
_BATCH = 32  # crops shown to the network at once
# CrowdPose, sec. 3.3: two candidates are one joint if they are nearer than the smaller extent of the two. Times its
# delta_k, which in mean over the joints is about 2 (`Settings.merge_distance`).
_SAME_JOINT = 2.0

Floats = npt.NDArray[np.float64]


class CropDetector:
    """A network for crops that is ready to find the joints of people whose boxes are known.

    Parameters
    ----------
    model:
        The `.safetensors` of `bottomup train --crops`, or the `.onnx` that `bottomup export onnx` made of it.
    device, backend:
        As in `Detector`.
    decode:
        How a joint is read off its heatmap. `candidates`: all peaks are candidates, which boxes share out among each
        other; needs a network with heatmaps (`task` `crops`). Otherwise each box by itself: `argmax`, `quarter`,
        `taylor` or `integral`, see `bottomup.keypoint_decoding.locate`. None: `candidates` if the
        network can, else `taylor`.
    joint_threshold:
        Joints with a lower score are missing.

    Attributes
    ----------
    skeleton:
        What the people are reported in: COCO-17 for a network of OpenPose's 18 joints, else the network's own.

    Raises as `Detector` does, and ValueError if the network sees whole pictures or cannot be decoded so.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        device: str | None = None,
        backend: str | None = None,
        decode: str | None = None,
        joint_threshold: float = 0.1,
    ) -> None:
        self.backend = load_backend(resolve_model(model), device=device, backend=backend)
        self.task = self.backend.info.task
        if self.task == "fields":
            raise ValueError(f"model must be a network for crops but {model} sees whole pictures: use Detector")
        ways = (*WAYS, "candidates") if self.task == "crops" else WAYS
        self.decode = ("candidates" if self.task == "crops" else "taylor") if decode is None else decode
        if self.decode not in ways:
            raise ValueError(f"decode must be one of {ways} for a network of {self.task} but is {decode!r}")
        if isinstance(joint_threshold, bool) or not isinstance(joint_threshold, (int, float, np.number)):
            raise TypeError(f"joint_threshold must be a number but is {joint_threshold!r}")
        if not 0 <= joint_threshold <= 1:
            raise ValueError(f"joint_threshold must be from 0 to 1 but is {joint_threshold}")
        self.joint_threshold = joint_threshold
        self.skeleton = reported_skeleton(self.backend.info.skeleton)

    def __repr__(self) -> str:
        return f"CropDetector({self.skeleton.name}, {type(self.backend).__name__} on {self.backend.device})"

    def __call__(self, image: Any, *, proposals: Any, rgb: bool = False, keep_all: bool = False) -> People:
        """The people in the boxes, one for each in their order, but for boxes in which no joint was found.

        Parameters
        ----------
        image:
            One picture, of any kind that `Detector` takes.
        proposals:
            (N, 4) floats x0, y0, x1, y1 in pixels of the picture.
        rgb:
            A NumPy array is RGB, not BGR.
        keep_all:
            One for every box, so that people and boxes can be zipped: where no joint was found all are missing.

        Returns
        -------
        People in the pixels of the picture. A person's score is the mean of the scores of all joints, 0 for those that
        are missing.

        Raises TypeError, ValueError and FileNotFoundError as `Detector` does; ValueError if there are no proposals.
        """
        if proposals is None:
            raise ValueError("proposals must be boxes of people but is None: CropDetector finds nobody by itself")
        picture = to_bgr(image, rgb=rgb)
        (boxes,) = check_proposal_lists([proposals], 1, True)
        assert boxes is not None
        views = [crop_view(box, self.backend.info.crop_size) for box in boxes]
        xy, scores = self._joints([cut(picture, view, self.backend.info.crop_size) for view in views], views)
        missing = scores < self.joint_threshold
        xy[missing], scores[missing] = np.nan, 0.0
        height, width, _ = picture.shape
        keypoints = np.clip(xy, 0, (width - 1, height - 1)).astype(np.float32)
        people = People(self.backend.info.skeleton, keypoints, scores.astype(np.float32), scores.mean(axis=1))
        people = people.convert(self.skeleton)
        return people if keep_all else people[np.flatnonzero(people.keypoint_scores.any(axis=1))]

    def heatmaps(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(N, K, h, w) what the network makes of (N, S, S, 3) crops, BGR: heatmaps, or the probability of each cell."""
        parts = [self.backend.run(crops[first : first + _BATCH])[0] for first in range(0, len(crops), _BATCH)]
        maps = cast(npt.NDArray[np.float32], np.concatenate(parts))
        return softmax(maps).astype(np.float32) if self.task == "places" else maps

    def _joints(self, crops: list[BgrImage], views: list[Floats]) -> tuple[Floats, Floats]:
        """(N, K, 2) places in pixels of the picture and (N, K) scores, 0 where there is no joint."""
        joints = self.backend.info.skeleton.num_joints
        if not crops:
            return np.zeros((0, joints, 2)), np.zeros((0, joints))
        maps, stride = self.heatmaps(np.stack(crops)), self.backend.info.stride
        to_picture = np.stack([np.linalg.inv(view) for view in views])  # (N, 3, 3)
        if self.decode == "candidates":
            return share_joints(maps, to_picture, stride)
        cells, scores = locate(maps, self.decode)
        if self.task == "places":
            scores = certainty(maps.astype(np.float64))
        return _move(cells, to_picture, stride), scores


def crop_view(box: npt.ArrayLike, size: int) -> Floats:
    """(3, 3) the map from picture pixels to those of the `size` x `size` crop around a box xyxy."""
    x0, y0, x1, y1 = np.asarray(box, np.float64)
    scale = size / (CROP_MARGIN * max(x1 - x0, y1 - y0, 1.0))
    view = np.diag([scale, scale, 1.0])
    view[:2, 2] = (size - 1) / 2 - scale * np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return view


def cut(picture: BgrImage, view: Floats, size: int) -> BgrImage:
    """The crop (size, size, 3) of a picture; grey beyond the picture's edge. Shrinking averages, lest detail alias."""
    block = int(1 / view[0, 0])
    if block > 1:  # averaged in blocks first, as `Letterbox` does
        sides = np.array(picture.shape[1::-1])
        smaller = np.maximum(sides // block, 1)
        picture = np.asarray(cv2.resize(picture, smaller.tolist(), interpolation=cv2.INTER_AREA), np.uint8)
        larger = np.diag([*(sides / smaller), 1.0])  # the half-pixel rule, backwards
        larger[:2, 2] = 0.5 * sides / smaller - 0.5
        view = view @ larger
    grey = (PADDING_GREY,) * 3
    crop = cv2.warpAffine(picture, view[:2], (size, size), flags=cv2.INTER_LINEAR, borderValue=grey)
    return np.asarray(crop, np.uint8)


def share_joints(maps: npt.NDArray[np.float32], to_picture: Floats, stride: int) -> tuple[Floats, Floats]:
    """Give the joint candidates of all crops to the people whom the crops are around.

    Li et al., CVPR 2019, sec. 3.3 and 3.4: candidates of different crops that lie together are one joint node; a
    person and a node are connected if the person's crop shows it, with its response as weight; each joint type is one
    optimal assignment, in which a person takes at most one node and a node serves at most one person.

    Parameters
    ----------
    maps:
        (N, K, h, w) heatmaps of the crops.
    to_picture:
        (N, 3, 3) from pixels of each crop to those of the picture.
    stride:
        Pixels of a crop per cell.

    Returns
    -------
    (N, K, 2) places in pixels of the picture and (N, K) scores, 0 where there is none.
    """
    crops, joints = maps.shape[:2]
    peaks = find_peaks(maps)
    row = np.repeat(np.arange(crops * joints), np.diff(peaks.offsets))
    crop, joint = np.divmod(row, joints)
    places = _move(peaks.xy[:, None].astype(np.float64), to_picture[crop], stride)[:, 0]
    reach = _SAME_JOINT * peaks.extents * stride * np.abs(to_picture[crop, 0, 0])
    xy, scores = np.full((crops, joints, 2), np.nan), np.zeros((crops, joints))
    for k in range(joints):
        of_type = np.flatnonzero(joint == k)
        node = _nodes(places[of_type], peaks.scores[of_type], reach[of_type], crop[of_type])
        weight = peaks.scores[of_type].astype(np.float64)
        person, chosen = solve_assignment(Edges(crop[of_type], node, weight))
        by_edge = {(int(i), int(n)): which for i, n, which in zip(crop[of_type], node, of_type, strict=True)}
        taken = [by_edge[int(i), int(n)] for i, n in zip(person, chosen, strict=True)]
        xy[person, k], scores[person, k] = places[taken], peaks.scores[taken]
    return xy, scores


def _nodes(
    places: Floats, scores: npt.NDArray[np.float32], reach: Floats, crop: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """(n,) the joint node of each candidate of one type. The surest come first; each joins the nearest node in reach
    that has none of the same crop yet, or is a new one."""
    node = np.full(len(places), -1)
    leaders: list[int] = []
    members: list[set[int]] = []
    for n in np.argsort(-scores, kind="stable"):
        apart = np.hypot(*(places[leaders] - places[n]).T) if leaders else np.zeros(0)
        near = np.flatnonzero(apart <= np.minimum(reach[leaders], reach[n]))
        free = [int(one) for one in near[np.argsort(apart[near], kind="stable")] if int(crop[n]) not in members[one]]
        if not free:
            free = [len(leaders)]
            leaders.append(int(n))
            members.append(set())
        node[n] = free[0]
        members[free[0]].add(int(crop[n]))
    return node


def _move(cells: Floats, to_picture: Floats, stride: int) -> Floats:
    """(N, J, 2) cells of crops to pixels of the picture."""
    pixels = (cells + 0.5) * stride - 0.5
    turned = np.einsum("nij,nkj->nki", to_picture[:, :2, :2], pixels)
    return np.asarray(turned + to_picture[:, None, :2, 2])
