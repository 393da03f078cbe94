"""From people to the strokes that show them: limbs, joints and a dark casing around both, all people at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bottomup.drawing.fields import Color
from bottomup.drawing.limbs import choose_limbs, with_neck
from bottomup.drawing.painting import Floats, Strokes
from bottomup.skeleton import Skeleton

Integers = npt.NDArray[np.int64]

_FARTHEST = 1e6  # pixels; no photo is that wide

# How wide the lines are, as fractions of the picture's diagonal and of the person's size (see _line_widths).
_WIDTH_OF_DIAGONAL = (0.0020, 0.0055)
_WIDTH_OF_PERSON = 0.022
_THINNEST = 1.3  # pixels
_EDGE = 0.8  # pixels more, since an anti-aliased line loses that much of what is seen of it

_CASING = 0.6  # opacity of the dark line around everything
_SIDES: dict[str, Color] = {"left": (235, 145, 40), "right": (40, 130, 245), "middle": (150, 200, 30)}


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
    traced:
        (P, K) joints whose dots are without a light middle.
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
        self.traced = people.traced[drawn]
        points, strength = points[drawn], strength[drawn]
        self.low = np.where(strength[..., None] > 0, points, np.inf).min(axis=1, initial=np.inf)
        self.high = np.where(strength[..., None] > 0, points, -np.inf).max(axis=1, initial=-np.inf)
        self.widths = _line_widths(shape, self.low, self.high) * line_scale
        converted, self.strength = self.own.convert(points, strength, self.skeleton)
        self.points: Floats = np.asarray(converted, np.float64)

    def seen_points(self, place: int) -> Floats:
        """(J, 2) the joints of a person that are drawn."""
        count = self.own.num_joints
        return self.points[place, :count][self.strength[place, :count] > 0]

    def strokes(self, colors: Sequence[Color] | None) -> tuple[Strokes, npt.NDArray[np.uint8]]:
        """What to paint, and the colours (M, 2, 3) of its layers.

        colors: of each person, who is a layer; None colours by the sides of the body, so that a person is a layer of
        casings alone and one for each side.
        """
        person, ends, opacity = self._limbs()
        owner, dot = np.nonzero(self.strength[:, : self.own.num_joints] > 0)
        half = self.widths[person] / 2
        border = np.maximum(0.7, 0.22 * self.widths)
        no_light = np.zeros(len(person))
        bars = Strokes(
            person,
            self.points[person[:, None], ends].reshape(-1, 4),
            np.stack([half + border[person], half, no_light], axis=1),
            np.stack([_CASING * opacity, opacity], axis=1),
        )
        # Limbs end in the dots of their joints, but for the neck, which has none.
        necks = np.flatnonzero((ends >= self.own.num_joints).any(axis=1))
        at_neck = np.tile(self.points[person[necks], -1], 2)
        caps = Strokes(person[necks], at_neck, bars.radii[necks], bars.opacities[necks])
        radii = self.widths[owner] * (0.55 + 0.45 * self.strength[owner, dot])
        dots = Strokes(
            owner,
            np.tile(self.points[owner, dot], 2),
            np.stack([radii + border[owner], radii, np.where(self.traced[owner, dot], 0, 0.6 * radii)], axis=1),
            np.tile([_CASING, 1.0], (len(owner), 1)),
        )
        if colors is not None:
            return Strokes.join(bars, caps, dots), _layer_colors(np.reshape(np.asarray(colors, np.float64), (-1, 3)))
        limb_sides, dot_sides = self._sides(ends, dot)
        parts = [(bars, limb_sides), (caps, limb_sides[necks]), (dots, dot_sides)]
        layered = [layer for part, sides in parts for layer in _split(part, sides)]
        return Strokes.join(*layered), np.tile(
            _layer_colors(np.array([(0, 0, 0), *_SIDES.values()], float)), (len(self.numbers), 1, 1)
        )

    def _limbs(self) -> tuple[Integers, Integers, Floats]:
        """Of all limbs that are drawn the person (R,), the joints (R, 2) and the opacity (R,), person by person."""
        person, limb = np.nonzero(choose_limbs(self.skeleton, self.points, self.strength > 0))
        ends = np.array(self.skeleton.limbs, np.int64).reshape(-1, 2)[limb]
        weaker = self.strength[person[:, None], ends].min(axis=1) if len(limb) else np.zeros(0)
        order = np.lexsort((weaker, person))  # from faint to opaque: where limbs overlap, the opaque one decides
        return person[order], ends[order], 0.35 + 0.65 * weaker[order]

    def _sides(self, ends: Integers, dots: Integers) -> tuple[Integers, Integers]:
        """Which colour of `_SIDES` limbs and dots have."""
        left, right, middle = range(len(_SIDES))
        sides = np.array(
            [left if name.startswith("left") else right if name.startswith("right") else middle
             for name in self.skeleton.joints]
        )  # fmt: skip
        both = sides[ends]
        of_limbs = np.where(both[:, 0] == middle, both[:, 1], both[:, 0])
        across = (both == left).any(axis=1) & (both == right).any(axis=1)
        return np.where(across, middle, of_limbs), sides[dots]


def _layer_colors(colors: Floats) -> npt.NDArray[np.uint8]:
    """(M, 2, 3) of colours (M, 3): they and a light tone of each."""
    own = np.clip(colors, 0, 255)
    return np.rint(np.stack([own, 0.35 * own + 0.65 * 255], axis=1)).astype(np.uint8)


def _split(strokes: Strokes, sides: Integers) -> tuple[Strokes, Strokes]:
    """The casings alone, in their person's lowest layer, and the rest in the layer of their side."""
    lowest = (1 + len(_SIDES)) * strokes.layers
    seen, hidden = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    casings = Strokes(lowest, strokes.ends, strokes.radii * [1, 1, 0], strokes.opacities * seen)
    return casings, Strokes(lowest + 1 + sides, strokes.ends, strokes.radii, strokes.opacities * hidden)


def _drawable_scores(keypoints: Floats, scores: npt.ArrayLike, threshold: float) -> Floats:
    """(N, K) scores clipped to 0..1; 0 for joints that are missing, below the threshold or nowhere near a picture."""
    raw = np.asarray(scores, np.float64)
    with np.errstate(invalid="ignore"):
        drawable = (np.abs(keypoints) < _FARTHEST).all(axis=2) & (raw > 0) & (raw >= threshold)
    return np.where(drawable, np.clip(raw, 0.0, 1.0), 0.0)


def _line_widths(shape: tuple[int, ...], low: Floats, high: Floats) -> Floats:
    """(P,) pixels: follows a person's size, yet can be seen when the picture is shown whole."""
    diagonal = math.hypot(shape[0], shape[1])
    sizes = np.hypot(*(high - low).T)
    thinnest, thickest = (fraction * diagonal for fraction in _WIDTH_OF_DIAGONAL)
    widths = np.minimum(np.maximum(_WIDTH_OF_PERSON * sizes, thinnest), thickest)
    return np.asarray(np.maximum(_THINNEST, widths) + _EDGE, np.float64)
