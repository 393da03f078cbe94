"""The heatmaps that a trained crop network sees in a training crop."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from torch.utils.data import get_worker_info

from bottomup.crop_detector import CropDetector
from bottomup.crop_geometry import sides
from bottomup.image import BgrImage
from bottomup.networks.backends.openvino import shared_core
from bottomup.skeleton import Skeleton


class CropTeacher:
    """A crop network, of any kind that `CropDetector` reads, whose heatmaps are part of what another one learns.

    It looks at each crop as it is made: the crops of a run are never the same, so nothing is kept. An OpenVINO network
    takes one thread in each process that makes crops.

    Raises as `CropDetector` does, with the first crop, and ValueError if the network has no heatmaps, or a joint of
    the skeleton is none of its own.
    """

    def __init__(self, model: Path, skeleton: Skeleton) -> None:
        if not model.is_file():
            raise FileNotFoundError(f"teacher must be a crop network but there is no file {model}")
        self._model, self._skeleton = model, skeleton

    @cached_property
    def _detector(self) -> CropDetector:
        # Made by the process that makes crops: a runtime's threads are not taken over by a fork.
        if self._model.suffix == ".xml" and get_worker_info() is not None:
            shared_core().set_property("CPU", {"INFERENCE_NUM_THREADS": 1})
        detector = CropDetector(self._model)
        if detector.task != "crops":
            raise ValueError(f"teacher must have heatmaps but {self._model} has distributions over the cells")
        return detector

    @cached_property
    def _joints(self) -> list[int]:
        own = self._detector.info.skeleton.joints
        missing = [joint for joint in self._skeleton.joints if joint not in own]
        if missing:
            raise ValueError(f"teacher must see all joints of {self._skeleton.name} but {self._model} lacks {missing}")
        return [own.index(joint) for joint in self._skeleton.joints]

    def heatmaps(self, crop: BgrImage, stride: int) -> npt.NDArray[np.float32]:
        """(K, h, w) in 0..1 on the cells of a crop (H, W, 3) uint8: cell c lies on pixel (c + 0.5) stride - 0.5."""
        info = self._detector.info
        height, width = sides(info.crop_size)
        shown = cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR)
        maps = self._detector.heatmaps(np.asarray(shown, np.uint8)[None])[0, self._joints]
        scale = np.array([width, height]) / crop.shape[1::-1]  # its pixels per pixel of the crop, edge on edge
        shift = 0.0 if info.corner_cells else 0.5
        matrix = np.zeros((2, 3))
        matrix[[0, 1], [0, 1]] = stride * scale / info.stride
        matrix[:, 2] = (0.5 * stride * scale - 0.5 + shift) / info.stride - shift
        cells = crop.shape[1] // stride, crop.shape[0] // stride
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = [cv2.warpAffine(one, matrix, cells, flags=flags, borderMode=cv2.BORDER_REPLICATE) for one in maps]
        return np.clip(np.stack(warped), 0, 1).astype(np.float32)
