"""Skeletons of published networks whose joints or limbs no built-in skeleton has."""

from __future__ import annotations

from bottomup.skeleton import DEFAULT_SIGMA, Skeleton
from bottomup.skeletons import COCO_17, MPII_16

TRT_POSE_18 = Skeleton(
    "trtpose18",
    (*COCO_17.joints, "neck"),
    # The order of trt_pose's topology, which is that of its part affinity channels.
    ((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 7), (6, 8), (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3),
     (2, 4), (3, 5), (4, 6), (17, 0), (17, 5), (17, 6), (17, 11), (17, 12)),
    (*COCO_17.sigmas, 0.079),  # the neck is the middle of the shoulders
)  # fmt: skip

_MPI_JOINTS = (
    "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "chest",
)  # fmt: skip
_MPII_SIGMAS = dict(zip(MPII_16.joints, MPII_16.sigmas, strict=True)) | {"neck": MPII_16.sigmas[8]}

OPENPOSE_MPI_15 = Skeleton(
    "openposempi15",
    _MPI_JOINTS,
    ((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 14), (14, 8), (8, 9), (9, 10), (14, 11), (11, 12),
     (12, 13)),
    tuple(_MPII_SIGMAS.get(joint, DEFAULT_SIGMA) for joint in _MPI_JOINTS),
)  # fmt: skip
