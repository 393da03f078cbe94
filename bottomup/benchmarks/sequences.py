"""Videos for benchmarks of tracking: people in motion made by code, or those of an annotation file; no pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.crowds import Crowd
from bottomup.benchmarks.moving_crowds import moving_crowd
from bottomup.benchmarks.noise import Noise, draw_crowd
from bottomup.datasets import Labels, PhotoLabels
from bottomup.decoder import decode_fields
from bottomup.evaluation.frames import FramePeople
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton


@dataclass(frozen=True)
class LabelledFrame:
    """One frame: its time in seconds, who is in it, and what an evaluation is told of them."""

    time: float
    crowd: Crowd
    truth: FramePeople
    seed: int


@dataclass(frozen=True)
class VideoLabels:
    """A video by name: its skeleton and its frames, in order."""

    name: str
    skeleton: Skeleton
    frames: Sequence[LabelledFrame]


def procedural_sequence(
    count: int, skeleton: Skeleton, *, height: int, width: int, frames: int, rate: float = 25.0, seed: int = 0
) -> VideoLabels:
    """A crowd of `count` people in motion; see `moving_crowd`."""
    moments = moving_crowd(count, skeleton, height=height, width=width, frames=frames, rate=rate, seed=seed)
    labelled = [
        LabelledFrame(moment.time, moment.crowd, _truth(moment.crowd, moment.ids, None), seed * 100_000 + number)
        for number, moment in enumerate(moments)
    ]
    return VideoLabels(f"{count} people", skeleton, labelled)


def file_sequences(labels: Labels, *, long_side: int = 640, rate: float = 25.0) -> list[VideoLabels]:
    """The videos of an annotation file in COCO form whose images have `video_id` and `frame`, and people `track_id`.

    Parameters
    ----------
    labels:
        From `bottomup.datasets.read_labels`. People who do not count are left out.
    long_side:
        Pixels to which a video's longer side is scaled. Where the file does not tell the size of the pictures, it is
        taken to reach as far as their labels.
    rate:
        Frames a second.

    Raises ValueError if the file does not say which frames belong together, or who is who.
    """
    videos: dict[str, list[PhotoLabels]] = defaultdict(list)
    for photo in labels:
        if not photo.video or photo.tracks is None:
            raise ValueError(
                f"labels must name the video and the track_ids of each photo but photo {photo.id} has none"
            )
        videos[photo.video].append(photo)
    sequences = []
    for name, photos in videos.items():
        photos.sort(key=lambda photo: photo.frame)
        width, height = _size(photos)
        scale = long_side / max(height, width)
        size = max(1, round(height * scale)), max(1, round(width * scale))
        frames = []
        for photo in photos:
            counts = ~photo.ignored
            points = (photo.keypoints[counts] + 0.5) * scale - 0.5
            boxes, areas = photo.boxes[counts] * scale, np.asarray(photo.areas[counts] * scale**2, np.float64)
            crowd = Crowd(labels.skeleton, *size, np.nan_to_num(points), photo.visible[counts], np.asarray(boxes))
            assert photo.tracks is not None
            truth = _truth(crowd, photo.tracks[counts], areas)
            frames.append(LabelledFrame((photo.frame - photos[0].frame) / rate, crowd, truth, photo.id * 1000))
        sequences.append(VideoLabels(name, labels.skeleton, frames))
    return sequences


def detections(
    sequence: VideoLabels, noise: Noise, *, stride: int = 4, seed: int = 0, settings: Settings | None = None
) -> Iterator[People]:
    """Whom the decoder finds in each frame, of fields drawn with noise; the same arguments give the same people."""
    for frame in sequence.frames:
        yield detect(frame, noise, stride=stride, seed=seed, settings=settings)


def detect(
    frame: LabelledFrame,
    noise: Noise,
    *,
    stride: int = 4,
    seed: int = 0,
    settings: Settings | None = None,
    proposals: npt.NDArray[np.float64] | None = None,
) -> People:
    """Whom the decoder finds in one frame, with the boxes of a tracker if there are any."""
    fields = draw_crowd(frame.crowd, stride=stride, noise=noise, seed=frame.seed + seed)
    people = decode_fields(
        fields.heatmaps, fields.pafs, fields.skeleton, stride=stride, settings=settings, proposals=proposals
    )
    assert isinstance(people, People)
    return people


def found_frames(tracked: Sequence[People]) -> list[FramePeople]:
    """Tracked people as an evaluation takes them."""
    return [
        FramePeople(
            np.zeros(0, np.int64) if people.ids is None else people.ids,
            people.keypoints.astype(np.float64),
            keypoint_scores=people.keypoint_scores.astype(np.float64),
        )
        for people in tracked
    ]


def _truth(crowd: Crowd, ids: npt.NDArray[np.int64], areas: npt.NDArray[np.float64] | None) -> FramePeople:
    return FramePeople(ids, crowd.keypoints, visible=crowd.visible, boxes=crowd.boxes, areas=areas)


def _size(photos: Sequence[PhotoLabels]) -> tuple[int, int]:
    """Width and height of a video's pictures, pixels."""
    if photos[0].size is not None:
        return photos[0].size
    points = np.concatenate([photo.keypoints.reshape(-1, 2) for photo in photos])
    far = np.nanmax(points, axis=0) if np.isfinite(points).any() else np.zeros(2)
    return int(np.ceil(far[0])) + 2, int(np.ceil(far[1])) + 2
