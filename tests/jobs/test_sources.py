"""Which pictures a job takes, and what their files and ids are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from bottomup.jobs.sources import gather_sources, image_ids, left_out, unique_stems


def test_many_files_that_are_no_pictures_are_told_in_short(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.heic").write_text("")
    assert left_out([tmp_path, tmp_path, tmp_path / "0.heic"]) == [
        f"{tmp_path}: not taken for pictures: 0.heic, 1.heic, 2.heic, 3.heic, 4.heic and 3 more"
    ]


def test_pictures_of_one_name_keep_apart(tmp_path: Path) -> None:
    paths = [Path("one/a.jpg"), Path("two/a.jpg"), Path("two/A.jpg"), Path("a.png"), Path("one/a.jpg")]
    sources = gather_sources(paths, sample=False)
    assert [source.path for source in sources] == paths[:4]
    assert [source.name for source in sources] == ["one/a.jpg", "two/a.jpg", "A.jpg", "a.png"]
    assert [source.stem for source in sources] == ["one_a", "two_a", "A", "a_png"]
    assert len({source.image_id for source in sources}) == 4


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "b.jpg"], ["a", "b"]),
        (["a.jpg", "a.png", "a.png", "a.png"], ["a", "a_png", "a_png_2", "a_png_3"]),
        (["a_png.jpg", "a.jpg", "a.png"], ["a_png", "a", "a_png_2"]),
        (["scan", "scan", "scan"], ["scan", "scan_2", "scan_3"]),
        (["archive.tar.jpg", "archive.jpg"], ["archive.tar", "archive"]),
    ],
)
def test_stems(names: list[str], expected: list[str]) -> None:
    assert unique_stems(names) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["000000000139.jpg", "2.jpg"], [139, 2]),
        (["a.jpg", "1.jpg", "b.jpg"], [2, 1, 3]),
        (["3.jpg", "3.png"], [3, 1]),
        (["2.jpg", "02.png", "1.jpg", "x.png"], [2, 3, 1, 4]),
        (["²³.jpg", "9" * 30 + ".jpg", "-4.jpg"], [1, 2, 3]),
        ([], []),
    ],
)
def test_image_ids(names: list[str], expected: list[int]) -> None:
    assert image_ids(names) == expected
