"""One Kuhn-Munkres assignment between people and the candidates of one joint type.

Compiled in csrc/grouping/assignment.cpp, where the grouping calls it for each joint type; plain in
`bottomup.grouping.reference.assignment`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C
from bottomup.grouping.edges import Edges

Ints = npt.NDArray[np.int64]


def solve_assignment(edges: Edges) -> tuple[Ints, Ints]:
    """The one-to-one matching of greatest total weight, in which people and candidates may stay unmatched.

    A person and a candidate that are each other's best are matched outright. What is contested is solved exactly, one
    connected component by itself, so the cost follows the contention and not the crowd. The people and candidates may
    have any numbers; weights are positive.

    Returns the matched people and their candidates.
    """
    people, person = np.unique(edges.person, return_inverse=True)
    order = np.argsort(edges.candidate, kind="stable")
    matched = order[_C.solve_assignment(person[order], edges.candidate[order], edges.weight[order], len(people))]
    return edges.person[matched], edges.candidate[matched]
