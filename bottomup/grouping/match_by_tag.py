"""The published grouping of associative embeddings, to compare with (`Settings(assignment="tags")`).

As in HigherHRNet's evaluation (Cheng et al., CVPR 2020, lib/core/group.py): joint type by joint type the candidates are
matched with the people so far by how near their tags are to the people's means; then each person is given all joints
that it lacks, wherever in the picture height and tag fit best.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.options import TagMatchOptions
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float32]

# The order in which COCO's joints are matched: face, shoulders, hips, elbows, wrists, knees, ankles.
_COCO_ORDER = (0, 1, 2, 3, 4, 5, 6, 11, 12, 7, 8, 9, 10, 13, 14, 15, 16)
_NEVER = 1e10  # cost of a column that is no person


def matched_people(
    heatmaps: Floats, tags: Floats, skeleton: Skeleton, options: TagMatchOptions
) -> tuple[Floats, Floats]:
    """The people of one image, in the order in which they were opened.

    Parameters
    ----------
    heatmaps:
        (K, h, w).
    tags:
        (K, D, h, w).
    skeleton:
        Names the K joints.
    options:
        See `TagMatchOptions`.

    Returns
    -------
    (P, K, 3) x and y in cells and the heatmap value of each joint, 0 where it is missing, and (P,) the people's scores,
    the mean value over all joints before the missing ones are filled in.
    """
    poses = match_by_tag(heatmaps, tags, skeleton, options)
    scores = poses[:, :, 2].mean(axis=1)
    places = poses[:, :, :3].copy()
    for pose in places:
        for joint in np.flatnonzero(pose[:, 2] > 0):
            column, row = pose[joint, :2].astype(int)
            pose[joint, :2] = _quarter(heatmaps[joint], column, row)
        if options.refine:
            _fill(pose, heatmaps, tags)
    return places, scores


def match_by_tag(heatmaps: Floats, tags: Floats, skeleton: Skeleton, options: TagMatchOptions) -> Floats:
    """(P, K, 3 + D) column, row, heatmap value and tags of the joints of each person, 0 where a joint is missing.

    The cost of a candidate for a person is 100 times the rounded distance of its tag from the mean of the person's,
    less its height. People are keyed by the first value of the tag that opened them, so that one may be overwritten.
    """
    joints, depth = tags.shape[:2]
    order = _COCO_ORDER if joints == len(_COCO_ORDER) else range(joints)
    people: dict[float, Floats] = {}
    members: dict[float, list[Floats]] = {}
    for joint in order:
        found = _candidates(heatmaps[joint], tags[joint], options)
        if not len(found):
            continue
        keys = list(people)[: options.max_people]
        joined = _join(found, np.array([np.mean(members[key], axis=0) for key in keys]), options)
        for candidate, person in zip(found, joined, strict=True):
            if person >= 0:
                members[keys[person]].append(candidate[3:])
                people[keys[person]][joint] = candidate
            else:
                key = float(candidate[3])
                people.setdefault(key, np.zeros((joints, 3 + depth), np.float32))[joint] = candidate
                members[key] = [candidate[3:]]
    return np.array(list(people.values()), np.float32).reshape(-1, joints, 3 + depth)


def _candidates(heatmap: Floats, tags: Floats, options: TagMatchOptions) -> Floats:
    """(n, 3 + D) column, row, height and tags of the highest cells of their surroundings, highest first."""
    from scipy.ndimage import maximum_filter  # takes longer to import than most pictures take

    around = maximum_filter(heatmap, options.nms_kernel, mode="constant", cval=-np.inf)
    rows, columns = np.nonzero((heatmap == around) & (heatmap > options.detection_threshold))
    heights = heatmap[rows, columns]
    best = np.argsort(-heights, kind="stable")[: options.max_people]
    rows, columns = rows[best], columns[best]
    return np.column_stack([columns, rows, heights[best], tags[:, rows, columns].T]).astype(np.float32)


def _join(found: Floats, means: Floats, options: TagMatchOptions) -> list[int]:
    """The person that each candidate joins, -1 where it opens one."""
    from scipy.optimize import linear_sum_assignment  # slow to import

    if not len(means):
        return [-1] * len(found)
    distances = np.linalg.norm(found[:, None, 3:] - means[None], axis=2)
    costs = np.round(distances) * 100 - found[:, 2:3]
    costs = np.pad(costs, ((0, 0), (0, max(len(found) - len(means), 0))), constant_values=_NEVER)
    _, columns = linear_sum_assignment(costs)  # no fewer columns than rows, so that each row has one
    is_near = [c < len(means) and distances[row, c] < options.tag_threshold for row, c in enumerate(columns)]
    return [int(column) if near else -1 for column, near in zip(columns, is_near, strict=True)]


def _quarter(heatmap: Floats, column: int, row: int) -> tuple[float, float]:
    """Position a quarter of a cell towards the higher one of the neighbours along each axis, x and y."""
    last_row, last_column = heatmap.shape[0] - 1, heatmap.shape[1] - 1
    right, left = heatmap[row, min(column + 1, last_column)], heatmap[row, max(column - 1, 0)]
    below, above = heatmap[min(row + 1, last_row), column], heatmap[max(row - 1, 0), column]
    return column + (0.25 if right > left else -0.25), row + (0.25 if below > above else -0.25)


def _fill(pose: Floats, heatmaps: Floats, tags: Floats) -> None:
    """Give a person (K, 3) the joints that it lacks: of each the cell where height less rounded distance of the tag
    from the person's mean is greatest, if the heatmap is above 0 there."""
    held = np.flatnonzero(pose[:, 2] > 0)
    columns, rows = (pose[held, :2] + 0.5).astype(int).T  # the cells from which the joints were moved by a quarter
    mean = tags[held, :, rows, columns].mean(axis=0)
    for joint in np.flatnonzero(pose[:, 2] == 0):
        distance = np.sqrt(np.square(tags[joint] - mean[:, None, None]).sum(axis=0))
        row, column = np.unravel_index(int((heatmaps[joint] - np.round(distance)).argmax()), heatmaps.shape[1:])
        height = heatmaps[joint, row, column]
        if height > 0:
            pose[joint] = *_quarter(heatmaps[joint], int(column), int(row)), height
