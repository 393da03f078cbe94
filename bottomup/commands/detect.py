"""`bottomup detect`: the people in pictures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    from bottomup.detector import Detector
    from bottomup.jobs.runner import Outcome
    from bottomup.jobs.sources import Source

app = new_app()


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
        str,
        typer.Option(
            metavar="LIST",
            help="coco: COCO's list, results.json. coco-dataset: annotations.json with images too, for annotation "
            "tools. csv, jsonl, parquet: tables. openpose, yolo: a file for each picture. Several with commas between, "
            "or none.",
        ),
    ] = "coco",
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
    pose_denoiser: DenoiserOption = None,
    refine: RefineOption = None,
) -> None:
    """Find the people in pictures.

    Exit code 0: all went well. 1: some pictures failed, all others are done. 2: the command cannot be carried out.
    """
    from bottomup.commands import _console
    from bottomup.jobs.formats import read_formats
    from bottomup.jobs.results import Results, check_drawings
    from bottomup.jobs.runner import OutputError, run
    from bottomup.jobs.sources import gather_sources, left_out, sample_image

    try:
        formats = read_formats(format)
        sources = gather_sources(images or [], sample=sample)
        if out is not None and any(image.is_dir() and image.resolve() == out.resolve() for image in images or []):
            raise ValueError("--out must be another folder than the pictures' own")
        if out is not None and not formats and not draw:
            raise ValueError("--out must be left out with --format none --no-draw, which leave nothing to write")
        if out is not None and draw:
            check_drawings(sources, out)
        if sample:
            sample_image()
        settings = make_settings(
            input_height=input_height, person_threshold=person_threshold, joint_threshold=joint_threshold,
            scales=None if scales is None else read_numbers("--scales", scales), flip=flip or None, merge=merge,
            pose_denoiser=pose_denoiser,
        )  # fmt: skip
        from bottomup.detector import Detector
        from bottomup.networks.backends.base import runtime
        from bottomup.networks.backends.openvino import import_without_converter

        import_without_converter()
        detector = Detector(model, device=device, backend=backend, settings=settings, refine=refine)
        results = None
        if out is not None:
            network = _network(model, detector) if {"coco-dataset", "parquet"} & set(formats) else {}
            results = Results(out, formats=formats, draw=draw, skeleton=detector.skeleton, network=network)
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        stop(str(error), WRONG_USAGE)

    for sentence in left_out(images or []):
        _console.note(sentence)
    if results is not None and results.kept is not None:
        _console.note(f"an earlier run was killed: its results, a line of JSON for each picture, are in {results.kept}")
    outcomes: list[Outcome[Source]] = []
    failure, started = "", time.perf_counter()
    try:
        with _console.progress(len(sources)) as advance:
            for outcome in run(detector, sources, finish=None if results is None else results.finish):
                if results is not None:
                    results.add(outcome)
                outcomes.append(outcome)
                advance()
    except KeyboardInterrupt:
        pass  # what is done is done; the rest is reported below
    except OutputError as error:
        failure = f"{error}; {len(outcomes)} of {len(sources)} pictures are done"
    finally:
        unmade = None if results is None else results.close(sources)
    places = {source.stem: place for place, source in enumerate(sources)}
    outcomes.sort(key=lambda outcome: places[outcome.source.stem])
    if failure or unmade:  # before a table that may be long
        _console.show_error(". ".join(filter(None, (failure, unmade))))
    _console.summarise(outcomes, out, time.perf_counter() - started, f"{model}, by {runtime(detector.backend)}")
    if not failure and len(outcomes) < len(sources):
        done = "" if unmade else ", whose results are complete"
        stop(f"interrupted after {len(outcomes)} of {len(sources)} pictures{done}", INTERRUPTED)
    if failure or unmade or any(outcome.error for outcome in outcomes):
        raise typer.Exit(FAILED)


def _network(model: str, detector: Detector) -> dict[str, Any]:
    from bottomup.jobs.batch import network_record

    return network_record(model, detector)
