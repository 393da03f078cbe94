"""Drawn tags: those of the people, spoilt by as much as the noise says; and `bench crowd --fields tags`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from bottomup.benchmarks.cases import Case
from bottomup.benchmarks.crowds import Crowd, make_crowd
from bottomup.benchmarks.noise import LEVELS, Noise
from bottomup.benchmarks.scenes import procedural_scenes
from bottomup.benchmarks.tags import draw_tags
from bottomup.cli import app
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17


def crowd(people: int = 6) -> Crowd:
    return make_crowd(people, COCO_17, height=400, width=600, crowd_index=0.1, hidden=0, seed=2)


def tags_at_joints(crowd: Crowd, noise: Noise, seed: int = 0) -> np.ndarray:
    """(N, K) what is drawn at each joint's cell, NaN where it is not labelled."""
    tags = draw_tags(crowd, stride=4, noise=noise, seed=seed)
    cells = np.round((crowd.keypoints + 0.5) / 4 - 0.5).astype(int)
    cells = np.clip(cells, 0, [tags.shape[2] - 1, tags.shape[1] - 1])
    found = tags[np.arange(17)[None], cells[..., 1], cells[..., 0]]
    return np.where(crowd.visible, found, np.nan)


def test_every_person_has_a_tag_of_its_own() -> None:
    found = np.nanmedian(tags_at_joints(crowd(), LEVELS["clean"]), axis=1)
    apart = np.abs(found[:, None] - found[None])[np.triu_indices(6, 1)]
    assert (apart > 1.3).all()
    one = tags_at_joints(crowd(1), LEVELS["clean"])
    assert np.nanstd(one) == pytest.approx(0, abs=1e-6)


def test_noise_spreads_and_collides() -> None:
    spread = tags_at_joints(crowd(1), Noise(tag_spread=0.2))
    assert 0.1 < np.nanstd(spread) < 0.3
    together = tags_at_joints(crowd(), Noise(tag_collisions=1.0), seed=3)
    assert len(np.unique(np.round(np.nanmedian(together, axis=1), 3))) < 6


def test_the_same_arguments_give_the_same_tags_and_none_is_nobody() -> None:
    hard = LEVELS["hard"]
    np.testing.assert_array_equal(draw_tags(crowd(), stride=8, noise=hard), draw_tags(crowd(), stride=8, noise=hard))
    assert (draw_tags(crowd(), stride=8, noise=hard) != draw_tags(crowd(), stride=8, noise=hard, seed=1)).any()
    nobody = draw_tags(make_crowd(0, COCO_17, height=80, width=90), stride=8)
    assert (nobody.shape, np.isfinite(nobody).all()) == ((17, 10, 12), True)
    with pytest.raises(ValueError, match="stride must be at least 1"):
        draw_tags(crowd(), stride=0)


@pytest.mark.parametrize("assignment", ["sweep", "tags"])
def test_scenes_with_tags_are_decoded(assignment: str) -> None:
    case = Case(4, 60, 90, skeleton="coco17", noise="clean", crowd_index=0.1, stride=4)
    (scene,) = procedural_scenes(case, 1, settings=Settings(assignment=assignment), fields="tags")
    assert len(scene.people) == 4
    assert set(scene.seconds) == {"decode"}
    with pytest.raises(ValueError, match="fields must be one of"):
        list(procedural_scenes(replace(case, people=1), 1, settings=Settings(), fields="tag"))


def test_the_command_compares_with_the_published_grouping() -> None:
    pytest.importorskip("pycocotools")
    call = ["bench", "crowd", "--fields", "tags", "--people", "3", "--crowd-index", "0.1", "--noise", "clean"]
    done = CliRunner().invoke(app, [*call, "--images", "1", "--size", "60x90", "--skeleton", "coco17"])
    assert done.exit_code == 0, done.output
    assert "sweep" in done.output
    assert "tags" in done.output
    wrong = CliRunner().invoke(app, ["bench", "crowd", "--fields", "pafz"])
    assert wrong.exit_code != 0
    assert "--fields must be pafs or tags" in wrong.output
