"""A recipe packed for another machine trains there as it would here, but for what shrinking takes."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bottomup.fields import draw_fields
from bottomup.skeletons import OPENPOSE_COCO_18
from bottomup.training import TrainConfig, load_parts, loop, train
from bottomup.training.crop_dataset import CropMaker
from bottomup.training.devices import WholeBatch
from bottomup.training.examples import read_source
from bottomup.training.packing import pack_recipe
from bottomup.training.teacher import pack
from bottomup.training.unpacking import unpack


def quiet(_: str) -> None:
    pass


@pytest.fixture
def taught(config: TrainConfig, tmp_path: Path) -> TrainConfig:
    """The recipe with a teacher of whom there are only maps, at two scales, in a data root of its own."""
    root = tmp_path / "data"
    shutil.copytree(config.data, root)
    source = dataclasses.replace(config.sources[0], teacher_scales=(1.0, 1.5))
    for photo in read_source(source, root, OPENPOSE_COCO_18)[0]:
        maps = {}
        for number, scale in enumerate(source.teacher_scales):
            points = (photo.keypoints + 0.5) * scale - 0.5
            size = {"height": round(120 * scale), "width": round(160 * scale)}
            fields = draw_fields(points, photo.visible, OPENPOSE_COCO_18, **size, stride=8)
            maps[f"maps{number}"] = pack(0.8 * fields.heatmaps, fields.pafs)
        file = root / "maps" / "people" / f"{photo.id}.npz"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, scales=np.array(source.teacher_scales), stride=8, y_offset=2.0, **maps)
    return dataclasses.replace(config, data=str(root), teacher="maps", sources=(source, config.sources[1]))


@pytest.mark.parametrize(("long_side", "person_size"), [(512, 0.0), (120, 0.0), (120, 130.0)])
def test_packed_crops_are_those_of_the_recipe(
    taught: TrainConfig, tmp_path: Path, long_side: int, person_size: float
) -> None:
    sources = (dataclasses.replace(taught.sources[0], person_size=person_size), taught.sources[1])
    taught = dataclasses.replace(taught, sources=sources, colour=0.0)
    paths = pack_recipe([taught], tmp_path / "packed", long_side=long_side, say=quiet)
    assert [path.name for path in paths] == ["part-000-of-001.zip"]
    packed = TrainConfig.load(tmp_path / "packed" / "recipe.toml", data=str(unpack(tmp_path / "packed")))
    assert packed.teacher == "teacher"
    crops = [CropMaker(one, OPENPOSE_COCO_18, loop.load_sets(one, quiet))[0, 8, 96] for one in (taught, packed)]
    (images, heatmaps, pafs, *rest), (packed_images, packed_heatmaps, packed_pafs, *packed_rest) = crops
    assert (images.float() - packed_images.float()).abs().mean() < 6
    assert (heatmaps - packed_heatmaps).abs().max() < 0.15
    assert (heatmaps - packed_heatmaps).abs().mean() < 0.005
    assert (pafs - packed_pafs).abs().mean() < 0.03
    for one, other in zip(rest, packed_rest, strict=True):
        assert (one != other).float().mean() < 0.02


def test_the_scores_of_labels_are_packed(config: TrainConfig, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(config.data, root)
    file = root / "people" / "annotations.json"
    content = json.loads(file.read_text())
    for annotation in content["annotations"][::2]:
        annotation["score"] = 0.375
    file.write_text(json.dumps(content))
    config = dataclasses.replace(config, data=str(root))
    pack_recipe([config], tmp_path / "packed", long_side=512, say=quiet)
    packed = TrainConfig.load(tmp_path / "packed" / "recipe.toml", data=str(unpack(tmp_path / "packed")))
    both = [read_source(one.sources[0], Path(one.data), OPENPOSE_COCO_18)[0] for one in (config, packed)]
    trusts = [[photo.trust.tolist() for photo in photos] for photos in both]
    assert trusts[0] == trusts[1]
    assert {0.375, 1.0} == {value for photo in trusts[0] for value in photo}


def test_what_is_held_out_stays_so_and_as_it_is(taught: TrainConfig, tmp_path: Path) -> None:
    pack_recipe([taught], tmp_path / "packed", long_side=64, say=quiet)
    root = unpack(tmp_path / "packed")
    packed = TrainConfig.load(root / "recipe.toml")
    skeleton = OPENPOSE_COCO_18
    (photos, held), (wanted, wanted_held) = (
        read_source(recipe.sources[0], Path(where), skeleton)
        for recipe, where in ((packed, root), (taught, taught.data))
    )
    assert [photo.id for photo in photos] == [photo.id for photo in wanted] == [2, 3]
    assert [photo.id for photo in held] == [1]
    np.testing.assert_allclose(held[0].keypoints, wanted_held[0].keypoints, atol=0.01)
    np.testing.assert_allclose(held[0].boxes, wanted_held[0].boxes, atol=0.02)
    np.testing.assert_allclose(photos[0].ignore, (wanted[0].ignore + 0.5) * 0.4 - 0.5, atol=0.02)
    assert photos[0].shrunk == pytest.approx(0.4)
    assert read_source(packed.sources[1], root, skeleton)[0][0].keypoints.shape == (0, 18, 2)


def test_parts_are_bounded_and_must_all_be_there(taught: TrainConfig, tmp_path: Path) -> None:
    paths = pack_recipe([taught], tmp_path / "packed", part_size=6000, say=quiet)
    assert len(paths) > 2
    assert paths[0].name == f"part-000-of-{len(paths):03d}.zip"
    # Of what is larger than that, one goes into each.
    assert all(path.stat().st_size < 40_000 for path in paths)
    with pytest.raises(ValueError, match=r"out must be a folder without packed files but .*part-000-of"):
        pack_recipe([taught], tmp_path / "packed", say=quiet)
    with pytest.raises(ValueError, match="long_side must be at least 32 but is 3"):
        pack_recipe([taught], tmp_path / "other", long_side=3, say=quiet)
    content = paths[1].read_bytes()
    paths[1].write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"must hold whole packed files but .*part-001-of.* is damaged"):
        unpack(tmp_path / "packed")
    paths[1].unlink()
    with pytest.raises(ValueError, match=r"must hold all packed files but .* lacks \['part-001-of"):
        unpack(tmp_path / "packed")
    assert unpack(tmp_path) == tmp_path


@pytest.mark.slow
def test_training_reads_the_packed_files_also_in_one_piece(
    taught: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pycocotools")
    pack_recipe([taught], tmp_path / "packed", long_side=120, teacher_scales=(1.0,), say=quiet)
    # As on a GPU: the whole batch at once.
    monkeypatch.setattr(loop, "make_computer", WholeBatch)
    recipe = TrainConfig.load(
        tmp_path / "packed" / "recipe.toml",
        data=str(tmp_path / "packed"),
        out=str(tmp_path / "run"),
        device="cpu",
        steps=3,
    )
    assert recipe.sources[0].teacher_scales == (1.0,)
    lines: list[str] = []
    assert train(recipe, say=lines.append).is_file()
    assert "source-0: 2 photos, 1 held out" in lines
    assert any(line.startswith("source-0: AP ") for line in lines)


def test_parts_of_a_recipe_are_packed_together(taught: TrainConfig, tmp_path: Path) -> None:
    first = dataclasses.replace(taught, out="a-part-1", initial_weights="default")
    heavier = (dataclasses.replace(taught.sources[0], weight=7.0), taught.sources[1])
    second = dataclasses.replace(
        taught, out="a", initial_weights="a-part-1/weights.safetensors", steps=9, sources=heavier
    )
    pack_recipe([first, second], tmp_path / "packed", long_side=120, say=quiet)
    there = load_parts(tmp_path / "packed" / "recipe.toml")
    assert [part.out for part in there] == ["runs/packed-part-1", "runs/packed"]
    assert [part.initial_weights for part in there] == ["default", "runs/packed-part-1/weights.safetensors"]
    assert [part.steps for part in there] == [taught.steps, 9]
    assert [part.sources[0].weight for part in there] == [3.0, 7.0]
    assert there[1].sources[0].folder == "source-0"
    fewer = dataclasses.replace(second, sources=taught.sources[:1])
    with pytest.raises(ValueError, match="parts must have the same photos, and the same teacher's maps of them"):
        pack_recipe([first, fewer], tmp_path / "other", say=quiet)


def test_a_map_that_is_missing_is_named(taught: TrainConfig) -> None:
    (Path(taught.data) / "maps" / "people" / "3.npz").unlink()
    with pytest.raises(ValueError, match=r"teacher must hold the maps of every photo but .*3\.npz is none"):
        loop.load_sets(taught, quiet)
