"""What each loss and augmentation of a recipe is worth: runs of equal length from one start, one change in each.

Runs that are this short tell what helps a network on its way, not what it would reach in the end; the same recipe
with other seeds, which are rows as well, tells what difference is chance.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bottomup.training.config import CROP_LOSSES, TrainConfig
from bottomup.training.examples import Example
from bottomup.training.loop import Sets, load_sets, train
from bottomup.training.report import Say
from bottomup.training.source import Source
from bottomup.training.validation import held_out_loss

_ARMS_AND_LEGS = (("elbow", 1.2), ("knee", 1.2), ("wrist", 1.5), ("ankle", 1.5))


@dataclass(frozen=True)
class Feature:
    """Something that a recipe does or leaves: a value that it does it with, and the value that leaves it."""

    name: str
    setting: str
    on: Any
    off: Any


FEATURES = (
    Feature("intermediate supervision", "intermediate", True, False),
    Feature("foreground weights", "foreground", 4.0, 0.0),
    Feature("joint weights", "joint_weights", _ARMS_AND_LEGS, ()),
    Feature("hard joints only", "hard_joints", 8, 0),
    Feature("squared error of heatmaps", "heatmap_loss", "mse", "cross_entropy"),
    Feature("feature maps left out", "dropout", 0.1, 0.0),
    Feature("rotation", "rotation", 25.0, 0.0),
    Feature("mirrored crops", "flip", 0.5, 0.0),
    Feature("other colours, blur and noise", "colour", 1.0, 0.0),
    Feature("JPEG", "jpeg", 0.3, 0.0),
    Feature("half bodies", "half_body", 0.3, 0.0),
)
FIELD_FEATURES = (
    Feature("learning from a teacher", "teacher", None, ""),
    Feature("somebody in front", "crowd", 0.3, 0.0),
    Feature("a part of another photo", "cutmix", 0.5, 0.0),
)
CROP_FEATURES = (
    Feature("interference joints", "interference", 0.5, 0.0),
    Feature("larger, smaller and shifted crops", "crop_jitter", True, False),
    Feature("boxes that are off as a detector's are", "jitter_kind", "pgpg", "uniform"),
)
COLUMNS = ("run", "changes", "crops", "held-out loss", "AP", "people seen where nobody is")


def rows(config: TrainConfig, seeds: int = 2) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The name of each run and what it changes in the recipe: other seeds, then every feature the other way round."""
    yield "the recipe", {}
    for seed in range(1, seeds):
        yield f"the recipe, seed {config.seed + seed}", {"seed": config.seed + seed}
    if config.mode == "crops":
        yield from (("crop_loss " + loss, {"crop_loss": loss}) for loss in CROP_LOSSES if loss != config.crop_loss)
    of_mode = CROP_FEATURES if config.mode == "crops" else FIELD_FEATURES
    for feature in of_mode + FEATURES:
        does = getattr(config, feature.setting) != feature.off
        value = feature.off if does else feature.on
        if value is None or (feature.setting == "intermediate" and config.network.stages == 1):
            continue
        yield f"{'without' if does else 'with'} {feature.name}", {feature.setting: value}


def ablate(config: TrainConfig, *, seeds: int = 2, say: Say = print) -> Path:
    """Train a recipe and its variations, each for the recipe's `steps`, and write a table of what they reach.

    Each run has a folder of its own in `config.out`; one that is finished is not trained again, one that was stopped
    goes on. Returns the path of the table, `ablation.csv`; the same as Markdown is beside it in `ablation.md`.

    Raises ValueError if the recipe has no `steps`: runs of equal time are of equal length only on a quiet machine.
    """
    if not config.steps:
        raise ValueError(f"steps must be above 0 for an ablation, which compares equal lengths, but is {config.steps}")
    out = Path(config.out)
    sets = load_sets(dataclasses.replace(config, out=str(out / "recipe")), say)
    table = []
    for number, (name, changes) in enumerate(rows(config, seeds)):
        variant = dataclasses.replace(config, out=str(out / f"run-{number:02d}"), **changes)
        say(f"== {name}")
        table.append(_run(variant, config, name, changes, sets, say))
        _write(out, table)
    return out / "ablation.csv"


def _run(
    variant: TrainConfig, config: TrainConfig, name: str, changes: Mapping[str, Any], sets: Sets, say: Say
) -> list[str]:
    """The row of one run."""
    done = Path(variant.out) / "row.csv"
    if done.is_file():
        with done.open(newline="") as file:
            return next(csv.reader(file))
    weights = train(variant, resume=True, say=say, sets=sets if variant.teacher else _without_teacher(sets))
    precision, people = _last_validation(Path(variant.out) / "validation.csv")
    row = [
        name,
        ", ".join(f"{setting} = {value!r}" for setting, value in changes.items()),
        str(variant.steps * variant.batch),
        # Of crops only those of the same loss can be compared.
        f"{held_out_loss(weights, variant if variant.mode == 'crops' else config):.4f}",
        precision,
        people,
    ]
    with done.open("w", newline="") as file:
        csv.writer(file).writerow(row)
    return row


def _last_validation(path: Path) -> tuple[str, str]:
    """AP, and people seen in a photo without any, as the run wrote them at its end; empty if none is held out."""
    with path.open(encoding="utf-8", newline="") as file:
        last = {row["measure"]: row["value"] for row in csv.DictReader(file)}
    return last.get("AP", ""), last.get("people", "")


def _without_teacher(sets: Sets) -> Sets:
    def plain(source: Source, examples: Sequence[Example]) -> tuple[Source, Sequence[Example]]:
        return source, [dataclasses.replace(example, maps=()) for example in examples]

    return [plain(source, examples) for source, examples in sets]


def _write(out: Path, table: Sequence[Sequence[str]]) -> None:
    with (out / "ablation.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *table])
    lines = [f"| {' | '.join(row)} |" for row in (COLUMNS, ["---"] * len(COLUMNS), *table)]
    (out / "ablation.md").write_text("\n".join(lines) + "\n")
