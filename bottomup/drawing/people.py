"""Pictures of results: people as skeletons.

All functions take a picture of any kind that the detector takes, leave it alone and return a new one as OpenCV
has them, (H, W, 3) uint8 BGR.
Coordinates are image pixels with pixel centres at integers, which is also what OpenCV's drawing calls assume.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from bottomup.drawing.fields import Color, distinct_color
from bottomup.image import BgrImage, to_bgr
from bottomup.people import People, Person
from bottomup.skeleton import Skeleton

Points = npt.NDArray[np.floating]
Shape = tuple[Points, float]  # a convex outline (M, 2) in pixels, and its opacity

_SUBPIXEL_BITS = 4  # OpenCV draws at 1/16 of a pixel
_FARTHEST = 1e6  # pixels; coordinates beyond would overflow OpenCV's 32-bit fixed point, and no photo is that wide

# How wide the lines are, as fractions of the picture's diagonal and of the person's size (see _line_width).
_WIDTH_OF_DIAGONAL = (0.0020, 0.0055)
_WIDTH_OF_PERSON = 0.022
_THINNEST = 1.3  # pixels; below, an anti-aliased line is too faint to see

_DETOUR = 1.5  # a limb is left out if limbs already drawn lead from end to end on a way at most this much longer
_FACE = frozenset({"nose", "left_eye", "right_eye", "left_ear", "right_ear"})
_NECKS = frozenset({"neck", "upper_neck", "thorax"})


def draw_people(
    image: object,
    people: People,
    *,
    person_threshold: float = 0.0,
    joint_threshold: float = 0.0,
    line_scale: float = 1.0,
    colors: Sequence[Color] | None = None,
    show_ids: bool = True,
) -> BgrImage:
    """Draw skeletons over a copy of an image.

    A joint's dot grows with its score and a limb is as opaque as the weaker of its two joints. Line widths follow
    the size of the person, within bounds that follow the size of the picture. Limbs that only repeat what others
    show (ear to shoulder where the neck is drawn, say) are left out; they come back where a joint is missing.

    Parameters
    ----------
    image:
        A picture of any kind that the detector takes; a NumPy array is (H, W, 3) uint8 BGR.
    people:
        What to draw; person number i has `distinct_color(i)`, so has the person with id i where there are ids. Missing
        joints (score 0, NaN) are skipped.
    person_threshold, joint_threshold:
        People and joints with a lower score are not drawn.
    line_scale:
        Factor on every line width and dot.
    colors:
        BGR colours to use instead, in turn.
    show_ids:
        Write the id of each person that has one above its uppermost joint.

    Returns
    -------
    (H, W, 3) uint8 BGR, a new array.

    Raises
    ------
    TypeError, ValueError
        If people are no People, a threshold is no finite number, the line scale not positive, or colors are empty or
        no triples of numbers; for a bad image as `bottomup.image.to_bgr`.
    """
    canvas = to_bgr(image).copy()
    if not isinstance(people, People):
        hint = ": use its as_people()" if isinstance(people, Person) else ""
        raise TypeError(f"people must be People but is a {type(people).__name__}{hint}")
    options = {"person_threshold": person_threshold, "joint_threshold": joint_threshold, "line_scale": line_scale}
    for name, option in options.items():
        if not isinstance(option, (int, float, np.integer, np.floating)):
            raise TypeError(f"{name} must be a number but is {option!r}")
        if not math.isfinite(option):
            raise ValueError(f"{name} must be a finite number but is {option}")
    if line_scale <= 0:
        raise ValueError(f"line_scale must be positive but is {line_scale}")
    if colors is not None:
        _check_colors(colors)
    order = np.argsort(people.scores, kind="stable")  # the surest people come last and lie on top
    for index in order.tolist():
        score = float(people.scores[index])
        if math.isnan(score) or score < person_threshold:
            continue
        number = index if people.ids is None else int(people.ids[index])
        color = distinct_color(number) if colors is None else colors[number % len(colors)]
        keypoints = np.asarray(people.keypoints[index], np.float64)
        scores = _drawable_scores(keypoints, people.keypoint_scores[index], joint_threshold)
        _draw_person(canvas, people.skeleton, keypoints, scores, color, line_scale)
        if show_ids and people.ids is not None and (scores > 0).any():
            _draw_name(canvas, str(number), keypoints[scores > 0], color, line_scale)
    return canvas


def _check_colors(colors: Sequence[Color]) -> None:
    try:
        shape = np.asarray(colors, np.float64).shape
    except (TypeError, ValueError):
        raise TypeError(f"colors must hold triples of numbers but is {colors!r}") from None
    if shape == (0,):
        raise ValueError("colors must hold at least one colour but is empty")
    if len(shape) != 2 or shape[1] != 3:
        raise ValueError(f"colors must have shape (M, 3) but has {shape}")


def readable_limbs(skeleton: Skeleton, keypoints: npt.ArrayLike, seen: npt.ArrayLike) -> list[int]:
    """Which limbs of one pose to draw: those that show something the others do not.

    Skeletons have redundant limbs, which help grouping but clutter a picture. As in the greedy construction of a
    graph spanner (Althöfer et al., "On sparse spanners of weighted graphs", 1993), limbs are taken from short to
    long, those along the body's middle first, and one is left out if the limbs already taken lead from its one end
    to its other on a way that is hardly longer. Limbs between face and body come last and only if nothing else
    joins the two. Where a joint is missing the way through it is missing, and the redundant limb stays.

    Parameters
    ----------
    skeleton:
        The skeleton, K joints.
    keypoints:
        (K, 2) pixels.
    seen:
        (K,) bool; limbs with an end that is not seen are left out.

    Returns
    -------
    Indices into `skeleton.limbs`, ascending.
    """
    points, is_seen = np.asarray(keypoints, np.float64), np.asarray(seen, bool)
    mirrored = {joint for pair in skeleton.flip or () for joint in pair}
    candidates = []
    for index, (a, b) in enumerate(skeleton.limbs):
        if is_seen[a] and is_seen[b]:
            is_bridge = (skeleton.joints[a] in _FACE) != (skeleton.joints[b] in _FACE)
            turn = 0 if a not in mirrored and b not in mirrored else 2 if is_bridge else 1
            candidates.append((turn, float(np.hypot(*(points[a] - points[b]))), index))
    way = np.full((skeleton.num_joints, skeleton.num_joints), np.inf)
    np.fill_diagonal(way, 0.0)
    taken = []
    for turn, length, index in sorted(candidates):
        a, b = skeleton.limbs[index]
        if way[a, b] <= _DETOUR * length or (turn == 2 and way[a, b] < np.inf):
            continue
        taken.append(index)
        through = way[:, a, None] + length + way[None, b, :]
        way = np.minimum(way, np.minimum(through, through.T))
    return sorted(taken)


@lru_cache(maxsize=64)
def _with_neck(skeleton: Skeleton) -> Skeleton:
    """The skeleton plus a neck from the shoulders' middle to the nose, if it has a head like COCO's but no neck."""
    joints = skeleton.joints
    if _NECKS & set(joints) or not {"nose", "left_shoulder", "right_shoulder"} <= set(joints):
        return skeleton
    neck = skeleton.num_joints
    limbs = tuple((neck, joints.index(name)) for name in ("nose", "left_shoulder", "right_shoulder"))
    sigma = skeleton.sigmas[joints.index("left_shoulder")]
    return replace(skeleton, joints=(*joints, "neck"), limbs=skeleton.limbs + limbs, sigmas=(*skeleton.sigmas, sigma))


def _drawable_scores(keypoints: Points, scores: npt.ArrayLike, threshold: float) -> Points:
    """(K,) scores clipped to 0..1; 0 for joints that are missing, below the threshold or nowhere near a picture."""
    raw = np.asarray(scores, np.float64)
    with np.errstate(invalid="ignore"):
        drawable = (np.abs(keypoints) < _FARTHEST).all(axis=1) & (raw > 0) & (raw >= threshold)
    return np.where(drawable, np.clip(raw, 0.0, 1.0), 0.0)


def _line_width(shape: tuple[int, ...], points: Points) -> float:
    """Pixels: follows the person's size, yet can be seen when the picture is shown whole."""
    diagonal = math.hypot(shape[0], shape[1])
    person = float(np.hypot(*np.ptp(points, axis=0)))
    low, high = (fraction * diagonal for fraction in _WIDTH_OF_DIAGONAL)
    return max(_THINNEST, min(max(_WIDTH_OF_PERSON * person, low), high))


def _draw_person(
    canvas: BgrImage, skeleton: Skeleton, keypoints: Points, scores: Points, color: Color, line_scale: float
) -> None:
    """Layers, each blended once so that overlaps do not add up: a dark casing, the limbs, the joints."""
    dots = np.flatnonzero(scores > 0).tolist()
    if not dots:
        return
    width = _line_width(canvas.shape, keypoints[dots]) * line_scale
    border = max(0.7, 0.22 * width)
    with_neck = _with_neck(skeleton)
    (points,), (strength,) = skeleton.convert(keypoints[None], scores[None], with_neck)
    limbs = [with_neck.limbs[index] for index in readable_limbs(with_neck, points, strength > 0)]
    # From faint to opaque, so that where two limbs overlap the opaque one decides.
    limbs.sort(key=lambda limb: min(strength[limb[0]], strength[limb[1]]))
    ends = [(points[a], points[b]) for a, b in limbs]
    opacity = [0.35 + 0.65 * float(min(strength[a], strength[b])) for a, b in limbs]
    radius = {k: width * (0.55 + 0.45 * float(scores[k])) for k in dots}

    def lines(thickness: float, factor: float) -> list[Shape]:
        return [(_capsule(a, b, thickness / 2), factor * seen) for (a, b), seen in zip(ends, opacity, strict=True)]

    def discs(factor: float, extra: float, seen: float) -> list[Shape]:
        return [(_capsule(points[k], points[k], factor * radius[k] + extra), seen) for k in dots]

    _blend(canvas, [*lines(width + 2 * border, 0.6), *discs(1.0, border, 0.6)], (0, 0, 0))
    _blend(canvas, lines(width, 1.0), color)
    _blend(canvas, discs(1.0, 0.0, 1.0), color)
    _blend(canvas, discs(0.6, 0.0, 1.0), [0.35 * channel + 0.65 * 255 for channel in color])


def _draw_name(canvas: BgrImage, name: str, points: Points, color: Color, line_scale: float) -> None:
    """A plate with the name above the uppermost joint, moved into the picture where it would stick out."""
    scale = max(0.35, 0.25 * _line_width(canvas.shape, points) * line_scale**0.5 * 0.6)
    thickness = max(1, round(1.6 * scale))
    (width, height), below = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    pad = max(2, round(4 * scale))
    x, y = points[points[:, 1].argmin()]
    tall, wide = height + below + 2 * pad, width + 2 * pad
    left = int(np.clip(round(float(x) - wide / 2), 0, max(canvas.shape[1] - wide, 0)))
    top = int(np.clip(round(float(y) - tall - 14 * scale), 0, max(canvas.shape[0] - tall, 0)))
    dark = 0.114 * color[0] + 0.587 * color[1] + 0.299 * color[2] < 140
    cv2.rectangle(canvas, (left, top), (left + wide, top + tall), tuple(map(float, color)), -1, cv2.LINE_AA)
    cv2.putText(
        canvas, name, (left + pad, top + pad + height), cv2.FONT_HERSHEY_SIMPLEX, scale,
        (255, 255, 255) if dark else (0, 0, 0), thickness, cv2.LINE_AA,
    )  # fmt: skip


def _capsule(start: Points, end: Points, radius: float) -> Points:
    """The outline of all points within `radius` of a segment, (M, 2); a disc if the segment is a point."""
    heading = math.atan2(end[1] - start[1], end[0] - start[0])
    steps = 8 + int(min(radius, 60.0))
    half = np.linspace(-math.pi / 2, math.pi / 2, steps)
    front = np.stack([np.cos(heading + half), np.sin(heading + half)], axis=1)
    return np.concatenate([end + radius * front, start - radius * front])


def _blend(canvas: BgrImage, shapes: Sequence[Shape], color: Sequence[float]) -> None:
    """Paint convex outlines, each with its opacity; where they overlap the later one's opacity counts."""
    if not shapes:
        return
    corners = np.concatenate([outline for outline, _ in shapes])
    size = np.array(canvas.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=0)).astype(np.int64) - 1, 0, size)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(np.int64) + 2, 0, size)
    if (high <= low).any():
        return
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    for outline, opacity in shapes:
        fixed = np.rint((outline - low) * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.fillConvexPoly(mask, fixed, round(255 * opacity), cv2.LINE_AA, _SUBPIXEL_BITS)
    patch = canvas[low[1] : high[1], low[0] : high[0]]
    painted = mask > 0
    weight = mask[painted].astype(np.float32)[:, None] / 255.0
    patch[painted] = np.rint(patch[painted] * (1.0 - weight) + np.asarray(color, np.float32) * weight).astype(np.uint8)
