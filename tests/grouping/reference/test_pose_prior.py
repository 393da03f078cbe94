"""The pose prior: the fitted Gaussian and its density."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from bottomup.grouping.pose_prior import pose_prior
from bottomup.grouping.reference.pose_prior import log_density
from bottomup.skeleton import Skeleton
from bottomup.skeletons import CROWDPOSE_14, SKELETONS
from tests.makers.graphs import SQUARE


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS.keys())
def test_every_built_in_skeleton_has_a_prior(skeleton: Skeleton) -> None:
    body = pose_prior(skeleton)
    assert body.known.all()
    assert np.linalg.eigvalsh(body.covariance).min() > 0
    mirrored = body.mean[skeleton.flip_permutation] * [-1, 1]
    np.testing.assert_allclose(mirrored, body.mean, atol=1e-6)  # fitted to mirror images, too


def test_joints_without_a_known_name_have_no_say() -> None:
    assert not pose_prior(SQUARE).known.any()
    assert log_density(pose_prior(SQUARE), np.arange(3), np.zeros((3, 2)), 10.0, 0.5) == 0.0


@pytest.mark.parametrize("joints", [(6, 8), (0, 2, 4), (0, 1, 6, 7, 8, 10, 12, 13)])
def test_the_density_is_the_integral_over_the_height(joints: tuple[int, ...]) -> None:
    body, which = pose_prior(CROWDPOSE_14), np.array(joints)
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
    body, joints = pose_prior(CROWDPOSE_14), np.array([0, 1, 6, 7, 8, 10])
    upright = np.array([[4, 0], [-4, 0], [3, 14], [-3, 14], [3, 26], [3, 38]], float)
    raised = upright.copy()
    raised[5] = 3, -12
    assert log_density(body, joints, upright, 50.0, 0.5) > log_density(body, joints, raised, 50.0, 0.5) + 5
