"""The result: people, each a set of joints in image pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, overload

import numpy as np
import numpy.typing as npt

from bottomup.known_picture import KnownPicture
from bottomup.people.arrays import (
    BoolArray,
    FloatArray,
    Index,
    IntArray,
    check_skeleton,
    freeze,
    freeze_flags,
    freeze_ids,
    index_array,
    no_flags,
)
from bottomup.people.exports import Exports
from bottomup.skeleton import Skeleton
from bottomup.skeletons import get_skeleton


@dataclass(frozen=True, eq=False, repr=False)
class People(Exports):
    """N people of one picture, best first as the decoder gives them.

    The arrays are private copies and read-only; `numpy.array(people.keypoints)` makes one to change.

    Parameters
    ----------
    skeleton:
        What the K joints are.
    keypoints:
        (N, K, 2) float32, (x, y) in image pixels with pixel centres at integers. A missing joint is NaN.
    keypoint_scores:
        (N, K) float32, 0 for a missing joint, else positive.
    scores:
        (N,) float32, one for each person.
    ids:
        (N,) int64, the names that a tracker gave, at least 0; None where nothing was tracked.
    traced:
        (N, K) bool, joints that no peak of their own shows in the heatmaps, and that are guesses so far: found where a
        limb ends, within another person's peak, by their tag, where the rest of the pose wants them, or between the
        frames of a video. By default none.

    Raises
    ------
    ValueError
        If a shape or dtype is wrong, a score is negative or not finite, an id is negative, or a joint has a score
        without finite coordinates or coordinates without a score.

    Notes
    -----
    `len(people)` is N. `people[3]` and iteration give a `Person`; a slice, a mask or an index array gives People.
    Two People are equal if their skeletons and all their values are, missing joints and ids included, however their
    joints were found.
    """

    skeleton: Skeleton
    keypoints: FloatArray
    keypoint_scores: FloatArray
    scores: FloatArray
    ids: IntArray | None = None
    traced: BoolArray = None  # type: ignore[assignment]  # none, once it is made
    _picture: ClassVar[KnownPicture | None] = None  # of each object, where it is known

    def __post_init__(self) -> None:
        check_skeleton(self.skeleton)
        joints = self.skeleton.num_joints
        scores = freeze("scores", self.scores, (None,))
        keypoints = freeze("keypoints", self.keypoints, (len(scores), joints, 2))
        keypoint_scores = freeze("keypoint_scores", self.keypoint_scores, (len(scores), joints))
        for argument, values in (("scores", scores), ("keypoint_scores", keypoint_scores)):
            if not (np.isfinite(values).all() and (values >= 0).all()):
                wrong = values[~(np.isfinite(values) & (values >= 0))][0]
                raise ValueError(f"{argument} must be finite and at least 0 but has {wrong}")
        seen = keypoint_scores > 0
        right = np.where(seen, np.isfinite(keypoints).all(axis=2), np.isnan(keypoints).all(axis=2))
        if not right.all():
            person, joint = np.argwhere(~right)[0]
            where = f"person {person}, joint {self.skeleton.joints[joint]!r}"
            was = f"{keypoints[person, joint].tolist()} with score {keypoint_scores[person, joint]:g}"
            raise ValueError(f"keypoints must be finite where the score is positive, else NaN, but {where} is {was}")
        traced = freeze_flags("traced", self.traced, keypoint_scores.shape)
        if (traced & ~seen).any():
            person, joint = np.argwhere(traced & ~seen)[0]
            where = f"person {person}, joint {self.skeleton.joints[joint]!r}"
            raise ValueError(f"traced must be False where there is no joint but {where} has score 0")
        object.__setattr__(self, "traced", traced)
        object.__setattr__(self, "ids", None if self.ids is None else freeze_ids(self.ids, len(scores)))
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "keypoints", keypoints)
        object.__setattr__(self, "keypoint_scores", keypoint_scores)

    @classmethod
    def empty(cls, skeleton: Skeleton) -> People:
        """No people."""
        check_skeleton(skeleton)
        joints = skeleton.num_joints
        keypoints, scores = np.zeros((0, joints, 2), np.float32), np.zeros((0, joints), np.float32)
        return cls(skeleton, keypoints, scores, np.zeros(0, np.float32))

    @classmethod
    def unchecked(
        cls,
        skeleton: Skeleton,
        keypoints: FloatArray,
        keypoint_scores: FloatArray,
        scores: FloatArray,
        ids: IntArray | None = None,
        traced: BoolArray | None = None,
    ) -> People:
        """People of arrays that are known to be right and that nothing else refers to, neither checked nor copied."""
        people = object.__new__(cls)
        for name, values in (("keypoints", keypoints), ("keypoint_scores", keypoint_scores), ("scores", scores)):
            values.setflags(write=False)
            object.__setattr__(people, name, values)
        if ids is not None:
            ids.setflags(write=False)
        object.__setattr__(people, "ids", ids)
        if traced is None:
            traced = no_flags(keypoint_scores.shape)
        traced.setflags(write=False)
        object.__setattr__(people, "traced", traced)
        object.__setattr__(people, "skeleton", skeleton)
        return people

    @property
    def boxes(self) -> FloatArray:
        """(N, 4) float32 x1, y1, x2, y2: the tight box of the joints with a score, NaN for a person without any."""
        keypoints, seen = self.keypoints, (self.keypoint_scores > 0)[:, :, None]
        low = np.where(seen, keypoints, np.inf).min(axis=1, initial=np.inf)
        high = np.where(seen, keypoints, -np.inf).max(axis=1, initial=-np.inf)
        boxes = np.concatenate([low, high], axis=1).astype(np.float32)
        boxes[~seen.any(axis=(1, 2))] = np.nan
        return boxes

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Person]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> Person: ...
    @overload
    def __getitem__(self, index: Index) -> People: ...
    def __getitem__(self, index: int | np.integer[Any] | Index) -> Person | People:
        if isinstance(index, (int, np.integer)) and not isinstance(index, bool):
            if not -len(self) <= index < len(self):
                raise IndexError(
                    f"index must be within 0 to {len(self) - 1} but is {index}: there are {len(self)} people"
                )
            name = None if self.ids is None else int(self.ids[index])
            return Person(
                self.skeleton, self.keypoints[index], self.keypoint_scores[index], float(self.scores[index]), name,
                self.traced[index],
            )  # fmt: skip
        if not isinstance(index, slice):
            index = index_array(index, len(self))
        ids = None if self.ids is None else self.ids[index]
        parts = (self.keypoints[index], self.keypoint_scores[index], self.scores[index], ids, self.traced[index])
        return self._like(self.skeleton, *parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, People):
            return NotImplemented
        return (
            self.skeleton == other.skeleton
            and np.array_equal(self.scores, other.scores)
            and np.array_equal(self.keypoint_scores, other.keypoint_scores)
            and np.array_equal(self.keypoints, other.keypoints, equal_nan=True)
            and (self.ids is None) == (other.ids is None)
            and (self.ids is None or other.ids is None or np.array_equal(self.ids, other.ids))
        )

    __hash__ = None  # type: ignore[assignment]  # equal by value, and the values are arrays

    def __repr__(self) -> str:
        if not len(self):
            return f"People(0 people, {self.skeleton.name})"
        seen = ", ".join(str(int(count)) for count in (self.keypoint_scores > 0).sum(axis=1)[:5])
        scores = ", ".join(f"{score:.2f}" for score in self.scores[:5])
        more = ", ..." if len(self) > 5 else ""
        noun = "person" if len(self) == 1 else "people"
        joints = f"joints [{seen}{more}] of {self.skeleton.num_joints}"
        names = "" if self.ids is None else f"ids [{', '.join(map(str, self.ids[:5].tolist()))}{more}], "
        return f"People({len(self)} {noun}, {self.skeleton.name}, {names}scores [{scores}{more}], {joints})"

    def convert(self, skeleton: Skeleton | str) -> People:
        """The same people in another skeleton, or that of a built-in one's name; see `Skeleton.convert`.

        No person is left out, even without a joint. ValueError lists the names there are, or says that the skeletons
        have no joint in common; TypeError says what it got.
        """
        if isinstance(skeleton, str):
            skeleton = get_skeleton(skeleton)
        elif not isinstance(skeleton, Skeleton):
            raise TypeError(f"skeleton must be a Skeleton or a name but is a {type(skeleton).__name__}")
        if skeleton == self.skeleton:
            return self
        if len(self.skeleton.lacks(skeleton)) == skeleton.num_joints:
            raise ValueError(
                f"skeleton must share joints with {self.skeleton.name!r} but {skeleton.name!r} has only "
                f"{', '.join(skeleton.joints)}"
            )
        converted = self.skeleton.convert(self.keypoints, self.keypoint_scores, skeleton)
        traced = no_flags(converted[1].shape)
        if self.traced.any():  # a midpoint is, if one of its two joints is
            _, sure = self.skeleton.convert(self.keypoints, np.where(self.traced, 0, self.keypoint_scores), skeleton)
            traced = (converted[1] > 0) & (sure == 0)
        people = People(skeleton, *converted, self.scores, self.ids, traced)
        return self._like(skeleton, people.keypoints, people.keypoint_scores, people.scores, people.ids, people.traced)

    def with_ids(self, ids: npt.ArrayLike | None) -> People:
        """The same people under other names: (N,) whole numbers of at least 0, or None for none."""
        names = None if ids is None else freeze_ids(ids, len(self))
        return self._like(self.skeleton, self.keypoints, self.keypoint_scores, self.scores, names, self.traced)

    def with_picture(self, image: object, *, rgb: bool = False) -> People:
        """The same people, who know the picture that they are in, as those of a `Detector` do: notebooks then show it.

        image: of any kind that the detector takes. It is not kept alive. rgb: NumPy arrays are RGB.
        """
        people = object.__new__(People)
        people.__dict__.update(self.__dict__, _picture=KnownPicture(image, rgb=rgb))
        return people

    def _like(
        self, skeleton: Skeleton, keypoints: FloatArray, keypoint_scores: FloatArray, scores: FloatArray,
        ids: IntArray | None, traced: BoolArray,
    ) -> People:  # fmt: skip
        """People of the same picture, of arrays that come from checked ones."""
        people = People.unchecked(skeleton, keypoints, keypoint_scores, scores, ids, traced)
        if self._picture is not None:
            object.__setattr__(people, "_picture", self._picture)
        return people

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_picture"}

    def angles(self, *joints: str | Sequence[str]) -> dict[str, npt.NDArray[np.float64]]:
        """(N,) degrees of angles, by name, NaN where a joint is missing.

        Each is a usual one by the joint at its apex, as "left_knee", or three joints, as ("left_hip", "left_knee",
        "left_ankle"); without any, all usual ones. See `bottomup.measures`.
        """
        from bottomup.measures.angles import angle_names, joint_angles

        known = angle_names(self.skeleton)
        wanted: dict[str, Sequence[str]] = {}
        for one in joints or known:
            if isinstance(one, str) and one not in known:
                raise ValueError(f"angle must be one of {list(known)} or three joints but is {one!r}")
            wanted[one if isinstance(one, str) else "-".join(one)] = known[one] if isinstance(one, str) else one
        return {name: joint_angles(self.keypoints, self.skeleton, three) for name, three in wanted.items()}

    def draw(self, image: Any, **options: Any) -> npt.NDArray[np.uint8]:
        """A copy of the picture with the people drawn on it; see `bottomup.drawing.draw_people` for its options."""
        from bottomup.drawing.people import draw_people

        return draw_people(image, self, **options)


@dataclass(frozen=True, eq=False, repr=False)
class Person:
    """One of the `People`.

    Attributes
    ----------
    skeleton:
        What the K joints are.
    keypoints:
        (K, 2) float32, (x, y) in image pixels, NaN for a missing joint.
    keypoint_scores:
        (K,) float32, 0 for a missing joint.
    score:
        The person's score.
    id:
        The name that a tracker gave, or None.
    traced:
        (K,) bool, joints that no peak of their own shows; see `People`.
    """

    skeleton: Skeleton
    keypoints: FloatArray
    keypoint_scores: FloatArray
    score: float
    id: int | None = None
    traced: BoolArray = None  # type: ignore[assignment]  # none, once it is made

    def __post_init__(self) -> None:
        if self.traced is None:
            object.__setattr__(self, "traced", no_flags(self.keypoint_scores.shape))

    @property
    def box(self) -> FloatArray:
        """(4,) float32 x1, y1, x2, y2: the tight box of the joints with a score."""
        box: FloatArray = self.as_people().boxes[0]
        return box

    def __getitem__(self, joint: str) -> tuple[float, float, float]:
        """(x, y, score) of a joint by name, for example `person["nose"]`; ValueError lists the joints there are."""
        k = self.skeleton.index(joint)
        return float(self.keypoints[k, 0]), float(self.keypoints[k, 1]), float(self.keypoint_scores[k])

    def __repr__(self) -> str:
        seen = int((self.keypoint_scores > 0).sum())
        box = ", ".join(f"{side:.0f}" for side in self.box)
        joints = f"joints {seen} of {len(self.keypoints)}"
        name = "" if self.id is None else f"id {self.id}, "
        return f"Person({self.skeleton.name}, {name}score {self.score:.2f}, {joints}, box [{box}])"

    def as_people(self) -> People:
        """People of this one."""
        ids = None if self.id is None else np.array([self.id], np.int64)
        score = np.array([self.score], np.float32)
        return People(self.skeleton, self.keypoints[None], self.keypoint_scores[None], score, ids, self.traced[None])

    def __eq__(self, other: object) -> bool:
        return self.as_people() == other.as_people() if isinstance(other, Person) else NotImplemented

    __hash__ = None  # type: ignore[assignment]
