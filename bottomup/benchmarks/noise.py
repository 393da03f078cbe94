"""Fields as a network would see a crowd: drawn from the poses, then spoilt by a known amount."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.crowds import Crowd
from bottomup.fields import LIMB_WIDTH, SIGMA, Fields, cell_centres, draw_heatmaps, draw_pafs

FloatMap = npt.NDArray[np.float32]

_GRAIN = 1.5  # cells; a network's errors are blobs about as large as its peaks, not grains of single cells


@dataclass(frozen=True)
class Noise:
    """How fields differ from ideal ones.

    missing: share of visible joints without a peak; their limbs' affinity stays, as it does in networks.
    jitter: standard deviation of a peak's distance from its joint along each axis, cells.
    blur: standard deviation of the Gaussian that smears heatmaps, cells; affinity fields are smeared twice as far.
    faintest: the peaks of each joint and person are scaled by a random factor from this to 1.
    noise: standard deviation of what is added to heatmaps, in blobs; affinity fields get twice that.
    false_peaks: peaks where no joint is, for each visible joint; as high as a third of a true one to all of it.
    tag_spread: standard deviation of the tags of a person's joints; see `draw_tags`.
    tag_gap: how far apart the tags of people are.
    tag_collisions: share of people who have the tag of another person.

    Raises ValueError if one is negative or not finite, or if missing, faintest or tag_collisions exceeds 1.
    """

    missing: float = 0.0
    jitter: float = 0.0
    blur: float = 0.0
    faintest: float = 1.0
    noise: float = 0.0
    false_peaks: float = 0.0
    tag_spread: float = 0.0
    tag_gap: float = 1.7
    tag_collisions: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            highest = 1.0 if field.name in ("missing", "faintest", "tag_collisions") else math.inf
            if not (math.isfinite(value) and 0 <= value <= highest):
                wanted = "at least 0 and finite" if highest == math.inf else "from 0 to 1"
                raise ValueError(f"{field.name} must be {wanted} but is {value}")


# By name, from what a decoder should lose nothing on to what a weak network shows.
LEVELS: Mapping[str, Noise] = MappingProxyType(
    {
        "clean": Noise(),
        "mild": Noise(
            jitter=0.1,
            blur=0.2,
            faintest=0.5,
            noise=0.017,
            false_peaks=0.01,
            tag_spread=0.1,
            tag_gap=1.5,
            tag_collisions=0.03,
        ),
        "hard": Noise(
            missing=0.05,
            jitter=0.2,
            blur=0.4,
            faintest=0.4,
            noise=0.034,
            false_peaks=0.03,
            tag_spread=0.2,
            tag_gap=1.2,
            tag_collisions=0.1,
        ),
        "severe": Noise(
            missing=0.1,
            jitter=0.3,
            blur=0.5,
            faintest=0.35,
            noise=0.045,
            false_peaks=0.1,
            tag_spread=0.25,
            tag_gap=1.0,
            tag_collisions=0.2,
        ),
    }
)


def get_level(name: str) -> Noise:
    """A level by name; ValueError lists the names there are."""
    if name not in LEVELS:
        raise ValueError(f"noise must be one of {list(LEVELS)} but is {name!r}")
    return LEVELS[name]


def draw_crowd(
    crowd: Crowd,
    *,
    stride: int,
    noise: Noise = LEVELS["clean"],
    sigma: float = SIGMA,
    limb_width: float = LIMB_WIDTH,
    seed: int = 0,
) -> Fields:
    """The fields of a crowd; the same arguments give the same fields. Without noise they are those of `draw_fields`.

    Parameters
    ----------
    crowd:
        Who is there.
    stride:
        Image pixels per cell; the fields are ceil(height / stride) x ceil(width / stride).
    noise:
        What to spoil.
    sigma, limb_width:
        As `draw_fields` has them, image pixels.
    seed:
        Of the noise.
    """
    if stride < 1:
        raise ValueError(f"stride must be at least 1 but is {stride}")
    rng = np.random.default_rng(seed)
    height, width = -(-crowd.height // stride), -(-crowd.width // stride)
    xs, ys = cell_centres(width, stride), cell_centres(height, stride)
    pafs, _ = draw_pafs(crowd.keypoints, crowd.visible, crowd.skeleton, xs, ys, limb_width)
    seen = crowd.visible & (rng.random(crowd.visible.shape) >= noise.missing)
    points = crowd.keypoints + noise.jitter * stride * rng.standard_normal(crowd.keypoints.shape)
    points, seen = _with_false_peaks(points, seen, crowd, noise.false_peaks, rng)
    strength = rng.uniform(noise.faintest, 1, seen.shape)
    strength[len(crowd) :] *= rng.uniform(1 / 3, 1, strength[len(crowd) :].shape)
    heatmaps = _draw_faint(points, seen, strength, xs, ys, sigma) if noise.faintest < 1 or noise.false_peaks else (
        draw_heatmaps(points, seen, xs, ys, sigma)
    )  # fmt: skip
    for maps, factor in ((heatmaps, 1.0), (pafs, 2.0)):
        for channel in maps:
            _spoil(channel, factor * noise.blur, factor * noise.noise, rng)
    return Fields(np.clip(heatmaps, 0, 1), pafs, stride, crowd.skeleton)


def _with_false_peaks(
    points: npt.NDArray[np.float64],
    seen: npt.NDArray[np.bool_],
    crowd: Crowd,
    share: float,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Rows of joints that belong to no person, so many that each joint type gets its share of false peaks."""
    counts = rng.poisson(share * crowd.visible.sum(axis=0)) if share else np.zeros(seen.shape[1], int)
    extra = int(counts.max(initial=0))
    places = rng.uniform(0, [crowd.width - 1, crowd.height - 1], (extra, seen.shape[1], 2))
    there = np.arange(extra)[:, None] < counts
    return np.concatenate([points, places]), np.concatenate([seen, there])


def _draw_faint(
    points: npt.NDArray[np.float64],
    seen: npt.NDArray[np.bool_],
    strength: npt.NDArray[np.float64],
    xs: npt.NDArray[np.float64],
    ys: npt.NDArray[np.float64],
    sigma: float,
) -> FloatMap:
    """`draw_heatmaps` with a height for each peak: the maximum of the scaled Gaussians.

    Each peak is drawn by itself into the few cells that it reaches.
    """
    heatmaps = np.zeros((seen.shape[1], len(ys), len(xs)), np.float32)
    reach = 4 * sigma
    for person, joint in zip(*np.nonzero(seen), strict=True):
        x, y = points[person, joint]
        columns = slice(int(np.searchsorted(xs, x - reach)), int(np.searchsorted(xs, x + reach, "right")))
        rows = slice(int(np.searchsorted(ys, y - reach)), int(np.searchsorted(ys, y + reach, "right")))
        one = draw_heatmaps(points[person : person + 1, joint : joint + 1], np.ones((1, 1), bool),
                            xs[columns], ys[rows], sigma)[0]  # fmt: skip
        window = heatmaps[joint, rows, columns]
        np.maximum(window, np.float32(strength[person, joint]) * one, out=window)
    return heatmaps


def _spoil(channel: FloatMap, blur: float, noise: float, rng: np.random.Generator) -> None:
    if blur:
        channel[:] = cv2.GaussianBlur(channel, (0, 0), blur, borderType=cv2.BORDER_REPLICATE)
    if noise:
        blobs = cv2.GaussianBlur(rng.standard_normal(channel.shape, np.float32), (0, 0), _GRAIN)
        # Blurring lowers white noise's deviation to 1 / (2 sqrt(pi) sigma).
        channel += np.float32(noise * 2 * math.sqrt(math.pi) * _GRAIN) * blobs
