"""Scored candidate pairs, and the edges of the person-joint graph that follow from them, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bottomup.grouping.options import GroupingOptions

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Pairs(NamedTuple):
    """Scored candidate pairs: (n,) each."""

    own: Ints  # candidate at the joint that the limb leaves; seen from one side, the one in question
    other: Ints  # candidate at the limb's other end
    limb: Ints
    affinity: Floats
    length: Floats  # in cells

    def where(self, mask: Bools | Ints) -> Pairs:
        """The pairs at which a mask is true, or at given indices."""
        return Pairs(self.own[mask], self.other[mask], self.limb[mask], self.affinity[mask], self.length[mask])

    def and_also(self, more: Pairs) -> Pairs:
        """These pairs, then others."""
        return Pairs(
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


def limb_gain(pairs: Pairs, heights: Floats, max_limb_length: Floats, options: GroupingOptions) -> Floats:
    """What pairs add to F when a person of that height has both ends: affinity times length prior, less the cost of a
    missing limb in so far as it is too long to be one of this person's.

    The prior is 1 as long as the limb is no longer than the person's body allows, and falls like a Gaussian beyond;
    whether it can be a limb at all has twice the tolerance. Foreshortening makes limbs shorter, never longer, so short
    ones cost nothing.

    Parameters
    ----------
    pairs:
        n of them.
    heights:
        (n,) of the persons, in cells; NaN if unknown, and then no limb is too long.
    max_limb_length:
        (L,) greatest lengths as shares of the height, NaN if unknown.
    options:
        Tolerance and cost.
    """
    longest = np.maximum(heights * max_limb_length[pairs.limb], 1.0)
    excess = np.nan_to_num(np.maximum(pairs.length / longest - 1.0, 0.0), nan=0.0)
    prior, possible = (np.exp(-0.5 * (excess / (n * options.length_tolerance)) ** 2) for n in (1, 2))
    gain: Floats = pairs.affinity * prior - options.missing_limb_cost * (1 - possible)
    return gain
