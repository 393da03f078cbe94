"""A run of a network over many photos that can be interrupted at any time and goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bottomup._files import FolderLock, JsonLog, differences, read_json_log, write_atomically
from bottomup.evaluation.results import check_results
from bottomup.people import People

_PREDICTIONS, _RECORD = "predictions.jsonl", "run.json"


class Run:
    """The people that were found so far, kept in a folder: a line of JSON for each photo that is done.

    A line is on its way to the disk before the next photo begins; one that was cut off by a crash is dropped and its
    photo looked at again. Use it as a context manager: only one program at a time may have the folder.

    Parameters
    ----------
    folder:
        Made if it does not exist.
    record:
        What the people depend on: the network, its settings, the photos. JSON values only.

    Raises
    ------
    ValueError
        If the folder holds a run with another record (the message says what differs), is in use, or is damaged.
    """

    def __init__(self, folder: str | Path, record: Mapping[str, Any]) -> None:
        self._lock = FolderLock(folder)
        self.folder = self._lock.folder
        try:
            self._check(json.loads(json.dumps(record)))
            self.done: dict[int, list[dict[str, Any]]] = self._read()
            self._log = JsonLog(self.folder / _PREDICTIONS)
        except BaseException:
            self._lock.release()
            raise

    def add(self, image_id: int, people: People) -> None:
        """Keep the people of a photo; OSError if that cannot be done."""
        found = people.to_coco(image_id)
        self._log.add({"image_id": image_id, "people": found})
        self.done[image_id] = found

    def close(self) -> None:
        """Let another program have the folder."""
        self._log.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, record: dict[str, Any]) -> None:
        file = self.folder / _RECORD
        if not file.exists():
            if (self.folder / _PREDICTIONS).exists():
                raise ValueError(f"out must be a folder of this command but {self.folder} has no {_RECORD}")
            write_atomically(file, json.dumps(record, indent=1))
            return
        try:
            old = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"out must be a folder of this command but {file} is damaged: {error}") from error
        changes = [f"{key} was {before} and is {after}" for key, before, after in differences(old, record)]
        if changes:
            what = "; ".join(changes[:3])
            raise ValueError(f"out must be of the same run but in {self.folder} {what}. Name another folder")

    def _read(self) -> dict[int, list[dict[str, Any]]]:
        file = self.folder / _PREDICTIONS
        if not file.exists():
            return {}
        try:
            return {int(entry["image_id"]): entry["people"] for entry in read_json_log(file, _check_line)}
        except ValueError as error:
            raise ValueError(f"out must be a folder of this command but {error}") from error


def _check_line(entry: Any) -> None:
    int(entry["image_id"])
    check_results(entry["people"])


def file_digests(path: str | Path) -> dict[str, str]:
    """SHA-256 of a network's file, and of the `.bin` beside it if there is one."""
    path = Path(path)
    files = [path, path.with_suffix(".bin")] if path.suffix.lower() == ".xml" else [path]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}


def helpers_record(detector: Any) -> dict[str, dict[str, str]]:
    """What results depend on beside a Detector's network, by SHA-256: its pose denoiser, and what looks again at
    people, with whether that is a cascade. Detectors of one's own need have neither."""
    record: dict[str, dict[str, str]] = {}
    if (refiner := getattr(detector, "refiner", None)) is not None:
        record["refine"] = file_digests(refiner.path) | ({"cascade": "twice"} if refiner.cascade else {})
    if (denoiser := getattr(detector, "denoiser", None)) is not None:
        record["pose_denoiser"] = file_digests(denoiser.path)
    return record


def digest(value: Any) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
