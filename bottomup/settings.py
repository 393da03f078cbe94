"""What a Detector or `decode_fields` may be told: what users change, and one object of options for each stage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from bottomup.grouping.options import (
    FragmentOptions,
    GroupingOptions,
    ResultOptions,
    SharingOptions,
    TagMatchOptions,
)
from bottomup.kernels.options import LIMB_THRESHOLD, PEAK_THRESHOLD, LimbOptions, PeakOptions, TagOptions, TraceOptions
from bottomup.pose_nms import PoseNmsOptions
from bottomup.validation import Options, option

DEFAULT_INPUT_HEIGHT = 368  # what None means for networks of which nothing else is known
HIGHEST_INPUT = 16384  # pixels; what is beyond fits in no memory


@dataclass(frozen=True, kw_only=True)
class Settings(Options):
    """What users change, and below it one object of options for each stage (`help` on them says why each is so).

    >>> Settings(flip=True, limbs=LimbOptions(coverage=0.8))
    Settings(flip=True, limbs=LimbOptions(coverage=0.8))
    """

    input_height: int | None = option(
        None, "pixels to which a photo is scaled for the network; None: as its weights say", low=1, high=HIGHEST_INPUT
    )
    max_aspect: float = option(8.0, "a photo's longer side is at most so many input heights; bounds memory", low=1)
    scales: tuple[float, ...] = option((1.0,), "factors of input_height at which the network sees the photo")
    flip: bool = option(False, "show the network the mirrored photo as well")
    merge: str = option(
        "fields",
        'of several looks: "fields" averages, "candidates" merges joints',
        choices=("fields", "candidates"),
    )
    merge_distance: float = option(2.0, "in extents: candidates of two looks this close are one joint")
    peak_threshold: float = option(
        PEAK_THRESHOLD, "lowest heatmap value of a joint candidate; below are ripples of noisy fields", low=1e-6
    )
    limb_threshold: float = option(
        LIMB_THRESHOLD, "lowest mean of the field along a limb; the grouping weighs the rest", low=-1, high=1
    )
    person_threshold: float | None = option(
        None, "people with a lower score are left out; None: as the network's weights say, or 0.05", high=1
    )
    joint_threshold: float = option(0.0, "joints with a lower score are reported as missing")
    pose_denoiser: str | None = option(
        None,
        'mends joints by the whole pose and guesses hidden ones: "default" for COCO\'s 17 joints, a file, or "none"; '
        "None: as the network's weights say",
    )
    min_joints: int = option(1, "people with fewer joints are left out", low=1)
    trace: bool = option(True, "find joints that the network missed where limbs end")
    assignment: str = option(
        "sweep",
        'the grouping; others to compare with: "single", "limb", "greedy", "exact"; "tags" for tags',
        choices=("sweep", "single", "limb", "greedy", "exact", "tags"),
    )
    nms: bool = option(False, "leave out people whom a better one makes redundant")
    threads: int = option(1, "CPU threads of the kernels; of the grouping one for each image of a batch", low=1)
    validate: bool = option(False, "look for NaN and infinity in all of the fields, not only where they are read")

    peaks: PeakOptions = option(PeakOptions(), "PeakOptions: joint candidates")
    limbs: LimbOptions = option(LimbOptions(), "LimbOptions: scored candidate pairs")
    traces: TraceOptions = option(TraceOptions(), "TraceOptions: limbs that lead to no candidate")
    tags: TagOptions = option(TagOptions(), "TagOptions: pairs and missing joints by associative embeddings")
    grouping: GroupingOptions = option(GroupingOptions(), "GroupingOptions: the objective of the grouping")
    fragments: FragmentOptions = option(FragmentOptions(), "FragmentOptions: parts of people that no limb joins")
    sharing: SharingOptions = option(SharingOptions(), "SharingOptions: joints of two people within one peak")
    results: ResultOptions = option(ResultOptions(), "ResultOptions: scores of people, and who is reported")
    matching: TagMatchOptions = option(TagMatchOptions(), "TagMatchOptions: the published grouping of tags")
    pose_nms: PoseNmsOptions = option(PoseNmsOptions(), "PoseNmsOptions: when a person is redundant")

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", _scales(self.scales))
        super().__post_init__()


@cache
def default_settings() -> Settings:
    """The one `Settings()` of the process."""
    return Settings()


def check_settings(settings: Settings | None) -> Settings:
    """The settings, the default ones for None; TypeError if they are of another type."""
    if not isinstance(settings, Settings | None):
        raise TypeError(f"settings must be a Settings but is a {type(settings).__name__}")
    return settings or default_settings()


def _scales(scales: object) -> tuple[float, ...]:
    if isinstance(scales, str | bytes):  # "12" would be 1 and 2
        raise TypeError(f"scales must be several numbers, as (1.0,), but is {scales!r}")
    try:
        checked = tuple(float(scale) for scale in scales)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise TypeError(f"scales must be several numbers, as (1.0,), but is {scales!r}") from error
    if not checked or not all(math.isfinite(scale) and scale > 0 for scale in checked):
        raise ValueError(f"scales must be positive numbers, at least one, but is {scales!r}")
    return checked
