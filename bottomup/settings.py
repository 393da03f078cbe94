"""Every constant of the pipeline, with its reason, in one frozen object."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What a Detector or `decode_fields` may be told.

    Network input
        input_height: pixels to which a photo is scaled before the network (COCO pose networks of this kind
            are customarily run 368 high).
        max_aspect: a photo more than this many times as wide as high is scaled to that width instead, so that a panorama
            of any length costs no more memory than some six ordinary photos.
        scales: factors of `input_height` at which the network sees the photo; the fields are averaged.
        flip: also show the mirrored photo and average its fields, mirrored back.
    Results
        person_threshold: people with a lower score are left out.
        joint_threshold: joints with a lower score are reported as missing.
    Care
        validate: scan all field values for NaN and infinity, not only those that the kernels touch.
        threads: CPU threads for the kernels.
    """

    input_height: int = 368
    max_aspect: float = 8.0
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    peak_threshold: float = 0.1
    limb_threshold: float = 0.05
    limb_coverage: float = 0.8
    sample_threshold: float = 0.05
    max_limb_length: float = 0.75
    max_samples: int = 32
    typical_affinity: float = 0.2
    doubt: float = 0.5
    person_cost: float = 0.25
    missing_limb_cost: float = 0.3
    length_tolerance: float = 0.15
    shared_peak_cost: float = 0.65
    orphan_joints: int = 4
    stretch: float = 1.3
    assignment: str = "sweep"
    min_joints: int = 1
    person_threshold: float = 0.0
    joint_threshold: float = 0.0
    validate: bool = False
    threads: int = 1
