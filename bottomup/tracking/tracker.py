"""Names for the people of a video: who is seen now is who was seen before."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bottomup.image import BgrImage
from bottomup.people import People
from bottomup.skeleton import Skeleton
from bottomup.tracking.appearance import limb_colors
from bottomup.tracking.association import assign, match_weights
from bottomup.tracking.flow import Flow, FlowEstimator
from bottomup.tracking.options import TrackOptions
from bottomup.tracking.tracks import (
    Bools,
    Floats,
    Ints,
    Looks,
    Tracks,
    body_sizes,
    limb_lengths,
    point_sizes,
    swap_axes,
)

_FRAGMENT_FITS = 0.25  # similarity from which a leftover is part of a person
_PROPOSED = 0.5  # seconds for which somebody who is not seen is still proposed to the grouping
_MARGIN = 0.1  # of a body size, by which a proposed box is wider than the joints


class Tracker:
    """Gives people ids that stay with them from frame to frame.

    Simple Baselines' scheme (Xiao, Wu, Wei, ECCV 2018, section 3): joints of past frames are carried to the present by
    optical flow, and people are compared with them by object keypoint similarity. Here with several past poses, a
    motion model beside the flow, and one optimal assignment (Kuhn-Munkres) for each frame between all people seen now
    and all that are known, those who are hidden included.

    A person is given an id as soon as it was seen for `birth` seconds or with a score of `birth_score`, keeps it while
    hidden for up to `max_occlusion` seconds, and is forgotten then. Ids count up from 0 and none is given twice. What
    a tracker remembers does not grow with the length of the video.

    Parameters
    ----------
    options:
        See `TrackOptions`; None for the defaults.

    Attributes
    ----------
    options:
        The same.
    num_ids:
        How many ids were given so far.
    """

    def __init__(self, options: TrackOptions | None = None) -> None:
        if not isinstance(options, TrackOptions | None):
            raise TypeError(f"options must be TrackOptions but is a {type(options).__name__}")
        self.options = options or TrackOptions()
        self.reset()

    def __repr__(self) -> str:
        return f"Tracker({self.options!r}, {self.num_ids} ids)"

    def reset(self) -> None:
        """Forget all people, as before another video; ids count from 0 again."""
        self.num_ids = 0
        self._skeleton: Skeleton | None = None
        self._tracks: Tracks | None = None
        self._time = -math.inf
        self._step = 0.0
        self._image: BgrImage | None = None
        self._predicted = False
        self._flow = FlowEstimator(self.options.flow_height)

    def predict(self, time: float, image: npt.NDArray[np.uint8] | None = None) -> People | None:
        """The people that are expected in the next frame, before anything was found in it.

        Their boxes are good proposals for a detector. `update` with the same time follows; without this call it
        predicts by itself.

        Parameters
        ----------
        time:
            Of the frame, seconds; later than that of the last one.
        image:
            (H, W, 3) uint8 BGR, for optical flow and colours; None to do without.

        Returns
        -------
        People with ids, or None before the first frame. Scores fall with the time since somebody was seen.

        Raises ValueError if the time is not later than the last one, or not finite.
        """
        self._move_on(time, image)
        if self._tracks is None or self._skeleton is None:
            return None
        return self._expected(self._tracks, self._skeleton)

    def proposals(self, time: float, image: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.float64] | None:
        """(N, 4) float64 x0, y0, x1, y1: boxes of `predict`, a little wider, as `Detector` takes them; or None."""
        expected = self.predict(time, image)
        if expected is None or not len(expected):
            return None
        margin = _MARGIN * np.maximum(body_sizes(expected.keypoints), 4.0)[:, None]
        return np.asarray(expected.boxes + margin * np.array([-1, -1, 1, 1]), np.float64)

    def update(self, people: People, time: float, image: npt.NDArray[np.uint8] | None = None) -> People:
        """The people of a frame with their ids, in the order given; who has no id yet is left out.

        Parameters
        ----------
        people:
            Whom a detector found, image pixels. Ids that they have already are replaced.
        time, image:
            As in `predict`.

        Raises TypeError or ValueError if people are none or of another skeleton than those before, or the time is not
        later than the last one.
        """
        people = self._check_people(people)
        if not (self._predicted and time == self._time):
            self._move_on(time, image)
        self._predicted = False
        if self._tracks is None:
            self._skeleton, self._tracks = people.skeleton, Tracks.empty(people.skeleton, self.options.history)
        points = swap_axes(people.keypoints)
        looks = self._looks(people, points)
        sigmas = np.asarray(people.skeleton.sigmas, np.float32)
        weights = match_weights(self._tracks, points, sigmas, looks, time, self._step, self.options)
        rows, columns = assign(weights)
        people, spare = absorb_fragments(people, weights, rows, columns)
        if spare.any():
            points = swap_axes(people.keypoints)
        self._tracks.observe(rows, points[columns], looks[columns], time)
        owner = np.full(len(people), -1)
        owner[columns] = rows
        fresh = np.flatnonzero((owner < 0) & ~spare)
        owner[fresh] = len(self._tracks) + np.arange(len(fresh))
        if len(fresh):
            self._tracks.add(points[fresh], looks[fresh], time)
        ids = self._name(people, owner, time)
        self._forget(time)
        named = np.flatnonzero(ids >= 0)
        return people[named].with_ids(ids[named])

    def _move_on(self, time: float, image: BgrImage | None) -> None:
        """Carry everything to `time`."""
        self._check_time(time)
        flow = self._flow.update(image) if image is not None and self.options.flow else None
        self._step = 0.0 if self._tracks is None else time - self._time
        before, self._time, self._image, self._predicted = self._time, time, image, True
        if self._tracks is not None:
            self._advance(self._tracks, flow, before)

    def _advance(self, tracks: Tracks, flow: Flow | None, before: float) -> None:
        """Carry the tracks from the last frame to now."""
        moved = tracks.displacement(self._time, self._step)
        past_moved = np.repeat(moved[:, None], tracks.past.shape[1], axis=1)
        if flow is not None:
            tracks.anchors += swap_axes(flow.camera_motion(swap_axes(tracks.anchors)))
            moved += swap_axes(flow.camera_motion(swap_axes(tracks.places)))
            past_moved += swap_axes(flow.camera_motion(swap_axes(tracks.past)))
            # The flow at somebody hidden is that of what hides it.
            current = np.flatnonzero(tracks.seen >= before)
            if len(current):
                sizes = tracks.sizes[current]
                moved[current] = swap_axes(_steady(flow.at(swap_axes(tracks.places[current])), sizes))
                past = swap_axes(tracks.past[current])
                past_flow = flow.at(past.reshape(len(current), -1, 2))
                past_moved[current] = swap_axes(_steady(past_flow, sizes).reshape(past.shape))
        tracks.places += moved
        tracks.past += past_moved

    def _expected(self, tracks: Tracks, skeleton: Skeleton) -> People:
        unseen = self._time - self._step - tracks.seen
        which = np.flatnonzero((tracks.ids >= 0) & (unseen <= _PROPOSED))
        places = swap_axes(tracks.places[which])
        scores = np.repeat(np.exp(-unseen[which] / _PROPOSED), skeleton.num_joints).reshape(places.shape[:2])
        scores = np.where(np.isfinite(places[..., 0]), scores, 0)
        return People(skeleton, places, scores.astype(np.float32), scores.max(axis=1, initial=0), tracks.ids[which])

    def _looks(self, people: People, points: Floats) -> Looks:
        sizes = point_sizes(points)
        colors = None
        if self._image is not None and self.options.appearance:
            colors = limb_colors(self._image, people.keypoints, people.skeleton, self.options.flow_height)
        return Looks(sizes, limb_lengths(points, people.skeleton, sizes), colors)

    def _name(self, people: People, owner: Ints, time: float) -> Ints:
        """(N,) the id of each person, -1 for none; gives ids to those whose time has come."""
        assert self._tracks is not None
        tracks = self._tracks
        owned = np.flatnonzero(owner >= 0)
        rows = owner[owned]
        known_for = time - tracks.born[rows] + 1e-9
        due = (people.scores[owned] >= self.options.birth_score) | (known_for >= self.options.birth)
        due &= tracks.ids[rows] < 0
        count = int(np.count_nonzero(due))
        tracks.ids[rows[due]] = self.num_ids + np.arange(count)
        self.num_ids += count
        ids = np.full(len(people), -1, np.int64)
        ids[owned] = tracks.ids[rows]
        return ids

    def _forget(self, time: float) -> None:
        assert self._tracks is not None
        unseen = time - self._tracks.seen
        # Before the first id is given one missed frame is forgiven.
        limit = np.where(self._tracks.ids >= 0, self.options.max_occlusion, min(2 * self._step, self.options.birth))
        self._tracks.keep(unseen <= limit + 1e-9)

    def _check_time(self, time: float) -> None:
        if not math.isfinite(time):
            raise ValueError(f"time must be a finite number of seconds but is {time}")
        if time <= self._time:
            raise ValueError(f"time must be later than that of the last frame, {self._time:g} s, but is {time:g}")

    def _check_people(self, people: People) -> People:
        if not isinstance(people, People):
            raise TypeError(f"people must be People but is a {type(people).__name__}")
        if self._skeleton is not None and people.skeleton != self._skeleton:
            raise ValueError(
                f"people must have the skeleton of the frames before, {self._skeleton.name!r}, but have "
                f"{people.skeleton.name!r}; reset() begins another video"
            )
        return people


def _steady(moved: Floats, sizes: Floats) -> Floats:
    """(T, M, 2) displacements; one far from the median of its person's is replaced by that: flow of the background."""
    seen = np.isfinite(moved[..., 0])
    some: Bools = np.asarray(seen.any(axis=1))
    middle = np.nanmedian(np.where(some[:, None, None], moved, 0), axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        kept: Bools = np.asarray(np.linalg.norm(moved - middle, axis=2) <= 0.5 * sizes[:, None])
    return np.where(kept[..., None], moved, middle)


def absorb_fragments(people: People, weights: Floats, rows: Ints, columns: Ints) -> tuple[People, Bools]:
    """Give leftovers that fit a track, and hold only joints that its person lacks, to that person.

    Guesses (`People.traced`) are no joints that a person has: those of a leftover take their place.

    Returns the people with those joints, and (N,) which of them are such leftovers.
    """
    spare = np.zeros(len(people), bool)
    person_of = np.full(len(weights), -1)
    person_of[rows] = columns
    free = np.ones(len(people), bool)
    free[columns] = False
    left = np.flatnonzero(free)
    if not len(left) or not len(rows):
        return people, spare
    nearest = weights[:, left].argmax(axis=0)
    persons = np.where(weights[nearest, left] >= _FRAGMENT_FITS, person_of[nearest], -1)
    keypoints, scores, traced = people.keypoints.copy(), people.keypoint_scores.copy(), people.traced.copy()
    there: Bools = scores > 0
    own: Bools = there & ~traced
    held: Bools = np.where(own.any(axis=1, keepdims=True), own, there)
    for fragment, person in zip(left[persons >= 0], persons[persons >= 0], strict=True):
        if not (held[person] & held[fragment]).any() and held[fragment].sum() <= held[person].sum():
            more = held[fragment] | there[fragment] & ~there[person]
            keypoints[person, more], scores[person, more] = keypoints[fragment, more], scores[fragment, more]
            traced[person, more] = traced[fragment, more]
            held[person] |= held[fragment]
            there[person] |= more
            spare[fragment] = True
    if not spare.any():
        return people, spare
    return People.unchecked(people.skeleton, keypoints, scores, people.scores, people.ids, traced), spare
