"""Whole bodies: the fitted model, its density, and fragments that find their person by it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from bottomup.grouping import fit_pose_prior
from bottomup.grouping.pose_prior import FILE, JOINTS, log_density, whole_body
from bottomup.grouping.reference.graph import PlainGraph
from bottomup.grouping.reference.merge import attach_orphans
from bottomup.skeleton import Skeleton
from bottomup.skeletons import CROWDPOSE_14, SKELETONS
from tests.makers.graphs import ARM_AND_LEG, LOOSE, POINT, SQUARE, check_consistent, deal, make_graph

NAMED = [*SKELETONS.values(), SQUARE, ARM_AND_LEG, POINT, LOOSE]
SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.sampled_from(NAMED), st.sampled_from((1e-6, 1.0, 30.0, 1e6)))
def test_compiled_and_plain_attach_the_same(seed: int, skeleton: Skeleton, odds: float) -> None:
    rng = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(skeleton.num_joints), rng.integers(0, 5, skeleton.num_joints))
    points = [(k, *rng.uniform(0, 60, 2), 1.0) for k in kinds]
    affinities = {
        (limb, int(i), int(j)): 1.0
        for limb, (a, b) in enumerate(skeleton.limbs)
        for i in np.flatnonzero(kinds == a)
        for j in np.flatnonzero(kinds == b)
    }
    graph = make_graph(skeleton, points, affinities, orphan_odds=odds)
    deal(graph, seed)
    group = graph.attach()
    np.testing.assert_array_equal(group, PlainGraph.of(graph).attach())
    assert attach_orphans(graph) == (len(np.unique(group)) < len(group) or not (group == np.arange(len(group))).all())
    check_consistent(graph)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS.keys())
def test_every_built_in_skeleton_has_a_body(skeleton: Skeleton) -> None:
    body = whole_body(skeleton)
    assert body.known.all()
    assert np.linalg.eigvalsh(body.covariance).min() > 0
    mirrored = body.mean[skeleton.flip_permutation] * [-1, 1]
    np.testing.assert_allclose(mirrored, body.mean, atol=1e-6)  # fitted to mirror images, too


def test_joints_without_a_known_name_have_no_say() -> None:
    assert not whole_body(SQUARE).known.any()
    assert log_density(whole_body(SQUARE), np.arange(3), np.zeros((3, 2)), 10.0, 0.5) == 0.0


@pytest.mark.parametrize("joints", [(6, 8), (0, 2, 4), (0, 1, 6, 7, 8, 10, 12, 13)])
def test_the_density_is_the_integral_over_the_height(joints: tuple[int, ...]) -> None:
    body, which = whole_body(CROWDPOSE_14), np.array(joints)
    height, spread = 50.0, 0.3
    axes = (2 * which[:, None] + np.arange(2)).ravel()
    place = np.random.default_rng(0).multivariate_normal(
        body.mean[which].ravel(), body.covariance[np.ix_(axes, axes)]
    ).reshape(-1, 2) * 40.0 + [300, 200]  # fmt: skip
    relative = np.kron(np.column_stack([np.full(len(which) - 1, -1), np.eye(len(which) - 1)]), np.eye(2))
    normal = multivariate_normal(relative @ body.mean[which].ravel(), relative @ body.covariance[np.ix_(axes, axes)]
                                 @ relative.T)  # fmt: skip
    offsets = relative @ place.ravel()

    def density(q: float) -> float:  # q = height / the person's own
        own = height / q
        prior = np.exp(-0.5 * ((q - 1) / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
        return float(normal.pdf(offsets / own) / own ** len(offsets) * prior)

    exact = np.log(quad(density, 1e-3, 10, epsabs=0, limit=200)[0])
    found = log_density(body, which, place, height, spread)
    assert found == pytest.approx(exact, abs=0.1)  # Laplace's method, over a density that is nearly normal
    assert log_density(body, which, place + np.array([70, -30]), height, spread) == pytest.approx(found, abs=1e-9)


def test_a_foot_fits_below_its_knee() -> None:
    body, joints = whole_body(CROWDPOSE_14), np.array([0, 1, 6, 7, 8, 10])
    upright = np.array([[4, 0], [-4, 0], [3, 14], [-3, 14], [3, 26], [3, 38]], float)
    raised = upright.copy()
    raised[5] = 3, -12
    assert log_density(body, joints, upright, 50.0, 0.5) > log_density(body, joints, raised, 50.0, 0.5) + 5


def test_two_people_get_their_own_hands() -> None:
    """Each hand alone is nearer to what the person on the left lacks; together they can only be one each."""
    joints = [CROWDPOSE_14.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "neck")]
    hand = CROWDPOSE_14.index("left_wrist")
    trunk = np.array([[4, 0], [-4, 0], [3, 15], [-3, 15], [0, -1]], float)
    points = [(k, x + dx, y, 1.0) for k, (x, y) in zip(joints, trunk, strict=True) for dx in (0, 20)]
    points += [(hand, 8.0, 14.0, 1.0), (hand, 22.0, 16.0, 1.0)]
    points.sort()
    kinds = np.array([point[0] for point in points])
    affinities = {
        (limb, int(i), int(j)): 1.0
        for limb, (a, b) in enumerate(CROWDPOSE_14.limbs)
        for i in np.flatnonzero(kinds == a)
        for j in np.flatnonzero(kinds == b)
        if abs(points[i][1] - points[j][1]) < 12
    }
    graph = make_graph(CROWDPOSE_14, points, affinities)
    graph.settle()
    assert graph.num_people == 4
    assert attach_orphans(graph)
    graph.compact()
    assert graph.num_people == 2
    for row in graph.slots:
        trunk_x = graph.xy[row[CROWDPOSE_14.index("neck")], 0]
        assert abs(graph.xy[row[hand], 0] - trunk_x) < 10


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
    poses = np.random.default_rng(0).multivariate_normal(mean.ravel(), covariance, 2000).reshape(-1, len(JOINTS), 2)
    file, out = labels_file(tmp_path / "labels.json", JOINTS, 100 + 80 * poses), tmp_path / "body.npz"
    fit_pose_prior.main([str(file), "--out", str(out)])
    assert f"2000 people of {file}" in capsys.readouterr().out
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
