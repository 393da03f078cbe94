"""Whether a file is the one it should be, and the error for one that cannot be had; without what downloads need."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bottomup.weights.registry import RemoteFile


class DownloadError(OSError):
    """A file could not be had: no network, no such file, or not the file it should be."""


def is_intact(path: Path, file: RemoteFile) -> bool:
    """Whether `path` holds exactly the bytes of `file`, as far as its checksum tells."""
    if not path.is_file() or (file.size and path.stat().st_size != file.size):
        return False
    kind, wanted = ("sha256", file.sha256) if file.sha256 else ("md5", file.md5)
    with path.open("rb") as stream:
        return bool(wanted) and hashlib.file_digest(stream, kind).hexdigest().startswith(wanted)
