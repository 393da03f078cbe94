"""Other forms of labels, each a small file as it is published: AI Challenger, Halpe, Ultralytics, CVAT, FLIC."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from bottomup.datasets import read_folder, read_labels, skeleton_from_category
from bottomup.datasets.halpe import HALPE_26
from bottomup.skeletons import AI_CHALLENGER_14, COCO_17, OPENPOSE_COCO_18


def picture(path: Path, width: int = 200, height: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return path


def test_ai_challenger(tmp_path: Path) -> None:
    joints = [v for k in range(14) for v in (10 + k, 20 + k, (1, 2, 3)[k % 3])]
    entry = {
        "image_id": "d8eeddddcc042544a2570d4c452778b912726720",
        "url": "http://example.org/d8ee.jpg",
        "keypoint_annotations": {"human2": joints, "human1": [0, 0, 3] * 14},
        "human_annotations": {"human1": [0, 0, 50, 60], "human2": [5, 6, 70, 80]},
    }
    file = tmp_path / "keypoint_train_annotations_20170909.json"
    file.write_text(json.dumps([entry]))
    labels = read_labels(file)
    (photo,) = labels
    assert labels.skeleton == AI_CHALLENGER_14
    assert photo.path == tmp_path / "images" / f"{entry['image_id']}.jpg"
    assert photo.visible[0].tolist() == [k % 3 < 2 for k in range(14)]
    assert photo.keypoints[0, 1].tolist() == [11, 21]
    assert photo.boxes.tolist() == [[5, 6, 70, 80], [0, 0, 50, 60]]
    assert photo.ignored.tolist() == [False, True]
    (trained,) = read_folder(tmp_path, OPENPOSE_COCO_18, labels=file.name)
    assert trained.ignore.tolist() == [[0, 0, 50, 60]]
    assert "head_top" in trained.unused
    file.write_text(json.dumps([{**entry, "keypoint_annotations": {"human1": [1, 2, 1]}}]))
    with pytest.raises(ValueError, match=r"labels must be AI Challenger's but .*20170909\.json are not: photo d8ee"):
        read_labels(file)


@pytest.mark.parametrize("count", [26, 136])
def test_halpe(tmp_path: Path, count: int) -> None:
    person = {"id": 1, "image_id": 5, "category_id": 1, "bbox": [0, 0, 40, 90], "iscrowd": 0,
              "keypoints": [v for k in range(count) for v in (k, 2 * k, 2)]}  # fmt: skip
    file = tmp_path / "halpe_val_v1.json"
    image = {"id": 5, "file_name": "000000000139.jpg", "width": 640, "height": 426}
    content: dict[str, Any] = {"images": [image], "annotations": [person]}
    file.write_text(json.dumps({**content, "categories": [{"id": 1, "name": "person"}]}))
    labels = read_labels(file)
    assert labels.skeleton.joints[:26] == HALPE_26
    assert labels.skeleton.num_joints == count
    assert labels.photos[5].keypoints[0, HALPE_26.index("right_heel")].tolist() == [25, 50]
    (trained,) = read_folder(tmp_path, OPENPOSE_COCO_18, labels=file.name)
    assert trained.known.all()
    assert trained.keypoints[0, OPENPOSE_COCO_18.index("neck")].tolist() == [18, 36]


def yolo(folder: Path, lines: str, **more: Any) -> Path:
    pytest.importorskip("yaml")
    picture(folder / "images" / "train" / "a.png")
    picture(folder / "images" / "val" / "b.png")
    (folder / "labels" / "train").mkdir(parents=True)
    (folder / "labels" / "train" / "a.txt").write_text(lines)
    content = {
        "path": ".",
        "train": "images/train",
        "val": "images/val",
        "kpt_shape": [2, 3],
        "names": {0: "cat"},
        **more,
    }
    (folder / "data.yaml").write_text(json.dumps(content))  # JSON is YAML
    return folder / "data.yaml"


def test_ultralytics(tmp_path: Path) -> None:
    file = yolo(tmp_path, "0 0.5 0.5 0.4 0.2 0.25 0.5 2 0.75 0.25 1\n0 0.1 0.1 0.1 0.1 0 0 0 0.5 0.5 1\n",
                kpt_names={0: ["left_ear", "right_ear"]}, flip_idx=[1, 0])  # fmt: skip
    labels = read_labels(file)
    first, second = labels
    assert labels.skeleton.joints == ("left_ear", "right_ear")
    assert labels.skeleton.flip == ((0, 1),)
    # The photo's edges are 0 and 1, half a pixel outside the outer pixels' centres.
    np.testing.assert_allclose(first.keypoints[0], [[49.5, 49.5], [149.5, 24.5]])
    np.testing.assert_allclose(first.boxes[0], [59.5, 39.5, 139.5, 59.5])
    assert first.visible[1].tolist() == [False, True]
    assert (first.split, first.size, second.split, len(second.keypoints)) == ("train", (200, 100), "val", 0)
    assert [photo.path.name for photo in read_folder(tmp_path, COCO_17)] == ["a.png", "b.png"]


def test_ultralytics_without_a_third_number(tmp_path: Path) -> None:
    labels = read_labels(yolo(tmp_path, "0 0.5 0.5 0.4 0.2 0 0 0.75 0.25\n", kpt_shape=[2, 2]))
    assert labels.photos[1].visible.tolist() == [[False, True]]
    assert labels.skeleton.joints == labels.default_sigmas == ("joint_0", "joint_1")


@pytest.mark.parametrize(
    ("lines", "more", "message"),
    [
        ("0 0.5 0.5\n", {}, r"11 finite numbers a line, for 2 joints, but line 1 of .*a\.txt has 3"),
        ("\n0 x" + " 0" * 9, {}, r"labels must be numbers but line 2 of .*a\.txt has could not convert"),
        ("", {"kpt_shape": [2, 4]}, r"kpt_shape, joints and 2 or 3, but .*data\.yaml has \[2, 4\]"),
        ("", {"kpt_names": ["one"]}, r"labels must name 2 joints but kpt_names of .*data\.yaml are \['one'\]"),
        ("", {"train": None, "val": None}, r"labels must name folders with photos but those of .*data\.yaml have none"),
        ("", {"train": "../../etc"}, "file_name must lie within the folder of the photos but is '../etc'"),
    ],
)
def test_bad_ultralytics_files_are_named(tmp_path: Path, lines: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_labels(yolo(tmp_path, lines, **more))


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><job><size>2</size></job></meta>
  <image id="1" name="sub/b.png" width="200" height="100"></image>
  <image id="0" name="a.png" width="200" height="100">
    <skeleton label="dog" source="manual" z_order="0">
      <points label="tail" source="manual" outside="0" occluded="1" points="10.50,20.50"></points>
      <points label="nose" source="manual" outside="1" occluded="0" points="0.00,0.00"></points>
      <points label="paw" source="manual" outside="0" occluded="0" points="30.50,40.50"></points>
      <attribute name="age">3</attribute>
    </skeleton>
    <box label="dog" occluded="0" xtl="5.0" ytl="15.0" xbr="35.0" ybr="45.0" z_order="0"></box>
    <box label="dog" occluded="0" xtl="100.0" ytl="15.0" xbr="135.0" ybr="45.0" z_order="0"></box>
    <box label="ball" occluded="0" xtl="0.0" ytl="0.0" xbr="9.0" ybr="9.0" z_order="0"></box>
  </image>
</annotations>
"""


def test_cvat(tmp_path: Path) -> None:
    (tmp_path / "annotations.xml").write_text(CVAT)
    labels = read_labels(tmp_path)
    first, second = labels
    assert labels.skeleton.joints == labels.default_sigmas == ("tail", "nose", "paw")
    assert labels.skeleton.name == "dog"
    np.testing.assert_array_equal(first.keypoints[0], [[10, 20], [np.nan, np.nan], [30, 40]])
    # The first box is that of the dog with joints, the second a dog without.
    assert first.ignored.tolist() == [False, True]
    assert first.boxes[1].tolist() == [99.5, 14.5, 134.5, 44.5]
    assert (first.size, second.path) == ((200, 100), tmp_path / "images" / "sub" / "b.png")
    assert len(second.keypoints) == 0


def test_cvat_points_without_a_skeleton(tmp_path: Path) -> None:
    points = '<points label="hand" occluded="0" points="1.5,2.5;3.5,4.5"></points>'
    file = tmp_path / "a.xml"
    file.write_text(f'<annotations><image id="0" name="a.png" width="9" height="9">{points}</image></annotations>')
    labels = read_labels(file)
    assert labels.skeleton.joints == ("joint_0", "joint_1")
    assert labels.photos[0].keypoints.tolist() == [[[1, 2], [3, 4]]]


def test_joints_at_cvats_origin_are_missing(tmp_path: Path) -> None:
    """As datumaro exports COCO's: a box and points of each person, 0, 0 for a joint that was not labelled."""
    person = '<points label="person" points="20.50,30.50;0.00,0.00;40.50,50.50"></points>'
    box = '<box label="person" xtl="20.0" ytl="30.0" xbr="41.0" ybr="51.0"></box>'
    file = tmp_path / "a.xml"
    file.write_text(
        f'<annotations><image id="0" name="a.png" width="90" height="90">{person}{box}</image></annotations>'
    )
    (photo,) = read_labels(file)
    np.testing.assert_array_equal(photo.keypoints, [[[20, 30], [np.nan, np.nan], [40, 50]]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotations>", "is not: no element found"),
        ("<annotations></annotations>", "labels must have skeletons or points but"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "it declares entities"),
        ('<annotations><track id="0"></track></annotations>', "export it as 'CVAT for images'"),
        ('<annotations><image id="0"><skeleton></skeleton></image></annotations>', "an element has no 'label'"),
    ],
)
def test_bad_xml_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_labels(tmp_path / "a.xml")


def test_flic(tmp_path: Path) -> None:
    coords = np.full((2, 29), np.nan)
    coords[:, [0, 6, 9, 16]] = [[11, 12, 13, 14], [21, 22, 23, 24]]
    kind = [("filepath", object), ("coords", object), ("imgdims", object), ("istrain", object), ("istest", object)]
    examples = np.empty((1, 2), kind)
    for number, name in enumerate(("a.jpg", "b.jpg")):
        examples[0, number] = (name, coords, np.array([100, 200, 3]), number == 0, number == 1)
    savemat(tmp_path / "examples.mat", {"examples": examples})
    labels = read_labels(tmp_path)
    first, second = labels
    seen = {
        name: first.keypoints[0, k].tolist() for k, name in enumerate(labels.skeleton.joints) if first.visible[0, k]
    }
    # MATLAB counts from 1.
    assert seen == {"left_shoulder": [10, 20], "left_hip": [11, 21], "right_hip": [12, 22], "nose": [13, 23]}
    assert (first.split, second.split, first.size, first.bystanders) == ("train", "test", (200, 100), True)
    assert first.path == tmp_path / "images" / "a.jpg"


def test_a_skeleton_from_a_category() -> None:
    category = {"name": "hand", "keypoints": ["wrist", "left_tip", "right_tip"], "skeleton": [[1, 2], [3, 1], [2, 1]]}
    skeleton = skeleton_from_category(category)
    assert (skeleton.name, skeleton.limbs, skeleton.flip) == ("hand", ((0, 1), (2, 0)), ((1, 2),))
    assert skeleton.sigmas == (0.05,) * 3
    assert skeleton_from_category(category, sigmas=0.1).sigmas == (0.1,) * 3
    assert skeleton_from_category(category, sigmas={"wrist": 0.2}).sigmas == (0.2, 0.05, 0.05)
    assert skeleton_from_category({**category, "skeleton": [[0, 1]]}).limbs == ((0, 1),)
    assert skeleton_from_category({"keypoints": ["L_Eye", "R_Eye"]}).flip == ((0, 1),)
    with pytest.raises(ValueError, match=r"skeleton must hold pairs of the joints' numbers, 1 to 3, but has \(1, 4\)"):
        skeleton_from_category({**category, "skeleton": [[1, 4]]})
    with pytest.raises(ValueError, match="one positive number, or one for each of the 3 joints, but are"):
        skeleton_from_category(category, sigmas=[0.1, 0.2])
