"""Which photo a result is of: by its file's name where both sides have one, by ids that are numbers or names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bottomup.cli import app
from bottomup.datasets import Labels, read_labels
from bottomup.evaluation import evaluate_metric, evaluate_results, read_results
from bottomup.evaluation.results import match_photos
from bottomup.skeletons import COCO_17
from tests.makers.evaluation import entry, pose, write_labels

pytest.importorskip("pycocotools")


def labels_of(folder: Path, names: dict[int, str]) -> Labels:
    """A photo with a person each, at another place in each."""
    images = {key: {"file_name": name} for key, name in names.items()}
    return read_labels(write_labels(folder / "labels.json", {key: [pose(x=50 * key)] for key in names}, images=images))


def result(key: Any, photo: int, name: str | None = None) -> dict[str, Any]:
    """The person of a photo under another id or name."""
    return {**entry(0, pose(x=50 * photo)), "image_id": key, **({} if name is None else {"file_name": name})}


def test_names_go_before_ids(tmp_path: Path) -> None:
    """`bottomup detect` numbers the photos of a folder by their names."""
    labels = labels_of(tmp_path, {1: "zebra.jpg", 2: "apple.jpg"})
    results = [result(1, 2, "apple.jpg"), result(2, 1, "zebra.jpg")]
    assert evaluate_metric("coco", labels, results, COCO_17).scores["AP"] == pytest.approx(1)
    assert evaluate_results(results, labels, ids=[1, 2])["AP"] == pytest.approx(1)
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results))
    run = CliRunner().invoke(app, ["eval", "coco", str(labels.source), "--results", str(file), "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["scores"]["AP"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (7, "val/000000000139.jpg"), (7, "val\\000000000139.jpg"), (7, "000000000139.jpg"), (7, "000000000139.webp"),
        ("000000000139.jpg", None), ("000000000139", None), ("139", None), (139, None), (139.0, None),
        ("val/000000000139.jpg", None), ("https://example.org/000000000139.jpg", None),
    ],
)  # fmt: skip
def test_ids_and_names_in_all_habits(tmp_path: Path, key: Any, name: str | None) -> None:
    labels = labels_of(tmp_path, {139: "val/000000000139.jpg", 140: "val/000000000140.jpg"})
    (matched,) = match_photos([result(key, 139, name)], labels)
    assert matched["image_id"] == 139
    file = tmp_path / "results.json"
    file.write_text(json.dumps([result(key, 139, name)]))
    assert match_photos(read_results(file), labels)[0]["image_id"] == 139


def test_ids_that_are_text_in_the_labels(tmp_path: Path) -> None:
    content = json.loads(labels_of(tmp_path, {1: "a.jpg", 2: "b.jpg"}).source.read_text())
    for image, annotation in zip(content["images"], content["annotations"], strict=True):
        image["id"] = annotation["image_id"] = f"frame {image['id']}"
    (tmp_path / "labels.json").write_text(json.dumps(content))
    labels = read_labels(tmp_path / "labels.json")
    assert match_photos([result("frame 2", 2)], labels)[0]["image_id"] == 2


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([result(1, 1, "a.jpg"), result(1, 2, "b.jpg")], "one id and one name but 1 and 'b.jpg' come with 'a.jpg'"),
        (
            [result(1, 1, "a.jpg"), result(2, 1, "a.jpg")],
            "one id and one name but 2 and 'a.jpg' come with .* 1 as well",
        ),
        ([result(1, 1, "c.jpg")], "photo 1 is c.jpg in the results and a.jpg in the labels, which have no such name"),
        ([result("c.jpg", 1)], r"no photo is called 'c\.jpg'"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, results: list[dict[str, Any]], message: str) -> None:
    labels = labels_of(tmp_path, {1: "a.jpg", 2: "b.jpg"})
    with pytest.raises(ValueError, match=message):
        match_photos(results, labels)


def test_names_that_several_photos_share_are_told_apart_by_ids(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, {1: "a/1.jpg", 2: "b/1.jpg"})
    assert match_photos([result(2, 2, "1.jpg")], labels)[0]["image_id"] == 2
    assert match_photos([result(7, 2, "b/1.jpg")], labels)[0]["image_id"] == 2


def test_photos_that_are_not_labelled_keep_their_ids(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, {1: "a.jpg"})
    assert [one["image_id"] for one in match_photos([result(9, 1, "z.jpg"), result(8, 1)], labels)] == [9, 8]
