"""Joint nodes: candidates of one joint that several maps show (scales, the mirrored picture) become one.

Li et al., CVPR 2019 (CrowdPose), sec. 3.3, "joint node building": two candidates of type k are one joint if
|p1 - p2| <= min(u1, u2) delta_k, with u the spatial extent of a peak. Averaging heatmaps instead flattens every peak
that the maps show at slightly different places, and drowns those that one map alone shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bottomup.kernels import Candidates
from bottomup.skeleton import Skeleton

if TYPE_CHECKING:
    from bottomup.settings import Settings

Floats = npt.NDArray[np.float64]


@dataclass
class _Node:
    """A joint in the making: what belongs to it so far, places weighted by scores."""

    maps: set[int]
    total: float  # of the scores
    weighted: Floats  # (3,) of x, y, extent

    @property
    def place(self) -> Floats:
        """(3,) x, y, extent."""
        mean: Floats = self.weighted / self.total
        return mean


def merge_candidates(maps: Sequence[Candidates], skeleton: Skeleton, settings: Settings) -> Candidates:
    """One set of candidates from those of several maps of one image.

    The highest candidates come first; each joins the nearest joint within the merge radius that has none from the
    same map yet, or is a new joint. The radius is the smaller extent of the two times delta_k, which is
    `merge_distance` times
    the joint's OKS sigma as a share of the skeleton's mean: what annotators place less precisely, so do networks. A
    joint lies at the mean of its candidates, weighted by their scores. Its score is their mean, times the square root
    of the share of the maps that show it: half of them are worth 0.7 of all.

    Parameters
    ----------
    maps:
        Candidates of one image from each map, `xy` and `extents` all in cells of one grid.
    skeleton:
        What the joints are.
    settings:
        For `merge_distance`, and `peak_threshold`, which the joints' scores have to reach as well.

    Returns
    -------
    Candidates of one image, sorted as those of `find_peaks`.

    Raises
    ------
    ValueError
        If there is no map, or one is not of one image and of the skeleton's joints.
    """
    if not maps:
        raise ValueError("maps must hold at least one set of candidates but is empty")
    for number, one in enumerate(maps):
        if (one.batch, one.joints) != (1, skeleton.num_joints):
            raise ValueError(
                f"maps must be of one image and {skeleton.num_joints} joints but map {number} is of {one.batch} "
                f"and {one.joints}"
            )
    sigmas = np.array(skeleton.sigmas)
    radius = settings.merge_distance * sigmas / sigmas.mean()
    offsets, rows = [0], []
    for joint in range(skeleton.num_joints):
        nodes = _merge_type(maps, joint, float(radius[joint]))
        scored = [(node.total / np.sqrt(len(node.maps) * len(maps)), *node.place) for node in nodes]
        rows += sorted((row for row in scored if row[0] >= settings.peak_threshold), key=lambda row: -row[0])
        offsets.append(len(rows))
    table = np.array(rows, np.float32).reshape(-1, 4)
    scores, xy, extents = table[:, 0].copy(), table[:, 1:3].copy(), table[:, 3].copy()
    return Candidates(1, skeleton.num_joints, np.array(offsets, np.int64), xy, scores, extents)


def _merge_type(maps: Sequence[Candidates], joint: int, merge_radius: float) -> list[_Node]:
    spans = [slice(int(one.offsets[joint]), int(one.offsets[joint + 1])) for one in maps]
    places = np.concatenate(
        [np.column_stack([one.xy[span], one.extents[span]]) for one, span in zip(maps, spans, strict=True)]
    ).astype(np.float64)
    scores = np.concatenate([one.scores[span] for one, span in zip(maps, spans, strict=True)]).astype(np.float64)
    source = np.repeat(np.arange(len(maps)), [span.stop - span.start for span in spans])
    nodes: list[_Node] = []
    where = np.zeros((len(scores), 3))  # of the nodes: x, y, extent
    for n in np.argsort(-scores, kind="stable"):
        number = int(source[n])
        apart = np.hypot(*(where[: len(nodes), :2] - places[n, :2]).T)
        near = np.flatnonzero(apart <= np.minimum(where[: len(nodes), 2], places[n, 2]) * merge_radius)
        free = [int(one) for one in near[np.argsort(apart[near], kind="stable")] if number not in nodes[one].maps]
        if not free:
            nodes.append(_Node({number}, float(scores[n]), scores[n] * places[n]))
            where[len(nodes) - 1] = places[n]
            continue
        node = nodes[free[0]]
        node.maps.add(number)
        node.total += float(scores[n])
        node.weighted = node.weighted + scores[n] * places[n]
        where[free[0]] = node.place
    return nodes
