"""Tracks from files: labels of videos, and what a tracker wrote of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bottomup.datasets import Labels, PhotoLabels, read_labels
from bottomup.datasets.categories import Sigmas
from bottomup.datasets.json_files import load_json
from bottomup.evaluation.frames import FramePeople
from bottomup.evaluation.tracking import TrackScores, evaluate_tracks
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17

_RESULTS = (".jsonl", ".json")


@dataclass(frozen=True)
class TrackEvaluation:
    """Scores, and what they depend on: joints that could not be scored, and those with the default sigma."""

    scores: TrackScores
    unscorable_joints: tuple[str, ...]
    default_sigmas: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All numbers, ready for `json.dump`."""
        details = {"unscorable_joints": list(self.unscorable_joints), "default_sigmas": list(self.default_sigmas)}
        return {"metric": "track", "scores": self.scores.to_dict(), "details": details}


def evaluate_track_files(
    labels: str | Path,
    results: str | Path,
    *,
    skeleton: Skeleton | None = None,
    sigmas: Sigmas | None = None,
    threshold: float = 0.5,
    poseval: bool = False,
) -> TrackEvaluation:
    """Score a tracker's files against labels of videos.

    Parameters
    ----------
    labels:
        A file of labels with tracks (PoseTrack 2017's or 2018's form, or that of the Bonn multi-person annotations),
        or a folder of such files, one a video.
    results:
        `VIDEO.jsonl` as `bottomup video` writes it, or `VIDEO.json` in PoseTrack 2018's form; a folder of them for
        several videos. A single file may have any name if the labels are of a single video.
    skeleton:
        The joints of the results; None takes COCO's for lines of 17 joints, else those of the labels.
    sigmas, threshold, poseval:
        See `read_labels` and `evaluate_tracks`.

    Raises FileNotFoundError or ValueError that names the file that is missing or wrong.
    """
    everything = [read_labels(file, sigmas=sigmas) for file in _label_files(Path(labels))]
    joints = everything[0].skeleton
    others = [one.source for one in everything if one.skeleton.joints != joints.joints]
    if others:
        raise ValueError(f"labels must all have the same joints but {others[0]} has others than {everything[0].source}")
    photos = _videos(everything)
    found, given = _read_tracks(Path(results), photos, skeleton, joints)
    unscorable = given.lacks(joints)
    if len(unscorable) == joints.num_joints:
        raise ValueError(f"results must share joints with the labels but {given.name} has none of them")
    without = [joints.index(name) for name in unscorable]
    truth = {name: [_truth(photo.without(without)) for photo in video] for name, video in photos.items()}
    scores = evaluate_tracks(truth, found, joints, threshold=threshold, poseval=poseval)
    return TrackEvaluation(scores, unscorable, everything[0].default_sigmas)


def _label_files(path: Path) -> list[Path]:
    files = sorted(path.glob("*.json")) if path.is_dir() and not (path / "annotations.json").is_file() else [path]
    if not files:
        raise FileNotFoundError(f"labels must be a file, or a folder with .json files, but {path} has none")
    return files


def _videos(labels: Sequence[Labels]) -> dict[str, list[PhotoLabels]]:
    """The frames of each video, in their order."""
    videos: dict[str, list[PhotoLabels]] = {}
    for one in labels:
        for photo in one:
            if photo.tracks is None and len(photo.keypoints):
                raise ValueError(f"labels must have a track_id for each person but {one.source} lacks some")
            name = photo.video if len(labels) == 1 and photo.video else one.source.stem
            videos.setdefault(name, []).append(photo)
    return {name: sorted(frames, key=lambda photo: (photo.frame, photo.id)) for name, frames in videos.items()}


def _truth(photo: PhotoLabels) -> FramePeople:
    tracks = np.zeros(0, np.int64) if photo.tracks is None else photo.tracks
    return FramePeople(
        tracks, photo.keypoints, boxes=photo.boxes, areas=photo.areas, heads=photo.heads, ignored=photo.ignored,
        regions=photo.regions, labelled=photo.labelled,
    )  # fmt: skip


@dataclass(frozen=True)
class _Found:
    """A found person: id, (3K,) x, y, score of the joints."""

    track: int
    keypoints: Sequence[float]


def _read_tracks(
    path: Path, videos: Mapping[str, Sequence[PhotoLabels]], skeleton: Skeleton | None, joints: Skeleton
) -> tuple[dict[str, list[FramePeople]], Skeleton]:
    """The found people of each video in the joints of the labels, and their own skeleton."""
    tables, ours = {}, False
    for name, frames in videos.items():
        file = _result_file(path, name, alone=len(videos) == 1)
        ours |= file.suffix.lower() != ".json"
        tables[name] = _posetrack(file, frames) if file.suffix.lower() == ".json" else _lines(file, frames)
    lengths = {len(one.keypoints) for table in tables.values() for people in table.values() for one in people}
    if len(lengths) > 1:
        raise ValueError(f"results must have the same joints throughout but have {sorted(n // 3 for n in lengths)}")
    count = lengths.pop() // 3 if lengths else joints.num_joints
    # Lines do not name their joints; `bottomup video` writes COCO's, and PoseTrack has 17 others.
    own = skeleton or (COCO_17 if ours and count == COCO_17.num_joints else joints)
    if own.num_joints != count:
        raise ValueError(
            f"results must have the {own.num_joints} joints of {own.name} but have {count}; --skeleton says which"
        )
    return {
        name: [_frame(table.get(number, ()), own, joints) for number in range(len(videos[name]))]
        for name, table in tables.items()
    }, own


def _frame(people: Sequence[_Found], own: Skeleton, joints: Skeleton) -> FramePeople:
    if not people:
        return FramePeople.empty(joints.num_joints)
    table = np.array([one.keypoints for one in people], np.float64).reshape(len(people), own.num_joints, 3)
    scores = np.where(np.isfinite(table).all(axis=2), table[..., 2], 0)
    keypoints = np.where((scores > 0)[..., None], table[..., :2], np.nan)
    if own.joints != joints.joints:
        converted, changed = own.convert(keypoints, scores, joints)
        keypoints, scores = converted.astype(np.float64), changed.astype(np.float64)
    return FramePeople(np.array([one.track for one in people]), keypoints, keypoint_scores=scores)


def _result_file(path: Path, video: str, *, alone: bool) -> Path:
    if path.is_dir():
        for suffix in _RESULTS:
            if (path / f"{video}{suffix}").is_file():
                return path / f"{video}{suffix}"
        raise FileNotFoundError(f"results must hold {video}.jsonl or {video}.json but {path} has neither")
    if not path.is_file():
        raise FileNotFoundError(f"results must be a file or a folder but there is no {path}")
    if not alone and path.stem != video:
        raise ValueError(f"results must be a folder with a file for each video, {video} for one, but are {path}")
    return path


def _lines(file: Path, frames: Sequence[PhotoLabels]) -> dict[int, list[_Found]]:
    """By the place of a frame among the labelled ones: `bottomup video`'s lines, whose frames count from 0."""
    places = _places(frames)
    found: dict[int, list[_Found]] = {}
    for number, line in enumerate(_text_lines(file), start=1):
        try:
            entry = json.loads(line)
            place = places.get(_whole(entry["frame"]))
            one = _Found(_whole(entry["id"]), _triples(entry["keypoints"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            text = f"it has no {error}" if isinstance(error, KeyError) else error
            raise ValueError(
                f"results must be lines of tracked people but line {number} of {file} is not: {text}"
            ) from error
        if place is not None:
            found.setdefault(place, []).append(one)
    return found


def _text_lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8-sig") as stream:
        try:
            yield from (line for line in stream if line.strip())
        except UnicodeDecodeError as error:
            raise ValueError(f"results must be text but {file} is not: {error}") from error


def _places(frames: Sequence[PhotoLabels]) -> dict[int, int]:
    """From a frame's number in the video to its place. PoseTrack numbers frames anew: there all are in the file."""
    numbers = [photo.frame for photo in frames]
    rising = len(set(numbers)) == len(numbers) and (not numbers or max(numbers) < 1_000_000)
    return {number: place for place, number in enumerate(numbers if rising else range(len(numbers)))}


def _posetrack(file: Path, frames: Sequence[PhotoLabels]) -> dict[int, list[_Found]]:
    """The same from PoseTrack 2018's form: by photos' ids, else by the frames' order."""
    content = load_json(file)
    try:
        images = [image["id"] for image in content["images"]]
        ids = {photo.id: place for place, photo in enumerate(frames)}
        if not set(images) <= set(ids):
            if len(images) != len(frames):
                raise ValueError(f"{len(images)} frames, of {len(frames)} that are labelled")
            ids = {image: place for place, image in enumerate(images)}
        found: dict[int, list[_Found]] = {}
        for person in content["annotations"]:
            row = np.array(_triples(person["keypoints"])).reshape(-1, 3)
            if person.get("scores") is not None:
                row[:, 2] = np.where(row[:, 2] > 0, np.asarray(person["scores"], np.float64), 0)
            found.setdefault(ids[person["image_id"]], []).append(
                _Found(_whole(person["track_id"]), row.ravel().tolist())
            )
    except (ValueError, KeyError, TypeError) as error:
        text = f"it has no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"results must be tracks in PoseTrack 2018's form but {file} are not: {text}") from error
    return found


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"ids and frames must be whole numbers but one is {value!r}")
    return value


def _triples(values: Any) -> list[float]:
    array = np.asarray([0.0 if value is None else value for value in values], np.float64)
    if array.ndim != 1 or array.size % 3 or not array.size:
        raise ValueError("keypoints must be 3 numbers for each joint")
    numbers: list[float] = array.tolist()
    return numbers
