"""The built-in skeletons, each in its data set's own joint order.

Sigmas. COCO's 17 are published with its evaluation (cocoapi, `Params.setKpParams`), CrowdPose's 14 with
CrowdPose's (Li et al., CVPR 2019), AI Challenger's 14 with its baseline evaluation, and those of BODY_25's feet
with COCO-WholeBody (Jin et al., ECCV 2020). None are published for MPII or for OpenPose's neck and mid-hip;
theirs are derived: a joint has the sigma of the same joint in COCO or CrowdPose, a midpoint that of its two ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bottomup.skeleton import Skeleton

_SIGMA: Mapping[str, float] = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089, "head": 0.079, "neck": 0.079,
    "head_top": 0.079, "upper_neck": 0.079, "thorax": 0.079, "mid_hip": 0.107, "pelvis": 0.107,
    "left_big_toe": 0.068, "left_small_toe": 0.066, "left_heel": 0.066,
    "right_big_toe": 0.092, "right_small_toe": 0.094, "right_heel": 0.094,
}  # fmt: skip


def _skeleton(
    name: str, joints: Sequence[str], limbs: Sequence[tuple[str, str]], sigmas: Sequence[float] | None = None
) -> Skeleton:
    def sigma(joint: str) -> float:
        return _SIGMA[joint] if joint in _SIGMA else _SIGMA[joint.removeprefix("left_").removeprefix("right_")]

    pairs = tuple((joints.index(a), joints.index(b)) for a, b in limbs)
    return Skeleton(name, tuple(joints), pairs, tuple(sigmas or map(sigma, joints)))


def _both(*limbs: tuple[str, str]) -> list[tuple[str, str]]:
    """Each limb on the left and on the right; `~x` marks a joint that exists once."""

    def end(side: str, joint: str) -> str:
        return joint[1:] if joint.startswith("~") else f"{side}_{joint}"

    return [(end(side, a), end(side, b)) for a, b in limbs for side in ("left", "right")]


_ARMS = _both(("shoulder", "elbow"), ("elbow", "wrist"))
_LEGS = _both(("hip", "knee"), ("knee", "ankle"))

COCO_17 = _skeleton(
    "coco17",
    ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
     "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
     "left_knee", "right_knee", "left_ankle", "right_ankle"),
    [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), *_both(("shoulder", "hip")), *_ARMS, *_LEGS,
     ("left_eye", "right_eye"), *_both(("~nose", "eye"), ("eye", "ear"), ("ear", "shoulder"), ("~nose", "shoulder"))],
)  # fmt: skip

CROWDPOSE_14 = _skeleton(
    "crowdpose14",
    ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
     "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "head", "neck"),
    [("neck", "head"), *_both(("~neck", "shoulder")), *_ARMS, *_both(("shoulder", "hip")), *_LEGS,
     ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"), *_both(("~neck", "hip"))],
)  # fmt: skip

# The order of the limbs is that of OpenPose's part affinity channels.
OPENPOSE_COCO_18 = _skeleton(
    "openpose18",
    ("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
     "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
     "right_eye", "left_eye", "right_ear", "left_ear"),
    [("neck", "right_hip"), ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
     ("neck", "left_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
     ("neck", "right_shoulder"), ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
     ("right_shoulder", "right_ear"),
     ("neck", "left_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
     ("left_shoulder", "left_ear"),
     ("neck", "nose"), ("nose", "right_eye"), ("nose", "left_eye"),
     ("right_eye", "right_ear"), ("left_eye", "left_ear")],
)  # fmt: skip

BODY_25 = _skeleton(
    "body25",
    ("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
     "mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
     "right_eye", "left_eye", "right_ear", "left_ear",
     "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel"),
    [("neck", "mid_hip"), *_both(("~neck", "shoulder")), *_ARMS, *_both(("~mid_hip", "hip")), *_LEGS,
     ("neck", "nose"), *_both(("~nose", "eye"), ("eye", "ear"), ("shoulder", "ear")),
     *_both(("ankle", "big_toe"), ("big_toe", "small_toe"), ("ankle", "heel"))],
)  # fmt: skip

MPII_16 = _skeleton(
    "mpii16",
    ("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "pelvis", "thorax",
     "upper_neck", "head_top", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow",
     "left_wrist"),
    [("thorax", "pelvis"), ("thorax", "upper_neck"), ("upper_neck", "head_top"), *_both(("~thorax", "shoulder")),
     *_both(("~pelvis", "hip")), *_ARMS, *_LEGS, *_both(("shoulder", "hip"))],
)  # fmt: skip

AI_CHALLENGER_14 = _skeleton(
    "aichallenger14",
    ("right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist", "right_hip",
     "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "head_top", "neck"),
    [("neck", "head_top"), *_both(("~neck", "shoulder")), *_ARMS, *_both(("shoulder", "hip")), *_LEGS,
     ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"), *_both(("~neck", "hip"))],
    (0.01388152, 0.01515228, 0.01057665, 0.01417709, 0.01497891, 0.01402144, 0.03909642, 0.03686941, 0.01981803,
     0.03843971, 0.03412318, 0.02415081, 0.01291456, 0.01236173),
)  # fmt: skip

SKELETONS: Mapping[str, Skeleton] = MappingProxyType(
    {s.name: s for s in (COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18, BODY_25, MPII_16, AI_CHALLENGER_14)}
)


def read_skeleton(value: str | Skeleton | Mapping[str, Any]) -> Skeleton:
    """A skeleton however it is given: itself, a built-in one's name, or the table that `Skeleton.from_dict` reads."""
    if isinstance(value, Skeleton):
        return value
    return get_skeleton(value) if isinstance(value, str) else Skeleton.from_dict(value)


def write_skeleton(skeleton: Skeleton) -> str | dict[str, Any]:
    """What `read_skeleton` takes back, in plain text and lists: a built-in skeleton's name, or the whole table."""
    return skeleton.name if SKELETONS.get(skeleton.name) == skeleton else skeleton.to_dict()


def get_skeleton(name: str) -> Skeleton:
    """A built-in skeleton by name; ValueError lists the names there are."""
    if name not in SKELETONS:
        raise ValueError(f"skeleton must be one of {sorted(SKELETONS)} but is {name!r}")
    return SKELETONS[name]


def reported_skeleton(skeleton: Skeleton) -> Skeleton:
    """What the people of a network are reported in: those of OpenPose's 18 joints as COCO-17, since the neck is an aid
    of the fields only; those of any other skeleton as they are."""
    return COCO_17 if skeleton == OPENPOSE_COCO_18 else skeleton
