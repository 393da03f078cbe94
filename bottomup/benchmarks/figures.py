"""Articulated bodies from joint angles: what procedural crowds are made of.

A body stands in a frame of its own, in units of its height: x to its left, y down, z the way it faces. Angles are
drawn at random around a few activities, segments of random proportions are hung on each other, the body turns about
the vertical and a pinhole camera looks at it, so that limbs are foreshortened and the nearer side is the larger one.
The proportions are a table of this module's own and vary from body to body; the decoder knows nothing of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float64]

# Lengths in units of body height, near the means of anthropometric tables (Winter, Biomechanics and Motor Control of
# Human Movement); from one body to another each varies by the spread below.
_LENGTHS: Mapping[str, float] = {
    "spine": 0.29, "neck": 0.07, "head": 0.13, "shoulder": 0.115, "hip": 0.055,
    "upper_arm": 0.172, "forearm": 0.15, "thigh": 0.24, "shank": 0.24, "heel": 0.045, "foot": 0.11,
}  # fmt: skip
_PAIRED = ("shoulder", "upper_arm", "forearm", "hip", "thigh", "shank", "heel", "foot")
_SPREAD = 0.07
# Camera distance in body heights: from across a table to across a square.
_DISTANCES = (2.5, 12.0)
# activity: how often it is seen
_ACTIVITIES: Mapping[str, float] = {"standing": 0.4, "walking": 0.25, "sitting": 0.15, "arms up": 0.1, "bent": 0.1}
# What data sets call the same place.
_SYNONYMS: Mapping[str, str] = {"neck": "thorax", "mid_hip": "pelvis", "head": "head_top"}


def random_bodies(count: int, skeleton: Skeleton, rng: np.random.Generator) -> Floats:
    """(count, K, 2) poses as a camera sees them, in units of body height, the pelvis at the origin, y down.

    Raises ValueError if the skeleton has a joint that a body of this module has not.
    """
    angles = draw_angles(count, rng)
    places = place_joints(angles, draw_lengths(count, rng))
    return project(stack_joints(places, skeleton), *_draw_views(count, rng))


def stack_joints(places: Mapping[str, Floats], skeleton: Skeleton) -> Floats:
    """(count, K, 3) joints of a skeleton, of the places of bodies; ValueError for a joint that bodies do not have."""
    names = [_SYNONYMS.get(joint, joint) for joint in skeleton.joints]
    unknown = [joint for joint, name in zip(skeleton.joints, names, strict=True) if name not in places]
    if unknown:
        known = sorted({*places, *_SYNONYMS})
        raise ValueError(f"skeleton must have joints of {known} but {skeleton.name!r} has {unknown}")
    return np.stack([places[name] for name in names], axis=1)


def draw_lengths(count: int, rng: np.random.Generator) -> dict[str, Floats]:
    """(count, 1) lengths of the segments, in body heights; those that come in pairs begin with left or right."""
    both = [f"{side} {name}" for side in ("left", "right") for name in _PAIRED]
    return {
        name: _LENGTHS[name.split()[-1]] * np.clip(rng.normal(1, _SPREAD, (count, 1)), 0.7, 1.3)
        for name in ("spine", "neck", "head", *both)
    }


def place_joints(angles: Mapping[str, Floats], lengths: Mapping[str, Floats]) -> dict[str, Floats]:
    """(count, 3) of every place of the bodies, in their own frame, from angles (count,) and lengths (count, 1)."""
    up, side = _torso(angles["lean"], angles["tilt"])
    front = np.cross(up, side)
    places = {"pelvis": np.zeros((len(up), 3))}
    places["thorax"] = lengths["spine"] * up
    places["upper_neck"] = places["thorax"] + lengths["neck"] * up
    nod = up + np.tan(angles["nod"])[:, None] * front
    nod /= np.linalg.norm(nod, axis=1, keepdims=True)
    skull = lengths["head"]
    places["head_top"] = places["upper_neck"] + skull * nod
    face = places["upper_neck"] + 0.45 * skull * nod
    ahead = np.cross(nod, side)
    places["nose"] = face + 0.55 * skull * ahead
    for name, sign in (("left", 1.0), ("right", -1.0)):
        places[f"{name}_eye"] = face + skull * (0.15 * nod + 0.45 * ahead + sign * 0.25 * side)
        places[f"{name}_ear"] = face + skull * (0.05 * nod + sign * 0.55 * side)
        shoulder = places["thorax"] + sign * lengths[f"{name} shoulder"] * side
        elbow = shoulder + lengths[f"{name} upper_arm"] * _hang(angles[f"{name} arm"], angles[f"{name} spread"], sign)
        bent = angles[f"{name} arm"] + angles[f"{name} elbow"]
        places[f"{name}_shoulder"], places[f"{name}_elbow"] = shoulder, elbow
        forearm = _hang(bent, 0.6 * angles[f"{name} spread"], sign)
        places[f"{name}_wrist"] = elbow + lengths[f"{name} forearm"] * forearm
        hip = sign * lengths[f"{name} hip"] * side
        knee = hip + lengths[f"{name} thigh"] * _hang(angles[f"{name} leg"], angles[f"{name} stance"], sign)
        shin = angles[f"{name} leg"] - angles[f"{name} knee"]
        ankle = knee + lengths[f"{name} shank"] * _hang(shin, angles[f"{name} stance"], sign)
        sole = shin + np.pi / 2
        places[f"{name}_hip"], places[f"{name}_knee"], places[f"{name}_ankle"] = hip, knee, ankle
        places[f"{name}_heel"] = ankle + lengths[f"{name} heel"] * _hang(shin - 0.6, 0 * shin, sign)
        foot = lengths[f"{name} foot"]
        places[f"{name}_big_toe"] = ankle + foot * _hang(sole - 0.2, 0.1 + 0 * shin, sign)
        places[f"{name}_small_toe"] = ankle + 0.85 * foot * _hang(sole - 0.2, 0.4 + 0 * shin, sign)
    return places


def draw_angles(count: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Radians. Arms and legs: 0 hangs down, positive swings ahead, `spread` and `stance` lead outward."""

    def draw(mean: float, deviation: float, low: float = -200, high: float = 200) -> Floats:
        return np.radians(np.clip(rng.normal(mean, deviation, count), low, high))

    shares = np.array(list(_ACTIVITIES.values()))
    activity = np.array(list(_ACTIVITIES))[rng.choice(len(shares), count, p=shares / shares.sum())]
    stride = rng.uniform(0, 2 * np.pi, count)
    walks, sits, bends = activity == "walking", activity == "sitting", activity == "bent"
    raised = activity == "arms up"
    angles = {"lean": draw(4, 6) + bends * draw(45, 20, 10, 90), "tilt": draw(0, 5), "nod": draw(8, 15, -40, 50)}
    for name, sign in (("left", 1.0), ("right", -1.0)):
        swing = sign * np.sin(stride)
        # One arm of two is up in a third of those who raise their arms.
        lifted = raised & (rng.random(count) < 0.67) | (rng.random(count) < 0.05)
        arm = draw(5, 18) - walks * np.radians(28) * swing + sits * draw(25, 15) + bends * draw(40, 20)
        angles[f"{name} arm"] = np.where(lifted, draw(145, 30, 80, 180), arm)
        angles[f"{name} spread"] = draw(10, 10, -5, 60)
        angles[f"{name} elbow"] = np.where(sits, draw(60, 30, 0, 140), draw(25, 25, 0, 140))
        leg = draw(2, 6) + walks * np.radians(28) * swing
        angles[f"{name} leg"] = np.where(sits, draw(80, 12, 40, 110), leg + bends * draw(20, 15))
        bent = draw(6, 6, 0, 30) + walks * np.radians(40) * np.maximum(-swing, 0)
        angles[f"{name} knee"] = np.where(sits, draw(80, 18, 20, 130), bent + bends * draw(25, 20, 0, 90))
        angles[f"{name} stance"] = draw(5, 5, -5, 30)
    return angles


def _torso(lean: Floats, tilt: Floats) -> tuple[Floats, Floats]:
    """Unit vectors from the pelvis up the spine, and to the body's left; leaning goes ahead, tilting sideways."""
    up = np.stack([np.sin(tilt), -np.cos(tilt) * np.cos(lean), np.cos(tilt) * np.sin(lean)], axis=1)
    side = np.stack([np.cos(tilt), np.sin(tilt), 0 * tilt], axis=1)
    side -= (side * up).sum(axis=1, keepdims=True) * up
    return up, side / np.linalg.norm(side, axis=1, keepdims=True)


def _hang(ahead: Floats, outward: Floats, sign: float) -> Floats:
    """(count, 3) direction of a segment that hangs down at angles 0."""
    return np.stack([sign * np.sin(outward), np.cos(outward) * np.cos(ahead), np.cos(outward) * np.sin(ahead)], axis=1)


def _draw_views(count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """(count,) turns and (count, 1) distances of the camera.

    Half of the bodies face the camera, within 40 degrees or so; the others any way at all.
    """
    turn = np.where(rng.random(count) < 0.5, rng.normal(0, np.radians(40), count), rng.uniform(-np.pi, np.pi, count))
    return turn, rng.uniform(*_DISTANCES, (count, 1))


def project(places: Floats, turn: Floats, distance: Floats) -> Floats:
    """(count, K, 2) from (count, K, 3): turned about the vertical by (count,) radians, seen through a pinhole from
    (count, 1) body heights away."""
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x, y, z = places[..., 0], places[..., 1], places[..., 2]
    # A body that faces the camera has its left on the picture's right.
    across, nearer = cosine * x + sine * z, cosine * z - sine * x
    magnified = distance / (distance - nearer)
    return np.stack([across * magnified, y * magnified], axis=2)
