"""Reading what `bottomup.training.packing` has packed."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

_PART = re.compile(r"part-(\d{3})-of-(\d{3})\.zip")


def unpack(root: Path) -> Path:
    """The data root of packed files: `root/unpacked`, filled from the zip files in `root` unless it is already.

    A folder without packed files is returned as it is. Raises ValueError that names the parts that are missing or
    damaged.
    """
    found = {path.name: path for path in sorted(root.glob("part-*.zip")) if _PART.fullmatch(path.name)}
    if not found:
        return root
    first = _PART.fullmatch(next(iter(found)))
    assert first is not None
    wanted = [f"part-{number:03d}-of-{first[2]}.zip" for number in range(int(first[2]))]
    if missing := [name for name in wanted if name not in found]:
        raise ValueError(f"data must hold all packed files but {root} lacks {missing}")
    whole = root / "unpacked"
    if not (whole / "done").is_file():
        for name in wanted:
            try:
                with zipfile.ZipFile(found[name]) as part:
                    part.extractall(whole)
            except zipfile.BadZipFile as error:
                raise ValueError(f"data must hold whole packed files but {found[name]} is damaged: {error}") from error
        (whole / "done").touch()
    return whole
