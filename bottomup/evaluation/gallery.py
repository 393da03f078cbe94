"""A page of the photos that went worst: what was found beside what is labelled."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bottomup._files import printable, write_atomically
from bottomup.datasets.photo import FloatArray
from bottomup.drawing import distinct_color, draw_people
from bottomup.drawing.fields import Color
from bottomup.evaluation.errors import PhotoCount
from bottomup.evaluation.metrics import Evaluation
from bottomup.image import BgrImage, read_image
from bottomup.people import People
from bottomup.skeleton import Skeleton

_HEIGHT, _WIDTH = 480, 800  # pixels that a photo may have on the page; two fit side by side on a common screen
_SIDES = ("found", "labelled")
_MARK = (40, 40, 230)  # BGR: boxes of missed and invented people
_FARTHEST = 1e5  # pixels

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1640px; padding: 0 1rem; color: #222 }}
figure {{ margin: 0 0 2.5rem }}
.pair {{ display: flex; gap: 8px; flex-wrap: wrap }}
.pair div {{ flex: 0 1 auto; min-width: 0 }}
img {{ max-width: 100%; height: auto; display: block }}
small {{ color: #666 }}
.missing {{ color: #b00 }}
</style></head><body>
<h1>{title}</h1>
<p>{introduction}</p>
"""


def worst_photos(evaluation: Evaluation, count: int) -> list[int]:
    """The ids of the photos that went worst, worst first; of equally bad ones those first that lost more people."""

    def badness(key: int) -> tuple[float, int]:
        photo = evaluation.photos[key]
        return photo.error, photo.missed + photo.invented

    bad = [key for key in evaluation.photos if evaluation.photos[key].error > 0]
    return sorted(bad, key=badness, reverse=True)[:count]


def write_page(
    evaluation: Evaluation,
    folder: str | Path,
    photo_path: Callable[[int], Path],
    *,
    count: int = 24,
    title: str = "Worst photos",
) -> Path:
    """Write `worst.html` and its pictures (in `worst/`) into a folder.

    Parameters
    ----------
    evaluation:
        From `evaluate_metric`.
    folder:
        Where to; must exist.
    photo_path:
        Gives the file of a photo by its id. Of one that cannot be read the page says so.
    count:
        How many photos, at most.
    title:
        The page's heading.

    Returns the page's path.
    """
    folder = Path(folder)
    pictures = folder / "worst"
    pictures.mkdir(exist_ok=True)
    for side in _SIDES:  # of an earlier page, whose photos may be others
        for old in pictures.glob(f"*_{side}.jpg"):
            old.unlink()
    keys = worst_photos(evaluation, count)
    introduction = (
        f"{len(keys)} of {len(evaluation.photos)} photos, worst first by 1 &minus; 2 &Sigma;OKS / (labelled + found). "
        "Left: found; right: labelled. Red boxes: invented people on the left, missed ones on the right."
    )
    parts = [_HEAD.format(title=html.escape(printable(title)), introduction=introduction)]
    parts += _figures(evaluation, keys, photo_path, pictures)
    page = folder / "worst.html"
    write_atomically(page, "".join([*parts, "</body></html>\n"]))
    return page


def _figures(
    evaluation: Evaluation, keys: Sequence[int], photo_path: Callable[[int], Path], pictures: Path
) -> Iterator[str]:
    for key in keys:
        path, photo = photo_path(key), evaluation.photos[key]
        caption = f"<figcaption><b>{html.escape(printable(path.name))}</b> {_caption(photo)}</figcaption>"
        try:
            sides = draw_photo(evaluation, key, read_image(path))
        except (OSError, ValueError) as error:
            yield f'<figure>{caption}<p class="missing">{html.escape(printable(str(error)))}</p></figure>\n'
            continue
        images = []
        for side, picture in zip(_SIDES, sides, strict=True):
            name = f"{key}_{side}.jpg"
            (pictures / name).write_bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())
            height, width = picture.shape[:2]
            image = f'<img src="worst/{name}" width="{width}" height="{height}" alt="{side}">'
            images.append(f"<div>{image}<small>{side}</small></div>")
        yield f'<figure>{caption}<div class="pair">{"".join(images)}</div></figure>\n'


def _caption(photo: PhotoCount) -> str:
    swapped = f", {photo.swapped} of {photo.limbs} limbs join two people" if photo.swapped else ""
    return (
        f"error {photo.error:.2f}: {photo.labelled} labelled, {photo.found} found, "
        f"{photo.missed} missed, {photo.invented} invented{swapped}"
    )


def draw_photo(evaluation: Evaluation, key: int, image: BgrImage) -> tuple[BgrImage, BgrImage]:
    """Two pictures of a photo: the people that were found and those that are labelled, (H, W, 3) uint8 BGR each.

    They are shrunk to fit the page. Matched people have the same colour on both; invented and missed ones are boxed.
    """
    scale = min(1.0, _HEIGHT / image.shape[0], _WIDTH / image.shape[1])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    factor = np.array(size) / np.array(image.shape[1::-1])
    truth, match, found = evaluation.truth[key], evaluation.photos[key].match, evaluation.found[key].keypoints
    shown = np.flatnonzero(~truth.ignored)
    holder = match.holder[shown]
    colors = [distinct_color(number) for number in range(len(shown) + len(found))]
    found_colors = colors[len(shown) :]
    for number, person in enumerate(holder):
        if person >= 0:
            found_colors[person] = colors[number]
    return (
        _draw(small, _scaled(found, factor), evaluation.skeleton, found_colors, match.invented),
        _draw(small, _scaled(truth.keypoints[shown], factor), evaluation.skeleton, colors[: len(shown)], holder < 0),
    )


def _scaled(keypoints: FloatArray, factor: FloatArray) -> FloatArray:
    """By the half-pixel rule."""
    return np.asarray((keypoints + 0.5) * factor - 0.5)


def _draw(
    image: BgrImage, keypoints: FloatArray, skeleton: Skeleton, colors: Sequence[Color], boxed: npt.NDArray[np.bool_]
) -> BgrImage:
    seen = np.isfinite(keypoints[..., 0])
    # Somebody else's results may hold anything; what does not fit into 32 bits lies outside the photo anyway.
    points = np.where(seen[..., None], np.clip(keypoints, -_FARTHEST, _FARTHEST), np.nan).astype(np.float32)
    people = People(skeleton, points, seen.astype(np.float32), np.ones(len(points), np.float32))
    picture = draw_people(image, people, colors=colors) if colors else image.copy()
    for box in people.boxes[boxed & seen.any(axis=1)]:
        x1, y1, x2, y2 = (int(value) for value in np.round([*(box[:2] - 4), *(box[2:] + 4)]))
        cv2.rectangle(picture, (x1, y1), (x2, y2), _MARK, 1, cv2.LINE_AA)
    return picture
