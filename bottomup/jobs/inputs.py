"""What a job looks at: pictures in folders, globs, lists, Parquet and WebDataset shards, videos; local or remote."""

from __future__ import annotations

import contextlib
import glob
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bottomup.image import PICTURE_SUFFIXES, BgrImage, DecodedImage, decode_image
from bottomup.jobs.rows import plain_text
from bottomup.jobs.storage import (
    exists,
    filesystem,
    is_address,
    local_copy,
    local_path,
    open_binary,
    plain_errors,
    read_bytes,
)

LIST_SUFFIXES = frozenset({".txt", ".lst", ".list"})
VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv"})
_IMAGE_COLUMNS = ("image", "bytes", "image_bytes", "img", "jpg", "jpeg", "png", "webp", "content", "data")
_GLOB = frozenset("*?[")


@dataclass(frozen=True)
class Picture:
    """One picture of a job.

    path: what its row is called: its path or address; in a shard or video the file's, # and the row's or frame's number
    or the member's name. Text that UTF-8 can hold.
    address: its file, None for one whose content is here.
    content: the encoded picture, or a frame (H, W, 3) uint8 BGR.
    """

    path: str
    address: str | None = None
    content: bytes | BgrImage | None = None

    def read(self, *, least: Callable[[int, int], int] | None = None) -> DecodedImage:
        """The picture; OSError if its file cannot be read, ValueError if it is no picture.

        least: as of `bottomup.image.decode_image`.
        """
        if self.content is not None:
            return decode_image(self.content, least=least)
        assert self.address is not None
        if is_address(self.address):
            return decode_image(read_bytes(self.address), least=least)
        return decode_image(local_path(self.address), least=least)


@dataclass(frozen=True)
class Inputs:
    """The files of a job in their order, and the place that they were found in.

    source: as the user named it. files: paths or addresses. root: what must be there while the job runs.
    """

    source: str
    files: tuple[str, ...]
    root: str

    def named(self, paths: Iterable[str]) -> set[str]:
        """Those of the paths of rows that are of these files, or of pictures in them."""
        names = frozenset(map(plain_text, self.files))

        def is_named(path: str) -> bool:
            return path in names or any(path[:place] in names for place, sign in enumerate(path) if sign == "#")

        return set(filter(is_named, paths))

    def shard(self, index: int, count: int) -> Inputs:
        """Every `count`-th file from the `index`-th (from 0) on."""
        return Inputs(self.source, self.files[index::count], self.root)

    def is_there(self) -> bool:
        """Whether the place is still there, as a disk that was pulled out is not."""
        try:
            return exists(self.root)
        except OSError:
            return False


def find_inputs(source: str) -> Inputs:
    """The files that a source names.

    Parameters
    ----------
    source:
        A folder (with its subfolders), a glob, a list (a .txt file with a path or address on each line; relative paths
        start from the list's folder), or one file: a picture, a Parquet or WebDataset shard (.parquet, .tar), a video.
        A local path, or an address that fsspec knows.

    Raises
    ------
    ValueError
        If the source is empty: there is no file of these kinds.
    OSError
        If it does not exist or cannot be read.
    """
    files, root = _find_remote(source) if is_address(source) else _find_local(source)
    names = Counter(map(plain_text, dict.fromkeys(files)))
    if names and (twice := names.most_common(1)[0])[1] > 1:
        raise ValueError(f"SOURCE must name each picture once but two are called {twice[0]!r} in UTF-8")
    if not files:
        kinds = "pictures, .parquet or .tar shards, or videos"
        raise ValueError(f"SOURCE must hold {kinds} but {source!r} has none")
    return Inputs(source, tuple(dict.fromkeys(files)), root)


def _find_local(source: str) -> tuple[list[str], str]:
    path = local_path(source)
    if path.is_dir():
        found = []
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found += [str(Path(folder) / name) for name in sorted(names) if _is_wanted(name)]
        return found, str(path)
    if path.exists():
        if path.suffix.lower() in LIST_SUFFIXES:
            return _read_list(path.read_bytes(), str(path.parent)), str(path)
        return [str(path)], str(path)
    if _GLOB & set(source):
        found = [name for name in sorted(glob.glob(str(path), recursive=True)) if Path(name).is_file()]  # noqa: PTH207 (absolute patterns)
        beginning = Path(*_before_glob(path.parts)) if _before_glob(path.parts) else Path()
        return [name for name in found if _is_wanted(Path(name).name)], str(beginning)
    raise FileNotFoundError(f"SOURCE must be a folder, a glob or a file that exists but {source!r} does not")


def _before_glob(parts: tuple[str, ...]) -> list[str]:
    plain = []
    for part in parts:
        if _GLOB & set(part):
            break
        plain.append(part)
    return plain


def _find_remote(source: str) -> tuple[list[str], str]:
    files, suffix = filesystem(source), Path(source).suffix.lower()
    with plain_errors(source):
        if _GLOB & set(source):
            found = sorted(_with_scheme(source, name) for name in files.glob(source))
            start = min(map(source.find, _GLOB & set(source)))
            return [name for name in found if _is_wanted(Path(name).name)], source[:start].rpartition("/")[0]
        if suffix in LIST_SUFFIXES:
            return _read_list(read_bytes(source), source.rpartition("/")[0]), source
        if _is_wanted(Path(source).name):
            if not files.exists(source):
                raise FileNotFoundError(f"SOURCE must exist but {source!r} does not")
            return [source], source
        found = sorted(_with_scheme(source, name) for name in files.find(source))
        if not found and not files.exists(source):
            raise FileNotFoundError(f"SOURCE must exist but {source!r} does not")
        return [name for name in found if _is_wanted(Path(name).name)], source


def _with_scheme(source: str, name: Any) -> str:
    return str(name) if is_address(str(name)) else f"{source.partition('://')[0]}://{name}"


def _read_list(content: bytes, folder: str) -> list[str]:
    """A line may hold any bytes that a name can have; empty ones and those after # do not count."""
    lines = (os.fsdecode(line).strip() for line in content.removeprefix(b"\xef\xbb\xbf").splitlines())
    names = [line for line in lines if line and not line.startswith("#")]
    return [
        name if is_address(name) or Path(name).is_absolute() else f"{folder}/{name}" if is_address(folder)
        else str(Path(folder) / name)
        for name in names
    ]  # fmt: skip


def _is_wanted(name: str) -> bool:
    suffix = Path(name).suffix.lower()
    return not name.startswith((".", "_")) and (suffix in PICTURE_SUFFIXES or suffix in _READERS)


def is_container(file: str) -> bool:
    """Whether a file holds several pictures: a shard or a video."""
    return Path(file).suffix.lower() in _READERS


def pictures(file: str) -> Iterator[Picture]:
    """The pictures of one file of a job, read as they are asked for.

    Raises OSError or ValueError, at its place, if a shard or a video cannot be read (on).
    """
    reader = _READERS.get(Path(file).suffix.lower())
    if reader is None:
        yield Picture(plain_text(file), file)
        return
    for name, content in reader(file):
        yield Picture(f"{plain_text(file)}#{plain_text(name)}", None, content)


def _read_parquet(file: str) -> Iterator[tuple[str, bytes]]:
    from bottomup.jobs.parquet import require_pyarrow

    require_pyarrow()
    import pyarrow.parquet as pq

    with open_binary(file) as stream:
        try:
            table = pq.ParquetFile(stream)
            column = _image_column(table.schema_arrow, file)
            number = 0
            for batch in table.iter_batches(batch_size=64, columns=[column]):
                for value in batch.column(0).to_pylist():
                    content = value.get("bytes") if isinstance(value, dict) else value
                    yield str(number), content or b""
                    number += 1
        except OSError:
            raise
        except Exception as error:
            if type(error).__module__.startswith("pyarrow"):
                raise ValueError(f"{file} must be a Parquet file but is damaged: {error}") from error
            raise


def _image_column(schema: Any, file: str) -> str:
    """The column of encoded pictures: binary, or Hugging Face's struct of bytes and path."""
    import pyarrow as pa

    def holds_bytes(kind: Any) -> bool:
        if pa.types.is_struct(kind):
            return any(
                kind.field(i).name == "bytes" and holds_bytes(kind.field(i).type) for i in range(kind.num_fields)
            )
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    names = [field.name for field in schema if holds_bytes(field.type)]
    chosen = next((name for name in _IMAGE_COLUMNS if name in names), names[0] if len(names) == 1 else None)
    if chosen is None:
        raise ValueError(
            f"{file} must have a column of encoded pictures, named one of {', '.join(_IMAGE_COLUMNS)}, but has "
            f"{', '.join(schema.names)}"
        )
    return str(chosen)


def _read_tar(file: str) -> Iterator[tuple[str, bytes]]:
    taken: set[str] = set()
    with open_binary(file) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|*") as archive:
                for member in archive:
                    if not member.isfile() or Path(member.name).suffix.lower() not in PICTURE_SUFFIXES:
                        continue
                    name, again = member.name, 1
                    while name in taken:
                        again += 1
                        name = f"{member.name}#{again}"
                    taken.add(name)
                    content = archive.extractfile(member)
                    yield name, b"" if content is None else content.read()
        except (tarfile.TarError, EOFError) as error:
            raise ValueError(f"{file} must be a tar file but is damaged: {error}") from error


def _read_video(file: str) -> Iterator[tuple[str, BgrImage]]:
    """Frames by their number, upright; one of another place is fetched first, since its index may lie at its end."""
    from bottomup.video import FrameOptions, open_source

    with local_copy(file) as path, contextlib.closing(open_source(path, FrameOptions(live=False))) as frames:
        for frame in frames:
            yield str(frame.index), frame.image


_READERS: dict[str, Callable[[str], Iterator[tuple[str, Any]]]] = {
    ".parquet": _read_parquet,
    ".tar": _read_tar,
    **dict.fromkeys(VIDEO_SUFFIXES, _read_video),
}
