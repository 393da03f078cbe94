"""People in boxes: a network that looks at one person at a time, where some detector has found somebody.

This is the proposals mode of CrowdPose (Li et al., CVPR 2019). In a crowd a box holds joints of several people, so the
network gives candidates of each joint, those of others too. Each box is read by itself, of several boxes of one person
the best stays, and one optimal assignment per joint type over all that are left says whose the joints are.
"""

from __future__ import annotations

import os
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from bottomup.crop_geometry import crop_view, cut, sides, to_picture
from bottomup.grouping.proposals import check_proposal_lists
from bottomup.image import BgrImage, to_bgr
from bottomup.joint_sharing import MAX_SHARED, share_joints
from bottomup.keypoint_decoding import WAYS, certainty, concentration, locate, softmax
from bottomup.networks.backends.base import Backend, info_of, runtime
from bottomup.networks.backends.factory import load_backend
from bottomup.people import People
from bottomup.pose_nms import MAX_OKS, oks_nms
from bottomup.skeletons import reported_skeleton
from bottomup.validation import check_number
from bottomup.weights import resolve_model

_BATCH = 32  # crops shown to the network at once

Floats = npt.NDArray[np.float64]


class CropDetector:
    """A network for crops that is ready to find the joints of people whose boxes are known.

    Parameters
    ----------
    model:
        The `.safetensors` of `bottomup train --crops`, the `.onnx` that `bottomup export onnx` made of it, the
        published checkpoint of an HRNet, Simple Baselines, CPN or stacked hourglass (`.pth`, `.pth.tar`), or
        PP-TinyPose, as OpenVINO's `.xml` or Paddle's `.pdmodel`.
    device, backend:
        As in `Detector`; an object in place of a backend's name is used as it is.
    decode:
        How a joint is read off its heatmap. `candidates`: all peaks are candidates, which boxes share out among each
        other; needs a network with heatmaps (`task` `crops`). Otherwise each box by itself: `argmax`, `quarter`,
        `taylor` or `integral` (of networks with distributions, `task` `places`), see
        `bottomup.keypoint_decoding.locate`. None: what the network asks for, else `candidates` if it can, else
        `taylor`.
    joint_threshold:
        Joints with a lower score are missing.
    max_oks:
        Of boxes whose people are more alike than this, 0..1, only the best stays: they are of one person. At 1 all
        stay. None: with `candidates` 0.8 of the joints that both boxes claim (`share_joints`), else an OKS of 0.9.
    flip:
        Look at each crop mirrored, too, and average the heatmaps: slower, better.

    Attributes
    ----------
    skeleton:
        What the people are reported in: COCO-17 for a network of OpenPose's 18 joints, else the network's own.

    Raises as `Detector` does, and ValueError if the network sees whole pictures or cannot be decoded so.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "",
        *,
        device: str | None = None,
        backend: str | Backend | None = None,
        decode: str | None = None,
        joint_threshold: float = 0.1,
        max_oks: float | None = None,
        flip: bool = False,
    ) -> None:
        if backend is None or isinstance(backend, str):
            backend = load_backend(resolve_model(model), device=device, backend=backend)
        self.backend = backend
        self.info = info_of(backend)
        self.task = self.info.task
        if self.task not in ("crops", "places"):
            raise ValueError(f"model must be a network for crops but {model} sees whole pictures: use Detector")
        # A mean needs a distribution; heatmaps that are a little above 0 everywhere would draw it to the middle.
        ways = WAYS if self.task == "places" else (*(way for way in WAYS if way != "integral"), "candidates")
        self.decode = decode or self.info.decode or ("candidates" if self.task == "crops" else "taylor")
        if self.decode not in ways:
            raise ValueError(f"decode must be one of {ways} for a network of {self.task} but is {self.decode!r}")
        check_number("joint_threshold", joint_threshold, low=0, high=1)
        if max_oks is None:
            max_oks = MAX_SHARED if self.decode == "candidates" else MAX_OKS
        check_number("max_oks", max_oks, low=0, high=1)
        self.joint_threshold, self.max_oks, self.flip = joint_threshold, max_oks, flip
        self.skeleton = reported_skeleton(self.info.skeleton)

    def __repr__(self) -> str:
        return f"CropDetector({self.skeleton.name}, {runtime(self.backend)})"

    def __call__(self, image: Any, *, proposals: Any, rgb: bool = False, keep_all: bool = False) -> People:
        """The people in the boxes, in their order, one for each box but for those without a person of their own.

        Parameters
        ----------
        image:
            One picture, of any kind that `Detector` takes.
        proposals:
            (N, 4) floats x0, y0, x1, y1 in pixels of the picture.
        rgb:
            A NumPy array is RGB, not BGR.
        keep_all:
            One for every box, so that people and boxes can be zipped: all joints are missing where none was found, and
            in a box whose person another box shows better (`max_oks`).

        Returns
        -------
        People in the pixels of the picture. A person's score is the mean over all joints of how high its own crop shows
        them, 0 for those that are missing.

        Raises TypeError, ValueError and FileNotFoundError as `Detector` does; ValueError if there are no proposals.
        """
        if proposals is None:
            raise ValueError("proposals must be boxes of people but is None: CropDetector finds nobody by itself")
        picture = to_bgr(image, rgb=rgb)
        (boxes,) = check_proposal_lists([proposals], 1, True)
        assert boxes is not None
        xy, scores, people_scores = self._joints(picture, boxes)
        missing = (scores < self.joint_threshold) | (scores <= 0)
        xy[missing], scores[missing] = np.nan, 0.0
        height, width, _ = picture.shape
        keypoints = np.clip(xy, 0, (width - 1, height - 1)).astype(np.float32)
        people = People(self.info.skeleton, keypoints, scores.astype(np.float32), people_scores.astype(np.float32))
        people = people.convert(self.skeleton)
        return people if keep_all else people[np.flatnonzero(people.keypoint_scores.any(axis=1))]

    def heatmaps(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(N, K, h, w) what the network makes of (N, H, W, 3) crops, BGR: heatmaps, or the probability of each cell.

        Negative values, which the heatmaps of networks without a sigmoid have where no joint is, are 0.
        """
        parts = [self._look(crops[first : first + _BATCH]) for first in range(0, len(crops), _BATCH)]
        return cast(npt.NDArray[np.float32], np.concatenate(parts))

    def _look(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        maps = self._answer(crops)
        if not self.flip:
            return maps
        mirrored = self._answer(np.ascontiguousarray(crops[:, :, ::-1]))[
            :, self.info.skeleton.flip_permutation, :, ::-1
        ]
        if self.info.corner_cells:
            # A mirrored cell lies three quarters of a cell to the left of its own; a whole cell is the published shift.
            mirrored = np.concatenate([mirrored[..., :1], mirrored[..., :-1]], axis=-1)
        return np.asarray((maps + mirrored) / 2, np.float32)

    def _answer(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        maps = self.backend.run(crops)[0]
        return softmax(maps).astype(np.float32) if self.task == "places" else np.maximum(maps, 0)

    def _joints(self, picture: BgrImage, boxes: Floats) -> tuple[Floats, Floats, Floats]:
        """(N, K, 2) places in pixels of the picture, (N, K) scores, 0 where there is no joint, and (N,) of people."""
        info, joints = self.info, self.info.skeleton.num_joints
        xy, scores, people = (
            np.full((len(boxes), joints, 2), np.nan),
            np.zeros((len(boxes), joints)),
            np.zeros(len(boxes)),
        )
        if not len(boxes):
            return xy, scores, people
        size, corner = sides(info.crop_size), info.corner_cells
        views = np.stack([crop_view(box, size, margin=info.crop_margin, corner_cells=corner) for box in boxes])
        maps = self.heatmaps(np.stack([cut(picture, view, size, padding=info.padding) for view in views]))
        if self.decode == "candidates":
            return share_joints(
                maps, views, boxes, info.skeleton.sigmas, info.stride, corner_cells=corner,
                token=max(self.joint_threshold, 1e-3), max_shared=self.max_oks,
            )  # fmt: skip
        cells, own = locate(maps, self.decode)
        if self.task == "places":
            shares = maps.astype(np.float64)
            own = concentration(shares, cells) if self.decode == "integral" else certainty(shares)
        own[own < self.joint_threshold] = 0.0
        places = to_picture(cells, views, info.stride, corner_cells=corner)
        keep = oks_nms(places, own, boxes, info.skeleton.sigmas, self.max_oks)
        xy[keep], scores[keep], people[keep] = places[keep], own[keep], own[keep].mean(axis=1)
        return xy, scores, people
