"""Where labels and the photos that they name are found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

# Where labels are looked for, in this order, unless it is said: COCO's form, Roboflow's name of it, Leeds
# Sports Pose, MPII, FLIC, PoseTrack 2017's and CVAT's.
LABEL_FILES = (
    "annotations.json", "_annotations.coco.json", "joints.mat", "mpii_human_pose_v1_u12_1.mat", "examples.mat",
    "annotations.xml", "data.yaml", "dataset.yaml",
)  # fmt: skip
# COCO's own layout: annotations/person_keypoints_val2017.json beside val2017/ or images/val2017/.
_STOCK = "annotations/*keypoints*.json"
_PROBED = 20  # file names that are looked for to tell whether a folder is the photos'


def annotation_file(path: str | Path, *, split: str | None = None) -> Path:
    """The file that `path` means: itself or, if it is a folder, the labels in it.

    Looked for are `LABEL_FILES` and COCO's own `annotations/person_keypoints_SPLIT.json`. If nothing is there, the
    first of `LABEL_FILES`, which does not exist.

    Raises ValueError if the folder has several of COCO's files and `split` does not tell which.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    for name in LABEL_FILES:
        if (path / name).is_file():
            return path / name
    stock = sorted(path.glob(_STOCK))
    if len(stock) > 1 and split is not None:
        stock = [file for file in stock if file.stem.endswith(split)]
    if len(stock) > 1:
        names = [str(file.relative_to(path)) for file in stock]
        raise ValueError(f"labels must be one file but {path} has {names}: name one")
    return stock[0] if stock else path / LABEL_FILES[0]


def photo_folder(file: Path, names: Sequence[str]) -> Path:
    """The folder that a file of labels most likely means by its photos' names.

    `images/` beside it, unless the photos are in COCO's own places (`images/SPLIT/` or `SPLIT/` beside the folder of
    the file, where SPLIT ends the file's name) or beside the file itself.
    """
    home = file.parent
    split = file.stem.rsplit("_", 1)[-1]
    places = [home / "images", home / split, home]
    if home.name in ("annotations", "json", "labels"):  # a folder of its own, as COCO and CrowdPose have it
        base = home.parent
        places = [base / "images" / split, base / split, base / "images", *places, base]
    for place in places:
        if place.is_dir() and any(_candidate(place, name) is not None for name in names[:_PROBED]):
            return place
    return home.parent / "images" if home.name == "annotations" else home / "images"


class PhotoNames:
    """From the names in a file of labels to files within one folder."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self._bases = Counter(plain_name(name).rsplit("/", 1)[-1] for name in names)

    def path(self, name: str) -> Path:
        """The file of a photo; it need not exist.

        Backslashes separate folders as slashes do, an address means its last part, and leading folders that are not
        there are left out: all of them only if no other photo has the same last part.

        Raises ValueError if the name leads out of the folder.
        """
        plain = plain_name(name)
        parts = PurePosixPath(plain).parts
        if not parts:
            return self.folder
        if plain.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", plain) or "\0" in plain:
            raise ValueError(f"file_name must lie within the folder of the photos but is {name!r}")
        alone = self._bases[parts[-1]] == 1
        return _candidate(self.folder, plain, alone=alone) or self.folder.joinpath(*parts)


def plain_name(name: str) -> str:
    """A photo's name with slashes; of an address its path's last part."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name):
        return unquote(urlsplit(name).path.rsplit("/", 1)[-1])
    return name.replace("\\", "/").removeprefix("./")


def _candidate(folder: Path, name: str, *, alone: bool = False) -> Path | None:
    """The existing file in a folder that a name may mean."""
    parts = PurePosixPath(plain_name(name)).parts
    if not parts or ".." in parts or parts[0] == "/":
        return None
    tails = [parts]
    for start in range(1, len(parts)):
        repeats = parts[start - 1] in folder.parts or parts[start - 1] == "images"
        if alone or (repeats and len(tails) == start):
            tails.append(parts[start:])
    for tail in tails:
        path = folder.joinpath(*tail)
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):  # too long a name, say
            return None
    return None
