"""Reading folders in COCO form: joint names, ignored people, order, splits, bad files. The folders are made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bottomup.datasets import read_coco, read_folder, read_plain, validation_ids
from bottomup.skeletons import COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18


def write(folder: Path, joints: list[str], annotations: list[dict[str, Any]], images: list[dict[str, Any]]) -> Path:
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": joints}],
    }
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def row(points: dict[int, tuple[float, float]], joints: int) -> list[float]:
    return [value for k in range(joints) for value in ((*points[k], 2) if k in points else (0, 0, 0))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    annotations = [
        {
            "image_id": 7,
            "bbox": [1, 2, 3, 4],
            "iscrowd": 0,
            "keypoints": row({0: (5, 6), 5: (10, 20), 6: (30, 40)}, 17),
        },
        {"image_id": 7, "bbox": [50, 60, 10, 20], "iscrowd": 1},
        {"image_id": 7, "bbox": [9, 9, 2, 2], "iscrowd": 0, "keypoints": [0] * 51},
    ]
    images = [
        {"id": 9, "file_name": "b.png", "coco_split": "train2017"},
        {"id": 7, "file_name": "a.png", "coco_split": "val2017"},
        {"id": 8, "file_name": "c.png", "coco_split": "val2017"},
    ]
    return write(tmp_path, list(COCO_17.joints), annotations, images)


def test_reads_people_ignored_people_and_photos_without_any(folder: Path) -> None:
    photos = read_coco(folder, COCO_17)
    assert [photo.id for photo in photos] == [7, 8, 9]
    first = photos[0]
    assert first.path == folder / "images" / "a.png"
    assert first.split == "val2017"
    assert first.keypoints.shape == (1, 17, 2)
    assert first.keypoints.dtype == np.float32
    assert np.flatnonzero(first.visible[0]).tolist() == [0, 5, 6]
    np.testing.assert_array_equal(first.keypoints[0, 5], [10, 20])
    # The crowd and the person without a joint, as corners.
    np.testing.assert_array_equal(first.ignore, [[50, 60, 60, 80], [9, 9, 11, 11]])
    assert photos[1].keypoints.shape == (0, 17, 2)
    assert photos[1].ignore.shape == (0, 4)


@pytest.mark.parametrize(
    ("score", "trust"), [(0.4, 0.4), (0, 0.0), (1.0, 1.0), (17.3, 1.0), ("high", 1.0), (None, 1.0)]
)
def test_labels_of_a_network_are_believed_as_far_as_their_score(tmp_path: Path, score: object, trust: float) -> None:
    """Where that is one of 0 to 1."""
    person = {"image_id": 7, "bbox": [1, 2, 3, 4], "keypoints": row({0: (5, 6)}, 17)}
    images = [{"id": 7, "file_name": "a.png"}]
    folder = write(tmp_path, list(COCO_17.joints), [person, {**person, "score": score}], images)
    (photo,) = read_coco(folder, COCO_17)
    assert photo.trust.tolist() == [1.0, trust]
    assert photo.select(np.array([False, True])).trust.tolist() == [trust]


def test_joints_are_matched_by_name_and_the_neck_is_built(folder: Path) -> None:
    person = read_coco(folder, OPENPOSE_COCO_18)[0].keypoints[0]
    np.testing.assert_array_equal(person[OPENPOSE_COCO_18.index("nose")], [5, 6])
    np.testing.assert_array_equal(person[OPENPOSE_COCO_18.index("left_shoulder")], [10, 20])
    np.testing.assert_array_equal(person[OPENPOSE_COCO_18.index("neck")], [20, 30])
    assert np.isnan(person[OPENPOSE_COCO_18.index("left_knee")]).all()


def test_a_skipped_joint_gives_way_to_the_one_that_is_built(tmp_path: Path) -> None:
    joints = ["right_shoulder", "left_shoulder", "neck", "head_top"]
    annotation = {"image_id": 1, "bbox": [0, 0, 1, 1], "keypoints": [0, 0, 2, 10, 10, 2, 50, 50, 2, 60, 60, 2]}
    folder = write(tmp_path, joints, [annotation], [{"id": 1, "file_name": "a.png"}])
    neck = OPENPOSE_COCO_18.index("neck")
    np.testing.assert_array_equal(read_coco(folder, OPENPOSE_COCO_18)[0].keypoints[0, neck], [50, 50])
    skipped = read_coco(folder, OPENPOSE_COCO_18, skip_joints=("neck", "head_top"))[0]
    np.testing.assert_array_equal(skipped.keypoints[0, neck], [5, 5])
    assert skipped.visible.sum() == 3


def test_the_validation_split_is_the_lowest_ids(folder: Path) -> None:
    photos = read_coco(folder, COCO_17)
    assert validation_ids(photos, count=1) == {7}
    assert validation_ids(photos) == {7, 8}
    assert validation_ids(photos, split="train2017", count=5) == {9}
    with pytest.raises(ValueError, match="count must be at least 0 but is -1"):
        validation_ids(photos, count=-1)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"images": []}',
        '{"images": [{"id": 1}], "annotations": [{"image_id": 2}], "categories": [{"keypoints": ["nose"]}]}',
        '{"images": [], "annotations": [], "categories": []}',
    ],
)
def test_names_a_file_that_is_not_in_coco_form(tmp_path: Path, text: str) -> None:
    (tmp_path / "annotations.json").write_text(text)
    with pytest.raises(ValueError, match=r"labels must be annotations in COCO form but .*annotations\.json are not"):
        read_coco(tmp_path, COCO_17)


def test_says_when_rows_do_not_fit_the_joints(tmp_path: Path) -> None:
    annotation = {"image_id": 1, "bbox": [0, 0, 1, 1], "keypoints": [1, 2, 2]}
    write(tmp_path, ["nose", "neck"], [annotation], [{"id": 1, "file_name": "a.png"}])
    with pytest.raises(
        ValueError, match="keypoints must be 6 finite numbers, 3 for each of 2 joints, but annotation 0 has 3"
    ):
        read_coco(tmp_path, COCO_17)


def test_plain_folders_hold_photos_of_nobody(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="folder must hold photos"):
        read_plain(tmp_path, COCO_17)
    (tmp_path / "deep").mkdir()
    for name in ("b.png", "deep/a.jpg"):
        cv2.imwrite(str(tmp_path / name), np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "note.txt").write_text("no photo")
    photos = read_plain(tmp_path, COCO_17)
    assert [photo.path.name for photo in photos] == ["b.png", "a.jpg"]
    assert all(photo.keypoints.shape == (0, 17, 2) and photo.ignore.shape == (0, 4) for photo in photos)


def test_reads_crowdpose_as_it_is_published(tmp_path: Path) -> None:
    """Its joints are named, its `skeleton` is COCO's and wrong, and heads alone do not count as a person."""
    joints = list(CROWDPOSE_14.joints)
    everything = [value for k in range(14) for value in (10 + k, 20 + 2 * k, 1 + k % 2)]
    head_only = [0] * 36 + [30, 40, 2, 31, 45, 1]
    annotations = [
        {"image_id": 100005, "bbox": [1, 2, 30, 40], "iscrowd": 0, "num_keypoints": 12, "keypoints": everything},
        {"image_id": 100005, "bbox": [20, 30, 40, 50], "iscrowd": 0, "num_keypoints": 0, "keypoints": head_only},
    ]
    content = {
        "images": [{"file_name": "100005.jpg", "id": 100005, "height": 90, "width": 120, "crowdIndex": 0.4}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": joints, "skeleton": [[16, 14], [14, 12]]}],
    }
    (tmp_path / "crowdpose_train.json").write_text(json.dumps(content))
    (photo,) = read_folder(tmp_path, CROWDPOSE_14, labels="crowdpose_train.json")
    assert photo.path == tmp_path / "images" / "100005.jpg"
    assert photo.keypoints.shape == (1, 14, 2)
    assert photo.visible.all()
    np.testing.assert_array_equal(photo.boxes, [[1, 2, 31, 42]])
    np.testing.assert_array_equal(photo.ignore, [[20, 30, 60, 80]])
    (mapped,) = read_folder(tmp_path, COCO_17, labels="crowdpose_train.json")
    assert mapped.known.sum() == 12
    np.testing.assert_array_equal(mapped.keypoints[0, COCO_17.index("left_shoulder")], [10, 20])


def test_a_folder_without_labels_is_of_nobody(folder: Path, tmp_path: Path) -> None:
    assert [photo.id for photo in read_folder(folder, COCO_17)] == [7, 8, 9]
    (tmp_path / "empty").mkdir()
    cv2.imwrite(str(tmp_path / "empty" / "a.png"), np.zeros((4, 4, 3), np.uint8))
    (photo,) = read_folder(tmp_path / "empty", COCO_17)
    assert photo.keypoints.shape == (0, 17, 2)
    assert photo.known.all()
