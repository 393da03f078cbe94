"""One Kuhn-Munkres assignment between people and the candidates of one joint type.

Each contested component is one dense call of SciPy's solver. Compiled in csrc/grouping/assignment.cpp, called by
`bottomup.grouping.assignment`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bottomup.grouping.edges import Edges

Ints = npt.NDArray[np.int64]


def solve_assignment(edges: Edges) -> tuple[Ints, Ints]:
    """The matched people and their candidates; see `bottomup.grouping.assignment.solve_assignment`."""
    if not len(edges.person):
        return edges.person, edges.candidate
    people, person = np.unique(edges.person, return_inverse=True)
    candidates, candidate = np.unique(edges.candidate, return_inverse=True)
    size = len(people) + len(candidates)
    joined = coo_array((np.ones(len(person)), (person, len(people) + candidate)), shape=(size, size))
    label = connected_components(joined, directed=False)[1][person]
    matched_people, matched_candidates = [], []
    for part in np.unique(label):
        rows, row = np.unique(person[label == part], return_inverse=True)
        columns, column = np.unique(candidate[label == part], return_inverse=True)
        weights = np.zeros((len(rows), len(columns)))
        weights[row, column] = edges.weight[label == part]
        i, j = linear_sum_assignment(weights, maximize=True)
        passing = weights[i, j] > 0
        matched_people.append(people[rows[i[passing]]])
        matched_candidates.append(candidates[columns[j[passing]]])
    return np.concatenate(matched_people), np.concatenate(matched_candidates)
