"""The command line. Heavy imports wait inside the commands, so that `bottomup --version` answers at once."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bottomup import _cli_eval, _cli_export, _cli_train
from bottomup._cli_bench import app as bench_app
from bottomup._cli_common import (
    FAILED,
    INTERRUPTED,
    WRONG_USAGE,
    BackendOption,
    Commands,
    DeviceOption,
    FlipOption,
    HeightOption,
    JointOption,
    MergeOption,
    PersonOption,
    ScalesOption,
    make_settings,
    read_numbers,
    show_error,
    stop,
)

if TYPE_CHECKING:
    from bottomup._cli_detect import Outcome

app = typer.Typer(
    name="bottomup",
    cls=Commands,
    help="Find people and their joints in photos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
weights_app = typer.Typer(help="List and download networks.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(weights_app, name="weights")
app.add_typer(_cli_export.app, name="export")
app.add_typer(bench_app, name="bench")


class Format(StrEnum):
    """What `detect` writes besides pictures."""

    coco = "coco"
    openpose = "openpose"
    none = "none"


def main() -> None:
    """The console script."""
    app()


def _show_version(wanted: bool) -> None:
    if wanted:
        from bottomup._cli_doctor import installed_version

        print(f"bottomup {installed_version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


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
    from bottomup import _cli_detect, _cli_report

    try:
        sources = _cli_detect.gather_sources(images or [], sample=sample)
        if out is not None and any(image.is_dir() and image.resolve() == out.resolve() for image in images or []):
            raise ValueError("--out must be another folder than the pictures' own")
        if out is not None and format is Format.none and not draw:
            raise ValueError("--out must be left out with --format none --no-draw, which leave nothing to write")
        if out is not None and draw:
            _cli_detect.check_drawings(sources, out)
        if sample:
            _cli_detect.sample_image()
        settings = make_settings(
            input_height=input_height, person_threshold=person_threshold, joint_threshold=joint_threshold,
            scales=None if scales is None else read_numbers("--scales", scales), flip=flip or None, merge=merge,
        )  # fmt: skip
        from bottomup.detector import Detector
        from bottomup.networks.backends.base import runtime

        detector = Detector(model, device=device, backend=backend, settings=settings)
        results = None if out is None else _cli_detect.Results(out, format=format.value, draw=draw)
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        stop(str(error), WRONG_USAGE)

    for sentence in _cli_detect.left_out(images or []):
        _cli_report.note(sentence)
    if results is not None and results.kept is not None:
        _cli_report.note(f"an earlier run was killed: its people, a line of JSON for each, are in {results.kept}")
    outcomes: list[Outcome] = []
    started = time.perf_counter()
    try:
        with _cli_report.progress(len(sources)) as advance:
            for outcome in _cli_detect.run(detector, sources, results):
                outcomes.append(outcome)
                advance()
    except KeyboardInterrupt:
        pass  # what is done is done; the rest is reported below
    finally:
        failure = None if results is None else results.close()
    network = f"{model}, by {runtime(detector.backend)}"
    _cli_report.summarise(outcomes, out, time.perf_counter() - started, network)
    if failure:
        show_error(failure)
    if len(outcomes) < len(sources):
        done = "" if failure else ", whose results are complete"
        stop(f"interrupted after {len(outcomes)} of {len(sources)} pictures{done}", INTERRUPTED)
    if failure or any(outcome.error for outcome in outcomes):
        raise typer.Exit(FAILED)


@weights_app.command("list")
def weights_list() -> None:
    """Show the networks that have a name, and where their weights are."""
    from bottomup import _cli_report
    from bottomup.weights import find_weights, list_weights

    rows = []
    for network in list_weights():
        path = find_weights(network.name)
        size = f"{network.size / 1e6:.1f} MB" if network.files else ""
        where = str(path) if path else "to download" if network.files else "missing"
        rows.append((network.name, size, network.licence, network.description, where))
    _cli_report.print_table(("network", "size", "licence", "what it is", "where"), rows)


@weights_app.command("get")
def weights_get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of `bottomup weights list`.", show_default=False)],
) -> None:
    """Download a network and print where it is.

    One that is on this computer already is not downloaded again.
    """
    from bottomup.weights import get_weights

    try:
        print(get_weights(name))
    except ValueError as error:
        stop(str(error), WRONG_USAGE)
    except OSError as error:
        stop(str(error), FAILED)
    except KeyboardInterrupt:
        stop("interrupted; the next try goes on from there", INTERRUPTED)


app.command("eval")(_cli_eval.evaluate)
app.command("train")(_cli_train.train)


@app.command()
def doctor() -> None:
    """Show versions, kernels, processor and GPU.

    That is what a bug report needs. Exit code 1 if something is broken.
    """
    from bottomup import _cli_report
    from bottomup._cli_doctor import findings

    everything = list(findings())
    _cli_report.show_findings(everything)
    if not all(finding.ok for finding in everything):
        raise typer.Exit(FAILED)
