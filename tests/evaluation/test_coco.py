"""Average precision: perfect and useless answers, subsets, crowds, bad input. The folders are made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bottomup.evaluation import evaluate
from bottomup.people import People
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18

pytest.importorskip("pycocotools")


def person(x: float, y: float, size: float = 200) -> np.ndarray:
    """(17, 2) joints spread over a square."""
    rng = np.random.default_rng(17)
    return np.asarray([x, y] + rng.random((17, 2)) * size)


def write(folder: Path, photos: dict[int, list[np.ndarray]], crowds: dict[int, list[float]] | None = None) -> Path:
    annotations = []
    for image, people in photos.items():
        for points in people:
            box = [*points.min(0), *np.ptp(points, axis=0)]
            flat = np.column_stack([points, np.full(17, 2)]).reshape(-1).tolist()
            annotations.append(
                {"image_id": image, "bbox": box, "area": box[2] * box[3], "keypoints": flat, "iscrowd": 0}
            )
    for image, box in (crowds or {}).items():
        annotations.append({"image_id": image, "bbox": box, "area": box[2] * box[3], "iscrowd": 1})
    content = {
        "images": [{"id": image, "file_name": f"{image}.png", "width": 640, "height": 480} for image in photos],
        "annotations": [{"id": n, "category_id": 1, **a} for n, a in enumerate(annotations, start=1)],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.joints), "skeleton": []}],
    }
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def as_people(points: list[np.ndarray], scores: list[float] | None = None) -> People:
    keypoints = np.array(points, np.float32).reshape(-1, 17, 2)
    count = len(keypoints)
    return People(COCO_17, keypoints, np.ones((count, 17), np.float32), np.array(scores or [1] * count, np.float32))


PHOTOS = {4: [person(10, 20), person(300, 200)], 9: [person(50, 60, 60)], 12: []}


def test_the_truth_scores_one_and_nobody_scores_zero(tmp_path: Path) -> None:
    folder = write(tmp_path, PHOTOS)
    asked: list[str] = []

    def truth(path: Path) -> People:
        asked.append(path.name)
        return as_people(PHOTOS[int(path.stem)])

    perfect = evaluate(truth, folder)
    assert asked == ["4.png", "9.png", "12.png"]
    assert all(value == pytest.approx(1) for value in perfect.values())
    nobody = evaluate(lambda _: People.empty(COCO_17), folder)
    assert all(value == 0 for value in nobody.values())


def test_a_person_too_many_and_one_too_few_cost_precision(tmp_path: Path) -> None:
    folder = write(tmp_path, PHOTOS)
    shifted = person(10, 20) + 150

    def guess(path: Path) -> People:
        people = PHOTOS[int(path.stem)]
        return as_people([shifted, *people[:1]], [0.9] + [0.5] * len(people[:1]))

    found = evaluate(guess, folder)
    # Two of three people are found, each below a false one of higher score: precision 1/2 up to recall 2/3 at best.
    assert 0.1 < found["AP"] < 0.5
    assert found["AR"] == pytest.approx(2 / 3)


def test_only_the_ids_asked_for_count(tmp_path: Path) -> None:
    folder = write(tmp_path, PHOTOS)
    good_on_nine = evaluate(lambda path: as_people(PHOTOS[9] if path.stem == "9" else []), folder, ids=[9])
    assert good_on_nine["AP"] == pytest.approx(1)
    assert good_on_nine["APL"] == -1, "the person in photo 9 is not large"
    with pytest.raises(ValueError, match=r"ids must be of photos in .* but \[5\] are not"):
        evaluate(lambda _: People.empty(COCO_17), folder, ids=[4, 5])


def test_people_found_within_a_crowd_are_no_mistakes(tmp_path: Path) -> None:
    photos = {1: [person(10, 10, 100)]}
    inside = person(400, 300, 100)

    def guess(_: Path) -> People:
        return as_people([inside, *photos[1]], [0.9, 0.5])

    folder = write(tmp_path, photos, crowds={1: [390.0, 290.0, 130.0, 130.0]})
    assert evaluate(guess, folder)["AP"] == pytest.approx(1)
    assert evaluate(guess, write(tmp_path, photos))["AP"] == pytest.approx(0.5)


def test_another_skeleton_is_converted(tmp_path: Path) -> None:
    folder = write(tmp_path, PHOTOS)
    found = evaluate(lambda path: as_people(PHOTOS[int(path.stem)]).convert(OPENPOSE_COCO_18), folder)
    assert found["AP"] == pytest.approx(1)


def test_says_what_is_wrong_with_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        evaluate(lambda _: People.empty(COCO_17), tmp_path)
    (tmp_path / "annotations.json").write_text("{")
    with pytest.raises(ValueError, match="labels must be annotations in COCO form"):
        evaluate(lambda _: People.empty(COCO_17), tmp_path)
    write(tmp_path, PHOTOS)
    with pytest.raises(ValueError, match="folder must have the joints of openpose18"):
        evaluate(lambda _: People.empty(COCO_17), tmp_path, skeleton=OPENPOSE_COCO_18)


def test_the_statistics_are_those_of_pycocotools(monkeypatch: pytest.MonkeyPatch) -> None:
    from pycocotools.cocoeval import COCOeval

    from bottomup.evaluation.coco import evaluate_results

    theirs: list[np.ndarray] = []
    accumulate = COCOeval.accumulate

    def accumulate_and_summarise(self: COCOeval) -> None:
        accumulate(self)
        self.summarize()
        theirs.append(self.stats)

    monkeypatch.setattr(COCOeval, "accumulate", accumulate_and_summarise)
    rng = np.random.default_rng(3)
    sizes = (15, 50, 90, 200, 300)  # people of all of COCO's areas and one that is too small for any
    photos = {image: [person(*rng.uniform(0, 400, 2), size) for size in sizes] for image in range(6)}
    annotations = [
        {"id": 10 * image + n, "image_id": image, "bbox": [0, 0, size, size], "area": size**2, "iscrowd": 0,
         "keypoints": np.column_stack([points, np.full(17, 2)]).ravel().tolist()}
        for image, people in photos.items()
        for n, (points, size) in enumerate(zip(people, sizes, strict=True), start=1)
    ]  # fmt: skip
    results = [
        result
        for image, people in photos.items()
        for result in as_people(
            [points + rng.normal(0, 8, points.shape) for points in people], rng.uniform(0, 1, len(people)).tolist()
        ).to_coco(image)
    ]
    truth = {"images": [{"id": image} for image in photos], "annotations": annotations}
    ours = evaluate_results(results, truth, ids=photos)
    np.testing.assert_allclose(list(ours.values()), theirs[0])
    assert len({round(value, 6) for value in ours.values()}) > 5
    assert evaluate_results(results, truth, ids=photos, max_people=1)["AR"] < ours["AR"]
