"""Pictures of results: people as skeletons.

A picture of any kind that the detector takes is left alone and a new one returned as OpenCV has them, (H, W, 3) uint8
BGR. Coordinates are image pixels with pixel centres at integers, which is also what OpenCV's drawing calls assume.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from bottomup.drawing.fields import Color, distinct_color
from bottomup.drawing.labels import draw_plate, draw_text
from bottomup.drawing.limbs import choose_limbs, with_neck
from bottomup.drawing.painting import Floats, Painting, bar_outlines, disc_outlines
from bottomup.image import BgrImage, to_bgr
from bottomup.skeleton import Skeleton

_FARTHEST = 1e6  # pixels; coordinates beyond would overflow OpenCV's 32-bit fixed point, and no photo is that wide

# How wide the lines are, as fractions of the picture's diagonal and of the person's size (see _line_widths).
_WIDTH_OF_DIAGONAL = (0.0020, 0.0055)
_WIDTH_OF_PERSON = 0.022
_THINNEST = 1.3  # pixels; below, an anti-aliased line is too faint to see

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
    def ids(self) -> npt.NDArray[np.int64] | None:
        """(N,), or None."""
        ...


def draw_people(
    image: object,
    people: Drawable,
    *,
    rgb: bool = False,
    person_threshold: float = 0.0,
    joint_threshold: float = 0.0,
    line_scale: float = 1.0,
    colors: Sequence[Color] | None = None,
    color_by: str = "person",
    show_ids: bool = True,
    show_scores: bool = False,
    show_boxes: bool = False,
    show_names: bool = False,
) -> BgrImage:
    """Draw skeletons over a copy of an image.

    A joint's dot grows with its score and a limb is as opaque as the weaker of its two joints. Line widths follow
    the size of the person, within bounds that follow the size of the picture. Limbs that only repeat what others
    show (ear to shoulder where the neck is drawn, say) are left out; they come back where a joint is missing.

    Parameters
    ----------
    image:
        A picture of any kind that the detector takes; a NumPy array is (H, W, 3) uint8 BGR, or float in 0..1.
    people:
        What to draw; person number i has `distinct_color(i)`, so has the person with id i where there are ids. Missing
        joints (score 0, NaN) are skipped.
    rgb:
        NumPy arrays are RGB, and so is the result.
    person_threshold, joint_threshold:
        People and joints with a lower score are not drawn.
    line_scale:
        Factor on every line width and dot.
    colors:
        BGR colours to use instead, in turn (RGB with `rgb`).
    color_by:
        `person`, or `side`: left, right and middle of every body have a colour each.
    show_ids, show_scores:
        Write the id of each person that has one, and the person's score, above the uppermost joint.
    show_boxes:
        Draw the tight box of each person's joints.
    show_names:
        Write the name of each joint beside it.

    Returns
    -------
    (H, W, 3) uint8 BGR, a new array.

    Raises
    ------
    TypeError, ValueError
        If people are no People, a threshold is no finite number, the line scale not positive, color_by unknown, or
        colors are empty or no triples of numbers; for a bad image as `bottomup.image.to_bgr`.
    """
    canvas = _canvas(image, rgb)
    _check_people(people)
    _check_options(person_threshold, joint_threshold, line_scale, color_by)
    if colors is not None:
        _check_colors(colors)
        colors = [color[::-1] for color in colors] if rgb else colors
    poses = _Poses(people, canvas.shape, person_threshold, joint_threshold, line_scale)
    for place in np.argsort(poses.scores, kind="stable").tolist():  # the surest people come last and lie on top
        number = poses.numbers[place]
        color = distinct_color(number) if colors is None else colors[number % len(colors)]
        if show_boxes:
            poses.draw_box(canvas, place, color)
        poses.draw(canvas, place, color if color_by == "person" else None)
        words = [str(number)] if show_ids and people.ids is not None else []
        words += [f"{poses.scores[place]:.2f}"] if show_scores else []
        if words:
            draw_plate(canvas, " ".join(words), poses.seen_points(place), color, poses.widths[place], line_scale)
        if show_names:
            poses.draw_names(canvas, place)
    return np.ascontiguousarray(canvas[:, :, ::-1]) if rgb else canvas


def _canvas(image: object, rgb: bool) -> BgrImage:
    """A new BGR picture of anything."""
    if isinstance(image, np.ndarray) and np.issubdtype(image.dtype, np.floating) and image.ndim == 3:
        low, high = (float(np.nanmin(image)), float(np.nanmax(image))) if image.size else (0.0, 0.0)
        if not (np.isfinite(image).all() and low >= -0.5 / 255 and high <= 1 + 0.5 / 255):
            raise ValueError(f"image must be a float array within 0..1 but holds {low:g} to {high:g}")
        image = np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)
    picture = to_bgr(image, rgb=rgb)
    is_new = not isinstance(image, np.ndarray) or not np.shares_memory(picture, image)
    return picture if is_new and picture.flags.writeable else picture.copy()


class _Poses:
    """The people that are drawn, all computed at once.

    numbers: of each person, its id or place. scores: (P,). points: (P, K + 1, 2) with the neck that skeletons without
    one get; strength: (P, K + 1), 0 for joints that are not drawn. widths: (P,) pixels of a limb.
    """

    def __init__(
        self, people: Drawable, shape: tuple[int, ...], person_threshold: float, joint_threshold: float, scale: float
    ) -> None:
        self.own = people.skeleton
        self.skeleton = with_neck(people.skeleton)
        points = np.asarray(people.keypoints, np.float64)
        strength = _drawable_scores(points, people.keypoint_scores, joint_threshold)
        drawn = np.flatnonzero((people.scores >= person_threshold) & (strength > 0).any(axis=1))
        ids = np.arange(len(points)) if people.ids is None else people.ids
        self.numbers: list[int] = ids[drawn].tolist()
        self.scores = people.scores[drawn]
        points, strength = points[drawn], strength[drawn]
        self.low = np.where(strength[..., None] > 0, points, np.inf).min(axis=1, initial=np.inf)
        self.high = np.where(strength[..., None] > 0, points, -np.inf).max(axis=1, initial=-np.inf)
        self.widths = _line_widths(shape, self.low, self.high) * scale
        converted, self.strength = self.own.convert(points, strength, self.skeleton)
        self.points: Floats = np.asarray(converted, np.float64)
        self.limbs = choose_limbs(self.skeleton, self.points, self.strength > 0)

    def seen_points(self, place: int) -> Floats:
        """(J, 2) the joints of a person that are drawn."""
        count = self.own.num_joints
        return self.points[place, :count][self.strength[place, :count] > 0]

    def draw(self, canvas: BgrImage, place: int, color: Color | None) -> None:
        """A dark casing, then limbs and joints; None colours them by their side."""
        width = float(self.widths[place])
        border = max(0.7, 0.22 * width)
        reach = 1.1 * width + border + 2
        painting = Painting(canvas, self.low[place] - reach, self.high[place] + reach + 1)
        if painting.is_empty:
            return
        points, strength = self.points[place], self.strength[place]
        limbs = np.array(self.skeleton.limbs).reshape(-1, 2)[self.limbs[place]]
        weaker = strength[limbs].min(axis=1) if len(limbs) else np.zeros(0)
        order = np.argsort(weaker, kind="stable")  # from faint to opaque: where limbs overlap, the opaque one decides
        limbs, opacity = limbs[order], 0.35 + 0.65 * weaker[order]
        dots = np.flatnonzero(strength[: self.own.num_joints] > 0)
        radii = width * (0.55 + 0.45 * strength[dots])
        starts, ends = points[limbs[:, 0]], points[limbs[:, 1]]
        bars = bar_outlines(starts, ends, width)
        # Limbs end in the dots of their joints, but for the neck, which has none.
        necks = np.flatnonzero((limbs >= self.own.num_joints).any(axis=1))
        caps = np.repeat(points[[self.skeleton.num_joints - 1]], len(necks), axis=0)

        casing = painting.mask()
        dark = np.rint(255 * _CASING * opacity).astype(int).tolist()
        painting.fill(casing, bar_outlines(starts, ends, width + 2 * border), dark)
        painting.fill(casing, disc_outlines(caps, np.full(len(caps), width / 2 + border)), [dark[n] for n in necks])
        painting.fill(casing, disc_outlines(points[dots], radii + border), [round(255 * _CASING)] * len(dots))
        painting.lay(casing, (0, 0, 0))

        round_caps = disc_outlines(caps, np.full(len(caps), width / 2))
        discs, inner = disc_outlines(points[dots], radii), disc_outlines(points[dots], 0.6 * radii)
        opaque = np.rint(255 * opacity).astype(int)
        for part, limb_part, dot_part in self._parts(limbs, dots, color):
            mask, own_caps = painting.mask(), limb_part[necks]
            painting.fill(mask, bars[limb_part], opaque[limb_part].tolist())
            painting.fill(mask, round_caps[own_caps], opaque[necks][own_caps].tolist())
            painting.fill(mask, discs[dot_part], [255] * int(dot_part.sum()))
            painting.lay(mask, part)
        for part, _, dot_part in self._parts(limbs, dots, color):
            if dot_part.any():
                mask = painting.mask()
                painting.fill(mask, inner[dot_part], [255] * int(dot_part.sum()))
                blue, green, red = (0.35 * channel + 0.65 * 255 for channel in part)
                painting.lay(mask, (round(blue), round(green), round(red)))
        painting.finish()

    def _parts(
        self, limbs: npt.NDArray[Any], dots: npt.NDArray[Any], color: Color | None
    ) -> list[tuple[Color, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
        """Colour, and which limbs and which dots have it."""
        if color is not None:
            return [(color, np.ones(len(limbs), bool), np.ones(len(dots), bool))]
        sides = np.array([_side(name) for name in self.skeleton.joints])
        of_limbs = np.where(sides[limbs[:, 0]] == "middle", sides[limbs[:, 1]], sides[limbs[:, 0]])
        both = sides[limbs]
        across = (both == "left").any(axis=1) & (both == "right").any(axis=1)
        of_limbs = np.where(across, "middle", of_limbs)
        return [(part, of_limbs == side, sides[dots] == side) for side, part in _SIDES.items()]

    def draw_box(self, canvas: BgrImage, place: int, color: Color) -> None:
        """The tight box of the joints that are drawn."""
        size = np.array(canvas.shape[1::-1])
        low = np.rint(np.clip(self.low[place], -size, 2 * size)).astype(int).tolist()
        high = np.rint(np.clip(self.high[place], -size, 2 * size)).astype(int).tolist()
        cv2.rectangle(canvas, low, high, tuple(map(float, color)), max(1, round(0.4 * float(self.widths[place]))))

    def draw_names(self, canvas: BgrImage, place: int) -> None:
        """The names of the joints that are drawn, beside them."""
        width = float(self.widths[place])
        for joint in np.flatnonzero(self.strength[place, : self.own.num_joints] > 0).tolist():
            draw_text(canvas, self.own.joints[joint].replace("_", " "), self.points[place, joint], width)


def _side(joint: str) -> str:
    return next((side for side in ("left", "right") if joint.startswith(side)), "middle")


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
    return np.asarray(np.maximum(_THINNEST, widths), np.float64)


def _check_people(people: object) -> None:
    if not all(hasattr(people, name) for name in ("skeleton", "keypoints", "keypoint_scores", "scores", "ids")):
        hint = ": use its as_people()" if hasattr(people, "as_people") else ""
        raise TypeError(f"people must be People but is a {type(people).__name__}{hint}")


def _check_options(person_threshold: float, joint_threshold: float, line_scale: float, color_by: str) -> None:
    options = {"person_threshold": person_threshold, "joint_threshold": joint_threshold, "line_scale": line_scale}
    for name, option in options.items():
        if not isinstance(option, (int, float, np.integer, np.floating)):
            raise TypeError(f"{name} must be a number but is {option!r}")
        if not math.isfinite(option):
            raise ValueError(f"{name} must be a finite number but is {option}")
    if line_scale <= 0:
        raise ValueError(f"line_scale must be positive but is {line_scale}")
    if color_by not in ("person", "side"):
        raise ValueError(f"color_by must be 'person' or 'side' but is {color_by!r}")


def _check_colors(colors: Sequence[Color]) -> None:
    try:
        shape = np.asarray(colors, np.float64).shape
    except (TypeError, ValueError):
        raise TypeError(f"colors must hold triples of numbers but is {colors!r}") from None
    if shape == (0,):
        raise ValueError("colors must hold at least one colour but is empty")
    if len(shape) != 2 or shape[1] != 3:
        raise ValueError(f"colors must have shape (M, 3) but has {shape}")
