"""Fields: joint heatmaps and part affinity fields, and drawing the ideal ones of known poses.

Drawing serves twice: as the target that a network is trained towards, and as a field whose people are known, for
tests of everything that reads fields.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton

# Image pixels. A joint's peak is about a cell wide at stride 8, which OpenPose's training used as well; smaller
# peaks fall between cells, larger ones melt the joints of neighbours together.
SIGMA = 7.0
# Image pixels from one edge of a limb to the other: two cells at stride 8.
LIMB_WIDTH = 16.0
_REACH = 4.0  # sigmas; beyond it a Gaussian is below 0.0004 and drawn as 0

FloatMap = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Fields:
    """What a network sees in one image.

    heatmaps: (K, h, w) float32 in 0..1, one per joint.
    pafs: (2L, h, w) float32; channels 2l and 2l+1 are x and y of limb l's vector.
    stride: image pixels per cell; cell (r, c) is centred on pixel ((c + .5) stride - .5, (r + .5) stride - .5).
    skeleton: names the joints and limbs.

    Two Fields are equal if all of that is. Raises ValueError if the shapes do not fit the skeleton or each other.
    """

    heatmaps: FloatMap
    pafs: FloatMap
    stride: int
    skeleton: Skeleton

    def __repr__(self) -> str:
        height, width = self.heatmaps.shape[1:]
        return f"Fields({self.skeleton.name}, {height} x {width} cells, stride {self.stride})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fields):
            return NotImplemented
        return (
            (self.skeleton, self.stride) == (other.skeleton, other.stride)
            and np.array_equal(self.heatmaps, other.heatmaps)
            and np.array_equal(self.pafs, other.pafs)
        )

    __hash__ = None  # type: ignore[assignment]  # equal by value, and the values are arrays

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise ValueError(f"stride must be at least 1 but is {self.stride}")
        for name, channels in (("heatmaps", self.skeleton.num_joints), ("pafs", 2 * self.skeleton.num_limbs)):
            array = getattr(self, name)
            if array.ndim != 3 or len(array) != channels:
                raise ValueError(f"{name} must have shape ({channels}, h, w) but has {array.shape}")
            if array.dtype != np.float32:
                raise ValueError(f"{name} must be float32 but is {array.dtype}")
        if self.heatmaps.shape[1:] != self.pafs.shape[1:]:
            raise ValueError(
                f"pafs must be as large as heatmaps {self.heatmaps.shape[1:]} but are {self.pafs.shape[1:]}"
            )


def draw_fields(
    keypoints: npt.ArrayLike,
    visible: npt.ArrayLike,
    skeleton: Skeleton,
    *,
    height: int,
    width: int,
    stride: int,
    sigma: float = SIGMA,
    limb_width: float = LIMB_WIDTH,
) -> Fields:
    """Draw the ideal fields of known poses (Cao et al., arXiv:1611.08050, sections 2.2 and 2.3).

    A heatmap is the maximum over people of a Gaussian at the joint. A part affinity field holds the limb's unit
    vector in every cell whose centre lies over the limb, that is within its two ends along it and half
    `limb_width` beside it; where limbs of several people overlap it holds their mean.

    Parameters
    ----------
    keypoints:
        (N, K, 2) image pixels, x and y. Those that are not visible are never read; they may be NaN.
    visible:
        (N, K) bool, or scores of which those above 0 count.
    skeleton:
        Names the K joints.
    height, width:
        The size of the image in pixels; the fields are ceil(height / stride) x ceil(width / stride).
    stride:
        Image pixels per cell.
    sigma:
        Of the Gaussians, image pixels.
    limb_width:
        From one edge of a limb to the other, image pixels.

    Raises ValueError for other shapes, visible joints that are not finite, and sizes that are not positive.
    """
    points = np.asarray(keypoints, np.float64)
    seen = np.asarray(visible) > 0
    if points.ndim != 3 or points.shape[1:] != (skeleton.num_joints, 2):
        raise ValueError(f"keypoints must have shape (N, {skeleton.num_joints}, 2) but has {points.shape}")
    if seen.shape != points.shape[:2]:
        raise ValueError(f"visible must have shape {points.shape[:2]} but has {seen.shape}")
    if not np.isfinite(points[seen]).all():
        raise ValueError("keypoints must be finite where visible but has NaN or infinite coordinates there")
    for name, value in (("height", height), ("width", width), ("stride", stride)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1 but is {value}")
    for name, size in (("sigma", sigma), ("limb_width", limb_width)):
        if not (np.isfinite(size) and size > 0):
            raise ValueError(f"{name} must be positive and finite but is {size}")
    xs, ys = cell_centres(-(-width // stride), stride), cell_centres(-(-height // stride), stride)
    heatmaps = draw_heatmaps(points, seen, xs, ys, sigma)
    pafs, _ = draw_pafs(points, seen, skeleton, xs, ys, limb_width)
    return Fields(heatmaps, pafs, stride, skeleton)


def cell_centres(count: int, stride: int) -> npt.NDArray[np.float64]:
    """(count,) coordinates of the cells' centres along one axis, image pixels."""
    return np.asarray((np.arange(count) + 0.5) * stride - 0.5, np.float64)


def draw_heatmaps(
    points: npt.NDArray[np.float64],
    seen: npt.NDArray[np.bool_],
    xs: npt.NDArray[np.float64],
    ys: npt.NDArray[np.float64],
    sigma: float,
) -> FloatMap:
    """The heatmaps (K, h, w); see `draw_fields`."""
    heatmaps = np.zeros((seen.shape[1], len(ys), len(xs)), np.float32)
    _, joints = np.nonzero(seen)
    x, y = points[seen].T
    # A Gaussian of x and y is the product of one of x and one of y, so no more than a row and a column are computed.
    columns = _gaussian(x[:, None] - xs, sigma)
    rows = _gaussian(y[:, None] - ys, sigma)
    for joint, row, column in zip(joints, rows, columns, strict=True):
        (r,), (c,) = np.nonzero(row), np.nonzero(column)
        if len(r) and len(c):
            window = heatmaps[joint, r[0] : r[-1] + 1, c[0] : c[-1] + 1]
            np.maximum(window, np.outer(row[r], column[c]), out=window)
    return heatmaps


def _between(centres: npt.NDArray[np.float64], low: float, high: float) -> slice:
    return slice(int(np.searchsorted(centres, low)), int(np.searchsorted(centres, high, "right")))


def _gaussian(distance: npt.NDArray[np.float64], sigma: float) -> FloatMap:
    sigmas = np.minimum(np.abs(distance) / sigma, 2 * _REACH)
    return np.where(sigmas <= _REACH, np.exp(-0.5 * sigmas**2), 0).astype(np.float32)


def draw_pafs(
    points: npt.NDArray[np.float64],
    seen: npt.NDArray[np.bool_],
    skeleton: Skeleton,
    xs: npt.NDArray[np.float64],
    ys: npt.NDArray[np.float64],
    limb_width: float,
) -> tuple[FloatMap, npt.NDArray[np.int32]]:
    """The part affinity fields (2L, h, w), and (L, h, w) how many limbs lie over each cell; see `draw_fields`."""
    pafs = np.zeros((skeleton.num_limbs, 2, len(ys), len(xs)), np.float32)
    count = np.zeros((skeleton.num_limbs, len(ys), len(xs)), np.int32)
    half = limb_width / 2
    for limb, (a, b) in enumerate(skeleton.limbs):
        for person in np.nonzero(seen[:, a] & seen[:, b])[0]:
            start, end = points[person, a], points[person, b]
            length = float(np.hypot(*(end - start)))
            if length == 0:
                continue  # a point has no direction
            ux, uy = (end - start) / length
            (x0, y0), (x1, y1) = np.minimum(start, end) - half, np.maximum(start, end) + half
            columns, rows = _between(xs, x0, x1), _between(ys, y0, y1)
            dx, dy = xs[None, columns] - start[0], ys[rows, None] - start[1]
            along, beside = dx * ux + dy * uy, np.abs(dx * uy - dy * ux)
            over = (along >= 0) & (along <= length) & (beside <= half)
            count[limb, rows, columns] += over
            pafs[limb, 0, rows, columns] += over * np.float32(ux)
            pafs[limb, 1, rows, columns] += over * np.float32(uy)
    pafs /= np.maximum(count, 1)[:, None]
    return pafs.reshape(-1, len(ys), len(xs)), count
