"""How likely some joints are as those of one person, by the pose prior."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from bottomup.grouping.pose_prior import PosePrior

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def log_density(prior: PosePrior, joints: Ints, xy: Floats, height: float, spread: float) -> float:
    """How likely some joints are as those of one person, given where the first of them is.

    Parameters
    ----------
    prior:
        That of the skeleton.
    joints:
        (n,) joint types, each once.
    xy:
        (n, 2) their places, in cells.
    height:
        What is typical of the picture's people, in cells.
    spread:
        Standard deviation of `height` over a person's own height.

    Returns
    -------
    Logarithm of the density per square cell of each joint but the first; 0 for fewer than two joints that the model
    knows.

    Notes
    -----
    The joints relative to the first have z's differences times s. With r those divided by h, mean m, covariance
    C = L L', y = L^-1 r, w = L^-1 m and q = h / s, the density is the integral over q of

        N(q; 1, spread^2) q^(2 (n - 1)) N(q y; w, 1) / (det L h^(2 (n - 1))),

    taken by Laplace's method over log q: its logarithm is (2n - 1) log q - (a q^2 - 2 b q + c) / 2 but for constants.
    """
    keep = prior.known[joints]
    joints, xy = joints[keep], xy[keep]
    others = len(joints) - 1
    if others < 1:
        return 0.0
    axes = (2 * joints[:, None] + np.arange(2)).ravel()
    relative = np.kron(np.column_stack([np.full(others, -1), np.eye(others)]), np.eye(2))
    lower = np.linalg.cholesky(relative @ prior.covariance[np.ix_(axes, axes)] @ relative.T)
    y = solve_triangular(lower, (xy[1:] - xy[0]).ravel() / height, lower=True)
    w = solve_triangular(lower, (prior.mean[joints[1:]] - prior.mean[joints[0]]).ravel(), lower=True)
    own = 1 / spread**2
    a, b, c = y @ y + own, y @ w + own, w @ w + own
    power = 2 * others + 1
    q = (b + math.sqrt(b * b + 4 * a * power)) / (2 * a)
    peak = power * math.log(q) - 0.5 * (a * q * q - 2 * b * q + c) - 0.5 * math.log(a * q * q + power)
    scale = np.log(np.diag(lower)).sum() + others * math.log(2 * math.pi * height**2) + math.log(spread)
    return float(peak - scale)
