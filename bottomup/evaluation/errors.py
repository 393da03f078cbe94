"""Counts over all photos: missed and invented people, and limbs that join two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bottomup.datasets.photo import PhotoLabels
from bottomup.evaluation.matching import FoundPeople, Match, joint_similarity, match, oks
from bottomup.skeleton import Skeleton

_OWNED = 0.5  # similarity from which a found joint is taken for a person's own; the same bound as for whole people


@dataclass(frozen=True)
class PhotoCount:
    """One photo: how many of `labelled` people were missed, how many of `found` ones are invented (matched by OKS of at
    least 0.5), how many limbs have both ends on joints of labelled people and how many of those on two people's.

    error: 1 - 2 (sum of the matches' OKS) / (labelled + found), from 0 for a perfect photo to 1; found people who
        are taken for ignored ones do not count.
    match: who was matched, for pictures.
    """

    labelled: int
    found: int
    missed: int
    invented: int
    limbs: int
    swapped: int
    error: float
    match: Match


def count_photo(found: FoundPeople, labels: PhotoLabels, skeleton: Skeleton) -> PhotoCount:
    """Compare what was found in one photo with its labels; both in the joints of `skeleton`."""
    sigmas = np.array(skeleton.sigmas)
    similarity = oks(found, labels, sigmas)
    matched = match(similarity, found.scores, labels.ignored)
    hit = np.flatnonzero(matched.holder >= 0)
    labelled, invented = int((~labels.ignored).sum()), int(matched.invented.sum())
    total = labelled + len(hit) + invented
    agreement = float(similarity[matched.holder[hit], hit].sum())
    limbs, swapped = count_swaps(found, labels, skeleton)
    return PhotoCount(
        labelled, len(found.scores), labelled - len(hit), invented, limbs, swapped,
        1 - 2 * agreement / total if total else 0.0, matched,
    )  # fmt: skip


def count_swaps(found: FoundPeople, labels: PhotoLabels, skeleton: Skeleton) -> tuple[int, int]:
    """How many found limbs have both ends on joints of labelled people, and how many of these on two people's.

    A joint is a person's if its similarity is at least 0.5, a radius that scales with the person. One that is several
    people's is left out: joints on one spot cannot be told apart.
    """
    near = joint_similarity(found, labels, np.array(skeleton.sigmas)) >= _OWNED
    owner: npt.NDArray[np.intp] = (
        np.where(near.sum(axis=1) == 1, near.argmax(axis=1), -1)
        if near.shape[1]
        else np.full((near.shape[0], near.shape[2]), -1)
    )
    starts, ends = owner[:, skeleton.limb_array[:, 0]], owner[:, skeleton.limb_array[:, 1]]
    both = (starts >= 0) & (ends >= 0)
    return int(both.sum()), int((both & (starts != ends)).sum())


def summarise(counts: Mapping[int, PhotoCount]) -> dict[str, float | int | None]:
    """The sums over all photos, and the swap rate: the share of limbs that join two people, None without limbs."""
    names = ("labelled", "found", "missed", "invented", "limbs", "swapped")
    total: dict[str, float | int | None] = {
        name: sum(getattr(count, name) for count in counts.values()) for name in names
    }
    total["swap_rate"] = total["swapped"] / total["limbs"] if total["limbs"] else None  # type: ignore[operator]
    return total
