"""From the kernels' results to the graph of one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C
from bottomup.grouping.graph import PersonJointGraph
from bottomup.kernels.limbs import LimbPairs
from bottomup.kernels.peaks import Candidates
from bottomup.skeleton import Skeleton

if TYPE_CHECKING:
    from bottomup.settings import Settings

Floats = npt.NDArray[np.float64]


def build_graph(
    candidates: Candidates,
    pairs: LimbPairs,
    image: int,
    skeleton: Skeleton,
    settings: Settings,
    typical: float | None = None,
) -> PersonJointGraph:
    """The person-joint graph of one image of a batch, without people.

    An affinity counts 1 if it is as high as is typical of this picture (`typical`, by default what `typical_affinity`
    says), nothing at `neutral_affinity` times that, and
    no more than at `affinity_cap` times that. How high a true limb's affinity comes out differs between networks and
    pictures (blurred fields halve it), but within one picture true limbs resemble each other far more than false ones
    do.

    A limb to a faint joint counts for less, as such joints are often ripples that happen to lie on a limb. Not so to a
    traced joint: it has no response of its own, and its limbs are what shows it.

    Where joints have more than `max_mean_pairs` pairs on each of their limbs on average (traced joints aside), the
    fields are noise, and of each joint's pairs on a limb only the best `max_partners` are kept, so that time grows with
    the joints.
    """
    if typical is None:
        typical = float(typical_affinity(candidates, pairs, skeleton, settings)[image])
    return PersonJointGraph.of_image(image, skeleton, settings, candidates, pairs, typical)


def typical_affinity(candidates: Candidates, pairs: LimbPairs, skeleton: Skeleton, settings: Settings) -> Floats:
    """(B,) the affinity that is typical of the true limbs of each image.

    It is the median over the pairs that are each other's best on their limb, which true ones mostly are, weighted by
    the lesser response of their two joints.
    """
    found = _C.typical_affinities(candidates, pairs, skeleton.num_limbs)
    return np.maximum(found, settings.grouping.min_affinity_scale)
