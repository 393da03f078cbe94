"""Which people of a picture are drawn, how large, and in which colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bottomup.drawing.fields import Color
from bottomup.drawing.limbs import with_neck
from bottomup.drawing.strokes import LEFT, MIDDLE, RIGHT, Floats, Strokes, pose_strokes
from bottomup.skeleton import Skeleton

_FARTHEST = 1e6  # pixels; no photo is that wide

# How wide the lines are, as fractions of the picture's diagonal and of the person's size (see _line_widths).
_WIDTH_OF_DIAGONAL = (0.0020, 0.0055)
_WIDTH_OF_PERSON = 0.022
_THINNEST = 1.3  # pixels
_EDGE = 0.8  # pixels more, since an anti-aliased line loses that much of what is seen of it

_GUESS = 0.25  # joints with a lower score are hardly ever right
_SIDES: dict[int, Color] = {LEFT: (235, 145, 40), RIGHT: (40, 130, 245), MIDDLE: (150, 200, 30)}


class Drawable(Protocol):
    """What can be drawn: N people of one skeleton, as `bottomup.People` are."""

    @property
    def skeleton(self) -> Skeleton: ...
    @property
    def keypoints(self) -> npt.NDArray[np.float32]:
        """(N, K, 2) pixels, NaN for a missing joint."""
        ...

    @property
    def keypoint_scores(self) -> npt.NDArray[np.float32]:
        """(N, K), 0 for a missing joint."""
        ...

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """(N,)."""
        ...

    @property
    def traced(self) -> npt.NDArray[np.bool_]:
        """(N, K), True for joints that no peak of their own shows."""
        ...

    @property
    def ids(self) -> npt.NDArray[np.int64] | None:
        """(N,), or None."""
        ...


class Poses:
    """The P people that are drawn, the surest last, so that they lie on top.

    Parameters
    ----------
    people:
        N people.
    shape:
        Of the picture.
    person_threshold, joint_threshold, line_scale:
        As for `bottomup.drawing.draw_people`.

    Attributes
    ----------
    numbers:
        Of each person, its id or place.
    scores:
        (P,).
    points:
        (P, K + 1, 2) with the neck that skeletons without one get.
    strength:
        (P, K + 1), 0 for joints that are not drawn.
    guessed:
        (P, K) joints whose dots are without a light middle: no peak of their own shows them, or three of four with such
        a score are wrong.
    low, high:
        (P, 2) pixels, the corners of the tight box of each person's joints.
    widths:
        (P,) pixels of a limb.
    """

    def __init__(
        self,
        people: Drawable,
        shape: tuple[int, ...],
        person_threshold: float,
        joint_threshold: float,
        line_scale: float,
    ) -> None:
        self.own = people.skeleton
        self.skeleton = with_neck(people.skeleton)
        points = np.asarray(people.keypoints, np.float64)
        strength = _drawable_scores(points, people.keypoint_scores, joint_threshold)
        drawn = np.flatnonzero((people.scores >= person_threshold) & (strength > 0).any(axis=1))
        drawn = drawn[np.argsort(people.scores[drawn], kind="stable")]
        ids = np.arange(len(points)) if people.ids is None else people.ids
        self.numbers: list[int] = ids[drawn].tolist()
        self.scores = people.scores[drawn]
        points, strength = points[drawn], strength[drawn]
        self.guessed = people.traced[drawn] | (strength < _GUESS)
        by_joint, seen = points.transpose(1, 0, 2), strength.T[..., None] > 0  # NumPy is quicker along the first axis
        self.low = np.where(seen, by_joint, np.inf).min(axis=0, initial=np.inf)
        self.high = np.where(seen, by_joint, -np.inf).max(axis=0, initial=-np.inf)
        self.widths = _line_widths(shape, self.low, self.high) * line_scale
        self.points, self.strength = points, strength
        if self.skeleton != self.own:  # a cached one may be equal and another object
            shoulders = [self.own.index(f"{side}_shoulder") for side in ("left", "right")]
            self.points = np.concatenate([points, points[:, shoulders].mean(axis=1, keepdims=True)], axis=1)
            weaker = strength[:, shoulders].min(axis=1, keepdims=True)
            self.strength = np.concatenate([strength, weaker], axis=1)

    def seen_points(self, place: int) -> Floats:
        """(J, 2) the joints of a person that are drawn."""
        count = self.own.num_joints
        return self.points[place, :count][self.strength[place, :count] > 0]

    def strokes(self, colors: Sequence[Color] | None) -> tuple[Strokes, npt.NDArray[np.uint8]]:
        """What to paint, and the colours (M, 2, 3) of its layers.

        colors: of each person, who is a layer; None colours by the sides of the body, so that a person is a layer of
        casings alone and one for each side.
        """
        sides = None if colors is not None else _sides(self.skeleton)
        strokes = pose_strokes(self.skeleton, self.points, self.strength, self.guessed, self.widths, sides)
        if colors is not None:
            return strokes, _layer_colors(np.reshape(np.asarray(colors, np.float64), (-1, 3)))
        layers = _layer_colors(np.array([(0, 0, 0), *(_SIDES[side] for side in (LEFT, RIGHT, MIDDLE))], float))
        return strokes, np.tile(layers, (len(self.numbers), 1, 1))


def _sides(skeleton: Skeleton) -> npt.NDArray[np.int32]:
    """(K,) on which side of the body each joint is."""
    return np.array(
        [
            LEFT if name.startswith("left") else RIGHT if name.startswith("right") else MIDDLE
            for name in skeleton.joints
        ],
        np.int32,
    )


def _layer_colors(colors: Floats) -> npt.NDArray[np.uint8]:
    """(M, 2, 3) of colours (M, 3): they and a light tone of each."""
    own = np.clip(colors, 0, 255)
    return np.rint(np.stack([own, 0.35 * own + 0.65 * 255], axis=1)).astype(np.uint8)


def _drawable_scores(keypoints: Floats, scores: npt.ArrayLike, threshold: float) -> Floats:
    """(N, K) scores clipped to 0..1; 0 for joints that are missing, below the threshold or nowhere near a picture."""
    raw = np.asarray(scores, np.float64)
    with np.errstate(invalid="ignore"):
        near = np.abs(keypoints) < _FARTHEST
        drawable = near[..., 0] & near[..., 1] & (raw > 0) & (raw >= threshold)
    return np.where(drawable, np.clip(raw, 0.0, 1.0), 0.0)


def _line_widths(shape: tuple[int, ...], low: Floats, high: Floats) -> Floats:
    """(P,) pixels: follows a person's size, yet can be seen when the picture is shown whole."""
    diagonal = math.hypot(shape[0], shape[1])
    sizes = np.hypot(*(high - low).T)
    thinnest, thickest = (fraction * diagonal for fraction in _WIDTH_OF_DIAGONAL)
    widths = np.minimum(np.maximum(_WIDTH_OF_PERSON * sizes, thinnest), thickest)
    return np.asarray(np.maximum(_THINNEST, widths) + _EDGE, np.float64)
