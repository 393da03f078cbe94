"""Carrying a recipe's photos, labels and teacher's maps to another machine, in files of bounded size.

The packed form is a data root in COCO's form, in zip files: photos no larger than training needs them, labels in the
network's own joints, the teacher's maps at few levels (which compresses well), and the recipe that goes with them.
`train` unpacks it where it lies.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bottomup.training.config import TrainConfig
from bottomup.training.examples import Example, load_examples, read_source
from bottomup.training.loop import load_teacher
from bottomup.training.phases import parts_toml
from bottomup.training.report import Say
from bottomup.training.source import Source
from bottomup.training.teacher import TeacherMaps

PART_SIZE = 56 * 2**20
"""Bytes after which another file begins."""
_HELD_OUT = "held_out"
_QUALITY = 82  # of WebP
# Maps are rounded to multiples of this: 64 levels, finer than a teacher is right.
_LEVEL = 4
# What a source says of how its photos are learnt from, not of which they are; and what it says unless told.
_LEARNT: dict[str, Any] = {name: getattr(Source, name) for name in ("weight", "scale", "label_trust")}


def pack_recipe(
    parts: Sequence[TrainConfig],
    out: Path,
    *,
    long_side: int = 384,
    teacher_scales: Sequence[float] = (),
    part_size: int = PART_SIZE,
    say: Say = print,
) -> list[Path]:
    """Write all that a recipe trains from into a folder of zip files, and the recipe for them as `recipe.toml`.

    Parameters
    ----------
    parts:
        The recipe, as `load_parts` reads it; its teacher looks at photos that it has not seen yet.
    out:
        A folder without packed files.
    long_side:
        Photos for training are shrunk to so many pixels; those held out stay as they are.
    teacher_scales:
        At which of a source's scales the teacher's maps go along; empty: at all.
    part_size:
        Bytes after which another file begins.
    say:
        Receives a line for each source.

    Returns the paths of the zip files. Raises ValueError if packed files are in the folder already or the parts have
    different photos, and as training does if a source is broken.
    """
    first = parts[0]
    if first.mode == "crops" and first.teacher:
        raise ValueError(f"teacher must be empty with mode 'crops', to be packed, but is {first.teacher!r}")
    if any(_photos(part) != _photos(first) for part in parts):
        raise ValueError("parts must have the same photos, and the same teacher's maps of them, to be packed")
    if long_side < 32:
        raise ValueError(f"long_side must be at least 32 but is {long_side}")
    if found := sorted(out.glob("part-*.zip")):
        raise ValueError(f"out must be a folder without packed files but {found[0]} is there")
    out.mkdir(parents=True, exist_ok=True)
    writer = _Parts(out, part_size)
    sources = []
    for number, source in enumerate(first.sources):
        chosen = [n for n, scale in enumerate(source.teacher_scales) if not teacher_scales or scale in teacher_scales]
        sources.append(_pack_source(source, f"source-{number}", first, long_side, chosen, writer))
        say(f"{source.folder}: {writer.size / 2**20:.0f} MiB up to here")
    recipe = parts_toml([_packed(part, sources) for part in parts], "runs/packed")
    writer.add("recipe.toml", recipe.encode())
    (out / "recipe.toml").write_text(recipe)
    return writer.finish()


def _photos(part: TrainConfig) -> tuple[Any, ...]:
    """All that decides which photos, labels and maps a part of a recipe reads."""
    sources = tuple(dataclasses.replace(source, **_LEARNT) for source in part.sources)
    return part.data, part.teacher, part.network.skeleton, sources


def _packed(part: TrainConfig, sources: Sequence[Source]) -> TrainConfig:
    """A part of a recipe as it is for the packed sources."""
    own = [{name: getattr(source, name) for name in _LEARNT} for source in part.sources]
    packed = tuple(dataclasses.replace(source, **values) for source, values in zip(sources, own, strict=True))
    return dataclasses.replace(part, sources=packed, data=".", teacher="teacher" if part.teacher else "")


def _pack_source(
    source: Source, name: str, config: TrainConfig, long_side: int, chosen: Sequence[int], writer: _Parts
) -> Source:
    """Write a source's photos, with its teacher's maps of the `chosen` scales; returns it as in the packed recipe."""
    skeleton, root = config.network.skeleton, Path(config.data)
    photos, held = read_source(source, root, skeleton)
    teacher, cache = load_teacher(config)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for split, some in (("", photos), (_HELD_OUT, held)):
        for photo in some:
            (example,) = load_examples(source, [photo], None if split else teacher, cache)
            shrunk = example.image if split else _shrink(example.image, long_side)
            scale = np.array(shrunk.shape[1::-1]) / example.size[::-1]
            file = f"{photo.id}.webp"
            writer.add(f"{name}/images/{file}", _encode(shrunk))
            if maps := [example.maps[n] for n in chosen if example.maps]:
                writer.add(f"teacher/{name}/{photo.id}.npz", _encode_maps(maps, float(scale[0])))
            images.append(
                {"id": photo.id, "file_name": file, "coco_split": split, "shrunk": float(scale[0] * photo.shrunk)}
            )
            annotations += _annotations(example, scale)
    known = (photos or held)[0].known if photos or held else np.ones(skeleton.num_joints, bool)
    names = [joint for joint, is_known in zip(skeleton.joints, known, strict=True) if is_known]
    for annotation in annotations:
        rows = np.array(annotation["keypoints"]).reshape(-1, 3)
        annotation["keypoints"] = rows[known].round(2).reshape(-1).tolist()
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "keypoints": names}]}
    writer.add(f"{name}/annotations.json", json.dumps(content).encode())
    bystanders = any(photo.bystanders for photo in photos)
    return dataclasses.replace(
        source, folder=name, labels="", images="images", skip_joints=(), bystanders=bystanders,
        held_out_split=_HELD_OUT, held_out=len(held), teacher_scales=tuple(source.teacher_scales[n] for n in chosen),
    )  # fmt: skip


def _annotations(example: Example, scale: npt.NDArray[np.float64]) -> Iterator[dict[str, Any]]:
    """COCO's entries of the people in a photo, in all joints of the skeleton, in pixels of the shrunk photo."""
    photo = example.photo

    def box(corners: npt.NDArray[np.float32]) -> list[float]:
        low, high = ((corners.reshape(2, 2) + 0.5) * scale - 0.5).tolist()
        return [round(value, 2) for value in (*low, high[0] - low[0], high[1] - low[1])]

    for points, seen, corners, trust in zip(photo.keypoints, photo.visible, photo.boxes, photo.trust, strict=True):
        placed = np.where(seen[:, None], (points + 0.5) * scale - 0.5, 0.0)
        rows = np.column_stack([placed, 2.0 * seen])
        score = {} if trust == 1 else {"score": round(float(trust), 4)}
        keypoints = rows.reshape(-1).tolist()
        yield {"image_id": photo.id, "bbox": box(corners), "iscrowd": 0, "keypoints": keypoints, **score}
    for corners in photo.ignore:
        nothing = [0.0] * (3 * photo.keypoints.shape[1])
        yield {"image_id": photo.id, "bbox": box(corners), "iscrowd": 1, "keypoints": nothing}


def _shrink(image: npt.NDArray[np.uint8], long_side: int) -> npt.NDArray[np.uint8]:
    factor = long_side / max(image.shape)
    if factor >= 1:
        return image
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encode(image: npt.NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])[1].tobytes()


def _encode_maps(maps: Sequence[TeacherMaps], shrunk: float) -> bytes:
    """The file that `KeptMaps` reads, of maps that are as many teacher pixels per pixel of the shrunk photo."""
    arrays: dict[str, Any] = {"scales": np.array([one.scale / shrunk for one in maps]), "stride": maps[0].stride}
    arrays["y_offset"] = maps[0].y_offset
    for number, one in enumerate(maps):
        rounded = np.minimum((one.groups.astype(np.int16) + _LEVEL // 2) // _LEVEL * _LEVEL, 255)
        arrays[f"maps{number}"] = rounded.astype(np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


class _Parts:
    """Zip files of bounded size, whose number is known, and written in their names, at the end."""

    def __init__(self, out: Path, part_size: int) -> None:
        self._out, self._part_size = out, part_size
        self._unfinished: list[Path] = []
        self._zip: zipfile.ZipFile | None = None
        self._filled = self.size = 0

    def add(self, name: str, content: bytes) -> None:
        if self._zip is None or (self._filled and self._filled + len(content) > self._part_size):
            self._begin()
        assert self._zip is not None
        # Photos and maps are compressed already.
        kind = zipfile.ZIP_DEFLATED if name.endswith(".json") else zipfile.ZIP_STORED
        self._zip.writestr(name, content, kind)
        self._filled += len(content)
        self.size += len(content)

    def _begin(self) -> None:
        if self._zip is not None:
            self._zip.close()
        self._unfinished.append(self._out / f"packing-{len(self._unfinished):03d}.zip")
        self._zip, self._filled = zipfile.ZipFile(self._unfinished[-1], "w"), 0

    def finish(self) -> list[Path]:
        if self._zip is not None:
            self._zip.close()
        count = len(self._unfinished)
        paths = [self._out / f"part-{number:03d}-of-{count:03d}.zip" for number in range(count)]
        for unfinished, path in zip(self._unfinished, paths, strict=True):
            unfinished.replace(path)
        return paths
