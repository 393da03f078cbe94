"""The shapes of an answer: rows as jobs write them, COCO's list, or OpenPose's documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, Field

from bottomup.jobs.coco import result_entries
from bottomup.jobs.rows import error_row, picture_row
from bottomup.people import People
from bottomup.skeleton import Skeleton


class PersonAnswer(BaseModel):
    """One person of a row."""

    score: float = Field(description="0 to 1; ranks people")
    box: list[float] = Field(description="x1, y1, x2, y2 in pixels: the tight box of the joints")
    keypoints: list[float] = Field(description="x, y, score of each joint, flat; 0, 0, 0 where it is missing")


class LayerAnswer(BaseModel):
    """One of the network's fields as a transparent picture."""

    png: str = Field(description="base64; one pixel for each cell")
    x: float = Field(description="where it lies: the left edge, in pixels from the picture's left edge")
    y: float
    width: float
    height: float


class RowAnswer(BaseModel):
    """One picture."""

    path: str = Field(description="the picture's name as it was sent")
    width: int | None = Field(description="pixels, upright; null where there is an error")
    height: int | None
    error: str | None = Field(description="why there are no people; null if all went well")
    people: list[PersonAnswer] = Field(description="best first; empty where there is an error")
    layers: dict[str, LayerAnswer] | None = Field(None, description="if asked for: fields, to lay over the picture")


class SkeletonAnswer(BaseModel):
    """What the joints are."""

    name: str
    joints: list[str]
    limbs: list[tuple[int, int]]


class DetectAnswer(BaseModel):
    """Rows, in the order of the pictures."""

    model: str
    skeleton: SkeletonAnswer
    rows: list[RowAnswer]


@dataclass(frozen=True)
class Outcome:
    """What came of one picture: its size and people, or else why there are none."""

    name: str
    width: int | None = None
    height: int | None = None
    people: People | None = None
    error: str | None = None
    layers: dict[str, Any] | None = None

    @property
    def row(self) -> dict[str, Any]:
        """A row as jobs write it, a `RowAnswer`."""
        if self.people is None or self.width is None or self.height is None:
            return error_row(self.name, self.error or "")
        row = picture_row(self.name, (self.height, self.width), self.people)
        return row if self.layers is None else {**row, "layers": self.layers}


def skeleton_answer(skeleton: Skeleton) -> dict[str, Any]:
    """A `SkeletonAnswer`."""
    return {
        "name": skeleton.name,
        "joints": list(skeleton.joints),
        "limbs": [[int(a), int(b)] for a, b in skeleton.limbs],
    }


def as_rows(model: str, skeleton: Skeleton, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """A `DetectAnswer`."""
    return {"model": model, "skeleton": skeleton_answer(skeleton), "rows": [outcome.row for outcome in outcomes]}


def as_coco(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """COCO's results, with each picture's name; its id is the name where that is a number, else its place from 1.

    Pictures with an error have no entry, as COCO has none for them.
    """
    entries: list[dict[str, Any]] = []
    for number, outcome in enumerate(outcomes, 1):
        if outcome.people is not None:
            stem = PurePosixPath(outcome.name).stem
            image_id = int(stem) if stem.isascii() and stem.isdecimal() and len(stem) < 19 else number
            entries += result_entries(image_id, outcome.name, outcome.row)
    return entries


def as_openpose(outcomes: Sequence[Outcome]) -> dict[str, Any] | list[dict[str, Any] | None]:
    """OpenPose's document; of several pictures a list of them, null where there is an error."""
    documents = [None if outcome.people is None else outcome.people.to_openpose() for outcome in outcomes]
    return documents[0] if len(documents) == 1 and documents[0] is not None else documents
