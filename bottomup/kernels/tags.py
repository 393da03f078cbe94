"""Associative embeddings (Newell et al., NIPS 2017): the tags of joints, the candidate pairs whose tags agree, and the
joints that only tags show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C, compiled
from bottomup.kernels.field import Field, as_field, check_finite
from bottomup.kernels.gpu_array import GpuArray
from bottomup.kernels.limbs import LimbPairs
from bottomup.kernels.options import TagOptions
from bottomup.kernels.peaks import Candidates
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_TAG_RADIUS = 5  # cells around a joint that have its tag, about as far as its peak in a heatmap reaches
_ROUNDS = 3  # of taking the middle, which hardly moves after that


@dataclass(frozen=True, slots=True, eq=False)
class TagField:
    """Tags of a batch, checked and wherever their library keeps them.

    Attributes
    ----------
    field:
        (B, K D, h, w): channel k D + d is the d-th value of joint type k.
    depth:
        D, values of one tag: 1, or 2 where a mirrored picture gave the second.
    """

    field: Field
    depth: int


def as_tags(tags: Any, heatmaps: Field) -> TagField:
    """Tags of the joints of heatmaps (B, K, h, w), without copying them where their memory order allows it.

    Parameters
    ----------
    tags:
        (K, h, w), (K, D, h, w) or, as published decoders hold them, (K, h, w, D), or one of these for each of a batch;
        float32, float16 or bfloat16. Where the sizes allow two readings, D is the second one's.
    heatmaps:
        Of the same images.

    Raises TypeError for a wrong dtype, ValueError for a wrong shape.
    """
    if isinstance(tags, TagField):
        return tags
    shape = tuple(int(side) for side in np.shape(tags))
    batch, joints, height, width = heatmaps.shape
    lead, cells = () if heatmaps.single else (batch,), (height, width)
    if shape == (*lead, joints, *cells):
        return TagField(as_field("tags", tags, joints), 1)
    inner = shape[len(lead) + 1 :]
    if shape[: len(lead) + 1] == (*lead, joints) and len(inner) == 3 and 0 not in shape:
        for depth, right, axis in ((inner[0], inner[1:] == cells, -3), (inner[2], inner[:2] == cells, -1)):
            if right:
                moved = tags if axis == -3 else _axis_inside(tags, len(shape))
                return TagField(as_field("tags", moved.reshape(*lead, joints * depth, *cells), joints * depth), depth)
    expected = f"{(*lead, joints, *cells)}, or with one more axis after the joints or at the end,"
    raise ValueError(f"tags must have shape {expected} as the heatmaps have but has {shape}")


def _axis_inside(tags: Any, axes: int) -> Any:
    """The last of an array's axes moved before the last two others."""
    order = (*range(axes - 3), axes - 1, axes - 3, axes - 2)
    return tags.permute(order) if hasattr(tags, "permute") else tags.transpose(order)


def read_tags(tags: TagField, images: Ints, joints: Ints, xy: Floats) -> Floats:
    """The tags of joints, each that of the cell in which the joint lies.

    Parameters
    ----------
    tags:
        From `as_tags`.
    images, joints:
        (n,) int32: the image and the type of each joint.
    xy:
        (n, 2) float32, cells.

    Returns (n, D) float32. Raises ValueError if a tag that is read is not finite.
    """
    call = (tags.depth, images, joints, xy)
    values = tags.field.values
    if isinstance(values, GpuArray):
        read, place = _C.read_tags_cuda(values.layout, *call, values.stream)
    else:
        read, place = _C.read_tags(values, *call)
    check_finite("tags", place)
    return read.reshape(-1, tags.depth)


def score_tags(
    tags: Any,
    candidates: Candidates,
    skeleton: Skeleton,
    *,
    skeleton_limbs: int | None = None,
    longer_side: float = np.inf,
    options: TagOptions = TagOptions(),
) -> tuple[LimbPairs, Floats]:
    """Pair the candidates whose tags agree, of the two types of each limb; one of the two must be clear
    (`clear_response`).

    An agreement is exp(-(d / t)^2 / 2) of the distance d between two tags. The tolerance t is told by the picture: a
    multiple (`tolerance_factor`) of the median d between clear joints each of which has the tag nearest to the other's,
    of the two types of a limb. Networks, and pictures, differ by an order of magnitude in how alike the tags of one
    person are.

    Where several partners agree, as those of people whose tags have collided, the nearer one is the likelier: the
    agreement is times 1 - `distance_weight` log(l / m), not below 0.3, for a pair of length l where the shortest pair
    of one of its ends has m, both no less than two cells.

    Parameters
    ----------
    tags:
        (n, D) float32 of the candidates, from `read_tags`.
    candidates:
        Of the same images.
    skeleton:
        Its limbs are paired.
    skeleton_limbs:
        How many of them, from the first on, tell the tolerance; None for all.
    longer_side:
        Of the fields in cells, for `max_limb_length`.
    options:
        See `TagOptions`.

    Returns
    -------
    The pairs, and (B,) the tolerance of each image.
    """
    if skeleton.num_joints != candidates.joints:
        raise ValueError(
            f"skeleton must have the candidates' {candidates.joints} joints but {skeleton.name!r} "
            f"has {skeleton.num_joints}"
        )
    values = np.ascontiguousarray(tags, np.float32)
    if values.ndim != 2 or len(values) != len(candidates) or values.shape[1] < 1:
        raise ValueError(f"tags must have shape ({len(candidates)}, D) but has {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("tags must be finite but one of them is not")
    own = skeleton.num_limbs if skeleton_limbs is None else skeleton_limbs
    offsets, first, second, scores, tolerances = _C.score_tags(
        values, candidates, skeleton.limb_array, own, candidates.batch, float(longer_side), compiled(options)
    )
    return LimbPairs(offsets, first, second, scores), tolerances


@dataclass(frozen=True)
class TagPeople:
    """People of a batch whose missing joints are sought.

    Attributes
    ----------
    images:
        (P,) int32 image of each.
    xy:
        (P, K, 2) float32 cells; those of missing joints are not read.
    scores:
        (P, K) float32, 0 for missing joints.
    tags:
        (P, K, D) float32, those of missing joints are not read.
    tolerances:
        (P,) float32, distance at which tags agree.
    """

    images: Ints
    xy: Floats
    scores: Floats
    tags: Floats
    tolerances: Floats


def find_missing_joints(
    heatmaps: Field,
    tags: TagField,
    people: TagPeople,
    skeleton: Skeleton,
    lengths: Floats,
    *,
    options: TagOptions = TagOptions(),
    threads: int = 1,
) -> tuple[Ints, Ints, Floats, Floats]:
    """Find joints that people lack where their tag shows, within the reach that the skeleton predicts.

    A joint is first sought in the box of cells that are within reach of each joint that the person has: `search_reach`
    times the greatest distance of the two on a body of the person's height, along either axis; where the skeleton does
    not tell it, times the greatest distance between two joints that the person has. The height is the longest that a
    limb tells, of three or more the second longest. It is the highest cell from `min_response` on whose tag is within
    `search_tolerance` tolerances of the mean of the person's tags, weighted by the scores. A person of one joint has no
    reach.

    Where that finds none from `clear_response` on, and no other person of the image has a mean tag within two
    tolerances, the highest cell from `clear_response` on is taken that is at most `far_reach` of the person's height
    further away.

    Parameters
    ----------
    heatmaps, tags:
        Of a batch, from `as_field` and `as_tags`, both on one device.
    people:
        See there.
    skeleton:
        Gives the limbs that tell heights.
    lengths:
        (K, K) float32 greatest distances of two joints as shares of the body's height, NaN where unknown.
    options:
        See `TagOptions`.
    threads:
        CPU threads.

    Returns
    -------
    Of each joint that was found, by person and type: (m,) its person, (m,) its type, (m, 2) its cell and (m,) the
    heatmap value there.
    """
    search = _C.TagSearch(
        people.images, people.xy, people.scores, people.tags, people.tolerances, skeleton.limb_array, lengths
    )
    first, second = heatmaps.values, tags.field.values
    if isinstance(first, GpuArray) and isinstance(second, GpuArray):
        return _C.search_windows_cuda(first.layout, second.layout, tags.depth, search, compiled(options), first.stream)
    if isinstance(first, GpuArray) or isinstance(second, GpuArray):
        raise ValueError("heatmaps and tags must be on the same device but one is on a GPU and one is not")
    return _C.search_windows(first, second, tags.depth, search, compiled(options), threads)


def middle_of_tags(
    tags: TagField, images: Ints, joints: Ints, places: Floats, wanted: Floats, within: Floats
) -> Floats:
    """Where joints are that tags alone show: the middle of the cells around a place that have their tag.

    Of the cells that have a person's tag where the heatmap shows no peak, which one is the highest is chance. Cells up
    to five away are looked at, three times, each time around the last middle. Where all have the tag nothing moves.

    Parameters
    ----------
    tags:
        From `as_tags`.
    images, joints:
        (n,) int32: the image and the type of each joint.
    places:
        (n, 2) float32, cells.
    wanted:
        (n, D) float32, the tag of the person.
    within:
        (n,) float32, how far a cell's tag may be from it.

    Returns (n, 2) float32 cells. Raises ValueError if a tag that is read is not finite.
    """
    height, width = tags.field.shape[2:]
    steps = np.arange(-_TAG_RADIUS, _TAG_RADIUS + 1)
    around = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    around = around[np.square(around).sum(axis=1) <= _TAG_RADIUS**2]
    images, joints = (np.repeat(side, len(around)) for side in (images, joints))
    for _ in range(_ROUNDS if len(places) else 0):
        cells = (np.rint(places)[:, None] + around).astype(np.float32)
        inside = ((cells >= 0) & (cells <= (width - 1, height - 1))).all(axis=2)
        values = read_tags(tags, images, joints, cells.reshape(-1, 2)).reshape(*inside.shape, tags.depth)
        alike = inside & (np.square(values - wanted[:, None]).sum(axis=2) <= np.square(within)[:, None])
        count = alike.sum(axis=1, keepdims=True)
        middle = (cells * alike[..., None]).sum(axis=1) / np.maximum(count, 1)
        places = np.where(count > 0, middle, places).astype(np.float32)
    return places


def quarter_towards_higher(heatmaps: Field, images: Ints, joints: Ints, cells: Floats) -> Floats:
    """Places of joints a quarter of a cell towards the higher one of the two neighbours along each axis.

    As published decoders do with their candidates (Newell et al., ECCV 2016); of a joint on the flank of another
    person's peak there is no maximum to fit anything to.

    Parameters
    ----------
    heatmaps:
        Of a batch.
    images, joints:
        (n,) int32: the image and the type of each joint.
    cells:
        (n, 2) float32, whole cells.

    Returns (n, 2) float32 cells.
    """
    around = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)], np.float32)
    images, joints = (np.repeat(side, len(around)) for side in (images, joints))
    # Heatmaps are read as tags of one value are: beyond the field the cell at its border counts.
    heights = read_tags(TagField(heatmaps, 1), images, joints, (cells[:, None] + around).reshape(-1, 2))
    right, left, below, above = heights.reshape(-1, 4).T
    return np.asarray(cells + 0.25 * np.sign(np.stack([right - left, below - above], axis=1)), np.float32)
