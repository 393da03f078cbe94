"""`bottomup train`: networks from recipes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bottomup.commands._options import INTERRUPTED, WRONG_USAGE, DeviceOption, new_app, read_numbers, stop

if TYPE_CHECKING:
    from bottomup.training import TrainConfig

app = new_app()


@app.command()
def train(
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help="The recipe: a file, or a name as default, the built-in network's.")
    ],
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder that the recipe's paths start from.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for checkpoints, log and weights.")] = None,
    hours: Annotated[float | None, typer.Option(metavar="HOURS", help="Train for so long.")] = None,
    steps: Annotated[int | None, typer.Option(metavar="STEPS", help="Train for so many steps instead.")] = None,
    device: DeviceOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    crops: Annotated[
        bool,
        typer.Option("--crops", help="A network for crops around one person each, from labels alone."),
    ] = False,
    pack: Annotated[
        bool,
        typer.Option("--pack", help="Do not train: write all that is needed to train elsewhere to --out."),
    ] = False,
    long_side: Annotated[int, typer.Option(metavar="PIXELS", help="With --pack: shrink photos to this.")] = 384,
    teacher_scales: Annotated[
        str | None, typer.Option(metavar="LIST", help="With --pack: scales of the teacher's maps; all, unless given.")
    ] = None,
    ablate: Annotated[
        bool,
        typer.Option(
            "--ablate",
            help="Train once for each loss and augmentation, turned round, and write a table of what they reach.",
        ),
    ] = False,
) -> None:
    """Train a network by a recipe. Options replace the recipe's own values.

    On several GPUs: torchrun --nproc-per-node GPUS -m bottomup train CONFIG
    """
    given = {"data": data and str(data), "out": out and str(out), "hours": hours, "steps": steps, "device": device}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if crops:
        changes |= {"mode": "crops", "teacher": "", "crowd": 0.0}
    from bottomup.commands import _console

    try:
        from bottomup.training import find_recipe, load_parts, train_parts

        if hours is not None and not hours > 0:
            raise ValueError(f"--hours must be positive but is {hours}")
        recipe = find_recipe(config)
        if pack:
            if out is None:
                raise ValueError("--out must name the folder for the packed files with --pack")
            del changes["out"]  # beside the recipe's own lie the teacher's maps
            scales = () if teacher_scales is None else read_numbers("--teacher-scales", teacher_scales)
            _pack(load_parts(recipe, **changes), out, long_side, scales)
            return
        parts = load_parts(recipe, **changes)
        if ablate:
            from bottomup.training.ablation import ablate as run_ablation

            if len(parts) > 1:
                raise ValueError(f"CONFIG must be a recipe of one part with --ablate but {recipe} has {len(parts)}")
            _console.show(run_ablation(parts[0]).with_suffix(".md").read_text().rstrip("\n"))
            return
        path = train_parts(parts, resume=resume)
    except (ValueError, FileNotFoundError, ImportError) as error:
        stop(str(error), WRONG_USAGE)
    except KeyboardInterrupt:
        goes_on = "the same command" if ablate else "--resume"
        stop(f"interrupted; {goes_on} goes on from the last checkpoint", INTERRUPTED)
    _console.show(f"weights: {path}")


def _pack(parts: list[TrainConfig], out: Path, long_side: int, teacher_scales: tuple[float, ...]) -> None:
    from bottomup.commands import _console
    from bottomup.training.packing import pack_recipe

    paths = pack_recipe(parts, out, long_side=long_side, teacher_scales=teacher_scales)
    _console.show(*map(str, paths), f"there: bottomup train {out.name}/recipe.toml --data {out.name}")
