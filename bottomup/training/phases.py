"""Recipes of several parts: training runs of which each goes on from the weights of the one before."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bottomup.training.config import TrainConfig
from bottomup.training.devices import take_place
from bottomup.training.loop import train_at
from bottomup.training.report import Say

_RECIPES = Path(__file__).parent / "recipes"


def find_recipe(name: str) -> Path:
    """The file `name`, or the package's recipe of that name (`default`). FileNotFoundError lists those."""
    known = {path.stem: path for path in sorted(_RECIPES.glob("*.toml"))}
    path = Path(name) if Path(name).is_file() else known.get(name)
    if path is None:
        raise FileNotFoundError(f"CONFIG must be a recipe's file or one of {list(known)} but there is no {name!r}")
    return path


def load_parts(path: str | Path, **changes: Any) -> list[TrainConfig]:
    """The runs that a recipe describes, in their order.

    What stands above a recipe's `[[parts]]` holds for all of them, and a part says what is different in it; of
    `network`, and of a source that it names again (same `folder` and `labels`), also only that. A recipe without
    `[[parts]]` is one part.

    The last part writes to the recipe's `out`, the others beside it (`OUT-part-1`). A part starts from the weights that
    the one before it makes, unless it has `initial_weights` of its own.

    Keyword arguments replace values in all parts; `hours` and `steps` are what all have together, in the proportion
    that the recipe has. ValueError names the file and what it cannot have.
    """
    try:
        common = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        described = common.pop("parts", [{}])
        lengths = {name: changes.pop(name) for name in ("hours", "steps") if name in changes}
        parts: list[TrainConfig] = []
        for number, part in enumerate(described, start=1):
            values = _merged(common, part) | changes
            if number < len(described):
                values["out"] = f"{Path(values.get('out', TrainConfig.out))}-part-{number}"
            if parts and not part.get("initial_weights"):
                values["initial_weights"] = _weights(parts[-1])
            parts.append(TrainConfig.from_values(values))
        return _with_lengths(parts, **lengths)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"path must be a training recipe but {path} is not: {error}") from error


def _merged(common: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    sources = {(source.get("folder"), source.get("labels")): source for source in common.get("sources", ())}
    for source in part.get("sources", ()):
        key = (source.get("folder"), source.get("labels"))
        sources[key] = sources.get(key, {}) | source
    network = common.get("network", {}) | part.get("network", {})
    return {**common, **part, "network": network, "sources": list(sources.values())}


def _with_lengths(parts: Sequence[TrainConfig], **lengths: float) -> list[TrainConfig]:
    own = [part.steps or part.hours for part in parts]
    changed = []
    for part, its in zip(parts, own, strict=True):
        share = its / sum(own)
        changes: dict[str, Any] = {name: share * length for name, length in lengths.items()}
        if "steps" in changes:
            changes["steps"] = math.ceil(changes["steps"])
        changed.append(dataclasses.replace(part, **changes))
    return changed


def train_parts(parts: Sequence[TrainConfig], *, resume: bool = False, say: Say = print) -> Path:
    """Train the parts of a recipe one after another, each as `train` does; returns the path of the last one's weights.

    resume: go on in the part that was being trained. Raises as `train` does, and ValueError if there is something to
    go on from and `resume` is false.
    """
    # A part begins when the one before it is finished, so all before the last that has begun are.
    begun = [number for number, part in enumerate(parts) if (Path(part.out) / "checkpoint.pt").is_file()]
    if begun and not resume:
        there = Path(parts[begun[-1]].out) / "checkpoint.pt"
        raise ValueError(f"out must be a new folder, or resume be set, but {there} is there")
    path = Path()
    with take_place(parts[0].device) as place:
        for number in range(max(begun, default=0), len(parts)):
            if len(parts) > 1 and place.is_first:
                say(f"part {number + 1} of {len(parts)}: {parts[number].out}")
            path = train_at(place, parts[number], resume=resume, say=say)
    return path


def parts_toml(parts: Sequence[TrainConfig], out: str) -> str:
    """The recipe that `load_parts` reads as these parts, but for `out`."""
    if len(parts) == 1:
        return parts[0].to_toml(out=out)
    tables = []
    for number, part in enumerate(parts):
        goes_on = number > 0 and part.initial_weights == _weights(parts[number - 1])
        changes = {"out": out} | ({"initial_weights": ""} if goes_on else {})
        tables.append("[[parts]]\n" + part.to_toml("parts", **changes))
    return "\n".join(tables)


def _weights(part: TrainConfig) -> str:
    return str(Path(part.out) / "weights.safetensors")
