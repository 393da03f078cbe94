"""Scored candidate pairs and the edges that follow from them, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Links(NamedTuple):
    """Scored candidate pairs seen from one side: (n,) each."""

    own: Ints  # candidate of the type in question
    other: Ints  # candidate at the limb's other end
    limb: Ints
    affinity: Floats
    length: Floats  # in cells

    def where(self, mask: npt.NDArray[np.bool_] | Ints) -> Links:
        """The links at which a mask is true, or at given indices."""
        return Links(self.own[mask], self.other[mask], self.limb[mask], self.affinity[mask], self.length[mask])

    def and_also(self, more: Links) -> Links:
        return Links(
            np.concatenate([self.own, more.own]),
            np.concatenate([self.other, more.other]),
            np.concatenate([self.limb, more.limb]),
            np.concatenate([self.affinity, more.affinity]),
            np.concatenate([self.length, more.length]),
        )


class Edges(NamedTuple):
    """Edges of the person-joint graph for one joint type: (n,) each."""

    person: Ints
    candidate: Ints
    weight: Floats  # change of F if the person takes the candidate
