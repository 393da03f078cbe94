"""What `bottomup eval track` shows."""

from __future__ import annotations

import math
import re

from bottomup.commands import _console
from bottomup.evaluation.posetrack import JointScores
from bottomup.evaluation.track_files import TrackEvaluation
from bottomup.evaluation.tracking import TrackScores


def show(scores: TrackScores) -> None:
    """The scores, the counts, and PoseTrack's figures of joints, left and right together."""
    rows = {
        "MOTA": scores.mota, "MOTP": scores.motp, "IDF1": scores.idf1, "id precision": scores.id_precision,
        "id recall": scores.id_recall, "HOTA": scores.hota, "DetA": scores.detection_accuracy,
        "AssA": scores.association_accuracy,
    }  # fmt: skip
    _console.print_table(
        ("score", "value"), [(name, f"{value:.4f}") for name, value in rows.items()], numbers=("value",)
    )
    _console.show("")
    counts = {
        "videos": scores.videos, "frames": scores.frames, "tracks": scores.tracks, "found tracks": scores.found_tracks,
        "labelled": scores.labelled, "missed": scores.missed, "found": scores.found, "invented": scores.invented,
        "switches": scores.switches, "per 1,000": f"{scores.per_thousand:.2f}",
    }  # fmt: skip
    columns = tuple(counts)
    _console.print_table(columns, [tuple(str(value) for value in counts.values())], numbers=columns)
    if scores.joints is not None:
        _console.show("")
        _joints(scores.joints)


def notes(evaluation: TrackEvaluation) -> None:
    """On stderr: what a reader must know to judge the numbers."""
    if evaluation.unscorable_joints:
        names = ", ".join(evaluation.unscorable_joints)
        _console.note(f"Not scored, since the results cannot have them: {names}.")
    if evaluation.default_sigmas:
        names = ", ".join(evaluation.default_sigmas)
        _console.note(f"Sigma 0.05, since none is published: {names} (--sigmas gives others).")
    joints = evaluation.scores.joints
    if joints is None:
        _console.note("No figures of joints: the labels tell no head's size.")
    elif joints.unmeasured:
        _console.note(
            f"{joints.unmeasured} people are left out of the joints: the labels do not tell their heads' size."
        )


def _joints(joints: JointScores) -> None:
    names = [re.sub("^(left|right)_", "", name) for name in joints.joints]
    columns = ("AP", "MOTA", "MOTP", "precision", "recall")
    tables = (joints.ap, joints.mota, joints.motp, joints.precision, joints.recall)
    rows = []
    for kind in dict.fromkeys(names):
        which = [number for number, name in enumerate(names) if name == kind]
        rows.append((kind, *(_percent(float(table[which].mean())) for table in tables)))
    rows.append(("mean", *(_percent(float(table[-1])) for table in tables)))
    _console.print_table(("joint", *columns), rows, numbers=columns)


def _percent(value: float) -> str:
    return "" if math.isnan(value) else f"{100 * value:.1f} %"
