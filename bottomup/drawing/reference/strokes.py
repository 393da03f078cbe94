"""From people to strokes; see `bottomup.drawing.strokes`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.drawing.reference.limbs import choose_limbs
from bottomup.drawing.strokes import LEFT, MIDDLE, RIGHT, Floats, StrokeOptions, Strokes
from bottomup.skeleton import Skeleton

Integers = npt.NDArray[np.int64]
_Part = tuple[Integers, Floats, Floats, Floats]
_COUNT = 3  # of sides


def pose_strokes(
    skeleton: Skeleton,
    points: Floats,
    strength: Floats,
    traced: npt.NDArray[np.bool_],
    widths: Floats,
    sides: npt.NDArray[np.int32] | None = None,
    *,
    options: StrokeOptions = StrokeOptions(),
) -> Strokes:
    """As `bottomup.drawing.strokes.pose_strokes`."""
    dots = traced.shape[1]
    person, ends, opacity = _limbs(skeleton, points, strength, options)
    owner, dot = np.nonzero(strength[:, :dots] > 0)
    half, border = widths / 2, np.maximum(options.min_casing, options.casing_width * widths)
    bars = (
        person,
        points[person[:, None], ends].reshape(-1, 4),
        np.stack([half[person] + border[person], half[person], np.zeros(len(person))], axis=1),
        np.stack([options.casing_opacity * opacity, opacity], axis=1),
    )
    # Limbs end in the dots of their joints, but for the neck, which has none.
    necks = np.flatnonzero((ends >= dots).any(axis=1))
    caps = (person[necks], np.tile(points[person[necks], -1], 2), bars[2][necks], bars[3][necks])
    radii = widths[owner] * (options.min_dot_radius + (1 - options.min_dot_radius) * strength[owner, dot])
    discs = (
        owner,
        np.tile(points[owner, dot], 2),
        np.stack([radii + border[owner], radii, np.where(traced[owner, dot], 0, options.light_radius * radii)], axis=1),
        np.tile([options.casing_opacity, 1.0], (len(owner), 1)),
    )
    if sides is None:
        return Strokes.join(bars, caps, discs)
    limb_sides = _limb_sides(sides, ends)
    parts = ((bars, limb_sides), (caps, limb_sides[necks]), (discs, sides[dot]))
    return Strokes.join(*(layer for part, which in parts for layer in _split(part, which)))


def _limbs(
    skeleton: Skeleton, points: Floats, strength: Floats, options: StrokeOptions
) -> tuple[Integers, Integers, Floats]:
    """Of all limbs that are drawn the person (R,), the joints (R, 2) and the opacity (R,), person by person."""
    person, limb = np.nonzero(choose_limbs(skeleton, points, strength > 0))
    ends = np.array(skeleton.limbs, np.int64).reshape(-1, 2)[limb]
    weaker = strength[person[:, None], ends].min(axis=1) if len(limb) else np.zeros(0)
    order = np.lexsort((weaker, person))
    return person[order], ends[order], options.min_limb_opacity + (1 - options.min_limb_opacity) * weaker[order]


def _limb_sides(sides: npt.NDArray[np.int32], ends: Integers) -> npt.NDArray[np.int32]:
    """The side of a limb is that of its ends; where they are of both it is the middle."""
    both = sides[ends]
    own = np.where(both[:, 0] == MIDDLE, both[:, 1], both[:, 0])
    across = (both == LEFT).any(axis=1) & (both == RIGHT).any(axis=1)
    return np.where(across, np.int32(MIDDLE), own)


def _split(part: _Part, sides: npt.NDArray[np.int32]) -> tuple[_Part, _Part]:
    """The casings alone, in their person's lowest layer, and the rest in the layer of their side."""
    person, ends, radii, opacities = part
    lowest = (1 + _COUNT) * person
    casings = (lowest, ends, radii * [1, 1, 0], opacities * np.array([1.0, 0.0]))
    return casings, (lowest + 1 + sides, ends, radii, opacities * np.array([0.0, 1.0]))
