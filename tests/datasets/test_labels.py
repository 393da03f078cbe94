"""Reading labels and results, and what is said of bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bottomup.evaluation import evaluate_metric, read_labels, read_results
from bottomup.evaluation.metrics import crowd_groups
from bottomup.evaluation.results import convert_results, group
from bottomup.skeleton import Skeleton
from bottomup.skeletons import AI_CHALLENGER_14, COCO_17, CROWDPOSE_14, MPII_16, OPENPOSE_COCO_18
from tests.makers.evaluation import entry, pose, write_labels


@pytest.fixture
def file(tmp_path: Path) -> Path:
    half = pose(x=200)
    half[5:] = np.nan
    crowd = {"image_id": 4, "bbox": [10, 20, 30, 40], "iscrowd": 1}
    return write_labels(tmp_path / "annotations.json", {9: [pose()], 4: [half]}, people=[crowd])


def rewrite(file: Path, **changes: Any) -> None:
    content = json.loads(file.read_text())
    content["annotations"][0].update(changes.pop("person", {}))
    file.write_text(json.dumps({**content, **changes}))


def test_labels_become_arrays(file: Path) -> None:
    labels = read_labels(file.parent)
    assert labels.skeleton == COCO_17
    people = labels.photos
    assert list(people) == [4, 9]
    assert people[9].keypoints[0] == pytest.approx(pose())
    assert people[9].areas == pytest.approx([0.53 * 70 * 180])
    assert people[4].visible.sum(axis=1).tolist() == [5, 0]
    assert people[4].ignored.tolist() == [False, True]
    assert people[4].boxes[1].tolist() == [10, 20, 40, 60]
    assert len(people[4].scored().areas) == 1
    assert list(labels.select([9]).photos) == [9]


def test_a_missing_area_is_estimated_and_counted(file: Path) -> None:
    assert read_labels(file).estimated_areas == 1  # the crowd's
    everyone = read_labels(file, area_from_box=True)
    assert everyone.estimated_areas == 3
    assert everyone.photos[4].areas[1] == pytest.approx(0.53 * 30 * 40)


def test_what_is_no_person_is_left_out(file: Path) -> None:
    content = json.loads(file.read_text())
    person = content["categories"][0]
    content["annotations"].append({"image_id": 9, "category_id": 7, "segmentation": []})
    rewrite(file, categories=[{**person, "id": 1}, {"id": 7, "name": "dog"}], annotations=content["annotations"])
    assert [len(one.areas) for one in read_labels(file).photos.values()] == [2, 1]


def test_people_said_to_have_no_keypoints_do_not_count(file: Path) -> None:
    rewrite(file, person={"num_keypoints": 0})
    assert read_labels(file).photos[9].ignored.tolist() == [True]


def test_joints_can_be_taken_out(file: Path) -> None:
    labels = read_labels(file).without(["nose", "left_eye", "right_eye", "left_ear", "right_ear"])
    assert labels.photos[9].visible.sum() == 12
    assert labels.photos[4].ignored.all(), "nothing of this person is left"


def test_known_joints_in_any_order_get_sigmas_and_limbs(tmp_path: Path) -> None:
    mixed = Skeleton("mixed", ("head_top", "left_knee", "neck", "left_hip"), (), (0.1,) * 4)
    labels = read_labels(write_labels(tmp_path / "mixed.json", {1: [pose(mixed)]}, mixed))
    assert labels.skeleton.joints == mixed.joints
    assert labels.skeleton.sigmas[1] == COCO_17.sigmas[13]
    assert {frozenset(limb) for limb in labels.skeleton.limbs} >= {frozenset((1, 3)), frozenset((0, 2))}
    for known in (AI_CHALLENGER_14, MPII_16):
        assert read_labels(write_labels(tmp_path / "known.json", {}, known)).skeleton == known


def test_the_limbs_of_the_labels_are_kept_where_they_are_no_published_skeleton(tmp_path: Path) -> None:
    own = Skeleton("own", ("neck", "pelvis", "left_knee", "nose"), ((0, 1), (1, 2), (0, 3)), (0.1,) * 4)
    path = write_labels(tmp_path / "own.json", {1: [pose(own)]}, own)
    content = json.loads(path.read_text())
    content["categories"][0]["skeleton"] = [[a + 1, b + 1] for a, b in own.limbs]
    path.write_text(json.dumps(content))
    skeleton = read_labels(path).skeleton
    assert skeleton.limbs == own.limbs
    assert skeleton.sigmas[2:] == (COCO_17.sigmas[13], COCO_17.sigmas[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "images must be a list of objects but has None"),
        ({"images": [{"id": 9}, {"id": 9}]}, "two images have the same id"),
        ({"images": [{"id": 4}]}, r"annotations must be of its images but some are of \[9\]"),
        ({"categories": []}, "one category with keypoints is expected but it has 0"),
        ({"categories": [{"keypoints": ["tail", "nose"]}]}, "keypoints must be 6 finite numbers"),
        ({"person": {"bbox": [0, 0, -1, 5]}}, "bbox must have width and height from 0 on"),
        ({"person": {"bbox": [0, 0, 1]}}, "bbox must be 4 finite numbers"),
        ({"person": {"keypoints": [1, 2, 2]}}, "keypoints must be 51 finite numbers"),
        ({"person": {"keypoints": [1, 2, float("nan")] * 17}}, "keypoints must be 51 finite numbers"),
        ({"person": {"area": "large"}}, "area must be a number but is 'large'"),
        ({"person": {"image_id": 9.5}}, "ids must be whole numbers or text but one is 9.5"),
    ],
)
def test_bad_labels_are_named(file: Path, changes: dict[str, Any], message: str) -> None:
    rewrite(file, **changes)
    with pytest.raises(
        ValueError, match=rf"labels must be annotations in COCO form but .*annotations\.json.*{message}"
    ):
        read_labels(file)


def test_labels_without_a_part_or_a_file(file: Path) -> None:
    with pytest.raises(ValueError, match="the joints of crowdpose14 are needed"):
        read_labels(file, joints=CROWDPOSE_14)
    file.write_text(json.dumps({"images": [], "annotations": []}))
    with pytest.raises(ValueError, match="it has no 'categories'"):
        read_labels(file)
    file.write_text("no JSON")
    with pytest.raises(ValueError, match="labels must be annotations"):
        read_labels(file)
    with pytest.raises(FileNotFoundError):
        read_labels(file.with_name("nothing.json"))


GOOD = {"image_id": 1, "keypoints": [1, 2, 2], "score": 0.5}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "it holds a dict"),
        ([GOOD, 3], "entry 1 has not image_id, keypoints and score"),
        ([GOOD, {**GOOD, "keypoints": [1, 2, 2] * 2}], "entry 1 must have 3 numbers for each joint, as many"),
        ([{**GOOD, "keypoints": []}], "entry 0 must have 3 numbers"),
        ([{**GOOD, "keypoints": [1, 2, "x"]}], "entry 0 must have 3 numbers"),
        ([{**GOOD, "keypoints": [[1, 2, 2]]}], "entry 0 must have 3 numbers"),
        ([{**GOOD, "keypoints": [1, 2, float("inf")]}], "entry 0 must have finite numbers"),
        ([{**GOOD, "score": None}], "entry 0 must have finite numbers"),
        ([GOOD, {**GOOD, "category_id": 3}], "entry 1 must be of category None but is of 3"),
        ([{**GOOD, "image_id": True}], "entry 0 must have a whole number or a photo's name as image_id but has True"),
    ],
)
def test_bad_results_are_named(tmp_path: Path, content: Any, message: str) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match=rf"results must be COCO's list of found people but .*results\.json.*{message}"
    ):
        read_results(file)


def test_results_are_read_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    for content in ([], [GOOD, {**GOOD, "file_name": "one.jpg"}]):
        file.write_text(json.dumps(content))
        assert read_results(file) == content
    file.write_text("{")
    with pytest.raises(ValueError, match="results must be a JSON file"):
        read_results(file)


def test_results_of_another_skeleton_are_converted(tmp_path: Path) -> None:
    """OpenPose's 18 joints hold all of COCO's; CrowdPose's hold no face."""
    assert OPENPOSE_COCO_18.lacks(COCO_17) == ()
    assert CROWDPOSE_14.lacks(COCO_17) == ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    assert COCO_17.lacks(CROWDPOSE_14) == ("head",)
    half = pose(OPENPOSE_COCO_18)
    half[4:8] = np.nan
    (converted,) = convert_results([entry(3, half, 0.25)], OPENPOSE_COCO_18, COCO_17)
    assert (converted["image_id"], converted["score"]) == (3, 0.25)
    people = group([converted], [3], COCO_17)[3]
    assert np.isnan(people.keypoints[0, :, 0]).sum() == 4
    assert people.keypoints[0, 0] == pytest.approx(pose()[0])
    with pytest.raises(ValueError, match="results must have the 14 joints of crowdpose14 but have 18 joints"):
        convert_results([entry(3, half)], CROWDPOSE_14, COCO_17)


def test_joints_that_cannot_be_scored_do_not_count(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    file = write_labels(tmp_path / "labels.json", {1: [pose()], 2: [pose(x=100)]})
    labels = read_labels(file, joints=COCO_17)
    results = [entry(1, pose(CROWDPOSE_14)), entry(2, pose(CROWDPOSE_14, x=100))]
    evaluation = evaluate_metric("coco", labels, results, CROWDPOSE_14)
    assert evaluation.details["unscorable_joints"][0] == "nose"
    assert evaluation.scores["AP"] == pytest.approx(1)
    rates = evaluate_metric("pck", labels, results, CROWDPOSE_14).scores
    assert rates["nose"] == [None]
    assert rates["left_hip"] == rates["mean"] == [1]
    stranger = Skeleton("stranger", ("tail",), (), (0.1,))
    with pytest.raises(ValueError, match="results must share joints with the labels but stranger has none"):
        evaluate_metric("pck", labels, [], stranger)


def test_joints_that_cannot_be_scored_still_tell_the_size(tmp_path: Path) -> None:
    """COCO's joints have no top of the head; MPII's labels have, and PCKh goes by their heads."""
    labels = read_labels(write_labels(tmp_path / "labels.json", {1: [pose(MPII_16)]}, MPII_16))
    evaluation = evaluate_metric("pckh", labels, [entry(1, pose())], COCO_17)
    assert "head_top" in evaluation.details["unscorable_joints"]
    assert evaluation.details["people_without_reference"] == 0
    assert (evaluation.scores["left_knee"], evaluation.scores["head_top"]) == ([1], [None])


def test_results_need_not_name_the_category_of_the_labels(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    labels = read_labels(write_labels(tmp_path / "labels.json", {1: [pose()]}))
    for category in ({}, {"category_id": 0}):
        bare = {key: value for key, value in entry(1, pose()).items() if key != "category_id"}
        assert evaluate_metric("coco", labels, [{**bare, **category}], COCO_17).scores["AP"] == pytest.approx(1)


def test_crowd_groups(tmp_path: Path) -> None:
    images = {key: {"crowdIndex": value} for key, value in enumerate((0, 0.19, 0.2, 0.79, 0.8, 1.0))}
    file = write_labels(tmp_path / "labels.json", {key: [] for key in images}, CROWDPOSE_14, images=images)
    labels = read_labels(file)
    assert crowd_groups(labels) == {"easy": [0, 1], "medium": [2, 3], "hard": [4, 5]}
    assert crowd_groups(labels, (0.1, 0.2)) == {"easy": [0], "medium": [1], "hard": [2, 3, 4, 5]}
    with pytest.raises(
        ValueError, match=r"crowd bounds must be two numbers in ascending order, from 0 on, but are 0\.8 and 0\.2"
    ):
        crowd_groups(labels, (0.8, 0.2))
    file = write_labels(file, {1: [], 2: []}, CROWDPOSE_14)
    assert crowd_groups(read_labels(file)) == {}
    file = write_labels(file, {1: [], 2: []}, CROWDPOSE_14, images={1: {"crowdIndex": 0.5}})
    with pytest.raises(ValueError, match="labels must have a crowdIndex for every photo but 2 has None"):
        crowd_groups(read_labels(file))


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("map", {}, r"metric must be one of \['coco', .* but is 'map'"),
        ("crowdpose", {}, "labels must have the joints of crowdpose14"),
        ("coco", {"thresholds": [0.5]}, "thresholds must be left out for coco"),
        ("pck", {"thresholds": []}, "thresholds must be numbers above 0, at most 1 but is"),
        ("pck", {"thresholds": [0.2, -1]}, "thresholds must be numbers above 0, at most 1 but is"),
        ("pck", {"thresholds": [20]}, "thresholds must be numbers above 0, at most 1 but is .20"),
        ("pck", {"thresholds": [float("nan")]}, "thresholds must be numbers above 0, at most 1 but is"),
        ("pcp", {"thresholds": [0.2, 0.3]}, "thresholds must be one number above 0, at most 1 but is"),
        ("pcp", {"reference": "box"}, "reference must be one of .*, for pck, pckh and pdj, but is 'box'"),
        ("pck", {"reference": "foot"}, "reference must be one of .* but is 'foot'"),
        ("pckh", {}, "reference 'head' needs labels of"),
    ],
)
def test_options_that_do_not_fit(file: Path, metric: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate_metric(metric, read_labels(file), [], COCO_17, **options)


def test_the_real_crowds(data_root: Path) -> None:
    """CrowdPose's file has joints of 448 people who do not count; its limbs are COCO's, which do not fit its joints."""
    file = data_root / "data" / "crowdpose" / "crowdpose_val_dev.json"
    if not file.is_file():
        pytest.skip(f"{file} is not there")
    labels = read_labels(file, joints=CROWDPOSE_14, area_from_box=True)
    people = labels.photos.values()
    assert sum(int((~one.ignored).sum()) for one in people) == 3409
    assert sum(int((one.ignored & one.visible.any(axis=1)).sum()) for one in people) == 448
    assert {name: len(ids) for name, ids in crowd_groups(labels).items()} == {"easy": 186, "medium": 625, "hard": 165}


@pytest.mark.slow
def test_real_sports(data_root: Path) -> None:
    """Leeds Sports Pose has its joints in an order of its own; labels that are found again are all right."""
    folder = data_root / "data" / "lspet"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    labels = read_labels(folder)
    labels = labels.select(list(labels.photos)[:200])
    results = [entry(photo.id, person) for photo in labels for person in photo.keypoints]
    for metric in ("pck", "pckh", "pdj"):
        evaluation = evaluate_metric(metric, labels, results, labels.skeleton)
        assert evaluation.scores["mean"] == [1]
        assert evaluation.details["people_without_reference"] < 60
    assert evaluate_metric("pcp", labels, results, labels.skeleton).scores["strict"]["mean"] == 1
