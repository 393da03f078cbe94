"""A top-down network beside the decode: Keypoint R-CNN of torchvision, whose work grows with each person.

Mask R-CNN (He et al., ICCV 2017) with torchvision's weights' shape but random values, since they do not change the
time; the people's boxes are given. What it does once a picture (resizing, backbone and feature pyramid) and what it
does for the people (cutting out their features, keypoint head, reading the heatmaps) are timed apart. Its detector of
people, which comes between the two, is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from bottomup.benchmarks.cases import Case
from bottomup.benchmarks.timing import KINDS, Timing, interleave

NAME = "Keypoint R-CNN"
INSTALL = "pip install torchvision"
_BOX = 100, 250  # pixels, width and height of a person in the network's picture


@dataclass(frozen=True)
class TopDownTime:
    """picture: once a picture. people: for all of them together."""

    picture: Timing
    people: Timing

    def row(self, case: Case, picture_ms: float) -> dict[str, Any]:
        """Flat, for CSV, beside the rows of the decoders; the total goes by what a picture takes on the whole."""
        times = {"picture": self.picture, "first": self.people}
        row = {"people": case.people, "decoder": NAME, "runs": self.people.runs}
        row |= {f"{name}_{kind}_ms": getattr(time, kind) for name, time in times.items() for kind in KINDS}
        return {**row, "total_ms": picture_ms + self.people.median}


class KeypointRcnn:
    """torchvision's, ready for a picture of 640 x 480 pixels, on the CPU.

    Raises ImportError that says how to install it if torchvision is missing or does not fit the installed torch.
    """

    def __init__(self) -> None:
        try:
            torch, detection = import_module("torch"), import_module("torchvision.models.detection")
        except (ImportError, RuntimeError, OSError) as error:
            raise ImportError(f"{NAME} is not there ({_first_line(error)}). To install it: {INSTALL}") from error
        self._torch, self._heads = torch, detection.roi_heads
        self._model = detection.keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None).eval()
        rng = torch.Generator().manual_seed(0)
        self._picture = torch.rand((3, 480, 640), generator=rng)

    def time(self, people: int, *, repeats: int = 3, seconds: float = 60.0) -> TopDownTime:
        """Medians of `repeats` rounds; after `seconds` no further one begins."""
        boxes = self._torch.from_numpy(_boxes(people))
        with self._torch.inference_mode():
            images, _ = self._model.transform([self._picture])
            features = self._model.backbone(images.tensors)
            tasks = {"picture": self._run_picture, "people": lambda: self._run_people(features, boxes, images)}
            taken = interleave(tasks, repeats=repeats, warmup=1, seconds=seconds)
        return TopDownTime(Timing.of(taken["picture"]), Timing.of(taken["people"]))

    def _run_picture(self) -> None:
        images, _ = self._model.transform([self._picture])
        self._model.backbone(images.tensors)

    def _run_people(self, features: Any, boxes: Any, images: Any) -> None:
        heads = self._model.roi_heads
        crops = heads.keypoint_roi_pool(features, [boxes], images.image_sizes)
        maps = heads.keypoint_predictor(heads.keypoint_head(crops))
        self._heads.keypointrcnn_inference(maps, [boxes])


def _boxes(people: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(N, 4) boxes x0, y0, x1, y1 all over the picture."""
    corners = np.random.default_rng(0).uniform(0, (700, 400), (people, 2))
    return np.concatenate([corners, corners + _BOX], axis=1).astype(np.float32)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
