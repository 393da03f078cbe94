"""A run of a network over many photos that can be interrupted at any time and goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

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
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"out must be a folder but {str(folder)!r} is a file")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise ValueError(f"out must be a folder of one run but another program is at work in {folder}") from error
        try:
            self._check(json.loads(json.dumps(record)))
            self.done: dict[int, list[dict[str, Any]]] = self._read()
            self._lines = (self.folder / _PREDICTIONS).open("a", encoding="utf-8")
        except BaseException:
            self._lock.release()
            raise

    def add(self, image_id: int, people: People) -> None:
        """Keep the people of a photo."""
        self.done[image_id] = people.to_coco(image_id)
        self._lines.write(json.dumps({"image_id": image_id, "people": self.done[image_id]}) + "\n")
        self._lines.flush()

    def close(self) -> None:
        """Let another program have the folder."""
        self._lines.close()
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
            write_whole(file, json.dumps(record, indent=1))
            return
        try:
            old = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"out must be a folder of this command but {file} is damaged: {error}") from error
        changes = [
            f"{key} was {before} and is {after}" for key, before, after in _differences(old, record) if before != after
        ]
        if changes:
            what = "; ".join(changes[:3])
            raise ValueError(f"out must be of the same run but in {self.folder} {what}. Name another folder")

    def _read(self) -> dict[int, list[dict[str, Any]]]:
        file = self.folder / _PREDICTIONS
        if not file.exists():
            return {}
        data = file.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            with file.open("r+b") as cut:
                cut.truncate(len(whole))
        done = {}
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                entry = json.loads(line)
                done[int(entry["image_id"])] = entry["people"]
                check_results(entry["people"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"out must be a folder of this command but line {number} of {file} is damaged"
                ) from error
        return done


def file_digests(path: str | Path) -> dict[str, str]:
    """SHA-256 of a network's file, and of the `.bin` beside it if there is one."""
    path = Path(path)
    files = [path, path.with_suffix(".bin")] if path.suffix.lower() == ".xml" else [path]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}


def digest(value: Any) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Write a file that is either as it was or complete."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _differences(old: Any, new: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    """(name, old value, new value) of all leaves of two records."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [(name, old, new)]
    found = []
    for key in [*old, *(key for key in new if key not in old)]:
        found += _differences(old.get(key), new.get(key), f"{name}.{key}" if name else str(key))
    return found
