"""Person proposals from outside: boxes of any detector, as people next to the bottom-up ones.

In CrowdPose's graph (Li et al., CVPR 2019, sec. 3.3) boxes are the person nodes, each may take candidates inside it,
and a global assignment leaves the redundant ones with nothing. Here people come from the candidates first, so a box has

* a person already, mostly: one assignment between boxes and people, by how well each box fits each person, says which;
* then more of that person: fragments inside this box alone join it where F grows, even if no limb leads to them;
* none, rarely: free candidates inside it become a person if together they are worth one;
* none at all: the box was redundant or wrong, and is forgotten.

No person loses a joint to a box, or goes for want of one. A person that has a box costs nothing in F: it is the
detector that says that it is there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.grouping.edges import Pairs
from bottomup.grouping.graph import PersonJointGraph

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# A second box for one person overlaps the first by more than this (intersection over union): what detectors
# customarily suppress among their own boxes.
_SAME_BOX = 0.5
_FARTHEST = 1e6  # cells; beyond any field, and areas do not overflow
_MARGIN = 1.0  # cells; a joint at a box's edge is inside it, and a peak's place is that uncertain


def check_proposals(proposals: Any, name: str = "proposals") -> Floats:
    """Boxes as (N, 4) float64, or TypeError or ValueError that says what is wrong with them."""
    if hasattr(proposals, "detach"):  # a torch tensor, which gives no array while it may still need its gradient
        proposals = proposals.detach()
    try:
        boxes = np.asarray(proposals, np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be numbers of shape (N, 4) but is a {type(proposals).__name__}") from error
    if boxes.shape == (0,):
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name} must have shape (N, 4) but has {boxes.shape}")
    if not np.isfinite(boxes).all():
        raise ValueError(f"{name} must be finite but row {np.flatnonzero(~np.isfinite(boxes).all(axis=1))[0]} is not")
    wrong = np.flatnonzero((boxes[:, :2] >= boxes[:, 2:]).any(axis=1))
    if len(wrong):
        raise ValueError(f"{name} must be x0, y0, x1, y1 with x0 < x1 and y0 < y1 but has {boxes[wrong[0]].tolist()}")
    return boxes


def check_proposal_lists(proposals: Any, images: int, single: bool) -> list[Floats | None]:
    """Each image's boxes or None, from a list of them for a batch or from None for none at all."""
    if proposals is None:
        return [None] * images
    if not isinstance(proposals, (list, tuple)):
        raise TypeError(f"proposals must be a list, of boxes for each image, but is a {type(proposals).__name__}")
    if len(proposals) != images:
        raise ValueError(f"proposals must hold boxes for each of the {images} images but has {len(proposals)}")
    names = ["proposals"] if single else [f"proposals[{image}]" for image in range(images)]
    return [None if one is None else check_proposals(one, name) for one, name in zip(proposals, names, strict=True)]


def apply_proposals(graph: PersonJointGraph, boxes: Floats) -> Bools:
    """Let boxes have their people, in place.

    Parameters
    ----------
    graph:
        After grouping.
    boxes:
        (N, 4) xyxy, in cells.

    Returns
    -------
    (P,) for each of the graph's people whether a box speaks for it.
    """
    boxes = boxes.clip(-_FARTHEST, _FARTHEST)
    place, low, high = graph.xy[:, None], boxes[:, :2] - _MARGIN, boxes[:, 2:] + _MARGIN
    inside = np.asarray(((place >= low) & (place <= high)).all(axis=2), bool)
    person = match_boxes(graph, boxes, inside)
    _join_fragments(graph, person, inside)
    spoken_for = np.zeros(graph.num_people, bool)
    spoken_for[person[person >= 0]] = True
    taken = person >= 0
    for box in np.flatnonzero(~taken):
        if (overlap(boxes[box], boxes[taken]) > _SAME_BOX).any():
            continue
        if len(found := _best_person(graph, inside[:, box])):
            graph.add_person(found)
            spoken_for = np.append(spoken_for, True)
            taken[box] = True
    graph.measure()
    there = np.asarray((graph.members >= 0).any(axis=1), bool)
    graph.compact()
    mine: Bools = spoken_for[there]
    return mine


def match_boxes(graph: PersonJointGraph, boxes: Floats, inside: Bools) -> Ints:
    """(N,) the person of each box, -1 for none.

    A person fits a box by the responses inside it less those outside, times the overlap of the box with that around
    the person's joints, so that of boxes within each other each finds the person of its size.
    """
    from scipy.optimize import linear_sum_assignment  # takes longer to import than most pictures take

    members, xy = graph.members, graph.xy
    held = members >= 0
    response = np.where(held, graph.scores[members], 0.0)
    within = np.where(held[..., None], inside[members], False)  # (P, K, N)
    fit = (response[..., None] * np.where(within, 1.0, -1.0)).sum(axis=1)
    low = np.where(held[..., None], xy[members], np.inf).min(axis=1, initial=np.inf)
    high = np.where(held[..., None], xy[members], -np.inf).max(axis=1, initial=-np.inf)
    tight = np.concatenate([low, high + 1e-6], axis=1)  # a person of one joint has a box, too
    weights = np.maximum(fit, 0.0) * np.array([overlap(one, boxes) for one in tight]).reshape(fit.shape)
    rows, columns = linear_sum_assignment(weights, maximize=True)
    person = np.full(len(boxes), -1)
    fits = weights[rows, columns] > 0
    person[columns[fits]] = rows[fits]
    return person


def overlap(box: Floats, boxes: Floats) -> Floats:
    """(N,) intersection over union of a box with others."""
    shared = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared
    share: Floats = shared / np.maximum(union, 1e-12)
    return share


def _join_fragments(graph: PersonJointGraph, person: Ints, inside: Bools) -> None:
    """Let people that lie inside one box alone, and have none of their own, join the person of that box if F grows."""
    members = graph.members
    has_box = np.zeros(len(members), bool)
    has_box[person[person >= 0]] = True
    sizes = (members >= 0).sum(axis=1)
    for fragment in sorted(np.flatnonzero(~has_box).tolist(), key=lambda one: -int(sizes[one])):
        joints = np.flatnonzero(members[fragment] >= 0)
        around = np.flatnonzero(inside[members[fragment, joints]].all(axis=0))
        if len(joints) and len(around) == 1 and (target := int(person[around[0]])) >= 0:
            if (members[target, joints] >= 0).any():
                continue
            trial = graph.copy()
            trial.merge_people(target, fragment)
            if trial.objective() > graph.objective():
                graph.merge_people(target, fragment)
                members = graph.members


def _best_person(graph: PersonJointGraph, inside: Bools) -> Ints:
    """The candidates, of the free ones inside, of the person that adds most to F if it costs nothing.

    Empty if no two hang together or if all together are not worth what a person costs elsewhere.
    """
    free = np.flatnonzero(inside & (graph.person_of < 0))
    place = np.full(len(inside), -1)
    place[free] = np.arange(len(free))
    pairs = graph.pairs
    own, other = place[pairs.own], place[pairs.other]
    both = (own >= 0) & (other >= 0)
    if not both.any():
        return free[:0]
    inside_pairs: Pairs = pairs.where(both)._replace(own=own[both], other=other[both])
    options = graph.settings.grouping
    xy, responses = graph.xy[free], graph.responses[free]
    part = PersonJointGraph(
        graph.skeleton, graph.settings, graph.types[free], xy, responses, inside_pairs,
        options=replace(options, person_cost=0.0),
    )  # fmt: skip
    part.optimize()
    members = part.members
    response = np.where(members >= 0, responses[members], 0.0).sum(axis=1)
    large = (members >= 0).sum(axis=1) > 1
    gain = np.where(large & (response > options.person_cost), response, -np.inf)
    if not np.isfinite(gain).any():
        return free[:0]
    best = members[gain.argmax()]
    chosen: Ints = free[best[best >= 0]]
    return chosen
