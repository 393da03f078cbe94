"""Throw many small fields at the compiled kernels and hold what they say to laws that every answer obeys.

    python -m tests.kernels.fuzz --fields 1000000

Fields of all kinds, sizes, types and layouts, with values that are not finite in some, come in batches, so that a
million take minutes. Each batch is also decoded in another way (one image at a time, a copy in another layout, other
threads), which must change nothing, and a few fields of each are compared with the NumPy reference.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from bottomup._extension import _C
from bottomup.kernels import Candidates, LimbPairs, find_peaks, reference
from tests.makers.fields import KINDS, LAYOUTS, THREE, Field, make_candidates, make_field
from tests.makers.limbs import reference_limbs, score_limbs

CHANNELS = 2 * THREE.num_limbs
THRESHOLDS = (0.1, 0.5, 0.0, -0.5, 1e-7, 3.0)


def random_field(rng: np.random.Generator, batch: int) -> Field:
    """A (B, 4, h, w) field: mostly tiny, sometimes wider than the blocks in which the kernels look at it."""
    height, width = rng.integers(1, 12, 2) if rng.random() < 0.8 else (rng.integers(1, 5), rng.integers(60, 140))
    dtype = np.float32 if rng.random() < 0.6 else np.float16
    field = make_field(rng.choice(sorted(KINDS)), int(rng.integers(2**32)), (batch, CHANNELS, height, width), dtype)
    if rng.random() < 0.15:
        places = rng.integers(0, field.size, rng.integers(1, 4))
        field.reshape(-1)[places] = rng.choice([np.nan, np.inf, -np.inf], len(places))
    if rng.random() < 0.15:
        with np.errstate(over="ignore"):
            field = field * dtype(rng.choice([1e-4, 3.0, 60.0]))
    return LAYOUTS[rng.choice(sorted(LAYOUTS))](field)


def answer(call: object) -> object:
    """What a kernel returns, or the message with which it refuses."""
    try:
        return call()  # type: ignore[operator]
    except ValueError as error:
        return str(error)


def same(one: object, other: object) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def check_peaks(field: Field, threshold: float, peaks: Candidates) -> None:
    height, width = field.shape[2:]
    assert peaks.offsets[0] == 0
    assert peaks.offsets[-1] == len(peaks)
    assert (np.diff(peaks.offsets) >= 0).all()
    assert (peaks.scores >= np.float32(threshold)).all()
    assert ((peaks.xy >= 0) & (peaks.xy <= (width - 1, height - 1))).all()
    assert ((peaks.extents >= 0.25) & (peaks.extents <= 8)).all()
    plane = np.repeat(np.arange(len(peaks.offsets) - 1), np.diff(peaks.offsets))
    falling = (np.diff(peaks.scores) <= 0) | (np.diff(plane) > 0)
    assert falling.all()
    highest = field.astype(np.float32).reshape(-1, height * width).max(axis=1)
    found = np.diff(peaks.offsets) > 0
    np.testing.assert_array_equal(found, highest >= np.float32(threshold))  # every plane's highest plateau is a peak
    np.testing.assert_array_equal(peaks.scores[peaks.offsets[:-1][found]], highest[found])


def check_pairs(candidates: Candidates, pairs: LimbPairs, threshold: float) -> None:
    limb = np.repeat(np.arange(len(pairs.offsets) - 1), np.diff(pairs.offsets))
    keys = np.stack([limb, pairs.first, pairs.second])
    order = np.lexsort(keys[::-1])
    np.testing.assert_array_equal(order, np.arange(len(pairs)))
    kind = np.repeat(np.arange(len(candidates.offsets) - 1), np.diff(candidates.offsets))
    ends = np.array(THREE.limbs)[limb % THREE.num_limbs] + (limb // THREE.num_limbs * THREE.num_joints)[:, None]
    np.testing.assert_array_equal(kind[pairs.first], ends[:, 0])
    np.testing.assert_array_equal(kind[pairs.second], ends[:, 1])
    assert np.isfinite(pairs.scores).all()
    assert (pairs.scores >= np.float32(min(threshold, 0))).all()  # the mean passes; the coherence brings it nearer to 0


def one_batch(rng: np.random.Generator, batch: int) -> None:
    field, threshold = random_field(rng, batch), float(rng.choice(THRESHOLDS))
    threads = int(rng.integers(1, 4))
    copy = np.ascontiguousarray(field)
    peaks = answer(lambda: find_peaks(field, threshold=threshold))
    assert same(peaks, answer(lambda: find_peaks(copy, threshold=threshold, threads=threads)))
    if isinstance(peaks, Candidates):
        check_peaks(field, threshold, peaks)
        one = int(rng.integers(batch))
        expected = reference.find_peaks(field[one], threshold=threshold)
        alone = find_peaks(field[one], threshold=threshold)
        np.testing.assert_array_equal(alone.offsets, expected.offsets)
        np.testing.assert_array_equal(alone.scores, expected.scores)
        np.testing.assert_allclose(alone.xy, expected.xy, atol=1e-3)
    candidates = make_candidates(int(rng.integers(2**32)), batch, 3, *field.shape[2:], most=4)
    rule = {
        "threshold": float(rng.choice([0.05, -1.0])),
        "coverage": float(rng.choice([0.0, 0.5, 0.7, 1.0])),
        "sample_threshold": float(rng.choice([0.05, 0.3, -0.2])),
        "max_length": float(rng.choice([4.0, 30.0, np.inf])),
        "max_samples": int(rng.choice([3, 8, 32])),
    }
    pairs = answer(lambda: score_limbs(field, candidates, THREE, **rule))
    assert same(pairs, answer(lambda: score_limbs(copy, candidates, THREE, **rule, threads=threads)))
    if isinstance(pairs, LimbPairs):
        check_pairs(candidates, pairs, rule["threshold"])
    elif rng.random() < 0.05:
        assert answer(lambda: reference_limbs(copy, candidates, THREE, **rule)) == pairs


def fuzz(fields: int, seed: int, batch: int = 64) -> int:
    """Run until that many fields (planes) have been seen; returns how many were."""
    rng, seen = np.random.default_rng(seed), 0
    while seen < fields:
        state = rng.bit_generator.state
        try:
            one_batch(rng, batch)
        except BaseException:
            print("failed in the batch that begins at the generator's state", state, file=sys.stderr)
            raise
        seen += batch * CHANNELS
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fields", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    seen = fuzz(options.fields, options.seed)
    print(f"{seen} fields in {time.perf_counter() - start:.0f} s with {_C.cpu_isa()}: no complaint")


if __name__ == "__main__":
    main()
