"""Files that are never half."""

from __future__ import annotations

from pathlib import Path

import pytest

from bottomup._files import write_atomically


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def half(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:2])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"new contents")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
