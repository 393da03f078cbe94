"""Files that are never half, logs that are whole up to their last line, folders with one user."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bottomup._files import (
    FolderLock,
    JsonLog,
    LineLog,
    differences,
    read_json_log,
    replacing,
    shorten_name,
    write_atomically,
)


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


@pytest.mark.parametrize(
    "name", ["a", "ab", "a.json", "results.json", "n" * 251 + ".jpg", "日" * 83 + ".jpg", os.fsdecode(b"caf\xe9.jpg")]
)
def test_the_temporary_name_is_never_longer_than_the_final_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with replacing(path) as temporary:
        assert len(os.fsencode(temporary.name)) <= max(2, len(os.fsencode(name)))
        assert temporary.name.startswith(".")
        temporary.write_bytes(b"content")
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_program_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with replacing(path) as temporary:
        temporary.write_text("{}")
    temporary.write_text("half of it, left by a kil")
    write_atomically(path, "[]")
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert path.read_text() == "[]"


def test_a_folder_that_vanished_tells_so_and_not_that_the_temporary_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "gone" / "a.json", b"")


@pytest.mark.parametrize("stem", ["日本" * 60, "n" * 300, os.fsdecode(b"\xe9" * 300)])
def test_long_names_are_shortened_and_stay_different(stem: str) -> None:
    short = shorten_name(stem, 240)
    assert 230 <= len(os.fsencode(short)) <= 240
    assert short != shorten_name(stem + "x", 240)
    assert short[:70] == stem[:70]


def test_a_log_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JsonLog(path) as log:
        log.add({"a": 1})
        assert list(read_json_log(path)) == [{"a": 1}], "each line is there at once"
    with JsonLog(path) as log:
        log.add([2, "ä\n"])
    assert list(read_json_log(path)) == [{"a": 1}, [2, "ä\n"]]


@pytest.mark.parametrize("cut", ["", "{", '{"a": 1', "x" * 200_000])
def test_a_cut_off_line_is_removed(tmp_path: Path, cut: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"a": 1}\n' + cut)
    assert list(read_json_log(path)) == [{"a": 1}]
    with JsonLog(path) as log:
        log.add({"a": 2})
    assert path.read_text() == '{"a": 1}\n{"a": 2}\n'


class Full:
    """A file on a disk that takes three more bytes."""

    def __init__(self, file: Any) -> None:
        self._file, self._room = file, 3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: bytes) -> int:
        if not self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = self._file.write(data[: self._room])
        self._room -= done
        return int(done)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = LineLog(path)
    log.add_line("one")
    log._file = Full(log._file)  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space left"):
        log.add_line("two and more")
    assert path.read_text() == "one\n"
    log.close()


@pytest.mark.parametrize("line", ["{", "\xff", "[" * 200_000])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f"[]\n{line}\n", encoding="latin-1")
    with pytest.raises(ValueError, match=r"line 2 of .*log\.jsonl is damaged"):
        list(read_json_log(path))


def test_one_program_has_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    lock = FolderLock(folder)
    with pytest.raises(ValueError, match="--out must be a folder of one run but another program is at work in"):
        FolderLock(folder, argument="--out")
    other = FolderLock(folder, name=".lock-2")
    lock.release()
    FolderLock(folder).release()
    other.release()


def test_folders_that_cannot_be_are_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"out must be a folder but .* is a file"):
        FolderLock(tmp_path / "file")
    with pytest.raises(ValueError, match=r"out must be a folder that can be made but is .*Not a directory"):
        FolderLock(tmp_path / "file" / "deeper")
    if Path("/proc/self").is_dir():
        with pytest.raises(ValueError, match=r"out must be a folder that can be (made|written to) but is"):
            FolderLock("/proc/self/nowhere")
        with pytest.raises(ValueError, match="out must be a folder that can be written to but is '/proc/self'"):
            FolderLock("/proc/self")


def test_differences_are_named_by_their_place() -> None:
    old, new = {"a": 1, "b": {"c": [1], "d": 2}}, {"a": 1, "b": {"c": [2], "d": 2}, "e": {"f": 3}}
    assert differences(old, new) == [("b.c", [1], [2]), ("e", None, {"f": 3})]
