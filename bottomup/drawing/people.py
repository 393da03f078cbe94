"""Pictures of results: people as skeletons.

A picture of any kind that the detector takes is left alone and a new one returned as OpenCV has them, (H, W, 3) uint8
BGR. Coordinates are image pixels with pixel centres at integers, which is also what OpenCV's drawing calls assume.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bottomup.drawing.fields import Color, distinct_color
from bottomup.drawing.labels import draw_box, draw_plate, draw_text
from bottomup.drawing.painting import paint
from bottomup.drawing.poses import Drawable, Poses
from bottomup.image import BgrImage, to_bgr


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
    show (ear to shoulder where the neck is drawn, say) are left out; they come back where a joint is missing. Dots
    have a light middle, but for those of guesses: joints that no peak of their own shows (`People.traced`), or with a
    score below 0.25.

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
    _check_people(people)
    _check_options(person_threshold, joint_threshold, line_scale, color_by)
    if colors is not None:
        _check_colors(colors)
    canvas, is_new = _canvas(image, rgb)
    poses = Poses(people, canvas.shape, person_threshold, joint_threshold, line_scale)
    own = [_own_color(number, colors, rgb) for number in poses.numbers]
    if show_boxes:
        canvas, is_new = (canvas if is_new else canvas.copy()), True
        for place, color in enumerate(own):
            draw_box(canvas, poses.low[place], poses.high[place], color, float(poses.widths[place]))
    strokes, layer_colors = poses.strokes(own if color_by == "person" else None)
    if rgb and color_by == "side":
        layer_colors = layer_colors[..., ::-1]
    canvas = paint(canvas, strokes, layer_colors, in_place=is_new)
    for place, number in enumerate(poses.numbers):
        words = [str(number)] if show_ids and people.ids is not None else []
        words += [f"{poses.scores[place]:.2f}"] if show_scores else []
        width = float(poses.widths[place])
        if words:
            draw_plate(canvas, " ".join(words), poses.seen_points(place), own[place], width, line_scale, rgb=rgb)
        if show_names:
            for joint in np.flatnonzero(poses.strength[place, : poses.own.num_joints] > 0).tolist():
                name = poses.own.joints[joint].replace("_", " ")
                draw_text(canvas, name, poses.points[place, joint], width)
    return canvas


def _own_color(number: int, colors: Sequence[Color] | None, rgb: bool) -> Color:
    """Of a person, in the picture's order of channels."""
    if colors is not None:
        return colors[number % len(colors)]
    blue, green, red = distinct_color(number)
    return (red, green, blue) if rgb else (blue, green, red)


def _canvas(image: object, rgb: bool) -> tuple[BgrImage, bool]:
    """A picture of anything in C order, RGB with `rgb`, and whether it may be painted on."""
    is_array = isinstance(image, np.ndarray)
    if isinstance(image, np.ndarray) and np.issubdtype(image.dtype, np.floating) and image.ndim == 3:
        low, high = (float(np.nanmin(image)), float(np.nanmax(image))) if image.size else (0.0, 0.0)
        if not (np.isfinite(image).all() and low >= -0.5 / 255 and high <= 1 + 0.5 / 255):
            raise ValueError(f"image must be a float array within 0..1 but holds {low:g} to {high:g}")
        image = np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)
    picture = to_bgr(image)
    picture = np.ascontiguousarray(picture[:, :, ::-1] if rgb and not is_array else picture)
    is_new = picture.flags.writeable and not (isinstance(image, np.ndarray) and np.shares_memory(picture, image))
    return picture, is_new


def _check_people(people: object) -> None:
    if not all(
        hasattr(people, name) for name in ("skeleton", "keypoints", "keypoint_scores", "scores", "ids", "traced")
    ):
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
