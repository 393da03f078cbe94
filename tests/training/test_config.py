"""Recipes: the one in the package, the way through TOML and back, and what they may not say."""

from __future__ import annotations

import dataclasses
from importlib.resources import files
from pathlib import Path

import pytest

from bottomup.networks.field_network import FieldNetwork
from bottomup.training import Source, TrainConfig, load_parts

RECIPES = Path(str(files("bottomup.training") / "recipes"))
ABLATION = RECIPES / "ablation.toml"


@pytest.mark.slow
def test_every_recipe_of_the_package_can_be_loaded_and_names_no_machine() -> None:
    recipes = sorted(RECIPES.glob("*.toml"))
    assert {recipe.stem for recipe in recipes} >= {"ablation", "crops", "default", "large", "resnet", "resnet_crops"}
    for recipe in recipes:
        if recipe.stem == "finetune":  # asks the data which joints there are
            continue
        for config in load_parts(recipe, data="elsewhere"):
            assert config.data == "elsewhere"
            assert sum(source.held_out for source in config.sources) >= 300
            assert not any(Path(source.folder).is_absolute() for source in config.sources)
            FieldNetwork(config.network)


def test_a_config_survives_toml(tmp_path: Path) -> None:
    config = dataclasses.replace(
        TrainConfig.load(ABLATION),
        data='a "quoted" \\ path',
        seed=3,
        bfloat16=False,
        joint_weights=(("wrist", 1.5), ("left_knee", 1.2)),
    )
    (tmp_path / "a.toml").write_text(config.to_toml())
    assert TrainConfig.load(tmp_path / "a.toml") == config


def test_crops_grow_along_the_schedule() -> None:
    config = TrainConfig((Source("a"),), crop_sizes=((0.0, 64), (0.5, 96), (0.9, 128)))
    assert [config.crop_size(progress) for progress in (0.0, 0.49, 0.5, 0.95, 1.0)] == [64, 64, 96, 128, 128]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hours = ", "Invalid value"),
        ("", "sources must be given but is not"),
        ("sources = []", "sources must be at least one folder"),
        ("speed = 3\n[[sources]]\nfolder = 'a'", "speed must be a known name but is none"),
        ("batch = '16'\n[[sources]]\nfolder = 'a'", "batch must be a whole number but is '16'"),
        ("flip = 'yes'\n[[sources]]\nfolder = 'a'", "flip must be a number but is 'yes'"),
        ("jpeg = true\n[[sources]]\nfolder = 'a'", "jpeg must be a number but is True"),
        ("resume = 1979-05-27\n[[sources]]\nfolder = 'a'", "values must be text, numbers, lists and tables"),
        ("[network]\nchanels = 8\n[[sources]]\nfolder = 'a'", "network.chanels must be .*: did you mean channels"),
        ("[[sources]]\nfolder = 'a'\nscales = [1, 2]", "sources.0.scales must be .*: did you mean scale"),
        ("crop_sizes = [[0.0, 64.5]]\n[[sources]]\nfolder = 'a'", "crop_sizes.0.1 must be a whole number but is 64.5"),
        ("inherit = true\n[[sources]]\nfolder = 'a'", "inherit must be false without a network in initial_weights"),
        ("patience = 2\n[[sources]]\nfolder = 'a'", "patience must be 0 without validate_minutes but is 2"),
        ("[[sources]]\nfolder = 'a'\nweight = 0", "weight must be positive but is 0"),
        ("[[sources]]\nfolder = 'a'\nscale = [2, 1]", "scale must be two rising sizes"),
        ("[[sources]]\nfolder = 'a'\nlabel_trust = 2", "label_trust must be from 0 to 1 but is 2"),
        ("crop_sizes = [[0.0, 100]]\n[[sources]]\nfolder = 'a'", "crop_sizes must be multiples of 32"),
        ("crop_sizes = [[0.2, 64]]\n[[sources]]\nfolder = 'a'", "crop_sizes must be rising from 0"),
        ("hours = -1\n[[sources]]\nfolder = 'a'", "hours must be positive but is -1"),
        ("batch = -1\n[[sources]]\nfolder = 'a'", "batch must be at least 0 but is -1"),
        ("crowd = 1.5\n[[sources]]\nfolder = 'a'", "crowd must be from 0 to 1 but is 1.5"),
        ("joint_weights = [['wrist', -1]]\n[[sources]]\nfolder = 'a'", "joint_weights must be positive"),
        ("hard_joints = -1\n[[sources]]\nfolder = 'a'", "hard_joints must be at least 0 but is -1"),
        ("frozen_parts = 1\n[[sources]]\nfolder = 'a'", "frozen_parts must be 0 without initial_weights but is 1"),
        ("keep_start = 1.0\n[[sources]]\nfolder = 'a'", "keep_start must be from 0 to below 1 but is 1.0"),
        (
            "initial_weights = 'efficientnet_lite0'\nkeep_start = 0.5\n[[sources]]\nfolder = 'a'",
            "keep_start must be 0 without a network in initial_weights but is 0.5",
        ),
        ("pretrained_rate = 0\n[[sources]]\nfolder = 'a'", "pretrained_rate must be above 0 and at most 1"),
        (
            "batch = '16'\nhours = 'two'\n[[sources]]\nfolder = 'a'",
            "hours must be a number but is .*; batch must be",
        ),
        ("crowd = 2.0\nclip = 0.0\n[[sources]]\nfolder = 'a'", "crowd must be from 0 to 1 but is 2.0; clip must be"),
        ("[network]\nstride = 7\n[[sources]]\nfolder = 'a'", "stride must be 4 or 8 but is 7"),
    ],
)
def test_says_what_a_recipe_has_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ValueError, match=rf"path must be a training recipe but .*a\.toml is not: .*{message}"):
        TrainConfig.load(tmp_path / "a.toml")
