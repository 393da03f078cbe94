"""Fitting the pose prior to labelled people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bottomup.grouping import fit_pose_prior
from bottomup.grouping.pose_prior import FILE, JOINTS
from bottomup.skeletons import CROWDPOSE_14


def test_missing_values_are_made_up_for() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 3)) * 0.5 + np.eye(3)
    samples = rng.normal(size=(40_000, 3)) @ root.T + [1, 2, 3]
    samples[rng.random(samples.shape) < 0.2] = np.nan
    samples = samples[np.isfinite(samples).any(axis=1)]
    mean, covariance = fit_pose_prior.fit_gaussian(samples)
    np.testing.assert_allclose(mean, [1, 2, 3], atol=0.05)
    np.testing.assert_allclose(covariance, root @ root.T, atol=0.08)


def labels_file(path: Path, names: tuple[str, ...], poses: np.ndarray) -> Path:
    people = [
        {"keypoints": np.column_stack([pose, np.full(len(names), 2)]).ravel().tolist(), "image_id": 1} for pose in poses
    ]
    people.append(people[0] | {"iscrowd": 1})
    images = [{"id": 1, "file_name": "1.jpg"}]
    path.write_text(json.dumps({"categories": [{"keypoints": list(names)}], "annotations": people, "images": images}))
    return path


def test_the_command_fits_labels_in_cocos_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(FILE) as fitted:
        mean, covariance = fitted["mean"], fitted["covariance"]
    poses = np.random.default_rng(0).multivariate_normal(mean.ravel(), covariance, 500).reshape(-1, len(JOINTS), 2)
    file, out = labels_file(tmp_path / "labels.json", JOINTS, 100 + 80 * poses), tmp_path / "body.npz"
    fit_pose_prior.main([str(file), "--out", str(out)])
    assert f"500 people of {file}" in capsys.readouterr().out
    with np.load(out) as found:
        # Heights are measured by the longest limbs, which makes these somewhat taller than they were drawn.
        ratio = found["covariance"].trace() / covariance.trace()
        assert 0.4 < ratio < 1
        correlation = np.corrcoef(found["covariance"].ravel(), covariance.ravel())[0, 1]
        assert found["mean"].shape == mean.shape
    assert correlation > 0.97


def test_labels_that_cannot_be_fitted(tmp_path: Path) -> None:
    file = labels_file(tmp_path / "arms.json", CROWDPOSE_14.joints, np.random.default_rng(0).normal(size=(9, 14, 2)))
    with pytest.raises(ValueError, match=r"nowhere show \['nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear'\]"):
        fit_pose_prior.main([str(file), "--out", str(tmp_path / "body.npz")])
    (tmp_path / "none.json").write_text(json.dumps({"categories": [], "annotations": [], "images": []}))
    with pytest.raises(ValueError, match="one category with keypoints is expected but it has 0"):
        fit_pose_prior.read_poses(tmp_path / "none.json")
