"""Stand-ins for the packages that `bottomup bench published` compares with: plain and slow, but with the same
functions, arguments, layouts, thresholds and results as the published ones, which are in C++ and not on PyPI.

trt_pose as of its commit 2963bfd; pafprocess as of d884cd1 of tf-pose's mirror jiajunhua/ildoonet-tf-pose-estimation.
"""

from types import ModuleType, SimpleNamespace
from typing import ClassVar

import networkx as nx
import numpy as np
import torch
from scipy.ndimage import maximum_filter
from scipy.optimize import linear_sum_assignment

# OpenPose's limbs of 18 joints and the channels of their fields, x and y, which pafprocess has built in.
LIMBS = [(1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 0),
         (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17)]  # fmt: skip
CHANNELS = [12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26]


def trt_pose_modules() -> dict[str, ModuleType]:
    """For sys.modules."""
    plugins, parse_objects = ModuleType("trt_pose.plugins"), ModuleType("trt_pose.parse_objects")
    plugins.find_peaks = find_peaks  # type: ignore[attr-defined]
    parse_objects.ParseObjects = ParseObjects  # type: ignore[attr-defined]
    package = ModuleType("trt_pose")
    return {"trt_pose": package, "trt_pose.plugins": plugins, "trt_pose.parse_objects": parse_objects}


def torchvision_modules() -> dict[str, ModuleType]:
    """For sys.modules: a Keypoint R-CNN whose parts return at once, and check what they are given."""
    detection = ModuleType("torchvision.models.detection")
    detection.keypointrcnn_resnet50_fpn = lambda **weights: SimpleNamespace(eval=KeypointRcnn)  # type: ignore[attr-defined]
    detection.roi_heads = SimpleNamespace(keypointrcnn_inference=lambda maps, boxes: (maps, boxes))  # type: ignore[attr-defined]
    packages = ("torchvision", "torchvision.models")
    return {**{name: ModuleType(name) for name in packages}, detection.__name__: detection}


class KeypointRcnn:
    """The parts of torchvision's that the benchmark calls; `people` are the numbers of boxes so far."""

    people: ClassVar[list[int]] = []

    def __init__(self) -> None:
        heads = {"keypoint_roi_pool": self._pool, "keypoint_head": lambda crops: crops}
        self.roi_heads = SimpleNamespace(**heads, keypoint_predictor=lambda maps: maps)

    def transform(self, pictures):
        assert [tuple(picture.shape) for picture in pictures] == [(3, 480, 640)]
        return SimpleNamespace(tensors=torch.zeros((1, 3, 800, 1066)), image_sizes=[(800, 1066)]), None

    def backbone(self, pictures):
        return {"0": pictures[:, :, ::4, ::4]}

    def _pool(self, features, boxes, sizes):
        (given,) = boxes
        assert tuple(features["0"].shape) == (1, 3, 200, 267)
        assert (given[:, 2:] > given[:, :2]).all()
        assert (given <= torch.tensor([1066, 800, 1066, 800])).all()
        self.people.append(len(given))
        return torch.zeros((len(given), 3, 14, 14))


def find_peaks(cmap, threshold, window_size, max_count):
    """Counts (1, C) and peaks (1, C, max_count, 2), row and column; those beyond `max_count` are dropped."""
    maps = cmap[0].numpy()
    counts, peaks = torch.zeros((1, len(maps)), dtype=torch.int32), torch.zeros((1, len(maps), max_count, 2)).int()
    for joint, values in enumerate(maps):
        found = np.argwhere((values == maximum_filter(values, window_size)) & (values >= threshold))[:max_count]
        counts[0, joint] = len(found)
        peaks[0, joint, : len(found)] = torch.from_numpy(found)
    return counts, peaks


class ParseObjects:
    """Object counts (1,), objects (1, max_num_objects, C) of peaks' indices or -1, and peaks (1, C, max_num_parts, 2),
    y and x as shares of the map with the corner of the first cell at 0."""

    def __init__(self, topology, cmap_threshold=0.1, link_threshold=0.1, cmap_window=5, line_integral_samples=7,
                 max_num_parts=100, max_num_objects=100):  # fmt: skip
        if topology.dtype != torch.int32 or topology.shape[1] != 4:
            raise TypeError("topology must be (K, 4) int32, which is read as it lies")
        if max_num_objects < max_num_parts:
            raise MemoryError("the published one clears max_num_parts objects of the max_num_objects that there are")
        self.topology, self.cmap_threshold, self.link_threshold = topology, cmap_threshold, link_threshold
        self.cmap_window, self.line_integral_samples = cmap_window, line_integral_samples
        self.max_num_parts, self.max_num_objects = max_num_parts, max_num_objects

    def __call__(self, cmap, paf):
        if not all(maps.dtype == torch.float32 and maps.is_contiguous() and maps.shape[0] == 1 for maps in (cmap, paf)):
            raise TypeError("fields must be contiguous float32 batches, which are read as they lie")
        counts, peaks = find_peaks(cmap, self.cmap_threshold, self.cmap_window, self.max_num_parts)
        places = [self._refine(cmap[0, c].numpy(), peaks[0, c, : counts[0, c]].numpy()) for c in range(cmap.shape[1])]
        graph = nx.Graph()
        graph.add_nodes_from((joint, peak) for joint in range(len(places)) for peak in range(len(places[joint])))
        for down, right, start, end in self.topology.tolist():
            scores = self._scores(paf[0, down].numpy(), paf[0, right].numpy(), places[start], places[end])
            for one, other in zip(*linear_sum_assignment(-scores), strict=True):
                if scores[one, other] > self.link_threshold:
                    graph.add_edge((start, one), (end, other))
        objects = torch.full((1, self.max_num_objects, len(places)), -1, dtype=torch.int32)
        groups = list(nx.connected_components(graph))[: self.max_num_objects]
        for number, group in enumerate(groups):
            for joint, peak in group:
                objects[0, number, joint] = peak
        shares = torch.zeros((1, len(places), self.max_num_parts, 2))
        for joint, cells in enumerate(places):
            shares[0, joint, : len(cells)] = torch.from_numpy(cells / cmap.shape[2:])
        return torch.tensor([len(groups)], dtype=torch.int32), objects, shares

    def _refine(self, values, peaks):
        half = self.cmap_window // 2
        padded, steps = np.pad(values, half, mode="reflect"), np.mgrid[-half : half + 1, -half : half + 1]
        weights = [padded[y : y + 2 * half + 1, x : x + 2 * half + 1] for y, x in peaks]
        means = [[(steps[axis] * w).sum() / w.sum() for axis in (0, 1)] for w in weights]
        return (peaks + np.array(means).reshape(-1, 2) + 0.5).astype(np.float32)

    def _scores(self, down, right, starts, ends):
        scores = np.zeros((len(starts), len(ends)), np.float32)
        for one, other in np.ndindex(scores.shape):
            way = ends[other] - starts[one]
            y, x = (starts[one] + np.linspace(0, 1, self.line_integral_samples)[:, None] * way).astype(int).T
            direction = way / (np.linalg.norm(way) + 1e-5)
            scores[one, other] = (down[y, x] * direction[0] + right[y, x] * direction[1]).mean()
        return scores


class Pafprocess(ModuleType):
    """Keeps the people of the last `process_paf`, as the published module does."""

    def process_paf(self, peaks, heat_mat, paf_mat):
        """Peaks and heatmaps (H, W, 19), the last of the background, and fields (H, W, 38), float32."""
        if [maps.shape[2] for maps in (peaks, heat_mat, paf_mat)] != [19, 19, 38]:
            raise TypeError("maps must be those of OpenPose's network, channels last")
        self.peaks = [(x, y, heat_mat[y, x, k], k) for k in range(18) for y, x in np.argwhere(peaks[..., k] > 0.05)]
        self.people: list[tuple[dict[int, int], float]] = []
        graph = nx.Graph()
        for limb, channel in zip(LIMBS, CHANNELS, strict=True):
            taken: set[int] = set()
            for score, start, end in sorted(self._pairs(limb, paf_mat[..., channel : channel + 2]), reverse=True):
                if not taken & {start, end}:
                    taken |= {start, end}
                    graph.add_edge(start, end, score=score)
        for group in nx.connected_components(graph):
            parts = {self.peaks[peak][3]: peak for peak in group}
            total = sum(self.peaks[peak][2] for peak in group) + graph.subgraph(group).size("score")
            if len(parts) >= 4 and total / len(parts) >= 0.4:
                self.people.append((parts, total / len(parts)))
        return 0

    def _pairs(self, limb, field):
        ends = [[number for number, peak in enumerate(self.peaks) if peak[3] == joint] for joint in limb]
        for start in ends[0]:
            for end in ends[1]:
                here, way = np.array(self.peaks[start][:2]), np.subtract(self.peaks[end][:2], self.peaks[start][:2])
                length = np.linalg.norm(way)
                if length > 0:
                    x, y = (here + np.arange(10)[:, None] * way / 10 + 0.5).astype(int).T
                    values = field[y, x] @ (way / length)
                    score = values.mean() + min(0, 0.5 * len(field) / length - 1)
                    if (values > 0.05).sum() > 8 and score > 0:
                        yield score, start, end

    def get_num_humans(self):
        return len(self.people)

    def get_part_cid(self, human_id: int, part_id: int):
        return self.people[human_id][0].get(part_id, -1)

    def get_score(self, human_id: int):
        return self.people[human_id][1]

    def get_part_x(self, cid: int):
        return int(self.peaks[cid][0])

    def get_part_y(self, cid: int):
        return int(self.peaks[cid][1])

    def get_part_score(self, cid: int):
        return float(self.peaks[cid][2])
