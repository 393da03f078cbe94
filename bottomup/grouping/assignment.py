"""One Kuhn-Munkres assignment between people and the candidates of one joint type."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup import _C
from bottomup.grouping.links import Edges

Ints = npt.NDArray[np.int64]


def assign(edges: Edges) -> tuple[Ints, Ints]:
    """The one-to-one matching of greatest total weight; nobody has to be matched.

    A person and a candidate that are each other's best are matched outright. What is contested is solved exactly, one
    connected component by itself, so the cost follows the contention and not the crowd. The people and candidates may
    have any numbers; weights are positive.

    Returns the matched people and their candidates.
    """
    people, person = np.unique(edges.person, return_inverse=True)
    order = np.argsort(edges.candidate, kind="stable")
    matched = order[_C.match(person[order], edges.candidate[order], edges.weight[order], len(people))]
    return edges.person[matched], edges.candidate[matched]
