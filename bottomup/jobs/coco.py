"""COCO's two files, written row by row: the list of results, and the data set that annotation tools read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

import numpy as np

from bottomup.skeleton import Skeleton

NumberedRow = tuple[int, str, Mapping[str, Any]]
"""An image id, a file name, and the row of the picture."""


def write_results(file: IO[str], rows: Iterable[NumberedRow]) -> None:
    """COCO's list of keypoint results, one line a person.

    Each is {image_id, category_id: 1, keypoints: [x, y, v, ...], score, keypoint_scores, bbox, file_name} with v = 2
    for a joint that was found and 0 0 0 for a missing one; bbox is x, y, width, height.
    """
    _write_list(file, (entry for number, name, row in rows for entry in result_entries(number, name, row)))
    file.write("\n")


def result_entries(number: int, name: str, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The entries of one picture in COCO's list of results; see `write_results`."""
    for person in row["people"]:
        yield {"image_id": number, "category_id": 1, **_pose(person), "score": person["score"], "file_name": name}


def write_dataset(
    file: IO[str], images: Iterable[NumberedRow], rows: Iterable[NumberedRow], skeleton: Skeleton, info: Any
) -> None:
    """A data set in COCO's form: images (also those without people), annotations, one category.

    Parameters
    ----------
    file:
        Where it is written.
    images, rows:
        The same rows twice, since they are not all kept in memory. Those with an error are left out: nothing is known
        of such a picture, not even its size.
    skeleton:
        What the joints are.
    info:
        What the file says of itself, for `json.dump`.
    """
    file.write(f'{{"info": {json.dumps(info)},\n"licenses": [],\n"categories": [{json.dumps(category(skeleton))}],\n')
    file.write('"images": ')
    _write_list(
        file,
        (
            {"id": number, "file_name": name, "width": row["width"], "height": row["height"]}
            for number, name, row in images
            if row["error"] is None
        ),
    )
    file.write(',\n"annotations": ')
    _write_list(file, _annotations(rows))
    file.write("}\n")


def category(skeleton: Skeleton) -> dict[str, Any]:
    """COCO's category of people; its skeleton counts joints from 1."""
    limbs = [[a + 1, b + 1] for a, b in skeleton.limbs]
    return {
        "id": 1, "name": "person", "supercategory": "person", "keypoints": list(skeleton.joints), "skeleton": limbs,
    }  # fmt: skip


def _annotations(rows: Iterable[NumberedRow]) -> Iterator[dict[str, Any]]:
    number = 0
    for image_id, _, row in rows:
        for person in row["people"]:
            number += 1
            pose = _pose(person)
            _, _, width, height = pose["bbox"]
            yield {
                "id": number, "image_id": image_id, "category_id": 1, "iscrowd": 0, **pose,
                "num_keypoints": sum(score > 0 for score in pose["keypoint_scores"]),
                "area": round(width * height, 3), "segmentation": [], "score": person["score"],
            }  # fmt: skip


def _pose(person: Mapping[str, Any]) -> dict[str, Any]:
    triples = np.array(person["keypoints"], np.float64).reshape(-1, 3)
    scores = triples[:, 2].tolist()
    triples[:, 2] = np.where(triples[:, 2] > 0, 2, 0)
    x1, y1, x2, y2 = person["box"]
    return {
        "keypoints": triples.reshape(-1).tolist(),
        "keypoint_scores": scores,
        "bbox": [x1, y1, round(x2 - x1, 3), round(y2 - y1, 3)],
    }


def _write_list(file: IO[str], values: Iterable[Any]) -> None:
    file.write("[")
    for number, value in enumerate(values):
        file.write((",\n" if number else "\n") + json.dumps(value, allow_nan=False))
    file.write("\n]")
