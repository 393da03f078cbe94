"""A job over any number of pictures that can be stopped at any moment and goes on with what is missing."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bottomup._files import replacing
from bottomup._version import __version__
from bottomup.evaluation.runs import file_digests, helpers_record
from bottomup.image import DecodedImage
from bottomup.jobs import coco
from bottomup.jobs.inputs import Inputs, Picture, is_container, pictures
from bottomup.jobs.parquet import ParquetTarget
from bottomup.jobs.rows import Row, error_kind, error_row, explain, picture_row, plain_text
from bottomup.jobs.runner import OutputError, run
from bottomup.jobs.sources import image_ids
from bottomup.jobs.storage import filesystem, is_address, local_path, plain_errors
from bottomup.skeleton import Skeleton

if TYPE_CHECKING:
    from bottomup.detector import Detector

Finished = tuple[Row, str | None]
"""A row, and the kind of its error."""

_SHOWN = 20  # failed pictures that a report names
# Settings that change no result, and one whose file counts, not the name that it has on one of the machines.
_NO_RESULT = ("threads", "validate", "pose_denoiser")


class SourceGone(OSError):
    """The place of the pictures is not there any more, so that the rest of them cannot be called damaged."""


@dataclass
class Report:
    """What a job did.

    pictures, people: looked at now, and in them. errors: now, by kind; failed: the first of them, in a sentence each.
    known, known_failed: pictures that were done before, and those of them that have an error.
    """

    pictures: int = 0
    people: int = 0
    known: int = 0
    known_failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Unreadable:
    """What stands for the rest of a shard or video that cannot be read on."""

    path: str
    error: Exception

    def read(self, *, least: Callable[[int, int], int] | None = None) -> DecodedImage:
        """Raises the error."""
        raise self.error


def network_record(model: str, detector: Detector) -> dict[str, Any]:
    """What results depend on, for their metadata: the files of the network by their SHA-256, and its settings.

    What may differ between machines that work on one job is under `runtime`.
    """
    from bottomup.networks.backends.base import runtime
    from bottomup.weights import resolve_model

    settings = {name: value for name, value in asdict(detector.settings).items() if name not in _NO_RESULT}
    return {
        "weights": file_digests(resolve_model(model)),
        **helpers_record(detector),
        "settings": settings,
        "runtime": {"bottomup": __version__, "model": model, "backend": runtime(detector.backend)},
    }


def missing_pictures(inputs: Inputs, done: Iterable[str]) -> Iterator[Picture | Unreadable]:
    """The pictures of a job that have no row yet, in order."""
    known = frozenset(done)
    for file in inputs.files:
        name = plain_text(file)
        if not is_container(file):
            if name not in known:
                yield Picture(name, file)
            continue
        try:
            yield from (picture for picture in pictures(file) if picture.path not in known)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and not inputs.is_there():
                raise _gone(inputs) from error
            if name not in known:
                yield Unreadable(name, error)


def look(detector: Any, inputs: Inputs, done: Iterable[str], *, workers: int | None = None) -> Iterator[Finished]:
    """Rows of the missing pictures, looked at on this machine. Raises SourceGone if their place vanishes."""
    return look_at(detector, missing_pictures(inputs, done), inputs, workers=workers)


def look_at(
    detector: Any, sources: Iterable[Picture | Unreadable], inputs: Inputs, *, workers: int | None = None
) -> Iterator[Finished]:
    """Rows of some pictures of a job. Raises SourceGone if their place vanishes, after the rows of what was read."""
    gone: SourceGone | None = None

    def while_there() -> Iterator[Picture | Unreadable]:
        nonlocal gone
        try:
            yield from itertools.takewhile(lambda _: gone is None, sources)
        except SourceGone as error:
            gone = error

    with contextlib.closing(run(detector, while_there(), workers=workers)) as outcomes:  # type: ignore[type-var]
        for outcome in outcomes:
            path = outcome.source.path
            if outcome.people is not None:
                yield picture_row(path, outcome.shape, outcome.people), None
                continue
            error = outcome.error or ValueError("no result")
            if isinstance(error, OSError) and (gone is not None or not inputs.is_there()):
                gone = _gone(inputs)
                continue
            yield error_row(path, plain_text(explain(error))), error_kind(error)
    if gone is not None:
        raise gone


def _gone(inputs: Inputs) -> SourceGone:
    return SourceGone(f"SOURCE must stay there while the job runs but {inputs.root!r} is gone")


def keep(finished: Iterator[Finished], target: ParquetTarget, report: Report, advance: Callable[[], None]) -> None:
    """Write rows as they come, and count them. OutputError if the target takes no more.

    However it ends, what was found is written, if that can be done.
    """
    with contextlib.closing(finished) as rows:  # type: ignore[type-var]
        try:
            for row, kind in rows:
                _kept(target, lambda row=row: target.add(row))  # type: ignore[misc]
                report.pictures += 1
                report.people += len(row["people"])
                if kind is not None:
                    report.errors[kind] += 1
                    if len(report.failed) < _SHOWN:
                        report.failed.append(f"{row['path']}: {row['error']}")
                advance()
        finally:
            _kept(target, target.flush)


def _kept(target: ParquetTarget, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as error:
        raise OutputError(f"results cannot be kept in {target.address!r}: {error}") from error


def put_together(
    address: str, form: str, target: ParquetTarget, inputs: Inputs, skeleton: Skeleton, network: Mapping[str, Any]
) -> None:
    """COCO's list of results, or its data set (`form` "coco-dataset"), of all rows of a target: a file that is written
    whole. Pictures are named relative to the source. OutputError if it cannot be written."""
    paths = sorted(row["path"] for row in target.rows(["path"]))
    root = plain_text(inputs.root).rstrip("/") + "/"
    names = {path: path.removeprefix(root) for path in paths}
    ids = dict(zip(paths, image_ids([Path(path).name for path in paths]), strict=True))

    def rows() -> Iterator[coco.NumberedRow]:
        return ((ids[row["path"]], names[row["path"]], row) for row in target.rows())

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            if form == "coco-dataset":
                info = {"description": "people found by bottomup", "version": __version__, "network": dict(network)}
                coco.write_dataset(file, rows(), rows(), skeleton, info)
            else:
                coco.write_results(file, rows())

    try:
        if not is_address(address):
            with replacing(local_path(address)) as temporary:
                write(temporary)
            return
        with tempfile.TemporaryDirectory() as folder, plain_errors(address):
            write(Path(folder) / "results.json")
            filesystem(address).put_file(str(Path(folder) / "results.json"), address)
    except OSError as error:
        raise OutputError(f"results cannot be put together in {address!r}: {error}") from error
