"""MPII in both of its forms: the .mat is written here as MATLAB would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from bottomup.datasets import read_folder, read_mpii
from bottomup.skeletons import COCO_17, MPII_16, OPENPOSE_COCO_18

FILE = "mpii_human_pose_v1_u12_1.mat"


def array(*structures: dict[str, Any]) -> np.ndarray:
    """An array of structures: all have the fields of the first."""
    names = list(structures[0])
    out = np.empty((1, len(structures)), [(name, object) for name in names])
    for number, structure in enumerate(structures):
        for name in names:
            out[0, number][name] = structure[name]
    return out


def person(points: dict[str, tuple[float, float]], **more: Any) -> dict[str, Any]:
    rows = [
        {"x": x, "y": y, "id": MPII_16.index(name), "is_visible": number % 2}
        for number, (name, (x, y)) in enumerate(points.items())
    ]
    annopoints = {"point": array(*rows)} if rows else np.zeros((0, 0))
    head = {"x1": 11.0, "y1": 12.0, "x2": 21.0, "y2": 32.0}
    return {**head, "annopoints": annopoints, "scale": np.zeros((0, 0)), "objpos": np.zeros((0, 0)), **more}


def write(folder: Path) -> Path:
    standing = person({"right_ankle": (5.0, 90.0), "left_shoulder": (21.0, 31.0), "right_shoulder": (11.0, 31.0)})
    second = person({"thorax": (51.0, 41.0)})
    rough = person({}, scale=0.25, objpos={"x": 101.0, "y": 61.0})
    photos = array(
        {"image": {"name": "a.jpg"}, "annorect": array(standing, second, rough)},
        {"image": {"name": "test.jpg"}, "annorect": array(person({}))},
        {"image": {"name": "b.jpg"}, "annorect": array(person({"head_top": (3.0, 4.0)}))},
        {"image": {"name": "c.jpg"}, "annorect": array(person({}))},
        {"image": {"name": "d.jpg"}, "annorect": np.zeros((0, 0))},
    )
    savemat(folder / FILE, {"RELEASE": {"annolist": photos, "img_train": np.array([[1, 0, 1, 1, 1]])}})
    return folder


def test_reads_the_photos_for_training_from_the_mat_file(tmp_path: Path) -> None:
    photos = read_mpii(write(tmp_path), MPII_16)
    assert [photo.path.name for photo in photos] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert photos[0].path.parent == tmp_path / "images"
    first = photos[0]
    assert first.visible.sum(axis=1).tolist() == [3, 1]
    np.testing.assert_array_equal(first.keypoints[0, MPII_16.index("right_ankle")], [4, 89])
    np.testing.assert_array_equal(first.keypoints[1, MPII_16.index("thorax")], [50, 40])
    # Of one person nothing but size and place is known, of another only the head.
    np.testing.assert_array_equal(first.ignore, [[75, 35, 125, 85]])
    np.testing.assert_array_equal(photos[2].ignore, [[10, 11, 20, 31]])
    assert photos[3].keypoints.shape == (0, 16, 2)
    assert not any(photo.bystanders for photo in photos)


def test_faces_are_not_known(tmp_path: Path) -> None:
    photo = read_folder(write(tmp_path), OPENPOSE_COCO_18)[0]
    unknown = {joint for joint, known in zip(OPENPOSE_COCO_18.joints, photo.known, strict=True) if not known}
    assert unknown == {"nose", "left_eye", "right_eye", "left_ear", "right_ear"}
    # The neck is the upper neck, unless that is skipped: then the thorax, and without it the middle of the shoulders.
    neck = OPENPOSE_COCO_18.index("neck")
    assert not photo.visible[:, neck].any()
    thorax = read_folder(tmp_path, OPENPOSE_COCO_18, skip_joints=("upper_neck",))[0]
    np.testing.assert_array_equal(thorax.keypoints[1, neck], [50, 40])
    middle = read_folder(tmp_path, OPENPOSE_COCO_18, skip_joints=("upper_neck", "thorax"))[0]
    np.testing.assert_array_equal(middle.keypoints[0, neck], [15, 30])


def entry(image: str, shift: float = 0.0, seen: int = 16) -> dict[str, Any]:
    joints = [[k + 1 + shift, 2 * k + 1 + shift] for k in range(16)]
    return {"image": image, "joints": joints, "joints_vis": [int(k < seen) for k in range(16)], "scale": 1.0}


def test_reads_the_json_form(tmp_path: Path) -> None:
    people = [entry("b.jpg"), entry("a.jpg", 5.0, seen=4), entry("b.jpg", 50.0)]
    (tmp_path / "annot").mkdir()
    (tmp_path / "annot" / "train.json").write_text(json.dumps(people))
    photos = read_folder(tmp_path, MPII_16, labels="annot/train.json", images="photos")
    assert [photo.path for photo in photos] == [tmp_path / "photos" / "b.jpg", tmp_path / "photos" / "a.jpg"]
    assert [photo.visible.sum(axis=1).tolist() for photo in photos] == [[16, 16], [4]]
    np.testing.assert_array_equal(photos[0].keypoints[1, 3], [53, 56])
    assert photos[1].known.all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "Expecting value"),
        ('[{"image": "a.jpg"}]', "KeyError.*joints"),
        ('[{"image": "a.jpg", "joints": [[1, 2]], "joints_vis": [1]}]', r"person 0 has joints of shape \(1, 2\)"),
        ("[3]", "TypeError"),
    ],
)
def test_says_what_is_wrong_with_the_json(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "train.json").write_text(text)
    with pytest.raises(ValueError, match=rf"MPII's as a list of people but .*train\.json is not: .*{message}"):
        read_folder(tmp_path, COCO_17, labels="train.json")


def test_a_place_that_is_no_number_is_named(tmp_path: Path) -> None:
    people = [entry("a.jpg"), entry("b.jpg", float("nan"))]
    (tmp_path / "train.json").write_text(json.dumps(people))
    with pytest.raises(ValueError, match=r"in .*train\.json those of b\.jpg are wrong: keypoints must be finite"):
        read_folder(tmp_path, COCO_17, labels="train.json")


@pytest.mark.parametrize(
    "release",
    [
        {"annolist": array({"image": {"name": "a.jpg"}, "annorect": np.zeros((0, 0))})},
        {"annolist": array({"image": 3, "annorect": np.zeros((0, 0))}), "img_train": np.ones(1)},
        {"annolist": array({"image": {"name": "a.jpg"}, "annorect": np.zeros((0, 0))}), "img_train": np.ones(7)},
        np.zeros(3),
    ],
    ids=["no img_train", "no name", "other lengths", "no structure"],
)
def test_says_when_the_mat_file_is_another(tmp_path: Path, release: Any) -> None:
    savemat(tmp_path / FILE, {"RELEASE": release})
    with pytest.raises(ValueError, match=r"labels must be MPII's RELEASE but .*u12_1\.mat is not"):
        read_folder(tmp_path, COCO_17)


def test_files_of_no_known_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"labels must be a file but there is no .*a\.json"):
        read_folder(tmp_path, COCO_17, labels="a.json")
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(ValueError, match=r"labels must be a \.json, \.mat, \.xml or \.yaml file but are .*a\.csv"):
        read_folder(tmp_path, COCO_17, labels="a.csv")
    savemat(tmp_path / "a.mat", {"x": 1.0})
    with pytest.raises(
        ValueError, match=r"MPII's 'RELEASE', LSP's 'joints' or FLIC's 'examples' but .*a\.mat has \['x'\]"
    ):
        read_folder(tmp_path, COCO_17, labels="a.mat")
    (tmp_path / "b.mat").write_bytes(b"\0" * 200)
    with pytest.raises(ValueError, match=r"must be a MATLAB file but .*b\.mat cannot be read"):
        read_folder(tmp_path, COCO_17, labels="b.mat")
