"""Whose joint it is, where the crops of several people show the same ones (CrowdPose's association).

Li et al., "CrowdPose: Efficient Crowded Scenes Pose Estimation and A New Benchmark", CVPR 2019, sec. 3.3 and 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bottomup.crop_geometry import to_picture
from bottomup.grouping.assignment import solve_assignment
from bottomup.grouping.edges import Edges
from bottomup.kernels import find_peaks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TOKEN_SCORE = 0.1
"""Of a joint that its crop shows best but that serves another person: it stays where the crop shows it."""
MAX_SHARED = 0.8
"""Of two boxes that claim more than this share of their joints alike, the better one stays."""
# A joint lies in its person's box, mostly: what a crop shows beyond it counts by so much, which decides between two
# people whose crops show each other's joints alike.
_BEYOND_BOX = 0.8
_FEWEST = 3  # joints; who shares one joint of one is no second box of a person
_CLAIM = 0.75  # of a node's highest response: a crop that shows it lower shows another person's


@dataclass(frozen=True)
class _Candidates:
    """The joint candidates of all crops: (n,) each, sorted by crop, joint and falling score.

    xy: (n, 2) pixels of the picture. reach: pixels; two of different crops no further apart than the smaller of theirs
    may be one joint. weight: the score, less where the candidate lies beyond its person's box.
    """

    crop: Ints
    joint: Ints
    xy: Floats
    score: Floats
    weight: Floats
    reach: Floats


def share_joints(
    maps: npt.NDArray[np.float32],
    views: Floats,
    boxes: Floats,
    sigmas: npt.ArrayLike,
    stride: int,
    *,
    corner_cells: bool = False,
    token: float = TOKEN_SCORE,
    max_shared: float = MAX_SHARED,
) -> tuple[Floats, Floats, Floats]:
    """Give the joint candidates of all crops to the people whom the crops are around.

    1. Candidates of different crops that lie together are one joint node: the nearest pairs first, as far apart as an
       OKS of exp(-1/8) with the smaller of both people allows, sigma_k sqrt(w h).
    2. Each box by itself claims the highest candidates of its crop, unless another crop shows their node clearly
       higher. Two boxes are of one person if more than `max_shared` of what both claim, weighted by OKS, are the same
       nodes; the better one stays. This tells two people in one place apart, whom the OKS of their poses does not:
       each crop shows both, one of them lower.
    3. A person and a node are connected if the person claims it or its crop shows none higher, with the response as
       weight. Each joint type is one optimal assignment, in which a person takes at most one node and a node serves at
       most one person; or a person keeps what its own crop shows highest, beside the one whom the node serves. That
       weighs a token, as the crop's word is better than none and OKS asks for every joint; and more the further the
       other crop's place is away within the reach, as these may be two joints.

    Parameters
    ----------
    maps:
        (N, K, h, w) heatmaps of the crops.
    views:
        (N, 3, 3) from pixels of the picture to those of each crop.
    boxes:
        (N, 4) xyxy in pixels of the picture.
    sigmas:
        (K,) of OKS.
    stride:
        Pixels of a crop per cell.
    corner_cells:
        See `crop_view`.
    token:
        The score of a joint that another person's crop shows better.
    max_shared:
        0..1; at 1 all boxes stay.

    Returns
    -------
    (N, K, 2) places in pixels of the picture, (N, K) scores, 0 where no candidate is and for redundant boxes, and (N,)
    scores of the people: the mean of how high their own crops show their joints, contested ones included.
    """
    crops, joints = maps.shape[:2]
    found = _find_candidates(maps, views, boxes, np.asarray(sigmas, np.float64), stride, corner_cells)
    xy, scores, shown = np.full((crops, joints, 2), np.nan), np.zeros((crops, joints)), np.zeros((crops, joints))
    if not len(found.crop):
        return xy, scores, np.zeros(crops)
    node = _nodes_by_type(found, joints)
    best = _highest(found, crops, joints)
    claimed = _is_claimed(found, node)
    best_node = np.where(claimed[best] & (best >= 0), node[best], -1)
    kept = distinct_boxes(found.xy[best], best_node, _means(found, best), boxes, sigmas, max_shared)
    stays = np.zeros(crops, bool)
    stays[kept] = True
    connected = claimed & stays[found.crop]
    connected[best[kept][best[kept] >= 0]] = True
    for k in range(joints):
        of_type = np.flatnonzero((found.joint == k) & connected)
        own = best[stays & (best[:, k] >= 0), k]
        own_weight = np.maximum(_distinct_shares(found, node, own, of_type) * found.score[own], token)
        own, own_weight = own[own_weight > 0], own_weight[own_weight > 0]  # with a token of 0 the losers have none
        chosen, is_own = _assign(found, node, of_type, own, own_weight)
        person = found.crop[chosen]
        xy[person, k], shown[person, k] = found.xy[chosen], found.score[chosen]
        scores[person, k] = found.score[chosen]
        kept_own = is_own >= 0
        scores[person[kept_own], k] = np.minimum(found.score[chosen[kept_own]], own_weight[is_own[kept_own]])
    return xy, scores, shown.mean(axis=1)


def _assign(found: _Candidates, node: Ints, of_type: Ints, own: Ints, own_weight: Floats) -> tuple[Ints, Ints]:
    """The candidate of one joint type that each person takes, and its place in `own` where that is kept beside the
    person whom its node serves, else -1.

    of_type: candidates that are connected with their nodes. own: (m,) the best of each person. own_weight: (m,) what it
    weighs to keep it.
    """
    everyone = np.concatenate([of_type, own])
    first = len(found.crop)  # nodes from here on are a person's alone
    ends = np.concatenate([node[of_type], first + np.arange(len(own))])
    weights = np.concatenate([found.weight[of_type], own_weight])
    by_edge = {(int(found.crop[n]), int(end)): int(n) for n, end in zip(everyone, ends, strict=True)}
    person, chosen = solve_assignment(Edges(found.crop[everyone], ends, weights))
    taken = np.array([by_edge[int(i), int(n)] for i, n in zip(person, chosen, strict=True)], np.int64)
    return taken, np.where(chosen >= first, chosen - first, -1)


def _distinct_shares(found: _Candidates, node: Ints, own: Ints, of_type: Ints) -> Floats:
    """(m,) how far candidates are from the nearest one of their node that another crop connects, in reaches: 0 to 1.

    A candidate without others in its node is not asked to give it up: 0.
    """
    shares = np.zeros(len(own))
    for n, one in enumerate(own):
        others = of_type[(node[of_type] == node[one]) & (found.crop[of_type] != found.crop[one])]
        if len(others):
            apart = np.hypot(*(found.xy[others] - found.xy[one]).T) / np.minimum(found.reach[others], found.reach[one])
            shares[n] = min(float(apart.min()), 1.0)
    return shares


def _find_candidates(
    maps: npt.NDArray[np.float32], views: Floats, boxes: Floats, sigmas: Floats, stride: int, corner_cells: bool
) -> _Candidates:
    crops, joints = maps.shape[:2]
    peaks = find_peaks(maps)
    crop, joint = np.divmod(np.repeat(np.arange(crops * joints), np.diff(peaks.offsets)), joints)
    xy = to_picture(peaks.xy[:, None].astype(np.float64), views[crop], stride, corner_cells=corner_cells)[:, 0]
    score = peaks.scores.astype(np.float64)
    inside = ((xy >= boxes[crop, :2]) & (xy <= boxes[crop, 2:])).all(axis=1)
    reach = sigmas[joint] * np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))[crop]
    return _Candidates(crop, joint, xy, score, score * np.where(inside, 1.0, _BEYOND_BOX), reach)


def _nodes_by_type(found: _Candidates, joints: int) -> Ints:
    """(n,) the node of each candidate; nodes of different joint types have different numbers."""
    node = np.arange(len(found.crop))
    for k in range(joints):
        of_type = np.flatnonzero(found.joint == k)
        node[of_type] = of_type[joint_nodes(found.xy[of_type], found.reach[of_type], found.crop[of_type])]
    return node


def joint_nodes(places: Floats, reach: Floats, crop: Ints) -> Ints:
    """The joint node of each of n candidates of one type: those of different crops that lie together.

    places:
        (n, 2) pixels.
    reach:
        (n,) pixels; two candidates may be one joint if they are no further apart than the smaller of theirs.
    crop:
        (n,) the crop that shows each. A node holds at most one of a crop.

    Returns (n,) the index of a candidate of the node, the same for all of it.
    """
    node = np.arange(len(places))
    if len(places) < 2:
        return node
    from scipy.spatial import cKDTree  # takes longer to import than most pictures take

    pairs = cKDTree(places).query_pairs(float(reach.max()), output_type="ndarray")
    apart = np.hypot(*(places[pairs[:, 0]] - places[pairs[:, 1]]).T)
    near = (apart <= np.minimum(reach[pairs[:, 0]], reach[pairs[:, 1]])) & (crop[pairs[:, 0]] != crop[pairs[:, 1]])
    members = {n: [n] for n in range(len(places))}
    for a, b in pairs[near][np.argsort(apart[near], kind="stable")]:
        one, other = int(node[a]), int(node[b])
        if one != other and not {int(crop[n]) for n in members[one]} & {int(crop[n]) for n in members[other]}:
            members[one] += members.pop(other)
            node[members[one]] = one
    return node


def _highest(found: _Candidates, crops: int, joints: int) -> Ints:
    """(N, K) the highest candidate of each joint in each crop, -1 for none."""
    best = np.full((crops, joints), -1)
    cells, first = np.unique(found.crop * joints + found.joint, return_index=True)
    best.reshape(-1)[cells] = first
    return best


def _is_claimed(found: _Candidates, node: Ints) -> npt.NDArray[np.bool_]:
    """(n,) whether a crop shows a node nearly as high as the crop that shows it highest: it may be its person's."""
    highest = np.zeros(len(node))
    np.maximum.at(highest, node, found.score)
    return np.asarray(found.score >= _CLAIM * highest[node])


def _means(found: _Candidates, best: Ints) -> Floats:
    """(N,) the mean score of each box by itself."""
    return np.asarray(np.where(best < 0, 0.0, found.score[best]).mean(axis=1))


def distinct_boxes(
    places: Floats, node: Ints, scores: Floats, boxes: Floats, sigmas: npt.ArrayLike, limit: float
) -> Ints:
    """The boxes that are of a person of their own, rising.

    places: (N, K, 2) pixels of the joints of each box by itself. node: (N, K) of them, -1 for none. scores: (N,).
    limit: see `max_shared` of `share_joints`.
    """
    if limit >= 1:
        return np.arange(len(boxes))
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    variances = (2 * np.asarray(sigmas, np.float64)) ** 2
    left, kept = np.ones(len(boxes), bool), []
    for best in np.argsort(-scores, kind="stable"):
        if not left[best]:
            continue
        kept.append(int(best))
        left[best] = False
        others = np.flatnonzero(left)
        both = (node[others] >= 0) & (node[best] >= 0)
        same = both & (node[others] == node[best])
        squared = ((places[others] - places[best]) ** 2).sum(axis=2)
        area = np.maximum(0.53 * (areas[others] + areas[best]) / 2, 1.0)[:, None]
        alike = np.where(same, np.exp(-squared / (2 * variances * area)), 0.0).sum(axis=1)
        left[others] = alike <= limit * np.maximum(both.sum(axis=1), _FEWEST)
    return np.array(sorted(kept), np.int64)
