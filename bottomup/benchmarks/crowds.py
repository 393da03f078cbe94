"""Procedural crowds: people whose poses are known, with perspective and overlap as asked for; no data needed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.figures import random_bodies
from bottomup.datasets import PhotoLabels
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# The boxes' share of the picture at which people of these shapes can still stand apart (a crowd index below 0.1), so
# that more overlap than that comes from standing closer and not from being larger.
_FILLED = 0.3
ASPECT = 0.4  # mean width of a body's box over its height
TALLEST = 0.85  # of the picture's height, so that one person alone is inside it
# The nearest people are this many times as tall as the farthest (the picture's lower and upper edge).
PERSPECTIVE = 2.5
STATURE = 0.12  # relative spread of heights at one distance: children, and people who are no ground-plane's business
_MARGIN = 0.05  # a box reaches beyond the outermost joints by this share of the body's height, as flesh and hair do
# How likely a joint that lies behind the torso of somebody nearer has no label: annotators guess about half of them.
_COVERED = 0.5
_LEGLESS = 0.1  # share of people whose legs are behind a table, a counter, a fence
# What hides an elbow mostly hides the wrist too: joints that go with the one further in, this often.
_BEYOND = {"elbow": "shoulder", "wrist": "elbow", "knee": "hip", "ankle": "knee",
           "heel": "ankle", "big_toe": "ankle", "small_toe": "ankle"}  # fmt: skip
_ALONG = 0.7
_SEARCH = 24  # halvings of the interval in which the tightness is searched


@dataclass(frozen=True)
class Crowd:
    """N people in a picture of `height` x `width` pixels, and what is labelled of them.

    keypoints: (N, K, 2) float64 image pixels. Those that are not visible are true places all the same.
    visible: (N, K) bool, True where a joint is in the picture and labelled.
    boxes: (N, 4) float64 xyxy around each whole body, cut at the picture's edges.
    """

    skeleton: Skeleton
    height: int
    width: int
    keypoints: Floats
    visible: Bools
    boxes: Floats

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def crowd_index(self) -> float:
        """CrowdPose's measure of overlap; see `crowd_index`."""
        return crowd_index(self.keypoints, self.visible, self.boxes)

    def labels(self) -> PhotoLabels:
        """What an annotation file would say of these people; area is 0.53 of the box, as CrowdPose has it."""
        keypoints = np.where(self.visible[..., None], self.keypoints, np.nan)
        return PhotoLabels.of_people(keypoints, self.boxes, ignored=np.zeros(len(self), bool))


def crowd_index(keypoints: npt.ArrayLike, visible: npt.ArrayLike, boxes: npt.ArrayLike) -> float:
    """How crowded a picture is: the mean over people of others' joints in a person's box, for each of its own there.

    Li et al., CVPR 2019 (arXiv:1812.00324), section 4.1: 1/n sum_i N_i^b / N_i^a, where of the labelled joints within
    the box of person i N_i^a are its own and N_i^b are not. The published indices of CrowdPose's pictures come out to
    within 0.005 for half of them when, as here, people without labelled joints are not counted. It can exceed 1.

    Parameters
    ----------
    keypoints:
        (N, K, 2) image pixels; those that are not visible are never read.
    visible:
        (N, K), True where a joint is labelled.
    boxes:
        (N, 4) xyxy, image pixels, edges included.

    Returns 0 without people.
    """
    points, seen, edges = np.asarray(keypoints, float), np.asarray(visible) > 0, np.asarray(boxes, float)
    owner = np.nonzero(seen)[0]
    x, y = points[seen].T
    shares = []
    for person in np.unique(owner):
        x1, y1, x2, y2 = edges[person]
        inside = (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2)
        own = int((inside & (owner == person)).sum())
        if own:
            shares.append((int(inside.sum()) - own) / own)
    return float(np.mean(shares)) if shares else 0.0


def make_crowd(
    count: int,
    skeleton: Skeleton,
    *,
    height: int,
    width: int,
    crowd_index: float = 0.5,
    hidden: float = 0.05,
    seed: int = 0,
) -> Crowd:
    """A crowd of `count` people; the same arguments give the same crowd.

    People stand, walk, sit, bend and raise their arms on ground that rises towards the picture's top, the farther
    the smaller. They are spread evenly over the picture and then drawn together, or made smaller, until the crowd
    index is as asked for.

    Parameters
    ----------
    count:
        People.
    skeleton:
        Any built-in one, or one of the same joints.
    height, width:
        Of the picture, pixels.
    crowd_index:
        The overlap wanted; see the function of that name. It is met as closely as the poses allow, which for a
        handful of people is within a few hundredths; one person alone has 0.
    hidden:
        Chance of each joint to have no label; the joints beyond it in its arm or leg mostly have none then either.
        On top of that, joints behind nearer people and some people's legs have none; 0 turns all of this off.
    seed:
        Of all that is random.

    Raises ValueError for a negative count, sizes that are not positive, a hidden share outside 0..1, a crowd index
    that is negative or not finite, and a skeleton with a joint that is unknown.
    """
    for name, value, least in (("count", count, 0), ("height", height, 1), ("width", width, 1), ("seed", seed, 0)):
        if value < least:
            raise ValueError(f"{name} must be at least {least} but is {value}")
    if not 0 <= hidden <= 1:
        raise ValueError(f"hidden must be from 0 to 1 but is {hidden}")
    if not (math.isfinite(crowd_index) and crowd_index >= 0):
        raise ValueError(f"crowd_index must be at least 0 and finite but is {crowd_index}")
    rng = np.random.default_rng(seed)
    bodies = random_bodies(count, skeleton, rng)
    spots, stature = _spots(count, height / width, rng), rng.normal(1, STATURE, count).clip(0.6, 1.4)
    luck = rng.random((count, len(skeleton.joints)))

    def place(tightness: float) -> Crowd:
        points, depth = _place(bodies, spots, stature, height, width, tightness)
        boxes = boxes_of(points, height, width)
        inside = inside_picture(points, height, width)
        unlabelled = unlabelled_joints(points, depth, luck, hidden, skeleton)
        visible = inside & ~unlabelled
        few = visible.sum(axis=1) < np.minimum(3, len(skeleton.joints))
        visible[few] = inside[few]
        return Crowd(skeleton, height, width, points, visible, boxes)

    low, high = math.log(0.02), math.log(50)
    for _ in range(_SEARCH if count > 1 else 0):
        middle = (low + high) / 2
        if place(math.exp(middle)).crowd_index < crowd_index:
            low = middle
        else:
            high = middle
    return place(math.exp((low + high) / 2))


def _spots(count: int, aspect: float, rng: np.random.Generator) -> Floats:
    """(count, 2) places in the unit square, one in each of as many shaken cells, so that no two are close."""
    columns = max(round(math.sqrt(count * ASPECT**-1 / aspect)), 1)
    columns = min(columns, max(count, 1))
    rows = -(-count // columns)
    cells = rng.permutation(rows * columns)[:count]
    shaken = rng.uniform(0.2, 0.8, (count, 2))
    return np.stack([(cells % columns + shaken[:, 0]) / columns, (cells // columns + shaken[:, 1]) / rows], axis=1)


def _place(
    bodies: Floats, spots: Floats, stature: Floats, height: int, width: int, tightness: float
) -> tuple[Floats, Floats]:
    """(N, K, 2) pixels, and (N,) how near each person is. At tightness 1 people fill the picture without crowding;
    below they are smaller in the same places, above they are as large but closer to the picture's middle."""
    count = max(len(bodies), 1)
    tall = min(math.sqrt(_FILLED * height * width / (ASPECT * count)), TALLEST * height) * min(tightness, 1.0)
    # The middle of a body keeps half a body's distance from the upper and lower edge.
    border = np.array([min(0.4 * tall * ASPECT / width, 0.5), min(0.5 * tall / height, 0.5)])
    spots = (spots - 0.5) * np.minimum(1 / max(tightness, 1.0), 1.0) * (1 - 2 * border) + 0.5
    near = spots[:, 1]
    growth = (1 + (PERSPECTIVE - 1) * near) / (1 + (PERSPECTIVE - 1) / 2)
    sizes = tall * np.minimum(growth * stature, 1.0 if count == 1 else np.inf)
    centred = bodies - (bodies.min(axis=1, keepdims=True) + bodies.max(axis=1, keepdims=True)) / 2
    return centred * sizes[:, None, None] + (spots * [width, height])[:, None], near


def boxes_of(points: Floats, height: int, width: int) -> Floats:
    low, high = points.min(axis=1), points.max(axis=1)
    margin = _MARGIN * (high - low).max(axis=1, keepdims=True)
    edges = np.array([width - 1, height - 1])
    return np.concatenate([np.clip(low - margin, 0, edges), np.clip(high + margin, 0, edges)], axis=1)


def inside_picture(points: Floats, height: int, width: int) -> Bools:
    return np.asarray((points >= 0).all(axis=2) & (points[..., 0] <= width - 1) & (points[..., 1] <= height - 1))


def unlabelled_joints(points: Floats, near: Floats, luck: Floats, hidden: float, skeleton: Skeleton) -> Bools:
    """(N, K) joints without a label: at random, behind somebody nearer, behind furniture."""
    if hidden == 0 or not len(points):
        return np.zeros(points.shape[:2], bool)
    out = luck < hidden
    torso = [k for k, joint in enumerate(skeleton.joints) if joint.endswith(("_shoulder", "_hip"))]
    legs = [k for k, joint in enumerate(skeleton.joints) if joint.endswith(("_knee", "_ankle", "_toe", "_heel"))]
    # `luck` is uniform: its fractions below are as good as fresh numbers, and stay put while people move.
    out[:, legs] |= luck[:, :1] * 7 % 1 < _LEGLESS
    unlucky = luck * 11 % 1 < _COVERED
    low, high = points[:, torso].min(axis=1), points[:, torso].max(axis=1)
    for front in np.argsort(-near, kind="stable"):
        behind = (near < near[front])[:, None] & unlucky
        out |= behind & ((points >= low[front]) & (points <= high[front])).all(axis=2)
    for outer, inner in _BEYOND.items():
        for side in ("left_", "right_"):
            if side + outer in skeleton.joints and side + inner in skeleton.joints:
                far, near_by = skeleton.index(side + outer), skeleton.index(side + inner)
                out[:, far] |= out[:, near_by] & (luck[:, far] * 13 % 1 < _ALONG)
    return out
