"""`bottomup detect`: the people in pictures."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bottomup.commands._options import (
    FAILED,
    INTERRUPTED,
    WRONG_USAGE,
    BackendOption,
    DeviceOption,
    FlipOption,
    HeightOption,
    JointOption,
    MergeOption,
    PersonOption,
    ScalesOption,
    make_settings,
    new_app,
    read_numbers,
    stop,
)

if TYPE_CHECKING:
    from bottomup.jobs.runner import Outcome

app = new_app()


class Format(StrEnum):
    """What `detect` writes besides pictures."""

    coco = "coco"
    openpose = "openpose"
    none = "none"


@app.command()
def detect(
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IMAGE|DIR", help="Pictures, or folders of them (not their subfolders).", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the results; without it nothing is saved.")
    ] = None,
    format: Annotated[
        Format,
        typer.Option(
            help="coco: one results.json; openpose: one _keypoints.json for each picture; none: pictures only."
        ),
    ] = Format.coco,
    draw: Annotated[bool, typer.Option(help="Save each picture with the skeletons drawn on it.")] = True,
    sample: Annotated[bool, typer.Option("--sample", help="Use scikit-image's photo of a photographer.")] = False,
    model: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A network by name (see `bottomup weights list`) or file.")
    ] = "default",
    device: DeviceOption = None,
    backend: BackendOption = None,
    input_height: HeightOption = None,
    person_threshold: PersonOption = None,
    joint_threshold: JointOption = None,
    scales: ScalesOption = None,
    flip: FlipOption = False,
    merge: MergeOption = None,
) -> None:
    """Find the people in pictures.

    Exit code 0: all went well. 1: some pictures failed, all others are done. 2: the command cannot be carried out.
    """
    from bottomup.commands import _console
    from bottomup.jobs.results import Results, check_drawings
    from bottomup.jobs.runner import run
    from bottomup.jobs.sources import gather_sources, left_out, sample_image

    try:
        sources = gather_sources(images or [], sample=sample)
        if out is not None and any(image.is_dir() and image.resolve() == out.resolve() for image in images or []):
            raise ValueError("--out must be another folder than the pictures' own")
        if out is not None and format is Format.none and not draw:
            raise ValueError("--out must be left out with --format none --no-draw, which leave nothing to write")
        if out is not None and draw:
            check_drawings(sources, out)
        if sample:
            sample_image()
        settings = make_settings(
            input_height=input_height, person_threshold=person_threshold, joint_threshold=joint_threshold,
            scales=None if scales is None else read_numbers("--scales", scales), flip=flip or None, merge=merge,
        )  # fmt: skip
        from bottomup.detector import Detector
        from bottomup.networks.backends.base import runtime

        detector = Detector(model, device=device, backend=backend, settings=settings)
        results = None if out is None else Results(out, format=format.value, draw=draw)
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        stop(str(error), WRONG_USAGE)

    for sentence in left_out(images or []):
        _console.note(sentence)
    if results is not None and results.kept is not None:
        _console.note(f"an earlier run was killed: its people, a line of JSON for each, are in {results.kept}")
    outcomes: list[Outcome] = []
    started = time.perf_counter()
    try:
        with _console.progress(len(sources)) as advance:
            for outcome in run(detector, sources, results):
                outcomes.append(outcome)
                advance()
    except KeyboardInterrupt:
        pass  # what is done is done; the rest is reported below
    finally:
        failure = None if results is None else results.close()
    network = f"{model}, by {runtime(detector.backend)}"
    _console.summarise(outcomes, out, time.perf_counter() - started, network)
    if failure:
        _console.show_error(failure)
    if len(outcomes) < len(sources):
        done = "" if failure else ", whose results are complete"
        stop(f"interrupted after {len(outcomes)} of {len(sources)} pictures{done}", INTERRUPTED)
    if failure or any(outcome.error for outcome in outcomes):
        raise typer.Exit(FAILED)
