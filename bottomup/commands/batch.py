"""`bottomup batch`: the people in any number of pictures, on one machine or many."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

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
    from bottomup.jobs.batch import Report

app = new_app()

_OWN_CLUSTER = "local"


class _Command(TyperCommand):
    """`--ray` may stand alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for place, argument in reversed(list(enumerate(args))):
            if argument == "--ray" and (place + 1 == len(args) or args[place + 1].startswith("-")):
                args = [*args[: place + 1], _OWN_CLUSTER, *args[place + 1 :]]
        return super().parse_args(ctx, args)


@app.command(cls=_Command)
def batch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A folder with its subfolders, a glob, a .txt list of paths, Parquet or WebDataset (.tar) shards with "
            "encoded pictures, videos, or an address of these (s3://, gs://, https://, hf://).",
            show_default=False,
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            metavar="TARGET",
            help="A folder for Parquet files, or a .json file for COCO's; local or an address.",
            show_default=False,
        ),
    ],
    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="parquet, coco (the list of results) or coco-dataset; for a .json TARGET coco, else parquet, unless "
            "given.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Threads that read and that detect, or Ray's actors; the cores, unless given.",
            show_default=False,
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Take every N-th file from the I-th (from 1) on, as one of N processes.",
            show_default=False,
        ),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Look again at pictures that failed in an earlier run.")
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS]",
            help="Work on a Ray cluster: ADDRESS as HOST:PORT, ray://HOST:PORT or auto; without it, one of its own.",
            show_default=False,
        ),
    ] = None,
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
    """Find the people in any number of pictures; a job that was stopped goes on with what is missing.

    One row a picture, also for one without people and, with its error, for one that cannot be read.

    Exit code 0: all went well. 1: some pictures failed, now or before, all others are done; or the job ended early, and
    the same command goes on from there. 2: the command cannot be carried out. 130: Ctrl-C or SIGTERM.
    """
    from bottomup.commands import _console
    from bottomup.jobs.batch import Report, SourceGone, keep, look, network_record, put_together
    from bottomup.jobs.inputs import find_inputs, is_container
    from bottomup.jobs.parquet import ParquetTarget
    from bottomup.jobs.runner import OutputError

    settings_given = {
        "input_height": input_height, "person_threshold": person_threshold, "joint_threshold": joint_threshold,
        "flip": flip or None, "merge": merge, "pose_denoiser": pose_denoiser,
    }  # fmt: skip
    joined = contextlib.ExitStack()
    try:
        form = _format(format, out)
        index, count = read_shard(shard)
        everything = find_inputs(source)
        inputs = everything.shard(index, count)
        numbers = None if scales is None else read_numbers("--scales", scales)
        settings = make_settings(**settings_given, scales=numbers)
        from bottomup.detector import Detector

        how: dict[str, Any] = {
            "model": model, "device": device, "backend": backend, "settings": settings, "refine": refine
        }  # fmt: skip
        detector = Detector(**how)
        network = network_record(model, detector)
        folder = out if form == "parquet" else f"{out}.parts"
        target = ParquetTarget(folder, detector.skeleton, network, shard=f"{index + 1}of{count}")
        if retry_failed:
            target.forget_failed()
        recorded = target.done() if target.files else set()
        done = inputs.named(recorded)
        failed = inputs.named(target.failed()) if done else set()
        if ray is not None:
            from bottomup.jobs.on_ray import cluster, look_on_ray

            joined.enter_context(cluster(None if ray == _OWN_CLUSTER else ray))
            finished = look_on_ray(inputs, done, actors=workers, detector=how)
        else:
            finished = look(detector, inputs, done, workers=workers)
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        stop(str(error), WRONG_USAGE)
    report, failure, interrupted = Report(known=len(done), known_failed=len(failed)), "", False
    started = time.perf_counter()
    if done:
        _console.note(f"{len(done)} pictures were looked at before, in {folder}")
    if strangers := len(recorded) - len(everything.named(recorded)):
        _console.note(
            f"{strangers} rows in {folder} are of pictures that SOURCE does not name, as they are written there"
        )
    files = len(inputs.files)
    total = None if any(map(is_container, inputs.files)) else files - sum(one in done for one in inputs.files)
    try:
        with _console.progress(total) as advance:
            keep(finished, target, report, advance)
        if form != "parquet" and count == 1:
            put_together(out, form, target, inputs, detector.skeleton, network)
    except KeyboardInterrupt:
        interrupted = True
    except (OutputError, SourceGone, OSError) as error:
        failure = str(error)
    finally:
        target.release()
        joined.close()
    _tell(report, time.perf_counter() - started, out if count == 1 else folder)
    if form != "parquet" and count > 1:
        _console.note(f"{out} is written by the same command without --shard, once all shards are done")
    if interrupted:
        stop("interrupted; the same command goes on from there", INTERRUPTED)
    if failure:
        stop(f"{failure}; {report.pictures} pictures were done, the same command goes on from there", FAILED)
    if report.errors or report.known_failed:
        raise typer.Exit(FAILED)


def _format(given: str | None, out: str) -> str:
    named = ("parquet", "coco", "coco-dataset")
    if given is not None and given not in named:
        raise ValueError(f"--format must be one of {', '.join(named)} but is {given!r}")
    is_file = out.lower().endswith(".json")
    if is_file != (given != "parquet" if given is not None else is_file):
        wanted = "a folder" if given == "parquet" else "a file that ends in .json"
        raise ValueError(f"--out must be {wanted} for --format {given} but is {out!r}")
    return given or ("coco" if is_file else "parquet")


def read_shard(text: str | None) -> tuple[int, int]:
    """ "2/8" as (1, 8): the index from 0, and how many; None as (0, 1). ValueError says what a shard is."""
    if text is None:
        return 0, 1
    first, slash, second = text.partition("/")
    if not (slash and first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
        raise ValueError(f"--shard must be I/N with I from 1 to N, as 2/8, but is {text!r}")
    return int(first) - 1, int(second)


def _tell(report: Report, seconds: float, out: str) -> None:
    from bottomup.commands import _console

    rows = [("pictures", str(report.pictures)), ("people", str(report.people))]
    rows += [("done before", str(report.known))] if report.known else []
    rows += [("failed before", str(report.known_failed))] if report.known_failed else []
    rows += [(f"error: {kind}", str(number)) for kind, number in report.errors.most_common()]
    rows += [("pictures per second", f"{report.pictures / max(seconds, 1e-9):.1f}"), ("results", out)]
    _console.print_table(("what", "number"), rows)
    for sentence in report.failed:
        _console.note(sentence)
    if (more := report.errors.total() - len(report.failed)) > 0:
        _console.note(f"and {more} more; the column `error` of the results has them all")
    if report.known_failed:
        _console.note("those that failed before are looked at again with --retry-failed")
