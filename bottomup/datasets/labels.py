"""Everything that one file of labels says, in one form."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bottomup.datasets.photo import JointNames, PhotoLabels
from bottomup.skeleton import Skeleton


@dataclass(frozen=True)
class Labels:
    """The labels of some photos.

    source: the file they come from.
    skeleton: what the K joints are.
    photos: each photo's labels by its id, in ascending order.
    names: the file names of all photos of the file as it has them, by id, also of those that were not selected.
    aliases: ids of the file that are no numbers, and the numbers that stand for them.
    folder: where the photos are looked for.
    estimated_areas: how many people have their area from their box or their joints.
    default_sigmas: joints whose sigma is neither given nor published: 0.05.
    notes: what else a reader should know.
    """

    source: Path
    skeleton: Skeleton
    photos: Mapping[int, PhotoLabels]
    names: Mapping[int, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    folder: Path = Path()
    estimated_areas: int = 0
    default_sigmas: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[PhotoLabels]:
        return iter(self.photos.values())

    def __len__(self) -> int:
        return len(self.photos)

    def select(self, ids: Collection[int]) -> Labels:
        """Those of some photos only."""
        chosen = frozenset(ids)
        return replace(self, photos={key: photo for key, photo in self.photos.items() if key in chosen})

    def without(self, joints: Collection[str]) -> Labels:
        """The same with some joints unlabelled; a person who has no other joint no longer counts."""
        which = [self.skeleton.index(joint) for joint in joints]
        return replace(self, photos={key: photo.without(which) for key, photo in self.photos.items()})

    def convert(self, skeleton: Skeleton, skip_joints: Collection[str] = ()) -> Labels:
        """The same people in the joints of another skeleton; a person who has none of them no longer counts."""
        names = self._names(skeleton, skip_joints)
        photos = {key: photo.convert(names) for key, photo in self.photos.items()}
        return replace(self, skeleton=skeleton, photos=photos, default_sigmas=())

    def scored_in(self, skeleton: Skeleton, skip_joints: Collection[str] = ()) -> list[PhotoLabels]:
        """The people who count in the joints of another skeleton, as training reads them.

        Raises ValueError if the skeleton has none of the joints.
        """
        names = self._names(skeleton, skip_joints)
        return [photo.convert(names).scored() for photo in self]

    def _names(self, skeleton: Skeleton, skip_joints: Collection[str]) -> JointNames:
        names = JointNames(self.skeleton.joints, skeleton, skip_joints)
        if not names.known.any():
            raise ValueError(
                f"labels must share joints with {skeleton.name}, {list(skeleton.joints)}, but {self.source} has "
                f"{list(self.skeleton.joints)}"
            )
        return names
