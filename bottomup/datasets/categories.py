"""What COCO's `categories` say: which annotations are people (or what else has joints), and which joints they have."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bottomup.skeleton import DEFAULT_SIGMA, Skeleton
from bottomup.skeletons import SKELETONS

Sigmas = float | Sequence[float] | Mapping[str, float]
# What tells the left side's joint from the right side's, in the habits of several data sets.
_SIDES = (
    (r"left", "right"),
    (r"Left", "Right"),
    (r"^L(?=[_A-Z])", "R"),
    (r"^l(?=_)", "r"),
    (r"_L$", "_R"),
    (r"_l$", "_r"),
)


@dataclass(frozen=True)
class Category:
    """The kind of thing whose joints are labelled.

    ids: the ids of the categories with these joints, as in the file.
    skeleton: its joints.
    default_sigmas: joints that have `DEFAULT_SIGMA`, since none are given or published.
    notes: what a reader should know.
    """

    ids: tuple[Any, ...]
    skeleton: Skeleton
    default_sigmas: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def choose_category(
    categories: Sequence[Mapping[str, Any]],
    *,
    joints: Skeleton | None = None,
    sigmas: Sigmas | None = None,
    name: str | None = None,
) -> Category:
    """The one category with keypoints, or those that share the same ones.

    Parameters
    ----------
    categories:
        As in a file in COCO form.
    joints:
        The joints that it must have, in this order; None takes any.
    sigmas:
        Of the joints; see `skeleton_from_category`.
    name:
        Of the category, where several have joints.

    Raises ValueError if there is none, or if several have different joints and no name is given.
    """
    found = [one for one in categories if one.get("keypoints")]
    if name is not None:
        found = [one for one in found if str(one.get("name")) == name]
    kinds = {tuple(map(str, one["keypoints"])) for one in found}
    if len(kinds) != 1:
        names = [str(one.get("name")) for one in found]
        which = f" called {name!r}" if name is not None else ""
        raise ValueError(f"one category{which} with keypoints is expected but it has {len(kinds)}: {names}")
    (labelled,) = kinds
    ids = tuple(one.get("id", 1) for one in found)
    if joints is not None:
        if labelled != joints.joints:
            raise ValueError(
                f"the joints of {joints.name} are needed, {list(joints.joints)}, but it has {list(labelled)}"
            )
        return Category(ids, joints)
    notes: tuple[str, ...] = ()
    try:
        skeleton = _known_skeleton(labelled, found[0]) or skeleton_from_category(found[0], sigmas=None)
    except ValueError as error:
        if not found[0].get("skeleton"):
            raise
        without = {**found[0], "skeleton": []}
        skeleton = _known_skeleton(labelled, without) or skeleton_from_category(without)
        notes = (f"The file's own limbs are left out: {error}.",)
    sigmas = sigmas if sigmas is not None else found[0].get("sigmas")
    if sigmas is not None:
        return Category(ids, _with_sigmas(skeleton, sigmas), notes=notes)
    return Category(ids, skeleton, () if set(labelled) <= set(_known_sigmas()) else labelled, notes)


def skeleton_from_category(category: Mapping[str, Any], *, sigmas: Sigmas | None = None) -> Skeleton:
    """The skeleton that a COCO category with `keypoints` and `skeleton` describes.

    Parameters
    ----------
    category:
        `keypoints` are the joints' names; `skeleton` are pairs of their numbers, counted from 1, or from 0 if a 0 is
        among them; `name` becomes the skeleton's name.
    sigmas:
        Per joint, by its name, or one for all. None takes the category's own `sigmas` or, if it has none,
        `DEFAULT_SIGMA`: what is published for people's joints need not hold for others of that name.

    Raises ValueError if the joints' names repeat, a limb's number is no joint's, or sigmas do not fit.
    """
    names = tuple(map(str, category["keypoints"]))
    pairs = [tuple(pair) for pair in category.get("skeleton") or ()]
    first = 0 if any(0 in pair for pair in pairs) else 1
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(end, int) and first <= end < len(names) + first for end in pair):
            raise ValueError(
                f"skeleton must hold pairs of the joints' numbers, {first} to {len(names) - 1 + first}, but has {pair}"
            )
    limbs: dict[frozenset[int], tuple[int, int]] = {}
    for a, b in pairs:
        if a != b:
            limbs.setdefault(frozenset((a, b)), (a - first, b - first))
    skeleton = Skeleton(
        str(category.get("name") or "labels"), names, tuple(limbs.values()),
        (DEFAULT_SIGMA,) * len(names), flip=flip_pairs(names),
    )  # fmt: skip
    sigmas = sigmas if sigmas is not None else category.get("sigmas")
    return skeleton if sigmas is None else _with_sigmas(skeleton, sigmas)


def flip_pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """The joints that trade places in a mirrored picture, by what their names say of left and right."""
    pairs = []
    for number, joint in enumerate(names):
        for left, right in _SIDES:
            other = re.sub(left, right, joint, count=1)
            if other != joint and other in names:
                pairs.append((number, names.index(other)))
                break
    return tuple(pairs)


def _with_sigmas(skeleton: Skeleton, sigmas: Sigmas) -> Skeleton:
    if isinstance(sigmas, Mapping):
        strangers = [name for name in sigmas if name not in skeleton.joints]
        if strangers:
            raise ValueError(f"sigmas must be of joints of {list(skeleton.joints)} but are of {strangers}")
        values = [sigmas.get(name, own) for name, own in zip(skeleton.joints, skeleton.sigmas, strict=True)]
    elif isinstance(sigmas, Iterable):
        values = list(sigmas)
        values = values * skeleton.num_joints if len(values) == 1 else values
    else:
        values = [sigmas] * skeleton.num_joints
    bad = [value for value in values if not (math.isfinite(value) and value > 0)]
    if len(values) != skeleton.num_joints or bad:
        raise ValueError(
            f"sigmas must be one positive number, or one for each of the {skeleton.num_joints} joints, but are {values}"
        )
    return Skeleton(skeleton.name, skeleton.joints, skeleton.limbs, tuple(values), skeleton.flip)


def _known_sigmas() -> dict[str, float]:
    sigmas: dict[str, float] = {}
    for skeleton in SKELETONS.values():
        for name, sigma in zip(skeleton.joints, skeleton.sigmas, strict=True):
            sigmas.setdefault(name, sigma)
    sigmas["head_bottom"] = sigmas["neck"]  # PoseTrack's name
    return sigmas


def _known_skeleton(names: tuple[str, ...], category: Mapping[str, Any]) -> Skeleton | None:
    """The built-in skeleton of these joints, or their sigmas with the category's limbs, if it has any, else with the
    limbs of the built-in skeletons; None if these do not know all the joints."""
    for skeleton in SKELETONS.values():
        if skeleton.joints == names:
            return skeleton
    sigmas = _known_sigmas()
    if not set(names) <= set(sigmas):
        return None
    if category.get("skeleton"):
        return _with_sigmas(skeleton_from_category(category), {name: sigmas[name] for name in names})
    limbs: dict[frozenset[str], tuple[str, str]] = {}
    for skeleton in SKELETONS.values():
        for a, b in skeleton.limbs:
            ends = (skeleton.joints[a], skeleton.joints[b])
            if set(ends) <= set(names):
                limbs.setdefault(frozenset(ends), ends)
    pairs = tuple((names.index(a), names.index(b)) for a, b in limbs.values())
    return Skeleton("labels", names, pairs, tuple(sigmas[name] for name in names))
