"""Tags (associative embeddings) as a network would give them to a crowd, spoilt by a known amount."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.crowds import Crowd
from bottomup.benchmarks.noise import LEVELS, Noise

FloatMap = npt.NDArray[np.float32]

RADIUS = 5.0  # cells around a joint that hold its tag; networks' tags are as even where heatmaps are not flat
_SHIFT = 0.1  # share of the gap by which people's tags are off their even places
_BACKGROUND = 0.3  # standard deviation of tags where no joint is


def draw_tags(crowd: Crowd, *, stride: int, noise: Noise = LEVELS["clean"], seed: int = 0) -> FloatMap:
    """The tags (K, h, w) of a crowd; the same arguments give the same tags.

    Each person has a tag, in random order and about `tag_gap` apart, some that of another person
    (`tag_collisions`). Each joint has its person's tag, off by `tag_spread`, in a disc of 5 cells; where discs of
    people overlap, that of the nearer joint. So have joints that the heatmaps do not show.

    Parameters
    ----------
    crowd:
        Who is there.
    stride:
        Image pixels per cell.
    noise:
        What to spoil; only what begins with `tag_` counts.
    seed:
        Of the noise.
    """
    if stride < 1:
        raise ValueError(f"stride must be at least 1 but is {stride}")
    rng = np.random.default_rng([seed, 1])  # not the noise of the heatmaps once again
    height, width = -(-crowd.height // stride), -(-crowd.width // stride)
    count, joints = crowd.visible.shape
    own = (rng.permutation(count) - count / 2 + rng.uniform(-_SHIFT, _SHIFT, count)) * noise.tag_gap
    collided = np.flatnonzero(rng.random(count) < noise.tag_collisions)
    own[collided] = own[rng.integers(0, max(count, 1), len(collided))]
    tags = rng.normal(0, _BACKGROUND, (joints, height, width)).astype(np.float32)
    nearest = np.full(tags.shape, RADIUS**2)
    cells = (crowd.keypoints + 0.5) / stride - 0.5
    for person, joint in zip(*np.nonzero(crowd.visible), strict=True):
        x, y = cells[person, joint]
        tag = own[person] + noise.tag_spread * rng.standard_normal()
        rows = np.arange(max(int(y - RADIUS), 0), min(int(y + RADIUS) + 2, height))
        columns = np.arange(max(int(x - RADIUS), 0), min(int(x + RADIUS) + 2, width))
        window = np.ix_([joint], rows, columns)
        squared = ((rows - y)[:, None] ** 2 + (columns - x)[None] ** 2)[None]
        closer = squared < nearest[window]
        nearest[window] = np.where(closer, squared, nearest[window])
        tags[window] = np.where(closer, np.float32(tag), tags[window])
    return tags
