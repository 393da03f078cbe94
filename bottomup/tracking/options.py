"""Constants of the tracker, each with its reason. Times are seconds, so that they hold at every frame rate."""

from __future__ import annotations

from dataclasses import dataclass

from bottomup.validation import Options, option


@dataclass(frozen=True)
class TrackOptions(Options):
    """Constants of a `Tracker`. Lengths are in body sizes: the square root of the area of a person's box."""

    birth: float = option(
        0.3,
        "Seconds for which a person must be seen before an id is given. What appears in a few frames only is mostly an "
        "error of the fields.",
        high=60,
    )
    birth_score: float = option(
        0.3,
        "Person score from which a single sight is enough for an id. Fragments of people score less.",
        high=1e6,
    )
    max_occlusion: float = option(
        1.5,
        "Seconds for which a person who is not seen any more is remembered. Who comes back within them keeps the id, "
        "who comes back later gets a new one; no id is given twice.",
        high=3600,
    )
    history: int = option(
        3,
        "Past poses of a person that a new one is compared with. More than one, since the last may have been spoilt by "
        "an occlusion.",
        low=1,
        high=16,
    )
    min_similarity: float = option(
        0.25,
        "Similarity (0 to 1) below which a pose does not continue a track. At 0.15 tracks whose person is hidden went "
        "over to fragments of others: in real tracks with hard noise that was one invented person more in a hundred.",
        low=0.01,
        high=1,
    )
    flow: bool = option(
        True,
        "Carry joints from frame to frame by dense optical flow where pictures are given. Otherwise the motion model "
        "alone carries them, which is faster.",
    )
    flow_height: int = option(240, "Height in pixels of the picture on which the flow is computed.", low=32, high=4096)
    appearance: bool = option(
        True,
        "Compare colours along the limbs where pictures are given: they tell people apart after an occlusion.",
    )
