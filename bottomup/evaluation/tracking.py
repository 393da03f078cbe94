"""Scores of people who are followed through videos: MOTA, MOTP, IDF1, HOTA, and PoseTrack's figures of each joint.

The people's scores come from TrackEval (Luiten and Hoffhues, MIT licence), fed with the similarities of poses:

- MOTA and MOTP: Bernardin and Stiefelhagen, "Evaluating multiple object tracking performance: the CLEAR MOT metrics",
  EURASIP Journal on Image and Video Processing 2008.
- IDF1: Ristani, Solera, Zou, Cucchiara and Tomasi, "Performance measures and a data set for multi-target, multi-camera
  tracking", ECCV workshops 2016.
- HOTA: Luiten et al., "HOTA: a higher order metric for evaluating multi-object tracking", IJCV 2021.

Two people are as similar as their object keypoint similarity (OKS). The figures of joints are those of
`bottomup.evaluation.posetrack`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.evaluation.frames import FramePeople, TrackPair, pair_frame
from bottomup.evaluation.posetrack import JointScores, score_joints
from bottomup.skeleton import Skeleton

Video = Sequence[FramePeople]


@dataclass(frozen=True)
class TrackScores:
    """What a tracker reached; shares are in 0..1.

    mota, motp: multiple object tracking accuracy, 1 - (missed + invented + switches) / labelled, and precision, the
        mean OKS of the matches.
    idf1, id_precision, id_recall: of the ids, over the one best assignment of found to labelled tracks.
    hota, detection_accuracy, association_accuracy: HOTA and its two parts, means over the OKS thresholds 0.05, 0.10,
        ..., 0.95.
    switches: how often a labelled person is found with another id than the last time; per_thousand: for each 1,000
        labelled people in frames.
    fragments: how often a labelled person is found again after having been missed.
    labelled, found, missed, invented: people in frames; ignored ones, and found people who are they, do not count.
    videos, frames, tracks, found_tracks: how many there are.
    joints: the figures of PoseTrack, None if no person's head is labelled.
    """

    mota: float
    motp: float
    idf1: float
    id_precision: float
    id_recall: float
    hota: float
    detection_accuracy: float
    association_accuracy: float
    switches: int
    per_thousand: float
    fragments: int
    labelled: int
    found: int
    missed: int
    invented: int
    videos: int
    frames: int
    tracks: int
    found_tracks: int
    joints: JointScores | None

    def to_dict(self) -> dict[str, Any]:
        """All numbers, ready for `json.dump`."""
        numbers = asdict(self)
        numbers["joints"] = None if self.joints is None else self.joints.to_dict()
        return numbers


def evaluate_tracks(
    truth: Mapping[str, Video],
    found: Mapping[str, Video],
    skeleton: Skeleton,
    *,
    threshold: float = 0.5,
    poseval: bool = False,
) -> TrackScores:
    """Score the people that were followed through videos.

    Parameters
    ----------
    truth, found:
        Of each video by its name one `FramePeople` a frame, in the order of the frames, in the joints of `skeleton`.
        The same videos, with as many frames. Frames whose truth is not `labelled` are left out of both.
    skeleton:
        The K joints, with the sigmas of OKS.
    threshold:
        Least OKS of a match, for all scores but HOTA.
    poseval:
        Count the joints of frames as PoseTrack's program does; see `score_joints`.

    Raises ValueError if videos or frames differ, if a frame's arrays do not fit or an id repeats in it, or if the
    threshold is not above 0 and at most 1; ImportError that names the extra if TrackEval is missing.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1 but is {threshold}")
    if set(truth) != set(found):
        only = sorted(set(truth) ^ set(found))
        raise ValueError(f"found must be of the videos of truth but {only[:5]} are only in one of them")
    sigmas = np.array(skeleton.sigmas)
    pairs: dict[str, list[TrackPair]] = {}
    for name, frames in truth.items():
        if len(frames) != len(found[name]):
            raise ValueError(
                f"found must have the frames of truth but of {name} it has {len(found[name])} of {len(frames)}"
            )
        pairs[name] = []
        for number, (labels, people) in enumerate(zip(frames, found[name], strict=True)):
            if not labels.labelled:
                continue
            try:
                pairs[name].append(pair_frame(labels, people, sigmas, threshold))
            except ValueError as error:
                raise ValueError(f"frame {number} of {name}: {error}") from error
    return _scores(pairs, score_joints(pairs, skeleton, poseval=poseval), threshold)


def _scores(pairs: Mapping[str, Sequence[TrackPair]], joints: JointScores | None, threshold: float) -> TrackScores:
    sequences = {name: _sequence(frames) for name, frames in pairs.items()}
    clear, identity, hota = (_combined(metric, sequences) for metric in _metrics(threshold))
    labelled = int(clear["CLR_TP"] + clear["CLR_FN"])
    return TrackScores(
        mota=float(clear["MOTA"]),
        motp=float(clear["MOTP"]),
        idf1=float(identity["IDF1"]),
        id_precision=float(identity["IDP"]),
        id_recall=float(identity["IDR"]),
        hota=float(np.mean(hota["HOTA"])),
        detection_accuracy=float(np.mean(hota["DetA"])),
        association_accuracy=float(np.mean(hota["AssA"])),
        switches=int(clear["IDSW"]),
        per_thousand=1000 * float(clear["IDSW"]) / max(labelled, 1),
        fragments=int(clear["Frag"]),
        labelled=labelled,
        found=int(clear["CLR_TP"] + clear["CLR_FP"]),
        missed=int(clear["CLR_FN"]),
        invented=int(clear["CLR_FP"]),
        videos=len(pairs),
        frames=sum(map(len, pairs.values())),
        tracks=sum(sequence["num_gt_ids"] for sequence in sequences.values()),
        found_tracks=sum(sequence["num_tracker_ids"] for sequence in sequences.values()),
        joints=joints,
    )


def _metrics(threshold: float) -> tuple[Any, Any, Any]:
    """TrackEval's CLEAR, Identity and HOTA; ImportError names the extra if it is missing."""
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        raise ImportError('scores of tracks need TrackEval: pip install "bottomup[eval]"') from error
    options = {"THRESHOLD": threshold, "PRINT_CONFIG": False}
    return CLEAR(options), Identity(options), HOTA()


def _combined(metric: Any, sequences: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What one of TrackEval's metrics makes of all videos together."""
    figures: dict[str, Any] = metric.combine_sequences(
        {name: metric.eval_sequence(sequence) for name, sequence in sequences.items()}
    )
    return figures


def _sequence(frames: Sequence[TrackPair]) -> dict[str, Any]:
    """A video as TrackEval's metrics take it."""
    truth, truth_tracks = _renumbered([frame.truth.ids for frame in frames])
    found, found_tracks = _renumbered([frame.found.ids for frame in frames])
    return {
        "gt_ids": truth,
        "tracker_ids": found,
        "similarity_scores": [frame.similarity.T for frame in frames],
        "num_timesteps": len(frames),
        "num_gt_ids": truth_tracks,
        "num_tracker_ids": found_tracks,
        "num_gt_dets": sum(map(len, truth)),
        "num_tracker_dets": sum(map(len, found)),
    }


def _renumbered(frames: Sequence[npt.NDArray[np.int64]]) -> tuple[list[npt.NDArray[np.int64]], int]:
    """The same ids counted from 0 on, and how many there are."""
    known = np.unique(np.concatenate([np.zeros(0, np.int64), *frames]))
    return [np.searchsorted(known, frame) for frame in frames], len(known)
