"""Whether a file is the one it should be, and the error for one that cannot be had; without what downloads need."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bottomup.weights.registry import RemoteFile


class DownloadError(OSError):
    """A file could not be had: no network, no such file, or not the file it should be."""


def is_intact(path: Path, file: RemoteFile) -> bool:
    """Whether `path` holds exactly the bytes of `file`."""
    if not path.is_file() or (file.size and path.stat().st_size != file.size):
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
