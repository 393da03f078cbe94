"""`bottomup eval`: scores of a network, or of results, against labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bottomup.commands._options import (
    FAILED,
    INTERRUPTED,
    WRONG_USAGE,
    BackendOption,
    DenoiserOption,
    DeviceOption,
    FlipOption,
    HeightOption,
    JointOption,
    MergeOption,
    PersonOption,
    RefineOption,
    ScalesOption,
    make_settings,
    new_app,
    read_numbers,
    stop,
)

if TYPE_CHECKING:
    from bottomup.evaluation.reliability import Reliability

app = new_app()


class MetricName(StrEnum):
    """The names of `bottomup.evaluation.METRICS`, which `--help` must not import, and `track`."""

    coco = "coco"
    crowdpose = "crowdpose"
    ochuman = "ochuman"
    oks = "oks"
    pck = "pck"
    pckh = "pckh"
    pdj = "pdj"
    pcp = "pcp"
    track = "track"


@app.command()
def evaluate(
    metric: Annotated[
        MetricName,
        typer.Argument(
            metavar="METRIC",
            help="coco, crowdpose, ochuman: average precision by OKS; oks: the same of any joints; pck, pckh, pdj: "
            "correct joints, compared with the person's box, head or torso; pcp: correct limbs; track: people followed "
            "through videos (--results).",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|FILE",
            help="Labels: a folder with annotations.json and images/, or in COCO's own layout, or a file in COCO's, "
            "CrowdPose's, PoseTrack's, MPII's, LSP's, AI Challenger's, FLIC's, CVAT's or Ultralytics' form.",
            show_default=False,
        ),
    ],
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Score this COCO results file instead of a network; for track VIDEO.jsonl or VIDEO.json in "
            "PoseTrack's form, or a folder of them.",
            show_default=False,
        ),
    ] = None,
    skeleton: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The joints of --results, if not those of the labels.", show_default=False),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The photos; images/ beside the labels, unless given.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for scores, results and a page of the worst photos. A run of a network that was interrupted "
            "goes on from there.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only photos whose coco_split is this.", show_default=False),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only the first N photos by id.", show_default=False)
    ] = None,
    thresholds: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Fractions that count as correct: pck 0.2, pckh 0.5, pdj 0.2, pcp 0.5 unless given.",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Compare distances with box, torso or head (pck, pckh, pdj).", show_default=False
        ),
    ] = None,
    crowd_bounds: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="Crowd index where medium and hard photos begin (crowdpose): 0.2,0.8 unless given.",
            show_default=False,
        ),
    ] = None,
    sigmas: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Sigmas of OKS, one for each joint of the labels or one for all: published ones, unless given, and "
            "0.05 for joints of one's own.",
            show_default=False,
        ),
    ] = None,
    poseval: Annotated[
        bool, typer.Option("--poseval", help="track: count frames as PoseTrack's published program does.")
    ] = False,
    plots: Annotated[
        bool,
        typer.Option(
            "--plots", help="Plot how often people and joints of a score are right, as reliability.png in --out."
        ),
    ] = False,
    worst: Annotated[int, typer.Option(metavar="N", min=0, help="Photos on the page of the worst.")] = 24,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="A network by name or file; the built-in one, unless given.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = None,
    backend: BackendOption = None,
    input_height: HeightOption = None,
    scales: ScalesOption = None,
    flip: FlipOption = False,
    merge: MergeOption = None,
    person_threshold: PersonOption = None,
    joint_threshold: JointOption = None,
    pose_denoiser: DenoiserOption = None,
    refine: RefineOption = None,
) -> None:
    """Score a network, or a file of results, against labels.

    Also counts labelled people who were missed and found ones who are invented (matched by OKS of at least 0.5; people
    whom the labels tell to ignore are neither), and limbs that join two people. A photo that cannot be read is reported
    and its people count as missed.

    Exit code 0: all went well. 1: some photos failed, the others are scored. 2: the command cannot be carried out.
    """
    from bottomup.commands import _console, _eval_tables
    from bottomup.evaluation.task import Interrupted, NotKept, Task

    try:
        chosen = None if sigmas is None else read_numbers("--sigmas", sigmas)
        limits = None if thresholds is None else read_numbers("--thresholds", thresholds)
    except ValueError as error:
        stop(str(error), WRONG_USAGE)
    if metric == MetricName.track:
        _track(data, results, skeleton, chosen, limits, poseval, as_json)
        return

    def progress(total: int) -> AbstractContextManager[Callable[[], None]]:
        return _console.progress(total, "evaluating")

    failure = ""
    try:
        if plots:
            _check_plots(metric, out)
        task = Task.prepare(
            metric=metric.value, data=data, images=images, out=out, split=split, limit=limit, worst=worst,
            thresholds=limits, reference=reference,
            crowd_bounds=None if crowd_bounds is None else read_numbers("--crowd-bounds", crowd_bounds),
            sigmas=chosen, note=_console.note, progress=progress,
        )  # fmt: skip
        settings = {
            "input_height": input_height, "scales": None if scales is None else read_numbers("--scales", scales),
            "flip": flip or None, "merge": merge,
            "person_threshold": person_threshold, "joint_threshold": joint_threshold, "pose_denoiser": pose_denoiser,
        }  # fmt: skip
        network = {"model": model, "device": device, "backend": backend, "refine": refine}
        if results is not None:
            task.read_results(results, skeleton, unused={**network, **settings})
        else:
            if skeleton is not None:
                raise ValueError("--skeleton is for --results: a network says itself what its joints are")
            task.run_network(network, make_settings(**settings))
        evaluation = task.evaluate()
    except Interrupted as error:
        stop(str(error), INTERRUPTED)
    except NotKept as error:
        stop(str(error), FAILED)
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        stop(str(error), WRONG_USAGE)
    try:
        task.write(evaluation)
        if plots and out is not None and evaluation.reliability is not None:
            _plot(evaluation.reliability, out)
    except NotKept as error:
        failure = str(error)
    if as_json:
        _console.show(json.dumps(task.report(evaluation), indent=1, allow_nan=False))
    else:
        _eval_tables.show(evaluation)
    _eval_tables.notes(evaluation, task.failed, None if failure else out, uncalibrated=task.uncalibrated)
    if failure:
        stop(failure, FAILED)
    if task.failed:
        raise typer.Exit(FAILED)


def _check_plots(metric: MetricName, out: Path | None) -> None:
    """ValueError or ImportError if there could be no plots; to be asked before a network spends hours on photos."""
    from bottomup.benchmarks.plots import require_matplotlib
    from bottomup.evaluation import METRICS

    if out is None:
        raise ValueError("--plots must have a folder to write to: --out DIR")
    if METRICS[metric.value].kind != "oks":
        raise ValueError(f"--plots must be with a metric by OKS but is with {metric.value}")
    require_matplotlib()


def _plot(found: Reliability, out: Path) -> None:
    from bottomup.benchmarks.plots import plot_reliability
    from bottomup.evaluation.task import NotKept

    try:
        plot_reliability(found, out / "reliability.png")
    except OSError as error:
        raise NotKept(f"the plots cannot be written to {str(out)!r}: {error}") from error


def _track(
    data: Path,
    results: Path | None,
    skeleton: str | None,
    sigmas: tuple[float, ...] | None,
    thresholds: tuple[float, ...] | None,
    poseval: bool,
    as_json: bool,
) -> None:
    """`bottomup eval track`."""
    from bottomup.commands import _console, _track_tables
    from bottomup.evaluation.track_files import evaluate_track_files
    from bottomup.skeletons import get_skeleton

    try:
        if results is None:
            raise ValueError("--results must name what a tracker wrote (`bottomup video` writes VIDEO.jsonl)")
        if thresholds is not None and len(thresholds) != 1:
            raise ValueError(f"--thresholds must be one number for track but is {thresholds}")
        evaluation = evaluate_track_files(
            data, results, skeleton=None if skeleton is None else get_skeleton(skeleton), sigmas=sigmas,
            threshold=thresholds[0] if thresholds else 0.5, poseval=poseval,
        )  # fmt: skip
    except (ValueError, TypeError, OSError, ImportError) as error:
        stop(str(error), WRONG_USAGE)
    if as_json:
        _console.show(json.dumps(evaluation.to_dict(), indent=1, allow_nan=False))
    else:
        _track_tables.show(evaluation.scores)
    _track_tables.notes(evaluation)
