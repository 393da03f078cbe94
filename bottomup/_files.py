"""Files that survive whatever happens to the program: written whole, or kept line by line; folders with one user."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAME_LIMIT = 255
"""Bytes that the file systems of today allow in a file's name."""

_LOCK = ".lock"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, for the caller to write, which then takes its place at once.

    Whatever happens meanwhile, `path` is as it was or complete. The temporary name is hidden, is never longer than the
    final one, and is the same every time, so that what a killed program left is replaced by the next one.
    """
    temporary = path.with_name(_temporary_name(path.name))
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        _remove(temporary)
        raise


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file that is either as it was or complete, whatever happens meanwhile; a text as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def _temporary_name(name: str) -> str:
    final = os.fsencode(name)
    digest = hashlib.sha256(final).hexdigest()
    ending = ".tmp" if len(final) > 12 else ""
    return f".{digest[: max(1, min(8, len(final) - 1))]}{ending}"


def _remove(path: Path) -> None:
    """Remove a file, if it is there and if that can be done: the error that led here is the one to tell."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def shorten_name(stem: str, room: int) -> str:
    """A stem of at most `room` bytes: itself, or its beginning and a digest of all of it.

    >>> shorten_name("photo", 20), len(shorten_name("n" * 300, 20))
    ('photo', 20)
    """
    whole = os.fsencode(stem)
    if len(whole) <= room:
        return stem
    tail = "-" + hashlib.sha256(whole).hexdigest()[:8]
    beginning = whole[: room - len(tail)]
    while beginning and (whole[len(beginning)] & 0xC0) == 0x80:  # in the middle of a character of UTF-8
        beginning = beginning[:-1]
    return os.fsdecode(beginning) + tail


def printable(text: str) -> str:
    """A text in which control and bidi characters, and bytes of names that are no UTF-8, are escaped.

    >>> printable("a\\u202egpj.exe")
    'a\\\\u202egpj.exe'
    """
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


class FolderLock:
    """A folder that is made if it is not there and that one program at a time may have.

    Parameters
    ----------
    folder:
        The folder.
    argument:
        What the caller calls it in errors, as `--out` or `out`.
    name:
        Of the lock's file; programs that lock different names do not shut each other out.

    Raises
    ------
    ValueError
        If it is a file, cannot be made or written to, or another program has it.
    """

    def __init__(self, folder: str | os.PathLike[str], *, argument: str = "out", name: str = _LOCK) -> None:
        from filelock import FileLock, Timeout  # slow to import

        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{argument} must be a folder but {str(folder)!r} is a file")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"{argument} must be a folder that can be made but is {str(folder)!r}: {error}") from error
        self._lock = FileLock(self.folder / name)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            if not (self.folder / name).exists():  # it could not be made, which filelock takes for being late
                raise ValueError(
                    f"{argument} must be a folder that can be written to but is {str(folder)!r}"
                ) from error
            raise ValueError(
                f"{argument} must be a folder of one run but another program is at work in {str(folder)!r}"
            ) from error
        except OSError as error:
            raise ValueError(
                f"{argument} must be a folder that can be written to but is {str(folder)!r}: {error}"
            ) from error

    def release(self) -> None:
        """Let another program have the folder."""
        self._lock.release()


class LineLog:
    """A file of lines that goes on where it stopped.

    Each line is handed to the operating system before `add_line` returns, so that a killed program loses none. One that
    a crash or a full disk cut off is removed: the file is whole up to its last line at any time.

    Parameters
    ----------
    path:
        Made if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a+b", buffering=0)
        try:
            self._length = _whole_length(path)
            self._file.truncate(self._length)
        except BaseException:
            self._file.close()
            raise

    def add_line(self, line: str) -> None:
        """Append a line, which must hold no line break; all of it or, with an OSError, nothing."""
        data = f"{line}\n".encode()
        written = 0
        try:
            while written < len(data):  # a write may be short, as on a disk that is nearly full
                written += self._file.write(data[written:]) or 0
        except BaseException:
            self._file.truncate(self._length)
            raise
        self._length += written

    @property
    def length(self) -> int:
        """Bytes of the lines so far."""
        return self._length

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`, also where the file's name is gone meanwhile."""
        self._file.seek(start)
        data = b""
        while len(data) < end - start and (more := self._file.read(end - start - len(data))):
            data += more
        return data

    def close(self) -> None:
        """Close the file; no line may follow."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class JsonLog(LineLog):
    """A `LineLog` of JSON values, one a line."""

    def add(self, value: Any) -> None:
        """Append a value; all of it or, with an OSError, nothing. ValueError for numbers that are not finite."""
        self.add_line(json.dumps(value, allow_nan=False))


def _whole_length(path: Path, block: int = 1 << 16) -> int:
    """Bytes up to the end of the last whole line."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - block)
            file.seek(start)
            position = file.read(end - start).rfind(b"\n")
            if position >= 0:
                return start + position + 1
            end = start
    return 0


def read_json_log(path: Path, check: Callable[[Any], None] | None = None) -> Iterator[Any]:
    """The values of a `JsonLog`, one by one; a line that was cut off at the end is left out.

    Raises ValueError that names the line and the file for a line that is no JSON, or that `check` raises ValueError,
    KeyError or TypeError for.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                value = json.loads(line)
                if check is not None:
                    check(value)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(f"line {number} of {path} is damaged") from error
            yield value


def differences(old: Any, new: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    """(name, old value, new value) of the leaves in which two records of nested dictionaries differ."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return [(name, old, new)] if old != new else []
    found = []
    for key in [*old, *(key for key in new if key not in old)]:
        found += differences(old.get(key), new.get(key), f"{name}.{key}" if name else str(key))
    return found
