"""What `bottomup eval` shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from bottomup.commands import _console
from bottomup.evaluation.metrics import Evaluation

_SHOWN = 10  # failed photos that are listed one by one


def show(evaluation: Evaluation) -> None:
    """The scores, then the counts of people."""
    if "strict" in evaluation.scores:
        _parts(evaluation)
    elif "mean" in evaluation.scores:
        _joints(evaluation)
    else:
        _average_precision(evaluation)
    if Console().is_terminal:
        _console.show("")
    people = evaluation.people
    # Not all that is found is labelled or invented: it may be somebody whom the labels tell to ignore.
    columns = ("photos", "labelled", "missed", "found", "invented", "limbs joining two people")
    swaps = "none to judge" if people["swap_rate"] is None else f"{100 * people['swap_rate']:.2f} %"
    counts = [str(people[name]) for name in columns[1:5]]
    _console.print_table(columns, [(str(evaluation.details["photos"]), *counts, swaps)], numbers=columns)


def notes(evaluation: Evaluation, failed: Mapping[int, str], out: Path | None, *, uncalibrated: bool = False) -> None:
    """On stderr: what a reader must know to judge the numbers.

    uncalibrated: whether the scores are a network's of which it is not known what they mean.
    """
    note = _console.note
    details = evaluation.details
    if details["unscorable_joints"]:
        names = ", ".join(details["unscorable_joints"])
        note(f"Not scored, since the results cannot have them: {names}. Published numbers count them.")
    if details["areas_from_boxes"] and evaluation.metric != "crowdpose":
        note(
            f"{details['areas_from_boxes']} people have no area in the labels, or one of at most 1 pixel: 0.53 of "
            "their boxes are taken."
        )
    if details["default_sigmas"] and "AP" in evaluation.scores:
        names = ", ".join(details["default_sigmas"])
        note(f"Sigma 0.05, since none is published: {names} (--sigmas gives others).")
    for sentence in details["notes"]:
        note(sentence)
    if (found := evaluation.reliability) is not None and len(found.people.scores):
        people, joints = found.people.error, found.joints.error
        note(f"People's scores are {people:.2f} from the share of right ones, joints' scores {joints:.2f}.")
        if uncalibrated and (curves := found.calibration) is not None:
            table = ", ".join(f"{name} = {values}" for name, values in curves.to_dict().items())
            note(f"What would bring them there, among the network's facts: calibration = {{{table}}}")
    if details.get("people_without_reference"):
        count = details["people_without_reference"]
        note(f"{count} people are left out: the labels do not tell the {details['reference']}'s length.")
    if details.get("not_in_mean"):
        note(f"Without a say in the mean, as is customary: {', '.join(details['not_in_mean'])}.")
    for number, (key, error) in enumerate(failed.items()):
        if number == _SHOWN:
            note(f"and {len(failed) - _SHOWN} more")
            break
        note(f"photo {key}: {error}")
    if failed:
        photos = "1 photo" if len(failed) == 1 else f"{len(failed)} photos"
        note(f"{photos} could not be looked at; the people in them count as missed.")
    if out is not None:
        note(f"Results in {out}")


def _average_precision(evaluation: Evaluation) -> None:
    details = evaluation.details
    ranges = {}
    if "crowd_index_bounds" in details:
        low, high = details["crowd_index_bounds"]
        ranges = {"easy": f"below {low:g}", "medium": f"{low:g} to {high:g}", "hard": f"from {high:g}"}
    rows = []
    for name, value in evaluation.scores.items():
        group = name.removeprefix("AP ")
        where = ""
        if group in ranges:
            where = f"{details['crowd_photos'][group]} photos of crowd index {ranges[group]}"
        rows.append((name, "none" if value < 0 else f"{value:.4f}", where))
    if ranges:
        _console.print_table(("score", "value", "of"), rows, numbers=("value",))
    else:
        _console.print_table(("score", "value"), [row[:2] for row in rows], numbers=("value",))


def _joints(evaluation: Evaluation) -> None:
    details = evaluation.details
    rates = [f"within {threshold:g} x {details['reference']}" for threshold in details["thresholds"]]
    rows = [
        (name, str(details["labelled"].get(name, "")), *(_percent(value) for value in values))
        for name, values in evaluation.scores.items()
    ]
    _console.print_table(("joint", "labelled", *rates), rows, numbers=("labelled", *rates))


def _parts(evaluation: Evaluation) -> None:
    strict, loose = evaluation.scores["strict"], evaluation.scores["loose"]
    labelled = evaluation.details["labelled"]
    rows = [(name, str(labelled.get(name, "")), _percent(strict[name]), _percent(loose[name])) for name in strict]
    rules = [f"{rule}, within {evaluation.details['thresholds'][0]:g} x part" for rule in ("strict", "loose")]
    _console.print_table(("part", "labelled", *rules), rows, numbers=("labelled", *rules))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"
