"""What a job looks at: every kind of source, and what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bottomup.jobs.inputs import Picture, find_inputs, pictures
from tests.makers.jobs import encoded, write_parquet, write_pictures, write_tar


def names(source: str | Path, root: Path) -> list[str]:
    """Names of the found files below a folder."""
    return [os.path.relpath(file, root) for file in find_inputs(str(source)).files]


def test_a_folder_stands_for_all_beneath_it(tmp_path: Path) -> None:
    write_pictures(tmp_path / "b" / "deep", [1])
    write_pictures(tmp_path, [1, 1])
    for name in ("notes.txt", ".hidden.png", "_part.png", ".cache/0.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert names(tmp_path, tmp_path) == ["0.png", "1.png", "b/deep/0.png"]


def test_globs_and_lists(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a", [1, 1])
    write_pictures(tmp_path / "b", [1])
    assert names(tmp_path / "*" / "0.png", tmp_path) == ["a/0.png", "b/0.png"]
    assert names(tmp_path / "**" / "*.png", tmp_path) == ["a/0.png", "a/1.png", "b/0.png"]
    listed = tmp_path / "list.txt"
    listed.write_bytes(
        b"\xef\xbb\xbfb/0.png\r\n\n# not this\n" + os.fsencode(tmp_path / "a" / "1.png") + b"\ncaf\xe9.png\nb/0.png\n"
    )
    assert names(listed, tmp_path) == ["b/0.png", "a/1.png", os.fsdecode(b"caf\xe9.png")]
    (tmp_path / "odd[1].png").write_bytes(encoded(1))
    assert names(tmp_path / "odd[1].png", tmp_path) == ["odd[1].png"], "a file's own name is no pattern"


def test_addresses(tmp_path: Path) -> None:
    import fsspec

    files = fsspec.filesystem("memory")
    files.pipe(
        {"/job/a/0.png": encoded(3), "/job/1.png": encoded(1), "/job/notes.txt": b"a/0.png\nmemory://job/1.png\n"}
    )
    try:
        found = find_inputs("memory://job")
        assert found.files == ("memory:///job/1.png", "memory:///job/a/0.png")
        assert found.is_there()
        assert find_inputs("memory://job/*/*.png").files == ("memory:///job/a/0.png",)
        assert find_inputs("memory://job/notes.txt").files == ("memory://job/a/0.png", "memory://job/1.png")
        ((picture,),) = [list(pictures(file)) for file in find_inputs("memory://job/a/0.png").files]
        assert picture.path == "memory://job/a/0.png"
        assert picture.read().pixels[0, 0, 0] == 3
    finally:
        files.rm("/job", recursive=True)
    assert not found.is_there()
    with pytest.raises(FileNotFoundError, match="SOURCE must exist but 'memory://job' does not"):
        find_inputs("memory://job")


@pytest.mark.parametrize("struct", [False, True])
def test_parquet_shards(tmp_path: Path, struct: bool) -> None:
    file = write_parquet(tmp_path / "a.parquet", [encoded(2), b"none", encoded(5)], struct=struct)
    found = list(pictures(str(file)))
    assert [picture.path for picture in found] == [f"{file}#{number}" for number in range(3)]
    assert [found[n].read().pixels[0, 0, 0] for n in (0, 2)] == [2, 5]
    with pytest.raises(ValueError, match="image must be"):
        found[1].read()


def test_webdataset_shards(tmp_path: Path) -> None:
    file = write_tar(tmp_path / "a.tar", {"0.png": encoded(2), "0.cls": b"1", "sub/1.png": encoded(3)})
    found = list(pictures(str(file)))
    assert [picture.path for picture in found] == [f"{file}#0.png", f"{file}#sub/1.png"]
    assert [picture.read().pixels[0, 0, 0] for picture in found] == [2, 3]


def test_damaged_shards_are_explained(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match=r"a\.parquet must be a Parquet file but is damaged"):
        list(pictures(str(tmp_path / "a.parquet")))
    (tmp_path / "a.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(ValueError, match=r"a\.tar must be a tar file but is damaged"):
        list(pictures(str(tmp_path / "a.tar")))
    whole = write_tar(tmp_path / "b.tar", {f"{n}.png": encoded(n, (300, 400)) for n in range(4)}).read_bytes()
    (tmp_path / "b.tar").write_bytes(whole[: len(whole) // 2 - len(whole) // 2 % 512 + 100])
    found = []
    with pytest.raises(ValueError, match=r"b\.tar must be a tar file but is damaged"):
        found += pictures(str(tmp_path / "b.tar"))
    file = write_parquet(tmp_path / "c.parquet", [b""], "text")
    assert [picture.path for picture in pictures(str(file))] == [f"{file}#0"]
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [b"a"], "y": [b"b"]}), tmp_path / "d.parquet")
    with pytest.raises(ValueError, match=r"must have a column of encoded pictures.* but has x, y"):
        list(pictures(str(tmp_path / "d.parquet")))


def test_videos_give_their_frames(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    file = tmp_path / "a.mp4"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for value in (40, 200):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), value, np.uint8), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    found = list(pictures(str(file)))
    assert [picture.path for picture in found] == [f"{file}#0", f"{file}#1"]
    np.testing.assert_allclose([picture.read().pixels[20, 20, 0] for picture in found], [40, 200], atol=12)
    import fsspec

    fsspec.filesystem("memory").pipe("/videos/a.mp4", file.read_bytes())
    assert [picture.path for picture in pictures("memory://videos/a.mp4")] == [
        f"memory://videos/a.mp4#{n}" for n in "01"
    ]
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"b\.mp4"):
        list(pictures(str(tmp_path / "b.mp4")))


def test_what_is_missing_or_empty_is_explained(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="SOURCE must be a folder, a glob or a file that exists but"):
        find_inputs(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"SOURCE must hold pictures, .* but .* has none"):
        find_inputs(str(tmp_path))
    with pytest.raises(ValueError, match="SOURCE must hold pictures"):
        find_inputs(str(tmp_path / "*.png"))
    (tmp_path / "list.txt").write_text("\n# nothing\n")
    with pytest.raises(ValueError, match="SOURCE must hold pictures"):
        find_inputs(str(tmp_path / "list.txt"))
    with pytest.raises(ValueError, match="must be a protocol that fsspec knows"):
        find_inputs("gopher://old/photos")


def test_names_that_are_one_in_utf8_are_refused(tmp_path: Path) -> None:
    for name in (b"caf\xe9.png", b"caf\\xe9.png"):
        (tmp_path / os.fsdecode(name)).write_bytes(encoded(1))
    with pytest.raises(ValueError, match="SOURCE must name each picture once but two are called"):
        find_inputs(str(tmp_path))


def test_shards_are_disjoint_and_complete(tmp_path: Path) -> None:
    write_pictures(tmp_path, [1] * 10)
    inputs = find_inputs(str(tmp_path))
    parts = [inputs.shard(index, 3).files for index in range(3)]
    assert sorted(sum(parts, ())) == sorted(inputs.files)
    assert [len(part) for part in parts] == [4, 3, 3]


def test_a_picture_that_is_gone_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Picture("a.png", str(tmp_path / "a.png")).read()
