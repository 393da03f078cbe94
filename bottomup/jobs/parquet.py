"""Rows as Parquet: the schema, one file of them, and a data set of many files that a job goes on with."""

from __future__ import annotations

import io
import itertools
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bottomup._files import FolderLock, differences
from bottomup.jobs.rows import COLUMNS, SCHEMA_VERSION, Row
from bottomup.skeleton import Skeleton

if TYPE_CHECKING:
    import pyarrow

_PREFIX = b"bottomup."
_ROWS_PER_FILE, _SECONDS_PER_FILE = 1000, 30.0
_ROWS_PER_GROUP = 10_000


def require_pyarrow() -> None:
    """ImportError that names the extra if pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ImportError('Parquet needs the package pyarrow: pip install "bottomup[batch]"') from error


def schema(skeleton: Skeleton, network: Mapping[str, Any]) -> pyarrow.Schema:
    """The columns of `bottomup.jobs.rows`, with the version, the joints and the network in the file's metadata.

    path: string, not null. width, height: int32. error: string. people: list of struct of score: float32, box: list of
    4 float32 (x1, y1, x2, y2), keypoints: list of float32 (x, y, score of each joint), traced: list of string.
    Metadata: `bottomup.schema_version`, `bottomup.skeleton`, `bottomup.joints` (JSON list), `bottomup.network` (JSON).
    """
    import pyarrow as pa

    numbers = pa.list_(pa.float32())
    person = pa.struct(
        [("score", pa.float32()), ("box", numbers), ("keypoints", numbers), ("traced", pa.list_(pa.string()))]
    )
    facts = {
        "schema_version": str(SCHEMA_VERSION),
        "skeleton": skeleton.name,
        "joints": json.dumps(list(skeleton.joints)),
        "network": json.dumps(network, sort_keys=True),
    }
    return pa.schema(
        [
            pa.field("path", pa.string(), nullable=False),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("error", pa.string()),
            pa.field("people", pa.list_(person), nullable=False),
        ],
        metadata={_PREFIX + name.encode(): text.encode() for name, text in facts.items()},
    )


def write_file(path: Path | Any, rows: Iterable[Mapping[str, Any]], skeleton: Skeleton, network: Any) -> None:
    """Rows as one Parquet file, a path or a file that is open for writing; what else a row holds is left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = schema(skeleton, network)
    remaining = iter(rows)
    with pq.ParquetWriter(path, columns, compression="zstd") as writer:
        while some := list(itertools.islice(remaining, _ROWS_PER_GROUP)):
            plain = [{name: row[name] for name in COLUMNS} for row in some]
            writer.write_table(pa.Table.from_pylist(plain, schema=columns))


def facts_of(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """What a file's metadata say: schema_version, skeleton, joints, network; ValueError if it is none of ours."""
    facts = {key.removeprefix(_PREFIX).decode(): value for key, value in (metadata or {}).items()}
    try:
        return {
            "schema_version": int(facts["schema_version"]),
            "skeleton": facts["skeleton"].decode(),
            "joints": json.loads(facts["joints"]),
            "network": json.loads(facts["network"]),
        }
    except (KeyError, ValueError) as error:
        raise ValueError("it has not the columns and metadata of this command") from error


class ParquetTarget:
    """A folder of Parquet files that a job adds to, and that tells what is done already. Local, or any of fsspec's.

    Each file is complete or not there at all, so that a picture whose row is in one is done, and one whose row is not
    has to be looked at. A file is written every 1,000 rows or 30 seconds; the rows since then are what a kill costs.

    Parameters
    ----------
    address:
        A folder, or a URL as s3://bucket/folder.
    skeleton, network:
        What the rows' joints are; the network and its settings, JSON values. They are compared with those of the files
        that are there, but for what does not change results, which is under `runtime`.
    shard:
        Names this process among several that write to one target.

    Raises
    ------
    ValueError
        If the folder holds something else, rows of another schema, network or settings, or a local one is in use.
    OSError
        If it cannot be read or made.
    """

    def __init__(self, address: str, skeleton: Skeleton, network: Mapping[str, Any], *, shard: str = "0of1") -> None:
        require_pyarrow()
        from bottomup.jobs.storage import open_storage

        self.address, self._skeleton, self._network = address, skeleton, dict(network)
        self._storage = open_storage(address)
        self._shard, self._name = shard, f"part-{shard}-{uuid.uuid4().hex[:8]}"
        self._count, self._written = 0, time.monotonic()
        self._rows: list[Row] = []
        self._lock: FolderLock | None = None
        if self._storage.folder is not None:
            self._lock = FolderLock(self._storage.folder, argument="--out", name=f".lock-{shard}")
        try:
            self.files = self._check_files()
        except BaseException:
            self.release()
            raise

    def _check_files(self) -> list[str]:
        import pyarrow.parquet as pq

        names = self._storage.list()
        files = [name for name in names if name.startswith("part-") and name.endswith(".parquet")]
        strangers = [name for name in names if name not in files and not name.startswith((".", "_"))]
        if strangers and not files:
            raise ValueError(
                f"--out must be a new folder or one of this command but {self.address} has {strangers[0]!r}"
            )
        wanted = json.loads(
            json.dumps({
                "schema_version": SCHEMA_VERSION, "skeleton": self._skeleton.name,
                "joints": list(self._skeleton.joints), "network": self._network,
            })
        )  # fmt: skip
        for name in files:
            try:
                with self._storage.open(name) as file:
                    facts = facts_of(pq.read_schema(file).metadata)
            except ValueError as error:  # pyarrow's errors among them
                raise ValueError(
                    f"--out must be a folder of this command but {name} in {self.address}: {error}"
                ) from error
            for one in (facts, wanted):
                one["network"].pop("runtime", None)
            if changes := differences(facts, wanted):
                what = "; ".join(f"{key} was {before} and is {after}" for key, before, after in changes[:3])
                raise ValueError(f"--out must be of the same job but in {self.address} {what}. Name another folder")
        return files

    def done(self) -> set[str]:
        """The paths of the pictures that have a row."""
        return {row["path"] for row in self.rows(["path"])}

    def failed(self) -> set[str]:
        """The paths of the pictures whose row is an error."""
        return {row["path"] for row in self.rows(["path", "error"]) if row["error"] is not None}

    def forget_failed(self) -> None:
        """Remove the rows that are errors, of this shard only where there are several. OSError if that fails."""
        for name in self._names():
            if self._shard != "0of1" and not name.startswith(f"part-{self._shard}-"):
                continue
            rows = list(self._rows_of(name, None))
            if kept := [row for row in rows if row["error"] is None]:
                if len(kept) < len(rows):
                    self._write(name, kept)
            elif rows:
                self._storage.remove(name)

    def rows(self, columns: list[str] | None = None) -> Iterator[Row]:
        """All rows in the files, by file."""
        for name in self._names():
            yield from self._rows_of(name, columns)

    def _names(self) -> list[str]:
        names = sorted(self._storage.list())
        return [name for name in names if name.startswith("part-") and name.endswith(".parquet")]

    def _rows_of(self, name: str, columns: list[str] | None) -> Iterator[Row]:
        import pyarrow.parquet as pq

        with self._storage.open(name) as file:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=4096, columns=columns):
                yield from batch.to_pylist()

    def _write(self, name: str, rows: list[Row]) -> None:
        content = io.BytesIO()
        write_file(content, rows, self._skeleton, self._network)
        self._storage.write(name, content.getvalue())

    def add(self, row: Row) -> None:
        """Keep a row, and write a file if it is time to. OSError if that fails: the rows are kept in memory then."""
        self._rows.append(row)
        if len(self._rows) >= _ROWS_PER_FILE or time.monotonic() - self._written > _SECONDS_PER_FILE:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are in no file yet."""
        if not self._rows:
            return
        self._write(f"{self._name}-{self._count:06d}.parquet", self._rows)
        self._count, self._rows, self._written = self._count + 1, [], time.monotonic()

    def release(self) -> None:
        """Let another program have the target."""
        if self._lock is not None:
            self._lock.release()
