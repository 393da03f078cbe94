"""Turning a photo, its poses and its teacher's maps in the same way.

A crop is one affine map from photo pixels to crop pixels (a 3 x 3 matrix, both with pixel centres at integers):
rotation, scale, shift, and sometimes a mirror. Everything else follows from that matrix.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton
from bottomup.training.teacher import GROUP, PAF_UNIT, PAF_ZERO, TeacherMaps

Matrix = npt.NDArray[np.float64]
# What a teacher is unsure of everywhere is noise of its last layer, not a joint.
_TEACHER_FLOOR = 0.03
_PART_OF_BOX, _LEAST_PART = 0.15, 0.85
# Mean and deviation by which x0, y0, x1 and y1 are off, as shares of the width and height.
_EDGES_OFF = np.array([(-0.0142, 0.1158), (0.0043, 0.068), (0.0154, 0.1337), (-0.0013, 0.0711)])


def crop_matrix(
    centre: npt.ArrayLike, scale: float, degrees: float, mirror: bool, size: int | tuple[int, int]
) -> Matrix:
    """The map that brings photo pixel `centre` to the middle of a crop, `size` x `size` or of that height and width."""
    height, width = (size, size) if isinstance(size, int) else size
    angle = np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirror:
        turn[:, 0] *= -1
    matrix = np.eye(3)
    matrix[:2, :2] = turn
    matrix[:2, 2] = (np.array([width, height]) - 1) / 2 - turn @ np.asarray(centre, np.float64)
    return matrix


def random_degrees(rotation: float, kind: str, rng: np.random.Generator) -> float:
    """An angle of at most `rotation` degrees to either side.

    `normal`: normally distributed with half of that as its deviation, clipped (HRNet's N(0, 45) up to 90 is
    `rotation` 90); `uniform`: all alike.
    """
    share = rng.uniform(-1, 1) if kind == "uniform" else np.clip(rng.normal(0, 0.5), -1, 1)
    return float(share) * rotation


def pgpg(box: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A box x0, y0, x1, y1 whose edges are off as a detector's are (pose-guided proposals generator).

    Fang et al., RMPE, ICCV 2017, sec. 3.4, with the numbers of AlphaPose's `addDPG`: in 15 of 100 cases a part of the
    box, as broad for its height and 0.85 to 1 times as large; else each edge is off by a normally distributed share of
    the side. A box is at least a pixel large.
    """
    low, sides = box[:2], np.maximum(box[2:] - box[:2], 1.0)
    if rng.random() < _PART_OF_BOX:
        share = rng.uniform(_LEAST_PART, 1)
        low = low + rng.uniform(0, 1, 2) * (1 - share) * sides
        return np.concatenate([low, low + share * sides])
    off = rng.normal(_EDGES_OFF[:, 0], _EDGES_OFF[:, 1]) * np.tile(sides, 2)
    low, high = low + off[:2], low + sides + off[2:]
    return np.concatenate([low, np.maximum(high, low + 1)])


def is_mirror(matrix: Matrix) -> bool:
    return bool(np.linalg.det(matrix[:2, :2]) < 0)


def warp_photo(photo: npt.NDArray[np.uint8], matrix: Matrix, size: int | tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The crop (size, size, 3), or of that height and width; grey beyond the photo's edge."""
    grey = (128, 128, 128)
    height, width = (size, size) if isinstance(size, int) else size
    return np.asarray(
        cv2.warpAffine(photo, matrix[:2], (width, height), flags=cv2.INTER_LINEAR, borderValue=grey), np.uint8
    )


def warp_extent(shape: tuple[int, ...], matrix: Matrix, size: int) -> npt.NDArray[np.float32]:
    """(size, size): 1 where a photo of `shape` (height, width) is in the crop, 0 beyond its edge."""
    return np.asarray(cv2.warpAffine(np.ones(shape, np.float32), matrix[:2], (size, size)), np.float32)


def random_rectangle(size: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a square that covers any share of `size` x `size`, all as likely, as far as it lies inside.

    As in CutMix (Yun et al., arXiv:1905.04899).
    """
    side = size * np.sqrt(rng.uniform())
    starts = np.rint(rng.uniform(0, size, 2) - side / 2).astype(int)
    rows, columns = (slice(max(start, 0), min(start + round(side), size)) for start in starts.tolist())
    return rows, columns


def warp_keypoints(keypoints: npt.NDArray[np.float32], matrix: Matrix, skeleton: Skeleton) -> npt.NDArray[np.float64]:
    """(N, K, 2) photo pixels to crop pixels; in a mirror the left joints become the right ones."""
    moved = keypoints @ matrix[:2, :2].T + matrix[:2, 2]
    return np.asarray(moved[:, skeleton.flip_permutation] if is_mirror(matrix) else moved, np.float64)


def warp_boxes(boxes: npt.NDArray[np.float32], matrix: Matrix) -> npt.NDArray[np.float64]:
    """(M, 4) boxes xyxy to the (M, 4, 2) corners that they have in the crop."""
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    return np.asarray(corners @ matrix[:2, :2].T + matrix[:2, 2], np.float64)


def warp_teacher(
    maps: TeacherMaps, matrix: Matrix, size: int, stride: int, skeleton: Skeleton
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The teacher's heatmaps (K, h, w) and pafs (2L, h, w) as they are in the crop, h = w = size / stride."""
    cells = size // stride
    to_photo = np.diag([maps.stride / maps.scale, maps.stride / maps.scale, 1.0])
    to_photo[:2, 2] = (np.array([0.5, 0.5]) * maps.stride + [0.0, maps.y_offset]) / maps.scale - 0.5
    to_cell = np.diag([1 / stride, 1 / stride, 1.0])
    to_cell[:2, 2] = 0.5 / stride - 0.5
    warp = (to_cell @ matrix @ to_photo)[:2]
    out = np.empty((len(maps.groups), cells, cells, GROUP), np.uint8)
    for number, group in enumerate(maps.groups):
        joints_left = skeleton.num_joints - number * GROUP
        empty = [0.0 if channel < joints_left else PAF_ZERO for channel in range(GROUP)]
        cv2.warpAffine(group, warp, (cells, cells), dst=out[number], flags=cv2.INTER_LINEAR, borderValue=empty)
    channels = out.transpose(0, 3, 1, 2).reshape(-1, cells, cells)
    joints, ends = skeleton.num_joints, skeleton.num_joints + 2 * skeleton.num_limbs
    heat = np.maximum((channels[:joints] / np.float32(255) - _TEACHER_FLOOR) / (1 - _TEACHER_FLOOR), 0)
    pafs = (channels[joints:ends].astype(np.float32) - np.float32(PAF_ZERO)) / np.float32(PAF_UNIT)
    # The vectors turn with the picture. Their length is a confidence and stays.
    turn = (matrix[:2, :2] / np.sqrt(abs(np.linalg.det(matrix[:2, :2])))).astype(np.float32)
    pafs = np.einsum("ij,ljhw->lihw", turn, pafs.reshape(-1, 2, cells, cells))
    if is_mirror(matrix):
        heat = heat[skeleton.flip_permutation]
        order, signs = skeleton.paf_flip
        # The turn has mirrored x already; of the signs, that of y alone says whether the mirrored limb runs backwards.
        pafs = pafs[order[::2] // 2] * signs[1::2].reshape(-1, 1, 1, 1)
    return heat.astype(np.float32), pafs.reshape(-1, cells, cells).astype(np.float32)


def jitter_colours(image: npt.NDArray[np.uint8], rng: np.random.Generator, strength: float) -> npt.NDArray[np.uint8]:
    """Another light, another camera: gain, offset and gamma per channel, sometimes grey, blurred or noisy."""
    if strength <= 0:
        return image
    levels = np.arange(256, dtype=np.float64) / 255
    common = rng.uniform(-1, 1, 3) * strength
    tables = []
    for own in rng.uniform(-1, 1, 3) * strength:
        gain, offset, gamma = 1 + 0.3 * common[0] + 0.12 * own, 0.12 * common[1], 2 ** (0.5 * common[2])
        tables.append(np.clip(((levels**gamma - 0.5) * gain + 0.5 + offset) * 255, 0, 255))
    image = np.asarray(cv2.LUT(image, np.rint(np.stack(tables, -1)[None]).astype(np.uint8)), np.uint8)
    kind = rng.random()
    if kind < 0.1 * strength:
        image = np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)
    elif kind < 0.2 * strength:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 1.5))), np.uint8)
    elif kind < 0.3 * strength:
        noise = rng.integers(-12, 13, image.shape, np.int16)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image


def compress(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """As it comes back from a JPEG file of low to middling quality."""
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 70))])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)
