"""People of forty drawn crowds, bit for bit as they were: no change that is not meant to may change a result.

The fields are drawn by operations that IEEE 754 rounds alike everywhere, and so are the keypoints; scores, which take a
power, are compared to four digits.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pytest

from bottomup import People, decode_fields
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, CROWDPOSE_14
from tests.makers import graphs, scenes

Fields = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]

HEIGHT, WIDTH = 46, 82
FIGURES = {CROWDPOSE_14: graphs.FIGURE / 100, COCO_17: scenes.FIGURE}
SUMS = (
    "e3b0c44298fc", "83ae8a669add", "c8066e990c79", "f1e94a98d9cc", "1e3b23c214cd", "7a4b669541aa",
    "0c4094696afc", "efe5f7cafa96", "72c8f0b20bf8", "9297d56b33ff", "6db7469517d8", "93d406b9c446",
    "79586a3ec83b", "8160b34dfec9", "c8f3a1ff66d5", "31870ce483e0", "9686d4a9b618", "e9b03ada6ec8",
    "7f7042e937ad", "b2f3a5456d38", "f17caa8064fb", "3d6d74b9c2c1", "99da6b864066", "b7f66dd42077",
    "af549e4938a0", "2a9109bedb70", "7f1c3b0d9487", "d575249baa1d", "36ea17775f33", "0322e241d278",
    "5c7daaacd0ba", "6e0d818ff5c3", "6d3ee537ba53", "1599e82e982a", "0534cb9e7114", "bbc303ffe9b6",
    "119b7531b0a5", "abb8acc60042", "0e211544a080", "4a6f5b2aa6d5",
)  # fmt: skip


def draw(number: int) -> tuple[Skeleton, Fields]:
    """Up to twelve figures of several sizes, with joints that are missing, false peaks and noise."""
    rng = np.random.default_rng(number)
    skeleton = (CROWDPOSE_14, COCO_17)[number % 2]
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    heatmaps = np.zeros((skeleton.num_joints, HEIGHT, WIDTH))
    pafs = np.zeros((2 * skeleton.num_limbs, HEIGHT, WIDTH))
    for _ in range(number % 13):
        size, x, y = rng.integers(12, 40), rng.integers(5, WIDTH - 5), rng.integers(0, HEIGHT - 10)
        pose = FIGURES[skeleton] * float(size) + [x, y] + rng.integers(-8, 9, (skeleton.num_joints, 2)) / 8
        seen = rng.integers(0, 20, skeleton.num_joints) > number % 3
        for joint in np.flatnonzero(seen):
            peak(heatmaps[joint], rows - pose[joint, 1], columns - pose[joint, 0], rng.integers(96, 257) / 256)
        for limb, (a, b) in enumerate(skeleton.limbs):
            if seen[a] or seen[b]:
                stroke(pafs[2 * limb : 2 * limb + 2], rows, columns, pose[a], pose[b])
    for _ in range(5 * (number % 4)):
        joint, x, y = rng.integers(skeleton.num_joints), rng.integers(WIDTH), rng.integers(HEIGHT)
        peak(heatmaps[joint], rows - y, columns - x, rng.integers(32, 200) / 256)
    noise = number % 5
    heatmaps += rng.integers(0, 6 * noise + 1, heatmaps.shape) / 256
    pafs += rng.integers(-12 * noise, 12 * noise + 1, pafs.shape) / 256
    return skeleton, (np.clip(heatmaps, 0, 1).astype(np.float32), pafs.astype(np.float32))


def peak(
    heatmap: npt.NDArray[np.float64], dy: npt.NDArray[np.float64], dx: npt.NDArray[np.float64], top: float
) -> None:
    np.maximum(heatmap, top * (1 - (dx * dx + dy * dy) / 12), out=heatmap)


def stroke(
    paf: npt.NDArray[np.float64],
    rows: npt.NDArray[np.float64],
    columns: npt.NDArray[np.float64],
    start: npt.NDArray[np.float64],
    end: npt.NDArray[np.float64],
) -> None:
    """A limb of 1.5 cells to either side, one unit vector wherever it is."""
    dx, dy = end - start
    length = np.sqrt(dx * dx + dy * dy)
    if length < 0.5:
        return
    x, y = dx / length, dy / length
    along = (columns - start[0]) * x + (rows - start[1]) * y
    beside = (columns - start[0]) * y - (rows - start[1]) * x
    inside = (along >= -1) & (along <= length + 1) & (beside >= -1.5) & (beside <= 1.5)
    paf[0][inside], paf[1][inside] = x, y


def checksum(people: People) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(people.keypoints).tobytes())
    digest.update(np.ascontiguousarray(people.keypoint_scores).tobytes())
    digest.update(" ".join(f"{score:.4f}" for score in people.scores.tolist()).encode())
    return digest.hexdigest()[:12]


def decode(number: int) -> People:
    skeleton, (heatmaps, pafs) = draw(number)
    people = decode_fields(heatmaps, pafs, skeleton, stride=8)
    assert isinstance(people, People)
    return people


@pytest.mark.parametrize("number", range(40))
def test_people_are_the_same(number: int) -> None:
    assert checksum(decode(number)) == SUMS[number]
