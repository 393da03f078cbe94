"""Which joints a file of labels has, as a skeleton."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bottomup.skeleton import DEFAULT_SIGMA, Skeleton
from bottomup.skeletons import SKELETONS


def category_skeleton(category: Mapping[str, Any]) -> Skeleton:
    """The skeleton of a COCO category: `keypoints` are its joints, `skeleton` its limbs, pairs counted from 1.

    A built-in skeleton if one has exactly these joints (its limbs and sigmas are better than any default). Otherwise
    sigmas are the category's `sigmas` or `DEFAULT_SIGMA`, and a limb that is listed twice or joins a joint to itself
    is left out.

    Raises ValueError that names what is wrong.
    """
    joints = tuple(str(joint) for joint in category.get("keypoints") or ())
    if not joints:
        raise ValueError(f"category must have keypoints but {category.get('name')!r} has none")
    for known in SKELETONS.values():
        if known.joints == joints:
            return known
    limbs: dict[frozenset[int], tuple[int, int]] = {}
    for pair in category.get("skeleton") or ():
        a, b = (int(end) - 1 for end in pair)
        if a != b:
            limbs.setdefault(frozenset((a, b)), (a, b))
    sigmas = category.get("sigmas") or (DEFAULT_SIGMA,) * len(joints)
    return Skeleton(str(category.get("name") or "own"), joints, tuple(limbs.values()), tuple(sigmas))


def labels_skeleton(file: str | Path) -> Skeleton:
    """The skeleton of the one category with keypoints in a COCO annotation file.

    Raises FileNotFoundError if there is no such file, ValueError naming it if it is of another kind.
    """
    try:
        categories = json.loads(Path(file).read_text(encoding="utf-8-sig"))["categories"]
        with_joints = [category for category in categories if category.get("keypoints")]
        if len(with_joints) != 1:
            raise ValueError(f"one category with keypoints expected, {len(with_joints)} found")
        return category_skeleton(with_joints[0])
    except FileNotFoundError:
        raise
    except (json.JSONDecodeError, RecursionError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"labels must be annotations in COCO form but {file} is not: {error!r}") from error
