"""The fields that a larger network sees in the training photos, kept as 8-bit maps.

A label says where a joint is; a trained network also says how sure one can be, and speaks of the people that
nobody labelled. Learning from both (Hinton et al., arXiv:1503.02531) takes far fewer crops than from labels
alone. The teacher runs once over every photo at a few scales; training then warps its maps along with the crop.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bottomup._files import replacing
from bottomup.networks.backends.openvino import Y_OFFSETS, shared_core
from bottomup.skeleton import Skeleton

GROUP = 4  # OpenCV warps at most four channels at once, so maps are stored in groups of four
PAF_ZERO, PAF_UNIT = 128.0, 127.0


@dataclass(frozen=True)
class TeacherMaps:
    """A teacher's fields of one photo at one scale: (G, h, w, 4) uint8.

    scale: teacher pixels per photo pixel.  y_offset: by how many teacher pixels it sees everything too high.
    """

    groups: npt.NDArray[np.uint8]
    scale: float
    stride: int
    y_offset: float = 0.0


def num_groups(skeleton: Skeleton) -> int:
    return -(-(skeleton.num_joints + 2 * skeleton.num_limbs) // GROUP)


def pack(heatmaps: npt.NDArray[np.float32], pafs: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Heatmaps (K, h, w) in 0..1 and pafs (2L, h, w) in -1..1 as (G, h, w, 4) uint8; the last group is padded."""
    heat = np.clip(heatmaps, 0, 1) * 255.0
    vectors = np.clip(pafs, -1, 1) * PAF_UNIT + PAF_ZERO
    channels = np.concatenate([heat, vectors])
    padded = np.zeros((-(-len(channels) // GROUP) * GROUP, *channels.shape[1:]), np.uint8)
    padded[: len(channels)] = np.rint(channels)
    return np.ascontiguousarray(padded.reshape(-1, GROUP, *channels.shape[1:]).transpose(0, 2, 3, 1))


class KeptMaps:
    """Maps of a teacher that looked at the photos elsewhere; see `bottomup.training.packing`."""

    def maps(self, image: npt.NDArray[np.uint8], scales: Sequence[float], kept: Path) -> list[TeacherMaps]:
        """The maps of one photo in the file `kept`, at whatever scales they are.

        Raises ValueError that names the file if it is missing or damaged.
        """
        del image
        try:
            with np.load(kept) as stored:
                stride, offset = int(stored["stride"]), float(stored.get("y_offset", 0.0))
                scales = [float(scale) for scale in stored["scales"]]
                return [TeacherMaps(stored[f"maps{n}"], scale, stride, offset) for n, scale in enumerate(scales)]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"teacher must hold the maps of every photo but {kept} is none: {error}") from error


class Teacher:
    """An OpenVINO network with OpenPose's outputs (19 heatmaps with background, 38 paf channels), stride 8.

    Its input is BGR 0..255. Raises ImportError that names the extra if OpenVINO is missing, FileNotFoundError if
    the file is, ValueError if the network has other outputs.
    """

    stride = 8

    def __init__(self, xml: str | Path, skeleton: Skeleton, *, threads: int = 0) -> None:
        try:
            import openvino as ov
        except ImportError as error:
            raise ImportError('the teacher needs OpenVINO: pip install "bottomup[train]"') from error
        if not Path(xml).is_file():
            raise FileNotFoundError(f"xml must be an OpenVINO network but there is no file {xml}")
        core = shared_core()
        model = core.read_model(str(xml))
        self._y_offset = Y_OFFSETS.get(model.get_friendly_name(), 0.0)
        sizes = {output.get_partial_shape()[1].get_length(): number for number, output in enumerate(model.outputs)}
        if set(sizes) != {skeleton.num_joints + 1, 2 * skeleton.num_limbs}:
            raise ValueError(f"xml must have the outputs of {skeleton.name} but has channels {sorted(sizes)}")
        self._heat, self._paf = sizes[skeleton.num_joints + 1], sizes[2 * skeleton.num_limbs]
        self._joints = skeleton.num_joints
        model.reshape([1, 3, -1, -1])
        options: dict[str, Any] = {"PERFORMANCE_HINT": "THROUGHPUT"}
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        self._queue = ov.AsyncInferQueue(core.compile_model(model, "CPU", options))

    def run(self, images: Iterable[npt.NDArray[np.uint8]]) -> list[npt.NDArray[np.uint8]]:
        """Packed fields of BGR images (H, W, 3) of any sizes; an image is padded to multiples of 32."""
        results: dict[int, npt.NDArray[np.uint8]] = {}

        def keep(request: Any, token: tuple[int, int, int]) -> None:
            number, rows, columns = token
            heat = request.get_output_tensor(self._heat).data[0, : self._joints, :rows, :columns]
            paf = request.get_output_tensor(self._paf).data[0, :, :rows, :columns]
            results[number] = pack(heat, paf)

        self._queue.set_callback(keep)
        for number, image in enumerate(images):
            height, width = image.shape[:2]
            padded = np.full((-(-height // 32) * 32, -(-width // 32) * 32, 3), 128, np.float32)
            padded[:height, :width] = image
            token = (number, -(-height // self.stride), -(-width // self.stride))
            self._queue.start_async([np.ascontiguousarray(padded.transpose(2, 0, 1)[None])], token)
        self._queue.wait_all()
        return [results[number] for number in range(len(results))]

    def maps(self, image: npt.NDArray[np.uint8], scales: Sequence[float], cache: Path | None) -> list[TeacherMaps]:
        """The fields of one photo at several scales, read from the file `cache` if it has them, else kept in it."""
        if cache is not None and cache.is_file():
            with np.load(cache) as stored:
                kept = stored["scales"]
                if len(kept) == len(scales) and np.allclose(kept, scales):
                    return self._maps([stored[f"maps{n}"] for n in range(len(kept))], kept)
        sizes = [(max(8, round(image.shape[1] * s)), max(8, round(image.shape[0] * s))) for s in scales]
        resized = [
            cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
            for size, scale in zip(sizes, scales, strict=True)
        ]
        packed = self.run(np.asarray(one, np.uint8) for one in resized)
        if cache is not None:
            cache.parent.mkdir(parents=True, exist_ok=True)
            named: dict[str, Any] = {f"maps{n}": array for n, array in enumerate(packed)}
            with replacing(cache) as unfinished, unfinished.open("wb") as file:
                np.savez(file, scales=np.array(scales, np.float64), **named)
        return self._maps(packed, scales)

    def _maps(self, packed: Sequence[npt.NDArray[np.uint8]], scales: Iterable[float]) -> list[TeacherMaps]:
        offset = self._y_offset
        return [TeacherMaps(one, float(scale), self.stride, offset) for one, scale in zip(packed, scales, strict=True)]
