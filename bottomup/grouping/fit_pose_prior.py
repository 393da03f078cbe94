"""Fit the pose prior to labelled people.

    python -m bottomup.grouping.fit_pose_prior FILE.json ... --out FILE.npz

Each file is in COCO's form. People with fewer than eight labelled joints that the model knows are left out. What a
file does not label is learnt from the others; the neck, if there is none, is the middle of the shoulders, as OpenPose
has it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bottomup.datasets import read_labels
from bottomup.grouping.anthropometry import max_limb_lengths
from bottomup.grouping.pose_prior import FILE, JOINTS
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float64]

LEAST_JOINTS = 8
ROUNDS = 10  # of expectation and maximisation; after these the model changes no more
RIDGE = 0.02**2  # added to each variance: no joints are labelled more exactly than 0.02 of their height
_SHORTEST = 0.1  # of the height: the length of a shorter segment, those of the face, tells little about it
_MODEL = Skeleton("model", JOINTS, (), (0.1,) * len(JOINTS))
_TRUNK = [JOINTS.index(name) for name in ("neck", "left_shoulder", "right_shoulder", "left_hip", "right_hip")]
# Segments that tell the height, as `PersonJointGraph.measure` reads it off the limbs of common skeletons.
_SEGMENTS = [
    (JOINTS.index(a.format(side)), JOINTS.index(b.format(side)))
    for a, b in (("neck", "{}_shoulder"), ("{}_shoulder", "{}_elbow"), ("{}_elbow", "{}_wrist"),
                 ("{}_shoulder", "{}_hip"), ("{}_hip", "{}_knee"), ("{}_knee", "{}_ankle"))
    for side in ("left", "right")
] + [(JOINTS.index(a), JOINTS.index(b)) for a, b in (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"),
                                                     ("neck", "head"), ("neck", "nose"))]  # fmt: skip


def read_poses(file: Path) -> Floats:
    """(N, J, 2) places of the model's joints, in pixels, of the people in a file in COCO's form; NaN if not labelled.

    Raises as `read_labels` does.
    """
    labels = read_labels(file)
    people = [photo.keypoints[~photo.crowds] for photo in labels]
    table = np.concatenate([np.zeros((0, labels.skeleton.num_joints, 2)), *people]).astype(np.float32)
    places, _ = labels.skeleton.convert(table, np.isfinite(table[..., 0]), _MODEL)
    return places.astype(np.float64)


def normalise(poses: Floats) -> Floats:
    """(M, J, 2) those of (N, J, 2) poses of which enough is labelled, and their mirror images: around the middle of the
    trunk, in heights of the person."""
    poses = poses[np.isfinite(poses[..., 0]).sum(axis=1) >= LEAST_JOINTS]
    lengths = max_limb_lengths(_MODEL)
    ratios = [np.linalg.norm(poses[:, a] - poses[:, b], axis=1) / lengths[a, b] for a, b in _SEGMENTS]
    longest = -np.sort(-np.nan_to_num(np.stack(ratios, axis=1)), axis=1)
    height = np.where(longest[:, 2] > 0, longest[:, 1], longest[:, 0])
    trunk = np.isfinite(poses[:, _TRUNK, 0])
    poses, height, trunk = (table[(height > 0) & trunk.any(axis=1)] for table in (poses, height, trunk))
    middle = np.nan_to_num(poses[:, _TRUNK]).sum(axis=1) / trunk.sum(axis=1)[:, None]
    upright = (poses - middle[:, None]) / height[:, None, None]
    return np.concatenate([upright, upright[:, _MODEL.flip_permutation] * [-1, 1]])


def fit_gaussian(samples: Floats) -> tuple[Floats, Floats]:
    """Mean (D,) and covariance (D, D) of samples (N, D), NaN where missing: maximum likelihood by EM (Little and Rubin,
    "Statistical Analysis with Missing Data", sec. 11.2), with a ridge."""
    seen = np.isfinite(samples)
    patterns, pattern = np.unique(seen, axis=0, return_inverse=True)
    groups = [samples[pattern == number] for number in range(len(patterns))]
    mean = np.nanmean(samples, axis=0)
    covariance = np.diag(np.nanvar(samples, axis=0)) + RIDGE * np.eye(len(mean))
    for _ in range(ROUNDS):
        total, moment = np.zeros_like(mean), np.zeros_like(covariance)
        for there, group in zip(patterns, groups, strict=True):
            # Missing joints are as expected from those that are there, and as uncertain as that leaves them.
            solved = np.linalg.solve(covariance[np.ix_(there, there)], covariance[np.ix_(there, ~there)])
            filled = group.copy()
            filled[:, ~there] = mean[~there] + (group[:, there] - mean[there]) @ solved
            left = covariance[np.ix_(~there, ~there)] - covariance[np.ix_(~there, there)] @ solved
            total += filled.sum(axis=0)
            moment += filled.T @ filled
            moment[np.ix_(~there, ~there)] += len(group) * left
        mean = total / len(samples)
        covariance = moment / len(samples) - np.outer(mean, mean) + RIDGE * np.eye(len(mean))
        covariance = (covariance + covariance.T) / 2
    return mean, covariance


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit and write; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m bottomup.grouping.fit_pose_prior", description=__doc__)
    parser.add_argument("labels", nargs="+", type=Path, help="annotation files in COCO's form")
    parser.add_argument("--out", type=Path, default=FILE, help="where the model goes; left out, into the package")
    told = parser.parse_args(arguments)
    poses = [normalise(read_poses(file)) for file in told.labels]
    together = np.concatenate(poses)
    nowhere = [name for joint, name in enumerate(JOINTS) if np.isnan(together[:, joint]).all()]
    if nowhere:
        raise ValueError(f"labels must together show all joints of the model but nowhere show {nowhere}")
    mean, covariance = fit_gaussian(together.reshape(-1, 2 * len(JOINTS)))
    np.savez(told.out, mean=mean.reshape(-1, 2).astype(np.float32), covariance=covariance.astype(np.float32))
    for file, some in zip(told.labels, poses, strict=True):
        print(f"{len(some) // 2} people of {file}")
    print(f"written to {told.out}")


if __name__ == "__main__":
    main()
