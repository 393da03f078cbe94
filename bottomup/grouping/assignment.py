"""One Kuhn-Munkres assignment between people and the candidates of one joint type."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bottomup.grouping.graph import Edges

Ints = npt.NDArray[np.int64]


def assign(edges: Edges) -> tuple[Ints, Ints]:
    """The one-to-one matching of greatest total weight; nobody has to be matched.

    A person and a candidate that have no other edge are matched outright. What is contested falls into connected
    components, each solved exactly by itself, so the cost follows the contention and not the crowd.

    Returns the matched people and their candidates.
    """
    if not len(edges.person):
        return edges.person, edges.candidate
    people, person = np.unique(edges.person, return_inverse=True)
    candidates, candidate = np.unique(edges.candidate, return_inverse=True)
    contested = (np.bincount(person)[person] > 1) | (np.bincount(candidate)[candidate] > 1)
    matched_people, matched_candidates = [edges.person[~contested]], [edges.candidate[~contested]]
    if contested.any():
        p, c, w = person[contested], candidate[contested], edges.weight[contested]
        size = len(people) + len(candidates)
        links = coo_array((np.ones(len(p)), (p, len(people) + c)), shape=(size, size))
        label = connected_components(links, directed=False)[1][p]
        for part in np.unique(label):
            rows, row = np.unique(p[label == part], return_inverse=True)
            columns, column = np.unique(c[label == part], return_inverse=True)
            weights = np.zeros((len(rows), len(columns)))
            weights[row, column] = w[label == part]
            i, j = linear_sum_assignment(weights, maximize=True)
            passing = weights[i, j] > 0
            matched_people.append(people[rows[i[passing]]])
            matched_candidates.append(candidates[columns[j[passing]]])
    return np.concatenate(matched_people), np.concatenate(matched_candidates)
