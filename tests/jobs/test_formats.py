"""What `bottomup detect` writes, read back by the tools that it is for."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bottomup.jobs.formats import read_formats
from bottomup.jobs.results import Results
from bottomup.jobs.rows import COLUMNS, SCHEMA_VERSION
from bottomup.jobs.runner import Outcome
from bottomup.jobs.sources import gather_sources
from bottomup.people import People
from bottomup.skeletons import COCO_17

SHAPE = (100, 200, 3)


def some_people() -> People:
    """Two people; the second lacks joints 3 and 5, and its joint 4 was traced."""
    first = np.array([[10 + 5 * k, 20 + 4 * k + 0.123] for k in range(17)], np.float32)
    points = np.stack([first, first + np.float32([40, 3])])
    scores = np.linspace(0.3, 0.9, 34).reshape(2, 17)
    points[1, [3, 5]], scores[1, [3, 5]] = np.nan, 0
    traced = np.zeros((2, 17), bool)
    traced[1, 4] = True
    return People(COCO_17, points, scores, np.array([0.9, 0.6]), traced=traced)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder of everything: a picture of two people, one that failed, one without people; done in another order."""
    sources = gather_sources([Path("b/7.jpg"), Path("b/bad.jpg"), Path("b/none.jpg")], sample=False)
    formats = read_formats("coco,coco-dataset,csv,jsonl,parquet,openpose,yolo")
    results = Results(tmp_path / "out", formats=formats, draw=False, skeleton=COCO_17, network={"weights": {"a": "1"}})
    found = [some_people(), None, People.empty(COCO_17)]
    for number in (2, 0, 1):
        people = found[number]
        if people is not None:
            results.finish(sources[number], np.zeros(SHAPE, np.uint8), people)
        error = None if people is not None else ValueError("no picture")
        results.add(Outcome(sources[number], SHAPE if people is not None else (), people, error))
    assert results.close(sources) is None
    return tmp_path / "out"


def test_there_is_a_file_of_each_format(written: Path) -> None:
    names = sorted(str(path.relative_to(written)) for path in written.rglob("*") if not path.name.startswith("."))
    assert names == [
        "7_keypoints.json", "annotations.json", "data.yaml", "labels", "labels/7.txt", "labels/none.txt",
        "none_keypoints.json", "results.csv", "results.json", "results.jsonl", "results.parquet",
    ]  # fmt: skip


def test_coco_results_keep_the_joints_scores(written: Path) -> None:
    people = some_people()
    results = json.loads((written / "results.json").read_text())
    for entry, person in zip(results, people.to_coco(7), strict=True):
        assert entry["score"] == pytest.approx(person.pop("score"), abs=1e-6)
        assert {key: entry[key] for key in person} == person
        assert entry["file_name"] == "7.jpg"
    np.testing.assert_allclose([entry["keypoint_scores"] for entry in results], people.keypoint_scores, atol=1e-6)
    box = people.boxes[1]
    np.testing.assert_allclose(results[1]["bbox"], [*box[:2], *(box[2:] - box[:2])], atol=1e-3)


def test_pycocotools_reads_the_data_set_and_scores_the_results(written: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO(str(written / "annotations.json"))
    assert [(image["id"], image["file_name"]) for image in truth.loadImgs(truth.getImgIds())] == [
        (7, "7.jpg"), (2, "none.jpg"),
    ]  # fmt: skip
    (category,) = truth.loadCats(truth.getCatIds())
    assert category["keypoints"] == list(COCO_17.joints)
    assert min(min(limb) for limb in category["skeleton"]) == 1
    assert [one["num_keypoints"] for one in truth.loadAnns(truth.getAnnIds(imgIds=[7]))] == [17, 15]
    assert truth.getAnnIds(imgIds=[2]) == []
    evaluation = COCOeval(truth, truth.loadRes(str(written / "results.json")), "keypoints")
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
    evaluation.evaluate()
    evaluation.accumulate()
    assert (evaluation.eval["precision"] == 1).all()


def test_supervision_reads_the_data_set(written: Path) -> None:
    supervision = pytest.importorskip("supervision")
    found = supervision.DetectionDataset.from_coco(str(written), str(written / "annotations.json"))
    assert found.classes == ["person"]
    assert {Path(name).name for name in found.image_paths} == {"7.jpg", "none.jpg"}
    (boxes,) = [found.annotations[name].xyxy for name in found.image_paths if name.endswith("7.jpg")]
    np.testing.assert_allclose(boxes, some_people().boxes, atol=1e-2)


def test_datumaro_reads_the_data_set(written: Path, tmp_path: Path) -> None:
    datumaro = pytest.importorskip("datumaro", reason="needs datumaro, which no extra brings")
    folder = tmp_path / "datumaro" / "annotations"
    folder.mkdir(parents=True)
    (folder.parent / "images").mkdir()
    shutil.copy(written / "annotations.json", folder / "person_keypoints_default.json")
    items = {item.id: item for item in datumaro.Dataset.import_from(str(folder.parent), "coco_person_keypoints")}
    assert sorted(items) == ["7", "none"]
    assert not items["none"].annotations
    poses = [one for one in items["7"].annotations if one.type is datumaro.AnnotationType.points]
    people = some_people()
    points = np.reshape([one.points for one in sorted(poses, key=lambda one: one.id)], (2, 17, 2))
    seen = people.keypoint_scores > 0
    np.testing.assert_allclose(points[seen], people.keypoints[seen], atol=0.01)  # it rounds to hundredths


def test_the_converter_of_label_studio_reads_the_data_set(written: Path, tmp_path: Path) -> None:
    coco = pytest.importorskip(
        "label_studio_sdk.converter.imports.coco", reason="needs label-studio-sdk, which no extra brings"
    )
    tasks = tmp_path / "tasks.json"
    coco.convert_coco_to_ls(str(written / "annotations.json"), str(tasks), image_root_url="/photos")
    found = {task["data"]["image"]: task["annotations"][0]["result"] for task in json.loads(tasks.read_text())}
    kinds = {name: [part["type"] for part in parts] for name, parts in found.items()}
    assert kinds == {"/photos/7.jpg": kinds["/photos/7.jpg"], "/photos/none.jpg": []}
    assert kinds["/photos/7.jpg"].count("rectanglelabels") == 2


def test_the_table_has_a_line_for_each_joint(written: Path) -> None:
    with (written / "results.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 17 + 15 + 2
    nose = lines[17]
    assert (nose["path"], nose["person"], nose["joint"], nose["x"], nose["y"]) == (
        "b/7.jpg",
        "1",
        "nose",
        "50.0",
        "23.123",
    )
    assert [line["joint"] for line in lines if line["traced"] == "True"] == ["right_ear"]
    assert {line["joint"] for line in lines[17:32]} == set(COCO_17.joints) - {"left_ear", "left_shoulder"}
    failed, empty = lines[-2:]
    assert (failed["path"], failed["error"], failed["width"], failed["person"]) == ("b/bad.jpg", "no picture", "", "")
    assert (empty["path"], empty["error"], empty["width"], empty["person"]) == ("b/none.jpg", "", "200", "")


def check_rows(rows: list[dict[str, Any]]) -> None:
    """The rows of `written`."""
    assert [(row["path"], row["width"], row["height"], row["error"]) for row in rows] == [
        ("b/7.jpg", 200, 100, None), ("b/bad.jpg", None, None, "no picture"), ("b/none.jpg", 200, 100, None),
    ]  # fmt: skip
    assert [len(row["people"]) for row in rows] == [2, 0, 0]
    people = some_people()
    for person, points, scores, box, score in zip(
        rows[0]["people"], people.keypoints, people.keypoint_scores, people.boxes, people.scores, strict=True
    ):
        triples = np.column_stack([np.nan_to_num(points), scores])
        np.testing.assert_allclose(np.reshape(person["keypoints"], (17, 3)), triples, atol=1e-3)
        np.testing.assert_allclose(person["box"], box, atol=1e-3)
        assert person["score"] == pytest.approx(score, abs=1e-6)
    assert [person["traced"] for person in rows[0]["people"]] == [[], ["right_ear"]]


def test_rows_of_json(written: Path) -> None:
    check_rows([json.loads(line) for line in (written / "results.jsonl").read_text().splitlines()])


def test_rows_of_parquet(written: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(written / "results.parquet")
    assert tuple(table.column_names) == COLUMNS
    check_rows(table.to_pylist())
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert metadata["bottomup.schema_version"] == str(SCHEMA_VERSION)
    assert json.loads(metadata["bottomup.joints"]) == list(COCO_17.joints)
    assert json.loads(metadata["bottomup.network"]) == {"weights": {"a": "1"}}
    assert str(table.schema.field("people").type).replace("element", "item") == (
        "list<item: struct<score: float, box: list<item: float>, keypoints: list<item: float>, "
        "traced: list<item: string>>>"
    )
    assert len(table.to_pandas()) == 3


def test_yolo_labels(written: Path) -> None:
    lines = [
        [float(value) for value in line.split()] for line in (written / "labels" / "7.txt").read_text().splitlines()
    ]
    assert [len(line) for line in lines] == [5 + 51] * 2
    people = some_people()
    for line, points, scores, box in zip(lines, people.keypoints, people.keypoint_scores, people.boxes, strict=True):
        triples = np.reshape(line[5:], (17, 3))
        np.testing.assert_allclose(triples[:, 2], scores, atol=1e-6)
        seen = scores > 0
        np.testing.assert_allclose(triples[seen, :2] * (200, 100) - 0.5, points[seen], atol=1e-3)
        assert not triples[~seen].any()
        np.testing.assert_allclose(line[1] * 200 - 0.5, (box[0] + box[2]) / 2, atol=1e-3)
        np.testing.assert_allclose(line[4] * 100, box[3] - box[1], atol=1e-3)
    assert (written / "labels" / "none.txt").read_text() == ""
    assert "kpt_shape: [17, 3]" in (written / "data.yaml").read_text()
    assert "flip_idx: [0, 2, 1, 4, 3," in (written / "data.yaml").read_text()


def test_formats_are_checked() -> None:
    assert read_formats("csv, coco,csv") == ("csv", "coco")
    assert read_formats("none") == ()
    for wrong in ("xml", "coco,", "none,coco", ""):
        with pytest.raises(ValueError, match="--format must be of coco, coco-dataset"):
            read_formats(wrong)
