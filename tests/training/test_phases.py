"""Recipes of several parts: what each part is, and that a run through all of them can stop anywhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from bottomup.networks.field_network import load_network
from bottomup.training import TrainConfig, find_recipe, load_parts, loop, train_parts
from bottomup.training.phases import parts_toml
from bottomup.training.state import TrainState

pytest.importorskip("pycocotools")

COMMON = """
out = "runs/a"
hours = 3
initial_weights = "default"
rotation = 10
[network]
channels = 32
[[sources]]
folder = "people"
weight = 2.0
scale = [1, 2]
[[sources]]
folder = "nobody"
"""
PARTS = """
[[parts]]
hours = 1
[parts.network]
widths = [8, 8, 8, 8]

[[parts]]
rotation = 20
[[parts.sources]]
folder = "nobody"
weight = 0.5
[[parts.sources]]
folder = "more"
"""


def quiet(_: str) -> None:
    pass


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(COMMON + PARTS)
    return path


def test_a_part_says_what_is_different(recipe: Path) -> None:
    first, second = load_parts(recipe, data="elsewhere")
    assert (first.hours, second.hours) == (1, 3)
    assert (first.rotation, second.rotation) == (10, 20)
    assert (first.network.widths, first.network.channels) == ((8, 8, 8, 8), 32)
    assert (second.network.widths, second.network.channels) == ((48, 64, 144, 256), 32)
    assert [(source.folder, source.weight) for source in first.sources] == [("people", 2.0), ("nobody", 1.0)]
    assert [(s.folder, s.weight) for s in second.sources] == [("people", 2.0), ("nobody", 0.5), ("more", 1.0)]
    assert second.sources[0].scale == (1, 2)
    assert (first.data, second.data) == ("elsewhere", "elsewhere")


def test_a_part_goes_on_from_the_one_before_unless_it_says_otherwise(recipe: Path) -> None:
    first, second = load_parts(recipe)
    assert (first.out, first.initial_weights) == ("runs/a-part-1", "default")
    assert (second.out, second.initial_weights) == ("runs/a", "runs/a-part-1/weights.safetensors")
    first, second = load_parts(recipe, out="b/")
    assert (first.out, second.out, second.initial_weights) == ("b-part-1", "b/", "b-part-1/weights.safetensors")
    recipe.write_text(COMMON + PARTS + "[[parts]]\ninitial_weights = 'mine.safetensors'")
    assert [part.initial_weights for part in load_parts(recipe)][2] == "mine.safetensors"


def test_a_length_is_shared_among_the_parts(recipe: Path) -> None:
    assert [part.hours for part in load_parts(recipe, hours=2.0)] == [0.5, 1.5]
    assert [part.steps for part in load_parts(recipe, steps=10)] == [3, 8]
    recipe.write_text(COMMON)
    assert [part.hours for part in load_parts(recipe, hours=0.7)] == [0.7]


def test_without_parts_it_is_one(recipe: Path) -> None:
    recipe.write_text(COMMON)
    assert load_parts(recipe, seed=3) == [TrainConfig.load(recipe, seed=3)]


def test_parts_survive_toml(recipe: Path, tmp_path: Path) -> None:
    parts = load_parts(recipe)
    (tmp_path / "again.toml").write_text(parts_toml(parts, "runs/a"))
    assert load_parts(tmp_path / "again.toml") == parts


@pytest.mark.parametrize("parts", ["parts = 3", "parts = [3]", "[[parts]]\nsources = 'a'", "[[parts]]\nspeed = 1"])
def test_parts_that_are_none_are_named(recipe: Path, parts: str) -> None:
    recipe.write_text(f"{parts}\n[[sources]]\nfolder = 'a'" if parts.startswith("parts") else COMMON + parts)
    with pytest.raises(ValueError, match=r"path must be a training recipe but .*recipe\.toml is not"):
        load_parts(recipe)


def test_a_recipe_is_a_file_or_a_name(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_recipe(str(recipe)) == recipe
    assert load_parts(find_recipe("default"))[-1].out == "runs/default"
    monkeypatch.chdir(recipe.parent)
    recipe.rename("default")  # what is there goes first
    assert find_recipe("default") == Path("default")
    with pytest.raises(FileNotFoundError, match=r"CONFIG must be a recipe's file or one of .*'default'.* 'nonsense'"):
        find_recipe("nonsense")


class Killed(Exception):
    pass


@pytest.mark.slow
def test_a_run_through_all_parts_goes_on_where_it_was_killed(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def three_parts(name: str) -> list[TrainConfig]:
        path = tmp_path / f"{name}.toml"
        network = dataclasses.replace(config, checkpoint_minutes=0.0).to_toml()
        path.write_text(network + "[[parts]]\nsteps = 3\n[[parts]]\nsteps = 4\nrotation = 5.0\n[[parts]]\nsteps = 3\n")
        return load_parts(path, out=str(tmp_path / name))

    whole = load_network(train_parts(three_parts("whole"), say=quiet))
    parts, step, done = three_parts("killed"), loop.train_step, []

    def killed(state: TrainState, *rest: Any) -> torch.Tensor:
        # In the middle of the second part, then right at the beginning of the third, before its first checkpoint.
        if (len(done), state.config.out, state.step) in ((5, parts[1].out, 2), (7, parts[2].out, 0)):
            raise Killed
        done.append(state.config.out)
        return step(state, *rest)

    monkeypatch.setattr(loop, "train_step", killed)
    with pytest.raises(Killed):
        train_parts(parts, say=quiet)
    with pytest.raises(ValueError, match=r"out must be a new folder, or resume be set, but .*killed-part-2/checkpoint"):
        train_parts(parts, say=quiet)
    lines: list[str] = []
    with pytest.raises(Killed):
        train_parts(parts, resume=True, say=lines.append)
    assert lines[0] == f"part 2 of 3: {parts[1].out}"
    done.append("so that it is not killed again")
    resumed = load_network(train_parts(parts, resume=True, say=quiet))
    assert [done.count(part.out) for part in parts] == [3, 4, 3]
    for name, tensor in resumed.state_dict().items():
        torch.testing.assert_close(tensor, whole.state_dict()[name], rtol=0, atol=0, msg=name)
