"""Files by path or by address: local ones, and whatever fsspec reaches (s3://, gs://, http://, hf:// and so on)."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar, cast

from bottomup._files import write_atomically

_TRIES, _FIRST_PAUSE = 4, 0.5  # of a read whose connection broke; seconds, doubled each time
_EXTRAS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "hf": "huggingface_hub", "http": "aiohttp", "https": "aiohttp"}

Value = TypeVar("Value")


def is_address(text: str) -> bool:
    """Whether a text is an address, as s3://bucket/file, and no local path."""
    scheme, colon, _ = text.partition("://")
    return bool(colon) and scheme.isascii() and scheme.replace("+", "").isalnum() and scheme != "file"


def local_path(text: str) -> Path:
    """The path of a text that is no address; file:// may stand before it."""
    return Path(text.removeprefix("file://"))


@lru_cache(maxsize=32)
def _filesystem(scheme: str) -> Any:
    try:
        import fsspec
    except ImportError as error:
        raise ImportError(f'{scheme}:// needs the package fsspec: pip install "bottomup[batch]"') from error
    try:
        return fsspec.filesystem(scheme, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        package = _EXTRAS.get(scheme, "of that protocol")
        raise ImportError(f"{scheme}:// needs the package {package}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{scheme}:// must be a protocol that fsspec knows: {error}") from error


def filesystem(address: str) -> Any:
    """fsspec's file system of an address. ImportError names the package that is missing."""
    return _filesystem(address.partition("://")[0])


@contextlib.contextmanager
def plain_errors(address: str) -> Iterator[None]:
    """Whatever a client of a storage raises becomes an OSError of the right kind that names the address."""
    try:
        yield
    except (OSError, ImportError, KeyboardInterrupt, GeneratorExit) as error:
        if isinstance(error, OSError) and address not in str(error):
            raise type(error)(f"{address}: {error}") from error
        raise
    except Exception as error:
        name = type(error).__name__
        if "Credentials" in name or "Forbidden" in name or "AccessDenied" in str(error):
            raise PermissionError(f"{address}: no credentials, or none that are allowed this: {error}") from error
        raise OSError(f"{address}: {name}: {error}") from error


def read_bytes(address: str) -> bytes:
    """The content of a file; where a connection breaks it is tried again, four times in all.

    Raises OSError, FileNotFoundError and PermissionError among them.
    """
    if not is_address(address):
        return local_path(address).read_bytes()
    for pause in [_FIRST_PAUSE * 2**number for number in range(_TRIES - 1)]:
        try:
            return _cat(address)
        except (FileNotFoundError, PermissionError, IsADirectoryError):
            raise
        except OSError:
            time.sleep(pause)
    return _cat(address)


def _cat(address: str) -> bytes:
    with plain_errors(address):
        content: bytes = filesystem(address).cat_file(address)
        return content


@contextlib.contextmanager
def open_binary(address: str) -> Iterator[BinaryIO]:
    """A file, open for reading."""
    if not is_address(address):
        with local_path(address).open("rb") as file:
            yield file
        return
    with plain_errors(address), filesystem(address).open(address, "rb") as file:
        yield cast(BinaryIO, file)


@contextlib.contextmanager
def local_copy(address: str) -> Iterator[Path]:
    """A file as one of this machine: itself, or a copy that is removed at the end."""
    if not is_address(address):
        yield local_path(address)
        return
    with tempfile.TemporaryDirectory(prefix="bottomup-") as folder:
        path = Path(folder) / f"file{Path(address).suffix}"
        with plain_errors(address):
            filesystem(address).get_file(address, str(path))
        yield path


def exists(address: str) -> bool:
    """Whether there is a file or folder. OSError if that cannot be found out."""
    if not is_address(address):
        return os.path.lexists(local_path(address))
    with plain_errors(address):
        return bool(filesystem(address).exists(address))


class Storage(Protocol):
    """A folder of a target: names in it, whole files in and out. `folder` is its path, None where it is not local."""

    folder: Path | None

    def list(self) -> list[str]:
        """Names of the files."""
        ...

    def open(self, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """One of them, for reading."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """A file that is there whole, or not."""
        ...

    def remove(self, name: str) -> None:
        """One of the files."""
        ...


def open_storage(address: str) -> Storage:
    """The folder at a path or address, made when something is written to it."""
    return RemoteFolder(address) if is_address(address) else LocalFolder(local_path(address))


class LocalFolder:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder: Path | None = folder
        self._path = folder

    def list(self) -> list[str]:
        """See `Storage`; hidden files are left out."""
        return sorted(path.name for path in self._path.iterdir() if not path.name.startswith("."))

    def open(self, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """See `Storage`."""
        return open_binary(str(self._path / name))

    def write(self, name: str, content: bytes) -> None:
        """See `Storage`."""
        write_atomically(self._path / name, content)

    def remove(self, name: str) -> None:
        """See `Storage`."""
        (self._path / name).unlink()


class RemoteFolder:
    """A folder that fsspec reaches. An object store shows a file when all of it is there."""

    def __init__(self, address: str) -> None:
        self.folder: Path | None = None
        self._address = address.rstrip("/")
        self._files = filesystem(address)

    def list(self) -> list[str]:
        """See `Storage`."""
        with plain_errors(self._address):
            try:
                found = self._files.ls(self._address, detail=False, refresh=True)
            except FileNotFoundError:
                return []
        names = (str(name).rstrip("/").rpartition("/")[2] for name in found)
        return sorted(name for name in names if name and not name.startswith("."))

    def open(self, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """See `Storage`."""
        return open_binary(f"{self._address}/{name}")

    def remove(self, name: str) -> None:
        """See `Storage`."""
        with plain_errors(self._address):
            self._files.rm_file(f"{self._address}/{name}")

    def write(self, name: str, content: bytes) -> None:
        """See `Storage`; where the connection breaks it is tried again."""
        for pause in [*(_FIRST_PAUSE * 2**number for number in range(_TRIES - 1)), None]:
            try:
                with plain_errors(self._address):
                    self._files.pipe_file(f"{self._address}/{name}", content)
                return
            except (PermissionError, FileNotFoundError):
                raise
            except OSError:
                if pause is None:
                    raise
                time.sleep(pause)
