"""Fragments of one person: people who share no joint type and whom limbs join become one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.graph import PersonJointGraph

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def merge_fragments(graph: PersonJointGraph) -> bool:
    """Merge pairs of people, the greatest gain of F first, while F grows. Returns whether anything changed."""
    changed = False
    while True:
        first, second, gain = _gains(graph)
        if not len(gain):
            return changed
        touched = np.zeros(graph.num_people, bool)
        for n in np.argsort(-gain, kind="stable"):
            a, b = int(first[n]), int(second[n])
            if touched[a] or touched[b]:
                continue
            touched[[a, b]] = True
            graph.absorb(a, b)
        graph.compact()
        graph.measure()
        changed = True


def _gains(graph: PersonJointGraph) -> tuple[Ints, Ints, Floats]:
    """Pairs of people that may merge, and how much F grows if they do (only where it grows)."""
    a, b = graph.owner[graph.pairs.own], graph.owner[graph.pairs.other]
    across = (a >= 0) & (b >= 0) & (a != b)
    links = graph.pairs.where(across)
    a, b = a[across], b[across]
    # The larger body decides how long a limb may be: a fragment of few joints does not know its scale.
    gain = graph.limb_gain(links, np.fmax(graph.scales[a], graph.scales[b]))
    low, high = np.minimum(a, b), np.maximum(a, b)
    key, inverse = np.unique(low * graph.num_people + high, return_inverse=True)
    gain = np.bincount(inverse, gain, len(key)).astype(np.float64)
    shown = np.bincount(inverse, minlength=len(key))
    first, second = key // max(graph.num_people, 1), key % max(graph.num_people, 1)
    held = graph.slots >= 0
    limbs = graph.skeleton.limb_array
    expected = (
        (held[first][:, limbs[:, 0]] & held[second][:, limbs[:, 1]])
        | (held[second][:, limbs[:, 0]] & held[first][:, limbs[:, 1]])
    ).sum(axis=1)
    gain += graph.settings.person_cost - graph.settings.missing_limb_cost * (expected - shown)
    keep = ~(held[first] & held[second]).any(axis=1) & (gain > 0)
    return first[keep], second[keep], gain[keep]


def attach_orphans(graph: PersonJointGraph) -> bool:
    """Give small fragments that no limb reaches to the body they fit best. Returns whether anything changed.

    A merger saves the cost of one person and costs as much times the square of the stretch: the distance between
    the two fragments' joints relative to what the host's body allows, where that is tightest. So it pays if no joint
    is farther away than it can be.
    """
    changed = False
    while True:
        held = graph.slots >= 0
        size = held.sum(axis=1)
        bodies = np.flatnonzero((size > 1) & np.isfinite(graph.scales))
        proposals = []
        for orphan in np.flatnonzero((size > 0) & (size <= graph.settings.orphan_joints)):
            host, stretch = _best_host(graph, held, bodies, int(orphan))
            if stretch < 1:
                proposals.append((stretch, int(orphan), host))
        if not proposals:
            return changed
        touched: set[int] = set()
        for _, fragment, host in sorted(proposals):
            if fragment in touched or host in touched:
                continue
            touched |= {fragment, host}
            graph.absorb(host, fragment)
        changed = True


def _best_host(graph: PersonJointGraph, held: npt.NDArray[np.bool_], bodies: Ints, orphan: int) -> tuple[int, float]:
    joints = np.flatnonzero(held[orphan])
    # A limb that the field does not show although both its joints are there speaks against the pair.
    unwanted = np.unique(np.concatenate([joints, *(graph.neighbours[k] for k in joints)]))
    hosts = bodies[~held[np.ix_(bodies, unwanted)].any(axis=1)]
    hosts = hosts[held[hosts].sum(axis=1) > len(joints)]
    if not len(hosts):
        return -1, np.inf
    place = np.where(held[hosts][..., None], graph.xy[graph.slots[hosts]], np.nan)
    apart = np.linalg.norm(place[:, None] - graph.xy[graph.slots[orphan, joints]][None, :, None], axis=-1)
    allowed_length = graph.settings.stretch * graph.scales[hosts, None, None] * graph.reach[joints][None]
    with np.errstate(invalid="ignore", divide="ignore"):
        stretch = np.nan_to_num(apart / allowed_length, nan=-1).reshape(len(hosts), -1).max(axis=1)
    stretch[stretch < 0] = np.inf
    best = int(stretch.argmin())
    return int(hosts[best]), float(stretch[best])
