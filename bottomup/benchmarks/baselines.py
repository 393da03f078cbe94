"""Published decoders, where they are installed, on the same fields as this one, through their own interfaces.

- trt_pose, https://github.com/NVIDIA-AI-IOT/trt_pose (MIT): the parser in C++, as its `ParseObjects` calls it.
- tf-pose, https://github.com/ildoonet/tf-pose-estimation (Apache-2.0): `process_paf`, in C++.

What is timed is the least that a user of each must call. Not timed: bringing the fields into the type and layout that
the package's own network would give, tf-pose's map of peaks, which its network's graph makes, and reading the people
from what they return, which both leave to loops in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from bottomup.people import People
from bottomup.skeleton import Skeleton
from bottomup.skeletons import OPENPOSE_COCO_18

Floats = npt.NDArray[np.float32]
_CAP = 100  # trt_pose's own, of peaks of a joint type and of people
# By what tf-pose's programs enlarge fields (`--resize-out-ratio`), and how they smooth heatmaps then: by 25 taps
# of a deviation of 5 cells.
_ENLARGED = 4
_SMOOTHING = 5


@dataclass(frozen=True)
class Ready:
    """A decoder that has its fields: `decode` is timed, `read` makes people of what it returned."""

    decode: Callable[[], Any]
    read: Callable[[Any], People]


class Decoder(Protocol):
    """`open` takes fields as `decode_fields` does, of one image in CPU memory, float32."""

    def open(self, heatmaps: Floats, pafs: Floats, skeleton: Skeleton, stride: float) -> Ready: ...


class TrtPose:
    """trt_pose with its defaults, but for the caps on peaks and people: none is dropped."""

    name = "trt_pose"
    install = (
        "git clone https://github.com/NVIDIA-AI-IOT/trt_pose && pip install setuptools && "
        "pip install --no-build-isolation ./trt_pose"
    )

    def __init__(self) -> None:
        self._torch = import_module("torch")  # first: the parser is linked with its libraries
        self._parse_objects = import_module("trt_pose.parse_objects").ParseObjects
        self._find_peaks = import_module("trt_pose.plugins").find_peaks

    @classmethod
    def load(cls) -> dict[str, Decoder]:
        """ImportError where it is not installed."""
        return {cls.name: cls()}

    def open(self, heatmaps: Floats, pafs: Floats, skeleton: Skeleton, stride: float) -> Ready:
        """See `Decoder`. It gives no scores; the heatmaps' values at the joints stand for them."""
        self._torch.set_num_threads(1)  # they would only fill its tables; the parser itself has none
        cmap, paf = (self._torch.from_numpy(maps[None].copy()) for maps in (heatmaps, pafs))
        # A row for each limb: its channels of y and of x, then its ends.
        rows = [(2 * limb + 1, 2 * limb, *ends) for limb, ends in enumerate(skeleton.limbs)]
        topology = self._torch.tensor(rows, dtype=self._torch.int32)
        plain = self._parse_objects(topology)
        counts, _ = self._find_peaks(cmap, plain.cmap_threshold, plain.cmap_window, heatmaps[0].size)
        parts = max(_CAP, int(counts.max()))
        # Each peak may be an object of its own. With fewer objects than parts it writes beyond the end of its table.
        most = max(parts, int(counts.sum()))
        found, _, _ = self._parse_objects(topology, max_num_parts=parts, max_num_objects=most)(cmap, paf)
        parse = self._parse_objects(topology, max_num_parts=parts, max_num_objects=max(parts, int(found[0])))

        def read(result: Any) -> People:
            count, members, peaks = (part[0].numpy() for part in result)
            members = members[: int(count)]  # (N, K): which peak, or -1
            size = np.array(heatmaps.shape[1:], np.float32)
            cells = peaks[np.arange(skeleton.num_joints), members] * size - 0.5  # (N, K, 2), y and x
            rows, columns = np.clip(np.rint(cells), 0, size - 1).astype(int).transpose(2, 0, 1)
            strengths = heatmaps[np.arange(skeleton.num_joints), rows, columns]
            return _people(skeleton, cells[..., ::-1], strengths, members >= 0, stride)

        return Ready(lambda: parse(cmap, paf), read)


class TfPose:
    """tf-pose's `pafprocess`, which knows OpenPose's 18 joints only, on fields enlarged so many times.

    It looks at whole cells only and finds few limbs that are two cells wide. So it is right on enlarged fields, and
    quickest on those that are not.
    """

    name = "tf-pose"
    install = (
        "git clone https://github.com/ildoonet/tf-pose-estimation && cd tf-pose-estimation/tf_pose/pafprocess && "
        "swig -python -c++ pafprocess.i && python setup.py build_ext --inplace && export PYTHONPATH=$PWD"
    )

    def __init__(self, enlarged: int = 1) -> None:
        # By itself, as built in its folder: the package around it needs TensorFlow 1.
        self._pafprocess = import_module("pafprocess")
        self._enlarged = enlarged

    @classmethod
    def load(cls) -> dict[str, Decoder]:
        """With the fields as they are, and as its programs enlarge them; ImportError where it is not installed."""
        return {cls.name: cls(), f"{cls.name} x {_ENLARGED}": cls(_ENLARGED)}

    def open(self, heatmaps: Floats, pafs: Floats, skeleton: Skeleton, stride: float) -> Ready:
        """See `Decoder`."""
        if skeleton != OPENPOSE_COCO_18:
            raise ValueError(f"skeleton must be openpose18, the only one that tf-pose knows, but is {skeleton.name!r}")
        background = 1 - heatmaps.max(axis=0, keepdims=True)
        heat = self._maps(np.concatenate([heatmaps, background]))
        paf = self._maps(pafs)  # its channels lie in the order of openpose18's
        smooth = cv2.GaussianBlur(heat, (0, 0), _SMOOTHING * self._enlarged / _ENLARGED)
        peaks = np.where(smooth == cv2.dilate(smooth, np.ones((3, 3), np.uint8)), smooth, np.float32(0))
        native, joints = self._pafprocess, range(skeleton.num_joints)

        def read(_: Any) -> People:
            people = range(native.get_num_humans())
            found = [[native.get_part_cid(person, joint) for joint in joints] for person in people]
            ids = np.array(found, int).reshape(len(people), len(joints))
            cells, strengths = np.zeros((*ids.shape, 2)), np.zeros(ids.shape)
            for place in map(tuple, np.argwhere(ids >= 0)):
                peak = int(ids[place])
                cells[place] = native.get_part_x(peak), native.get_part_y(peak)
                strengths[place] = native.get_part_score(peak)
            scores = np.array([native.get_score(person) for person in people])
            return _people(skeleton, cells, strengths, ids >= 0, stride / self._enlarged, scores)

        return Ready(lambda: native.process_paf(peaks, heat, paf), read)

    def _maps(self, maps: Floats) -> Floats:
        """Enlarged, channels last."""
        size = (maps.shape[2] * self._enlarged, maps.shape[1] * self._enlarged)
        return np.stack([cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in maps], axis=2)


def find_decoders() -> tuple[dict[str, Decoder], list[str]]:
    """The published decoders that can be imported, by name, and a sentence on each of the others: why, and how to
    install it.
    """
    decoders: dict[str, Decoder] = {}
    missing = []
    for kind in (TrtPose, TfPose):
        try:
            decoders |= kind.load()
        except ImportError as error:
            missing.append(f"{kind.name} is not there ({error}). To install it: {kind.install}")
    return decoders, missing


def _people(
    skeleton: Skeleton,
    cells: npt.NDArray[Any],
    strengths: npt.NDArray[Any],
    seen: npt.NDArray[np.bool_],
    stride: float,
    scores: npt.NDArray[Any] | None = None,
) -> People:
    """People of joints in cells (N, K, 2), x and y, the first cell's centre at 0; scored by their joints' mean unless
    scores are given."""
    keypoints = np.where(seen[..., None], (cells + 0.5) * stride - 0.5, np.nan).astype(np.float32)
    joint_scores = np.where(seen, np.maximum(strengths, 1e-6), 0).astype(np.float32)  # a joint's is never 0
    scores = joint_scores.mean(axis=1) if scores is None else np.maximum(scores, 0)
    return People(skeleton, keypoints, joint_scores, scores.astype(np.float32))
