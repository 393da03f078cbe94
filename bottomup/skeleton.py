"""Skeletons: which joints a pose has, which limbs join them, how precisely each joint is labelled.

A `Skeleton` is a frozen value. Every array of joints in the library has its K joints in the order of
`Skeleton.joints`, and every part affinity field has its channels in the order of `Skeleton.limbs`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]

# Of joints of which nothing else is known; COCO's lie between 0.025 (eyes) and 0.107 (hips).
DEFAULT_SIGMA = 0.05

# Joints that several data sets name differently, and joints that are the midpoint of two others.
# OpenPose defines its neck as the midpoint of the shoulders and BODY_25's mid-hip as that of the hips.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "neck": ("upper_neck", "head_bottom", "thorax"),
    "upper_neck": ("neck", "head_bottom"),
    "head_bottom": ("upper_neck", "neck"),
    "thorax": ("neck",),
    "head": ("head_top",),
    "head_top": ("head",),
    "mid_hip": ("pelvis",),
    "pelvis": ("mid_hip",),
}
_MIDPOINTS: Mapping[str, tuple[str, str]] = {
    "neck": ("left_shoulder", "right_shoulder"),
    "thorax": ("left_shoulder", "right_shoulder"),
    "mid_hip": ("left_hip", "right_hip"),
    "pelvis": ("left_hip", "right_hip"),
}


@dataclass(frozen=True)
class Skeleton:
    """A set of joints and the limbs between them.

    Parameters
    ----------
    name:
        What error messages and weight files call it.
    joints:
        K distinct joint names.
    limbs:
        L pairs (from, to) of joint indices; the part affinity field of a limb points from the first
        to the second. Limbs beyond a spanning tree are welcome: they help where a joint is hidden.
    sigmas:
        K per-joint standard deviations of the labels, in units of the square root of the person's
        area, as in COCO's object keypoint similarity (OKS): exp(-d^2 / (2 area (2 sigma)^2)).
    flip:
        Pairs of joints that trade places in a mirrored picture. None pairs `left_x` with `right_x`.

    Raises
    ------
    ValueError
        If a name repeats, a limb points outside the joints or to itself or repeats, a sigma is not
        positive and finite, or a flip pair is no pair.
    TypeError
        If one of these is not a sequence.
    """

    name: str
    joints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]
    flip: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        for argument in ("joints", "limbs", "sigmas", "flip"):
            given = getattr(self, argument)
            if isinstance(given, str) or (not isinstance(given, Iterable) and (argument, given) != ("flip", None)):
                raise TypeError(f"{argument} must be a sequence but is {given!r}")
        joints = tuple(str(joint) for joint in self.joints)
        object.__setattr__(self, "joints", joints)
        object.__setattr__(self, "limbs", _index_pairs("limbs", self.limbs, joints))
        object.__setattr__(self, "sigmas", tuple(float(sigma) for sigma in self.sigmas))
        if not joints:
            raise ValueError("joints must hold at least one name but is empty")
        repeated = sorted({joint for joint in joints if joints.count(joint) > 1})
        if repeated:
            raise ValueError(f"joints must be distinct but {repeated} repeat")
        if len(self.sigmas) != len(joints):
            raise ValueError(f"sigmas must hold one value per joint ({len(joints)}) but has {len(self.sigmas)}")
        for joint, sigma in zip(joints, self.sigmas, strict=True):
            if not (math.isfinite(sigma) and sigma > 0):
                raise ValueError(f"sigmas must be positive and finite but that of {joint!r} is {sigma}")
        undirected = [frozenset(limb) for limb in self.limbs]
        for limb, pair in zip(self.limbs, undirected, strict=True):
            if undirected.count(pair) > 1:
                raise ValueError(f"limbs must be distinct but {limb} repeats")
        flip = _left_right_pairs(joints) if self.flip is None else _index_pairs("flip", self.flip, joints)
        mirrored = [index for pair in flip for index in pair]
        if len(set(mirrored)) != len(mirrored):
            raise ValueError(f"flip must name each joint at most once but is {flip}")
        object.__setattr__(self, "flip", flip)

    @property
    def num_joints(self) -> int:
        return len(self.joints)

    @property
    def num_limbs(self) -> int:
        return len(self.limbs)

    @cached_property
    def limb_array(self) -> npt.NDArray[np.int32]:
        """The limbs as an (L, 2) int32 array."""
        return np.array(self.limbs, np.int32).reshape(-1, 2)

    @cached_property
    def flip_permutation(self) -> npt.NDArray[np.int64]:
        """(K,) index: joint k of a mirrored picture is joint `flip_permutation[k]` of the original."""
        order = np.arange(self.num_joints)
        for a, b in self.flip or ():
            order[[a, b]] = b, a
        return order

    @cached_property
    def paf_flip(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Channels and signs that mirror the part affinity fields: `mirrored[:, :, ::-1][channels] * signs`.

        Returns (2L,) channel indices and (2L, 1, 1) signs. The x component of a mirrored vector changes
        sign; if the mirror image of limb (a, b) is listed as (b', a'), both components change once more.

        Raises ValueError if the mirror image of a limb is not a limb of the skeleton.
        """
        order = self.flip_permutation
        index = {limb: number for number, limb in enumerate(self.limbs)}
        channels, signs = [], []
        for a, b in self.limbs:
            image = (int(order[a]), int(order[b]))
            sign = 1.0
            if image not in index:
                image, sign = image[::-1], -1.0
            if image not in index:
                names = (self.joints[a], self.joints[b])
                raise ValueError(f"skeleton {self.name!r} has limb {names} but not its mirror image, so it cannot flip")
            channels += [2 * index[image], 2 * index[image] + 1]
            signs += [-sign, sign]
        return np.array(channels, np.int64), np.array(signs, np.float32).reshape(-1, 1, 1)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Skeleton:
        """The skeleton that a table of TOML or an object of JSON describes; the inverse of `to_dict`.

        `joints` is needed. `limbs` and `flip` hold pairs of joint names, or of indices from 0. `sigmas` left out are
        `DEFAULT_SIGMA` for every joint, `name` left out is "own".

        Raises ValueError that names what is unknown, missing or wrong.
        """
        known = ("name", "joints", "limbs", "sigmas", "flip")
        if not isinstance(values, Mapping):
            raise TypeError(f"skeleton must be a table with joints but is {values!r}")
        if unknown := sorted(set(values) - set(known)):
            raise ValueError(f"skeleton must hold nothing but {list(known)} but has {unknown}")
        if "joints" not in values:
            raise ValueError(f"skeleton must name its joints but has only {sorted(values)}")
        joints = values["joints"]
        if isinstance(joints, str) or not isinstance(joints, Iterable):
            raise TypeError(f"joints must be a sequence but is {joints!r}")
        joints = tuple(str(joint) for joint in joints)
        sigmas = values.get("sigmas")
        return cls(
            name=str(values.get("name", "own")),
            joints=joints,
            limbs=_named_pairs("limbs", values.get("limbs", ()), joints),
            sigmas=(DEFAULT_SIGMA,) * len(joints) if sigmas is None else sigmas,
            flip=None if values.get("flip") is None else _named_pairs("flip", values["flip"], joints),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and text for JSON or TOML; limbs and flip pairs by joint names."""
        return {
            "name": self.name,
            "joints": list(self.joints),
            "limbs": [[self.joints[a], self.joints[b]] for a, b in self.limbs],
            "sigmas": list(self.sigmas),
            "flip": [[self.joints[a], self.joints[b]] for a, b in self.flip or ()],
        }

    def index(self, joint: str) -> int:
        """The position of a joint; ValueError lists the joints if it has none of that name."""
        if joint not in self.joints:
            raise ValueError(f"joint must be one of {list(self.joints)} but is {joint!r}")
        return self.joints.index(joint)

    def convert(
        self, keypoints: FloatArray, scores: FloatArray, target: Skeleton
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Express poses of this skeleton in another one.

        A joint of the target is the source's joint of the same name, else a synonym of it, else the
        midpoint of two others (the neck of the shoulders, the mid-hip of the hips; its score is the
        lower of theirs), else missing: score 0, coordinates NaN.

        Parameters
        ----------
        keypoints:
            (N, K, 2) coordinates of this skeleton's joints.
        scores:
            (N, K); 0 marks a missing joint.
        target:
            The skeleton to express them in.

        Returns
        -------
        (N, K', 2) float32 and (N, K') float32 for the K' joints of `target`.

        """
        if not isinstance(target, Skeleton):
            raise TypeError(f"target must be a Skeleton but is a {type(target).__name__}")
        keypoints, scores = np.asarray(keypoints), np.asarray(scores)
        if keypoints.shape != (len(keypoints), self.num_joints, 2):
            raise ValueError(f"keypoints must have shape (N, {self.num_joints}, 2) but has {keypoints.shape}")
        if scores.shape != keypoints.shape[:2]:
            raise ValueError(f"scores must have shape {keypoints.shape[:2]} but has {scores.shape}")
        out_xy = np.full((len(keypoints), target.num_joints, 2), np.nan, np.float32)
        out_score = np.zeros((len(keypoints), target.num_joints), np.float32)
        sources = [self._source_of(joint) for joint in target.joints]
        same = [k for k, which in enumerate(sources) if len(which) == 1]
        own = [sources[k][0] for k in same]
        seen = scores[:, own] > 0
        out_xy[:, same] = np.where(seen[..., None], keypoints[:, own], np.nan)
        out_score[:, same] = np.where(seen, scores[:, own], 0)
        for k, which in enumerate(sources):
            if len(which) > 1:
                both = (scores[:, which] > 0).all(axis=1)
                out_xy[both, k] = keypoints[both][:, which].mean(axis=1)
                out_score[both, k] = scores[both][:, which].min(axis=1)
        return out_xy, out_score

    def lacks(self, target: Skeleton) -> tuple[str, ...]:
        """The joints of another skeleton that `convert` always leaves missing, whatever this one's joints are."""
        return tuple(joint for joint in target.joints if not self._source_of(joint))

    def sources(self, joint: str) -> tuple[str, ...]:
        """The joints of this skeleton that `convert` makes a joint of another one from; none if it cannot."""
        return tuple(self.joints[index] for index in self._source_of(joint))

    def _source_of(self, joint: str) -> list[int]:
        """The joints whose midpoint is a joint of another skeleton; none if it cannot be had."""
        same = next((name for name in (joint, *_SYNONYMS.get(joint, ())) if name in self.joints), None)
        ends = [same] if same else list(_MIDPOINTS.get(joint, ()))
        return [self.joints.index(name) for name in ends] if set(ends) <= set(self.joints) else []


def _index_pairs(argument: str, pairs: Iterable[Sequence[int]], joints: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    checked = []
    for pair in pairs:
        ends = pair if isinstance(pair, Sequence | np.ndarray) else ()
        whole = [end for end in ends if isinstance(end, int | np.integer) and not isinstance(end, bool)]
        if len(ends) != 2 or len(whole) != 2:
            raise ValueError(f"{argument} must hold pairs of joint indices but has {pair!r}")
        a, b = int(pair[0]), int(pair[1])
        if not (0 <= a < len(joints) and 0 <= b < len(joints)):
            raise ValueError(f"{argument} must point at joints 0 to {len(joints) - 1} but has {(a, b)}")
        if a == b:
            raise ValueError(f"{argument} must join two different joints but has {(a, b)}")
        checked.append((a, b))
    return tuple(checked)


def _named_pairs(argument: str, pairs: Any, joints: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Pairs of joint names or indices as pairs of indices."""
    if isinstance(pairs, str) or not isinstance(pairs, Iterable):
        raise TypeError(f"{argument} must be a sequence but is {pairs!r}")
    indices = []
    for pair in pairs:
        ends = list(pair) if isinstance(pair, Sequence) and not isinstance(pair, str) else [pair]
        if unknown := [end for end in ends if isinstance(end, str) and end not in joints]:
            raise ValueError(f"{argument} must name joints of {list(joints)} but has {unknown[0]!r}")
        indices.append([joints.index(end) if isinstance(end, str) else end for end in ends])
    return _index_pairs(argument, indices, joints)


def _left_right_pairs(joints: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    pairs = []
    for index, joint in enumerate(joints):
        if joint.startswith("left_"):
            partner = "right_" + joint.removeprefix("left_")
            if partner in joints:
                pairs.append((index, joints.index(partner)))
    return tuple(pairs)
