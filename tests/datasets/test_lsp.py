"""Leeds Sports Pose and its extension: both layouts of joints.mat, and what is wrong with broken ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from bottomup.datasets import read_folder, read_lsp
from bottomup.datasets.lsp import LSP_JOINTS
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18

PHOTOS = 3


def joints() -> np.ndarray:
    """(N, 14, 3), MATLAB's coordinates: joint j of photo n is at (10 n + j + 1, 50 + j + 1)."""
    table = np.zeros((PHOTOS, 14, 3))
    table[..., 0] = 10 * np.arange(PHOTOS)[:, None] + np.arange(14) + 1
    table[..., 1] = 51 + np.arange(14)
    return table


def write(folder: Path, table: np.ndarray, digits: int, suffix: str = ".jpg") -> Path:
    savemat(folder / "joints.mat", {"joints": table})
    (folder / "images").mkdir()
    for number in range(1, PHOTOS + 1):
        cv2.imwrite(str(folder / "images" / f"im{number:0{digits}d}{suffix}"), np.zeros((80, 60, 3), np.uint8))
    return folder


def test_hidden_joints_of_lsp_are_labelled(tmp_path: Path) -> None:
    table = joints()
    table[1, 6, 2] = 1  # hidden, but its place is known
    photos = read_lsp(write(tmp_path, table.transpose(2, 1, 0), 4), COCO_17)
    assert [photo.id for photo in photos] == [1, 2, 3]
    assert [photo.path.name for photo in photos] == ["im0001.jpg", "im0002.jpg", "im0003.jpg"]
    assert all(photo.bystanders and photo.keypoints.shape == (1, 17, 2) for photo in photos)
    assert [photo.visible.sum() for photo in photos] == [12, 12, 12]
    np.testing.assert_array_equal(photos[1].keypoints[0, COCO_17.index("right_ankle")], [10, 50])
    np.testing.assert_array_equal(photos[1].keypoints[0, COCO_17.index("right_wrist")], [16, 56])
    known = {joint for joint, known in zip(COCO_17.joints, photos[0].known, strict=True) if known}
    assert known == {joint for joint in COCO_17.joints if not joint.endswith(("nose", "eye", "ear"))}


def test_joints_that_lspet_does_not_mark_are_not_labelled(tmp_path: Path) -> None:
    table = joints()
    table[..., 2] = 1
    table[0, LSP_JOINTS.index("left_knee")] = -120, -3, 0
    table[2, LSP_JOINTS.index("left_hip")] = -5, 20, 1  # marked, but outside
    photos = read_lsp(write(tmp_path, table.transpose(1, 2, 0), 5, ".png"), OPENPOSE_COCO_18)
    assert photos[2].path.name == "im00003.png"
    assert not photos[0].visible[0, OPENPOSE_COCO_18.index("left_knee")]
    assert not photos[2].visible[0, OPENPOSE_COCO_18.index("left_hip")]
    assert [photo.visible.sum() for photo in photos] == [12, 13, 12]
    # Its own neck, unless that is skipped; then the middle of the shoulders.
    neck, place = OPENPOSE_COCO_18.index("neck"), photos[0].keypoints[0]
    np.testing.assert_array_equal(place[neck], [12, 62])
    skipped = read_lsp(tmp_path, OPENPOSE_COCO_18, skip_joints=("neck", "head_top"))[0].keypoints[0]
    np.testing.assert_array_equal(skipped[neck], [8.5, 58.5])


def test_the_box_holds_all_joints(tmp_path: Path) -> None:
    (photo, *_) = read_lsp(write(tmp_path, joints().transpose(2, 1, 0), 4), COCO_17)
    points = photo.keypoints[0][photo.visible[0]]
    assert (photo.boxes[0, :2] < points.min(0)).all()
    assert (photo.boxes[0, 2:] > points.max(0)).all()
    assert photo.ignore.shape == (0, 4)


def test_a_folder_of_lsp_is_known_by_its_file(tmp_path: Path) -> None:
    photos = read_folder(write(tmp_path, joints().transpose(2, 1, 0), 4), COCO_17)
    assert len(photos) == PHOTOS
    assert all(photo.bystanders for photo in photos)


def test_one_photo_alone(tmp_path: Path) -> None:
    write(tmp_path, joints()[0].T, 4)  # MATLAB leaves a last dimension of 1 out
    assert len(read_lsp(tmp_path, COCO_17)) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"joints": np.zeros((3, 13, 2))}, r"must have shape \(3, 14, N\) or \(14, 3, N\) but .* has \(3, 13, 2\)"),
        ({"joints": "none"}, r"must be numbers but 'joints' in .*joints\.mat"),
        ({"points": np.zeros(3)}, r"must hold the variable 'joints' but .*joints\.mat has \['points'\]"),
    ],
)
def test_says_what_is_wrong_with_the_labels(tmp_path: Path, content: dict[str, object], message: str) -> None:
    savemat(tmp_path / "joints.mat", content)
    with pytest.raises(ValueError, match=message):
        read_lsp(tmp_path, COCO_17)


def test_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_lsp(tmp_path, COCO_17)
    (tmp_path / "joints.mat").write_bytes(b"no file of MATLAB's")
    with pytest.raises(ValueError, match=r"must be a MATLAB file but .*joints\.mat cannot be read"):
        read_lsp(tmp_path, COCO_17)
    write(tmp_path, joints().transpose(2, 1, 0), 4)
    (tmp_path / "images" / "im0002.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"the 3 photos of .*joints\.mat but .*images lacks number 2"):
        read_lsp(tmp_path, COCO_17)
