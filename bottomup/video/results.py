"""Files of the people of a video, written frame by frame and whole at any moment."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Protocol

import numpy as np

from bottomup._files import write_atomically
from bottomup.people import People
from bottomup.skeleton import Skeleton
from bottomup.video.frames import Frame

FORMATS = ("jsonl", "parquet", "posetrack", "openpose", "coco")
_ROWS = 20_000  # people in a row group of Parquet: some megabytes


class Results(Protocol):
    """A file of results. `add` is called once for each frame, in their order, then `close`."""

    def add(self, frame: Frame, people: People) -> None:
        """Write a frame's people."""

    def close(self) -> None:
        """Finish the file."""


class Lines:
    """A text file that grows by whole blocks: one that cannot be written to its end is taken back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb", buffering=0)
        self._whole = 0

    def write(self, text: str) -> None:
        """Append a block; OSError, as of a full disk, leaves what was there before."""
        data = memoryview(text.encode())
        try:
            while data:
                data = data[self._file.write(data) :]
        except BaseException:
            with contextlib.suppress(OSError):
                self._file.truncate(self._whole)
                self._file.seek(self._whole)
            raise
        self._whole = self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class JsonLines:
    """NAME.jsonl: a line for each person and frame, {"frame", "time", "id", "score", "keypoints", "traced"}.

    keypoints: x, y, score of each joint, 0, 0, 0 for a missing one. traced: names of the joints that no peak of their
    own shows (`People.traced`): limbs end there, or, with `--fill`, frames before and after have them. Coordinates are
    rounded to a hundredth of a pixel, scores and times to a ten-thousandth and a microsecond.
    """

    def __init__(self, stem: Path) -> None:
        self._lines = Lines(stem.with_name(f"{stem.name}.jsonl"))

    def add(self, frame: Frame, people: People) -> None:
        """See `Results`."""
        lines = [
            json.dumps({**row, "time": round(row["time"], 6), "score": round(row["score"], 4)})
            for row in _rows(frame, people)
        ]
        self._lines.write("".join(f"{line}\n" for line in lines))

    def close(self) -> None:
        """See `Results`."""
        self._lines.close()


class Parquet:
    """NAME.parquet: columns frame, time, id, score, keypoints (a list of x, y, score of each joint) and traced.

    Metadata, as in `bottomup batch`'s: `bottomup.skeleton`, `bottomup.joints` (JSON list), where there was a frame.
    """

    def __init__(self, stem: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise ImportError('Parquet needs PyArrow: pip install "bottomup[tables]"') from error
        self._arrow = pyarrow
        self._schema = pyarrow.schema(
            [("frame", pyarrow.int64()), ("time", pyarrow.float64()), ("id", pyarrow.int64()),
             ("score", pyarrow.float32()), ("keypoints", pyarrow.list_(pyarrow.float32())),
             ("traced", pyarrow.list_(pyarrow.string()))]
        )  # fmt: skip
        self._file = stem.with_name(f"{stem.name}.parquet").open("wb")
        self._writer: Any = None
        self._rows: list[dict[str, Any]] = []

    def add(self, frame: Frame, people: People) -> None:
        """See `Results`."""
        if self._writer is None:
            skeleton = people.skeleton
            self._open({"bottomup.skeleton": skeleton.name, "bottomup.joints": json.dumps(list(skeleton.joints))})
        self._rows.extend(_rows(frame, people))
        if len(self._rows) >= _ROWS:
            self._flush()

    def _open(self, facts: dict[str, str]) -> None:
        self._schema = self._schema.with_metadata(facts)
        self._writer = self._arrow.parquet.ParquetWriter(self._file, self._schema)

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, self._schema))
            self._rows = []

    def close(self) -> None:
        """See `Results`."""
        with self._file:
            if self._writer is None:
                self._open({})
            self._flush()
            self._writer.close()


class _Collected:
    """JSON with lists that are known only at the end: their entries wait as lines of temporary files."""

    parts: ClassVar[tuple[str, ...]]
    suffix: ClassVar[str]

    def __init__(self, stem: Path) -> None:
        self._path = stem.with_name(f"{stem.name}{self.suffix}")
        self._lines = {part: Lines(self._path.with_name(f"{self._path.name}.{part}.partial")) for part in self.parts}

    def _append(self, part: str, entries: Sequence[Any]) -> None:
        self._lines[part].write("".join(f"{json.dumps(entry)}\n" for entry in entries))

    def _join(self, part: str, out: Any) -> None:
        out.write("[")
        with self._lines[part].path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                out.write((",\n" if number else "\n") + line.rstrip("\n"))
        out.write("\n]")

    def close(self) -> None:
        """Put the file together; if that fails, the lines stay."""
        for lines in self._lines.values():
            lines.close()
        temporary = self._path.with_name(f".{self._path.name}.tmp")
        try:
            with temporary.open("w", encoding="utf-8") as out:
                self._put_together(out)
            temporary.replace(self._path)
        finally:
            temporary.unlink(missing_ok=True)
        for lines in self._lines.values():
            lines.path.unlink()

    def _put_together(self, out: Any) -> None:
        raise NotImplementedError


class Coco(_Collected):
    """NAME_coco.json: COCO's keypoint results, with the frame as image_id and the id as track_id."""

    parts, suffix = ("results",), "_coco.json"

    def add(self, frame: Frame, people: People) -> None:
        """See `Results`."""
        self._append("results", people.to_coco(frame.index))

    def _put_together(self, out: Any) -> None:
        self._join("results", out)
        out.write("\n")


class PoseTrack(_Collected):
    """NAME_posetrack.json: PoseTrack 2018's form, with images, annotations (track_id, scores) and categories.

    The category names the joints, which are those of the detector.
    """

    parts, suffix = ("images", "annotations"), "_posetrack.json"

    def __init__(self, stem: Path) -> None:
        super().__init__(stem)
        self._name, self._count = stem.name, 0
        self._skeleton: Skeleton | None = None

    def add(self, frame: Frame, people: People) -> None:
        """See `Results`."""
        self._skeleton = people.skeleton
        image = {
            "id": frame.index, "frame_id": frame.index, "file_name": f"{self._name}/{frame.index:06d}.jpg",
            "vid_id": self._name, "time": round(frame.time, 6),
            "width": frame.image.shape[1], "height": frame.image.shape[0],
        }  # fmt: skip
        self._append("images", [image])
        boxes = np.nan_to_num(people.boxes)
        entries = []
        for row, (name, triples) in enumerate(zip(_names(people), _triples(people), strict=True)):
            x0, y0, x1, y1 = (round(float(edge), 2) for edge in boxes[row])
            seen = [float(score > 0) for score in triples[2::3]]
            keypoints = [
                value for x, y, v in zip(triples[::3], triples[1::3], seen, strict=True) for value in (x, y, v)
            ]
            entries.append(
                {
                    "id": self._count + row,
                    "image_id": frame.index,
                    "track_id": name,
                    "category_id": 1,
                    "keypoints": keypoints,
                    "scores": triples[2::3],
                    "score": round(float(people.scores[row]), 4),
                    "bbox": [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)],
                }
            )
        self._count += len(entries)
        self._append("annotations", entries)

    def _put_together(self, out: Any) -> None:
        out.write('{"images": ')
        self._join("images", out)
        out.write(',\n"annotations": ')
        self._join("annotations", out)
        joints = [] if self._skeleton is None else list(self._skeleton.joints)
        limbs = [] if self._skeleton is None else [[a + 1, b + 1] for a, b in self._skeleton.limbs]
        category = {"id": 1, "name": "person", "supercategory": "person", "keypoints": joints, "skeleton": limbs}
        out.write(f',\n"categories": {json.dumps([category])}}}\n')


class OpenPose:
    """NAME_openpose/NAME_000000000000_keypoints.json: OpenPose's file for each frame, ids as person_id."""

    def __init__(self, stem: Path) -> None:
        self._folder = stem.with_name(f"{stem.name}_openpose")
        self._folder.mkdir(exist_ok=True)
        self._name = stem.name

    def add(self, frame: Frame, people: People) -> None:
        """See `Results`."""
        name = f"{self._name}_{frame.index:012d}_keypoints.json"
        write_atomically(self._folder / name, json.dumps(people.to_openpose()).encode())

    def close(self) -> None:
        """See `Results`."""


class AllResults:
    """The files of all wanted formats, as one."""

    kinds: ClassVar[dict[str, Any]] = {
        "jsonl": JsonLines, "parquet": Parquet, "posetrack": PoseTrack, "openpose": OpenPose, "coco": Coco,
    }  # fmt: skip

    def __init__(self, stem: Path, formats: Sequence[str]) -> None:
        for name in formats:
            if name not in self.kinds:
                raise ValueError(f"format must be among {list(FORMATS)} but is {name!r}")
        self._files: list[Results] = [self.kinds[name](stem) for name in dict.fromkeys(formats)]

    def __enter__(self) -> AllResults:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, frame: Frame, people: People) -> None:
        """See `Results`."""
        for file in self._files:
            file.add(frame, people)

    def close(self) -> None:
        """Finish every file, also where one of them fails; the first error is raised."""
        failures = []
        for file in self._files:
            try:
                file.close()
            except OSError as error:
                failures.append(error)
        self._files = []
        if failures:
            raise failures[0]


def _names(people: People) -> list[int]:
    return [-1] * len(people) if people.ids is None else people.ids.tolist()


def _rows(frame: Frame, people: People) -> list[dict[str, Any]]:
    """Of each person of a frame what the tables hold."""
    joints = people.skeleton.joints
    return [
        {
            "frame": frame.index, "time": frame.time, "id": name, "score": score, "keypoints": triples,
            "traced": [joint for joint, guess in zip(joints, traced, strict=True) if guess],
        }
        for name, score, triples, traced in zip(
            _names(people), people.scores.tolist(), _triples(people), people.traced.tolist(), strict=True
        )
    ]  # fmt: skip


def _triples(people: People) -> list[list[float]]:
    """x, y, score of every joint of each person, 0 0 0 for a missing one."""
    keypoints = np.round(np.nan_to_num(people.keypoints.astype(np.float64)), 2)
    scores = np.round(people.keypoint_scores.astype(np.float64), 4)
    table = np.concatenate([keypoints, scores[..., None]], axis=2)
    return [[float(value) for value in row] for row in table.reshape(len(people), 3 * table.shape[1])]
