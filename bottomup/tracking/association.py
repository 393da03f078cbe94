"""Which of the people seen now continue which tracks: one assignment for each frame."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from bottomup.tracking.appearance import color_similarity
from bottomup.tracking.options import TrackOptions
from bottomup.tracking.similarity import similarities
from bottomup.tracking.tracks import Doubles, Floats, Ints, Looks, Tracks

_HIDDEN = 0.9  # weight of a track that was not seen in the last frame, against one that was
_NAMELESS = 0.95  # weight of a track without an id
_COLOR = 0.3, 0.6  # weight of the colours while somebody is seen, and after an occlusion
_TYPICAL_COLOR = 0.7  # similarity of one person's colours in two frames, taken where none can be compared
_BONUS = 1.2  # most that a pair is worth for what it has in common beside its place
_LENGTHS = 0.3  # weight of body proportions after an occlusion; in view, poses say it already
_LENGTH_SPREAD = 0.45  # of the logarithm of a limb's length: foreshortening
_SIZE_SPREAD = 0.35  # of the logarithm of a body's size, between two sights within a second
_REMEMBERED = 0.3  # seconds after which the weights are those of an occlusion


def match_weights(
    tracks: Tracks, points: Floats, sigmas: Floats, looks: Looks, time: float, step: float, options: TrackOptions
) -> Floats:
    """(T, N) how much speaks for each person being each track, 0 where nothing does or it is too little.

    `points` are the people's (N, 2, K) places and `sigmas` the skeleton's (K,).
    """
    unseen = time - tracks.seen
    least = options.min_similarity / (1 if looks.colors is None else _BONUS)
    rows, columns, fit = similarities(tracks.past, tracks.sizes, unseen, points, sigmas, least=least)
    hidden = np.clip((unseen[rows] - step) / _REMEMBERED, 0, 1)
    fit = fit * _alike(tracks, looks, rows, columns, hidden)
    fit *= np.where(unseen[rows] > step + 1e-9, _HIDDEN, 1) * np.where(tracks.ids[rows] < 0, _NAMELESS, 1)
    weights = np.zeros((len(tracks), len(points)), np.float32)
    weights[rows, columns] = np.where(fit >= options.min_similarity, fit, 0)
    return weights


def assign(weights: Floats) -> tuple[Ints, Ints]:
    """Rows and columns of the assignment of the largest sum; pairs of weight 0 are left out.

    Only what is contested goes to the solver: a pair whose row and column have no other weight is certain.
    """
    rows, columns = np.divmod(np.flatnonzero(weights > 0), max(weights.shape[1], 1))
    per_row, per_column = np.bincount(rows, minlength=1), np.bincount(columns, minlength=1)
    certain = (per_row[rows] == 1) & (per_column[columns] == 1)
    left = np.flatnonzero(np.bincount(rows[~certain], minlength=1))
    top = np.flatnonzero(np.bincount(columns[~certain], minlength=1))
    contested = weights[left[:, None], top]
    chosen_rows, chosen_columns = linear_sum_assignment(contested, maximize=True)
    real = contested[chosen_rows, chosen_columns] > 0
    all_rows = np.concatenate([rows[certain], left[chosen_rows[real]]])
    all_columns = np.concatenate([columns[certain], top[chosen_columns[real]]])
    order = np.argsort(all_rows)
    return all_rows[order], all_columns[order]


def _alike(tracks: Tracks, looks: Looks, rows: Ints, columns: Ints, hidden: Doubles) -> Floats:
    """(P,) factors for what pairs have in common beside their place: colours, proportions, size."""
    factor = np.ones(len(rows))
    if len(rows) and looks.colors is not None:
        color = np.nan_to_num(color_similarity(tracks.colors, looks.colors, rows, columns), nan=_TYPICAL_COLOR)
        weight = _COLOR[0] + (_COLOR[1] - _COLOR[0]) * hidden
        factor += weight * (color / _TYPICAL_COLOR - 1)
    late = np.flatnonzero(hidden > 0)
    if len(late):
        factor[late] *= 1 - hidden[late] * _LENGTHS * (1 - _alike_in_build(tracks, looks, rows[late], columns[late]))
    return np.asarray(np.minimum(factor, _BONUS), np.float32)


def _alike_in_build(tracks: Tracks, looks: Looks, rows: Ints, columns: Ints) -> Doubles:
    """(P,) 0 to 1: body proportions and size."""
    off = (tracks.lengths[rows] - looks.lengths[columns]) ** 2
    both = np.isfinite(off)
    shape = np.exp(-np.where(both, off, 0).sum(axis=1) / np.maximum(both.sum(axis=1), 1) / (2 * _LENGTH_SPREAD**2))
    ratio = np.log(np.maximum(tracks.sizes[rows], 1) / np.maximum(looks.sizes[columns], 1))
    size = np.exp(-(ratio**2) / (2 * _SIZE_SPREAD**2))
    return np.asarray(shape * size, np.float64)
