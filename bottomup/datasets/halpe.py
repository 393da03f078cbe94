"""The joints of Halpe (Fang et al., "AlphaPose", TPAMI 2022): COCO's form with 26 or 136 joints that it does not name.

The first 26 are those of the body; 68 of the face and 21 of each hand follow. The order is that of the data set's page
(https://github.com/Fang-Haoshu/Halpe-FullBody).
"""

from __future__ import annotations

from bottomup.skeletons import COCO_17

HALPE_26 = (
    *COCO_17.joints, "head", "neck", "mid_hip", "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe",
    "left_heel", "right_heel",
)  # fmt: skip
HALPE_136 = (
    *HALPE_26,
    *(f"face_{number}" for number in range(68)),
    *(f"left_hand_{number}" for number in range(21)),
    *(f"right_hand_{number}" for number in range(21)),
)


def halpe_joints(count: int) -> tuple[str, ...] | None:
    """The names of so many joints, None if it is not one of Halpe's numbers."""
    return {26: HALPE_26, 136: HALPE_136}.get(count)
