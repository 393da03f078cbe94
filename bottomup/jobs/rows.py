"""Rows: what a job knows of one picture, the same in every table, log and answer.

A row is a dictionary of plain values, ready for JSON:

    path        text: the picture's path or address as the job was given it
    width       whole number of pixels, after an EXIF orientation; null where the picture could not be read
    height      the same
    error       text: why there is no result; null where there is none
    people      list, best first, of {
        score       the person's score, rounded to a millionth as the joints' are
        box         4 numbers x1, y1, x2, y2: the tight box of the joints that were found
        keypoints   3 numbers x, y, score for each joint of the skeleton, 0 0 0 for a missing one
        traced      names of the joints that no peak of their own shows
    }

Coordinates are image pixels with pixel centres at integers, rounded to a thousandth. A picture without people has an
empty list, one with an error too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from bottomup.people import People

SCHEMA_VERSION = 2
"""Of the rows; a change of their columns or of what these mean raises it."""

COLUMNS = ("path", "width", "height", "error", "people")

Row = dict[str, Any]


def picture_row(path: str, shape: tuple[int, ...], people: People) -> Row:
    """The row of a picture of `shape` (H, W, ...) in which `people` were found."""
    found = people.with_ids(None).to_dict()["people"]
    return {"path": path, "width": int(shape[1]), "height": int(shape[0]), "error": None, "people": found}


def error_row(path: str, error: BaseException | str) -> Row:
    """The row of a picture that has no result."""
    text = error if isinstance(error, str) else explain(error)
    return {"path": path, "width": None, "height": None, "error": text, "people": []}


def explain(error: BaseException) -> str:
    """An error as a sentence: its message, after its type where the message is not written for users."""
    if isinstance(error, OSError | ValueError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def error_kind(error: BaseException) -> str:
    """The kind of an error, for counts of a report."""
    kinds: tuple[tuple[type[BaseException], str], ...] = (
        (FileNotFoundError, "not found"),
        (PermissionError, "not allowed to read"),
        (TimeoutError, "no answer in time"),
        (ConnectionError, "connection lost"),
        (OSError, "cannot be read"),
        (ValueError, "no picture, or damaged"),
        (MemoryError, "too large for the memory"),
    )
    return next((name for kind, name in kinds if isinstance(error, kind)), type(error).__name__)


def plain_text(text: str) -> str:
    """A name as text that UTF-8 can hold: bytes that are none in a file's name become `\\xe9`.

    >>> plain_text("caf\\udce9.jpg")
    'caf\\\\xe9.jpg'
    """
    return os.fsencode(text).decode("utf-8", "backslashreplace") if _has_surrogates(text) else text


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def joint_table(rows: Iterable[Mapping[str, Any]], joints: tuple[str, ...]) -> Iterator[list[Any]]:
    """A table of joints, its header first: one line for each joint that was found, by picture and person.

    A picture without people, or with an error, has one line that says so, its other cells empty.
    """
    yield ["path", "width", "height", "error", "person", "person_score", "joint", "x", "y", "score", "traced"]
    for row in rows:
        about = [row["path"], row["width"], row["height"], row["error"]]
        if not row["people"]:
            yield [*about, None, None, None, None, None, None, None]
        for number, person in enumerate(row["people"]):
            triples = np.reshape(person["keypoints"], (-1, 3)).tolist()
            for joint, (x, y, score) in zip(joints, triples, strict=True):
                if score > 0:
                    yield [*about, number, person["score"], joint, x, y, score, joint in person["traced"]]
