"""From people to the strokes that show them: limbs, joints and a dark casing around both, all people at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C, compiled
from bottomup.drawing.limbs import BRIDGE, DETOUR, limb_turns
from bottomup.skeleton import Skeleton
from bottomup.validation import Options, option

Floats = npt.NDArray[np.float64]
LEFT, RIGHT, MIDDLE = 0, 1, 2  # sides of a body


@dataclass(frozen=True)
class StrokeOptions(Options):
    """How people are shown. Widths are shares of a limb's, which follows the person's size and the picture's."""

    casing_opacity: float = option(0.6, "Opacity of the dark line around everything.", high=1)
    min_casing: float = option(0.7, "Least width of that line in pixels, so that it can be seen around thin limbs.")
    casing_width: float = option(0.22, "Width of that line.")
    min_limb_opacity: float = option(0.35, "Of a limb with an end of score 0; 1 where both have score 1.", high=1)
    min_dot_radius: float = option(0.55, "Of a joint with score 0; 1 with score 1. Half a limb's width would not show.")
    light_radius: float = option(0.6, "Of the light middle of a dot, as a share of the dot's radius.", high=1)


@dataclass(frozen=True)
class Strokes:
    """S bars with square ends, and discs, each in a layer.

    layers: (S,) int64, the number of the layer.
    ends: (S, 4) float32, x and y in pixels of both ends of a bar; the same place twice is a disc.
    radii: (S, 3) pixels of the casing, the core and the light middle, which is 0 for bars; half the width of a bar.
    opacities: (S, 2) of the casing and the core, 0..1.
    """

    layers: npt.NDArray[np.int64]
    ends: npt.NDArray[np.float32]
    radii: npt.NDArray[np.float32]
    opacities: npt.NDArray[np.float32]

    @classmethod
    def join(cls, *parts: tuple[npt.NDArray[np.int64], Floats, Floats, Floats]) -> Strokes:
        """All of them, layers, ends, radii and opacities, by layer; within one in the order of the parts."""
        layers, *values = (np.concatenate(some) for some in zip(*parts, strict=True))
        order = np.argsort(layers, kind="stable")
        return cls(layers[order], *(each[order].astype(np.float32) for each in values))


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
    """Strokes that show P people: limbs from faint to opaque, so that where they overlap the opaque one decides, dots.

    Parameters
    ----------
    skeleton:
        With J joints, of which the first K have dots. If there is one more, it is a neck, and limbs have a cap there.
    points:
        (P, J, 2) pixels.
    strength:
        (P, J) 0..1; joints with 0 are not drawn.
    traced:
        (P, K) dots without a light middle.
    widths:
        (P,) pixels of a limb.
    sides:
        (J,) of each joint its side, `LEFT`, `RIGHT` or `MIDDLE`; without it a person is a layer. With it each person is
        a layer of casings and one for each side.
    options:
        Widths and opacities.
    """
    return Strokes(
        *_C.pose_strokes(
            np.ascontiguousarray(points, np.float64),
            np.ascontiguousarray(strength, np.float64),
            np.ascontiguousarray(traced, bool),
            np.ascontiguousarray(widths, np.float64),
            np.zeros(0, np.int32) if sides is None else np.ascontiguousarray(sides, np.int32),
            np.array(skeleton.limbs, np.int32).reshape(-1, 2),
            np.array(limb_turns(skeleton), np.int32),
            BRIDGE,
            DETOUR,
            compiled(options),
        )
    )
