"""`bottomup video`: the people of a video, with ids."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    HeightOption,
    JointOption,
    PersonOption,
    RefineOption,
    make_settings,
    new_app,
    stop,
)

if TYPE_CHECKING:
    from bottomup.people import People
    from bottomup.video import Frame, TrackedVideo
    from bottomup.video.convert import Outcome

app = new_app()


@app.command()
def video(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|DIR|URL|CAMERA",
            help="A video, a folder of pictures, an address (rtsp, http), or the number of a camera.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the results; without it nothing is saved.")
    ] = None,
    format: Annotated[
        str,
        typer.Option(metavar="LIST", help="Results, with commas: jsonl, parquet, posetrack, openpose, coco; or none."),
    ] = "jsonl",
    draw: Annotated[bool, typer.Option(help="Write the video with skeletons, ids and trails on it.")] = True,
    show: Annotated[bool, typer.Option("--show", help="Show it in a window; q ends.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")] = False,
    start: Annotated[float, typer.Option(metavar="S", help="Seconds at which to start.")] = 0.0,
    end: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds at which to stop.", show_default=False)
    ] = None,
    every: Annotated[int, typer.Option(metavar="N", help="Take one frame of N.")] = 1,
    max_fps: Annotated[
        float | None, typer.Option(metavar="N", help="Take no more frames a second.", show_default=False)
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(metavar="N", help="Frames a second of a folder; 25 if not given.", show_default=False),
    ] = None,
    flow: Annotated[bool, typer.Option(help="Follow people by optical flow, not by their motion alone.")] = True,
    smooth: Annotated[bool, typer.Option("--smooth", help="Smooth the joints over time (one-euro filter).")] = False,
    fill: Annotated[
        float, typer.Option(metavar="S", help="Fill in joints and people that are missing for up to S seconds.")
    ] = 0.0,
    max_occlusion: Annotated[
        float | None,
        typer.Option(metavar="S", help="Seconds for which a hidden person keeps the id.", show_default=False),
    ] = None,
    trail: Annotated[float, typer.Option(metavar="S", help="Seconds of each person's way to draw.")] = 1.0,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--no-live", help="Drop frames to keep up, as for cameras and endless streams.", show_default=False
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(metavar="S", help="Seconds after which a silent stream is lost.")] = 10.0,
    reconnect: Annotated[int, typer.Option(metavar="N", help="Open a lost stream again, up to N times in a row.")] = 0,
    model: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A network by name (see `bottomup weights list`) or file.")
    ] = "default",
    device: DeviceOption = None,
    backend: BackendOption = None,
    input_height: HeightOption = None,
    person_threshold: PersonOption = None,
    joint_threshold: JointOption = None,
    pose_denoiser: DenoiserOption = None,
    refine: RefineOption = None,
) -> None:
    """Find the people in a video and follow them.

    With --out it writes NAME.jsonl, a line for each person and frame, and NAME_people.mp4. Exit code 0: all went well.
    1: reading or writing broke off, what was done before is whole; or there was no frame. 2: the command cannot be
    carried out. A video that ends earlier than it announces is told, and no failure.
    """
    from bottomup.commands import _console

    try:
        from bottomup.detector import Detector
        from bottomup.tracking import Tracker, TrackOptions
        from bottomup.video import FrameOptions, track_video
        from bottomup.video.convert import convert_video, output_files, output_stem
        from bottomup.video.drawing import Painter
        from bottomup.video.results import FORMATS

        formats = [] if format == "none" else format.split(",")
        if unknown := [one for one in formats if one not in FORMATS]:
            raise ValueError(f"--format must be of {', '.join(FORMATS)}, or none, but has {unknown[0]!r}")
        if out is None and not show:
            raise ValueError("--out or --show must be given: otherwise nothing comes of the video")
        if out is not None and not formats and not draw:
            raise ValueError("--out must be left out with --format none --no-draw, which leave nothing to write")
        options = FrameOptions(
            start=start, end=end, every=every, max_fps=max_fps, live=live, timeout=timeout, reconnect=reconnect
        )
        tracking = TrackOptions(flow=flow)
        if max_occlusion is not None:
            tracking = dataclasses.replace(tracking, max_occlusion=max_occlusion)
        tracker, painter = Tracker(tracking), Painter(trail=trail)
        stem = None if out is None else output_stem(source, out)
        if stem is not None:
            _check_output(source, stem, output_files(stem, formats, draw), overwrite)
        settings = make_settings(
            input_height=input_height,
            person_threshold=person_threshold,
            joint_threshold=joint_threshold,
            pose_denoiser=pose_denoiser,
        )
        if show:
            from bottomup.video.window import check_display

            check_display()
        detector = Detector(model, device=device, backend=backend, settings=settings, refine=refine)
        tracked = track_video(
            source, detector=detector, tracker=tracker, options=options, rate=fps, smooth=smooth, max_gap=fill
        )
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        stop(str(error), WRONG_USAGE)

    failure: str | None = None
    outcome: Outcome | None = None
    counted = _Counted()
    try:
        with _progress(tracked, options.start, options.end, options.every) as advance:

            def done(frame: Frame, people: People) -> None:
                counted(people)
                advance(frame)

            outcome = convert_video(
                tracked, stem, formats=formats, draw=draw, show=show, painter=painter,
                done=done,
            )  # fmt: skip
    except KeyboardInterrupt:
        failure = "interrupted"
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        failure = str(error)
    for sentence in tracked.stats.sentences():
        _console.note(sentence)
    seconds = outcome.seconds if outcome is not None else counted.seconds()
    rate = counted.frames / seconds if seconds > 0 else 0.0
    where = f"results in {out}" if out is not None else "not saved (use --out)"
    found = f"{tracker.num_ids} ids, {counted.people} people in frames"
    _console.note(f"{counted.frames} frames, {found}, {rate:.1f} frames a second; {where}")
    if failure == "interrupted":
        stop(f"interrupted after {counted.frames} frames, whose results are complete", INTERRUPTED)
    if failure is None and not counted.frames:
        duration = tracked.info.duration
        lasts = "" if duration is None else f": it lasts {duration:.2f} s"
        failure = f"the video has no frame in the part from {start:g} s on{lasts}"
    if failure is not None:
        stop(failure, FAILED)


class _Counted:
    """Frames and people so far, and since when."""

    def __init__(self) -> None:
        import time

        self.frames = self.people = 0
        self._clock = time.monotonic
        self._started = time.monotonic()

    def __call__(self, people: People) -> None:
        self.frames, self.people = self.frames + 1, self.people + len(people)

    def seconds(self) -> float:
        return self._clock() - self._started


def _check_output(source: str, stem: Path, files: list[Path], overwrite: bool) -> None:
    """ValueError if the folder cannot be made, a file is there already, or would replace the source."""
    folder = stem.parent
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out must be a folder but {str(folder)!r} is a file")
    if lost := next((path for path in files if path.resolve() == Path(source).resolve()), None):
        raise ValueError(f"--out must be another folder than that of the video, which {str(lost)!r} would replace")
    if not overwrite and (there := [path for path in files if path.exists()]):
        raise ValueError(f"{str(there[0])!r} exists already: choose another --out, or say --overwrite")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--out must be a folder that can be made but is {str(folder)!r}: {error}") from error


@contextmanager
def _progress(video: TrackedVideo, start: float, end: float | None, every: int) -> Iterator[Any]:
    """A bar on stderr with frames a second and the time left, at a terminal; yields what to call with each frame."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        """Frames a second."""

        def render(self, task: Any) -> Text:
            seconds = task.finished_time or task.elapsed or 0
            return Text(f"{task.fields['frames'] / seconds:.1f} frames/s" if seconds else "")

    duration = video.info.duration
    until = min(end, duration) if end is not None and duration is not None else end if end is not None else duration
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), Rate(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("video", total=None if until is None else max(until - start, 1e-3), frames=0)
        count = 0

        def advance(frame: Frame) -> None:
            nonlocal count
            count += 1
            bar.update(task, completed=frame.time - start, frames=count)

        yield advance
