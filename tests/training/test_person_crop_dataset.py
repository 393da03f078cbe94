"""Crops around one person: their targets and losses, and a network from training to a photo."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from bottomup import CropDetector, Detector
from bottomup.crop_geometry import CROP_MARGIN
from bottomup.fields import cell_centres, draw_heatmaps
from bottomup.image import read_image
from bottomup.networks.export.onnx import export_onnx
from bottomup.networks.field_network import FieldNetwork, NetworkConfig, load_network, save_network
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18
from bottomup.training import Source, TrainConfig, train
from bottomup.training.augment import crop_matrix
from bottomup.training.crop_loss import CropLoss, integral_loss, softmax_loss
from bottomup.training.examples import Example, load_examples, read_source
from bottomup.training.person_crop_dataset import PersonCropMaker
from bottomup.training.validation import held_out_loss
from tests.makers.figures import SMALL, figure


def quiet(_: str) -> None:
    pass


@pytest.fixture
def crops(config: TrainConfig) -> TrainConfig:
    return dataclasses.replace(config, mode="crops")


@pytest.fixture
def examples(config: TrainConfig) -> list[Example]:
    photos, _ = read_source(config.sources[0], Path(config.data), OPENPOSE_COCO_18)
    return load_examples(config.sources[0], photos, None, Path(config.out))


def test_the_target_holds_own_joints_and_lower_those_of_others(crops: TrainConfig, examples: list[Example]) -> None:
    maker = PersonCropMaker(crops, OPENPOSE_COCO_18, [(crops.sources[0], examples)])
    matrix = crop_matrix((80, 60), 1.0, 0.0, False, 192)
    heat, cells, seen, known = maker.target(examples[0], 1, matrix, 192)
    centres = cell_centres(24, 8)
    points = examples[0].photo.keypoints + (95.5 - np.array([80, 60]))
    everybody = np.ones((1, 18), bool)
    own = draw_heatmaps(points[[1]], everybody, centres, centres, 7.0)
    others = draw_heatmaps(points[[0]], everybody, centres, centres, 7.0)
    np.testing.assert_allclose(heat, np.maximum(own, 0.5 * others), atol=1e-5)
    np.testing.assert_allclose(cells, (points[1] + 0.5) / 8 - 0.5, atol=1e-4)
    assert seen.all()
    assert known.all()
    alone = PersonCropMaker(
        dataclasses.replace(crops, interference=0.0), OPENPOSE_COCO_18, [(crops.sources[0], examples)]
    )
    np.testing.assert_allclose(alone.target(examples[0], 1, matrix, 192)[0], own, atol=1e-5)


def test_photos_without_people_teach_that_there_is_none(
    crops: TrainConfig, examples: list[Example], tmp_path: Path
) -> None:
    photo = dataclasses.replace(
        examples[0].photo,
        keypoints=np.zeros((0, 18, 2)), boxes=np.zeros((0, 4)), ignore=np.zeros((0, 4)), areas=None, heads=None,
        ignored=None, crowds=None, trust=None,
    )  # fmt: skip
    empty = [dataclasses.replace(examples[0], photo=photo)]
    with pytest.raises(ValueError, match="sources must hold people with labelled joints"):
        PersonCropMaker(crops, OPENPOSE_COCO_18, [(crops.sources[1], empty)])
    sets = [(crops.sources[0], examples), (dataclasses.replace(crops.sources[1], weight=1e6), empty)]
    maker = PersonCropMaker(dataclasses.replace(crops, half_body=1.0), OPENPOSE_COCO_18, sets)
    images, heat, _, seen, known = maker[(0, 4, 64)]
    assert len({bytes(image.numpy()) for image in images}) == 4, "each shows another part"
    assert not heat.any()
    assert not seen.any()
    assert known.all()


def test_a_networks_labels_count_as_far_as_they_are_believed(crops: TrainConfig, examples: list[Example]) -> None:
    maker = PersonCropMaker(crops, OPENPOSE_COCO_18, [(crops.sources[0], examples)])
    matrix = crop_matrix((80, 60), 1.0, 0.0, False, 192)
    photo = dataclasses.replace(examples[0].photo, trust=np.array([1.0, 0.25]))
    doubted = maker.target(dataclasses.replace(examples[0], photo=photo), 1, matrix, 192)
    for given, full, share in zip(doubted, maker.target(examples[0], 1, matrix, 192), (1, 1, 0.25, 0.25), strict=True):
        np.testing.assert_allclose(given, share * full)


def test_joints_beyond_the_crop_are_not_asked_for(crops: TrainConfig, examples: list[Example]) -> None:
    maker = PersonCropMaker(crops, OPENPOSE_COCO_18, [(crops.sources[0], examples)])
    nose = examples[0].photo.keypoints[0, OPENPOSE_COCO_18.index("nose")]
    matrix = crop_matrix(nose, 1.0, 0.0, False, 64)
    heat, _, seen, _ = maker.target(examples[0], 0, matrix, 64)
    ankle = OPENPOSE_COCO_18.index("left_ankle")
    assert seen[OPENPOSE_COCO_18.index("nose")] == 1
    assert seen[ankle] == 0
    assert heat[ankle].max() < 0.51, "only the other's"


def test_crops_repeat_and_show_the_person_whole(crops: TrainConfig, examples: list[Example]) -> None:
    still = dataclasses.replace(crops, crop_jitter=False, rotation=0.0)
    maker = PersonCropMaker(still, OPENPOSE_COCO_18, [(still.sources[0], examples), (still.sources[1], [])])
    images, heatmaps, cells, seen, known = maker[(4, 6, 64)]
    assert (images.shape, str(images.dtype)) == ((6, 3, 64, 64), "torch.uint8")
    assert (heatmaps.shape, cells.shape, seen.shape, known.shape) == ((6, 18, 8, 8), (6, 18, 2), (6, 18), (6, 18))
    assert seen.all()
    assert (cells.amax(1) - cells.amin(1)).amax(1).min() > 5, "people fill their crops"
    for one, again in zip(maker[(6, 2, 64)], (images, heatmaps, cells, seen, known), strict=True):
        torch.testing.assert_close(one, again[2:4], rtol=0, atol=0)
    turned = maker.target(examples[0], 0, np.diag([0.1, 0.1, 1.0]), 64)
    assert turned[3].all(), "all are labelled, in the crop or not"
    halves = PersonCropMaker(
        dataclasses.replace(still, half_body=1.0), OPENPOSE_COCO_18, [(still.sources[0], examples)]
    )
    assert 0.3 < halves[(0, 20, 64)][3].mean() < 0.95
    with pytest.raises(ValueError, match="sources must hold people with labelled joints, to crop them, but hold none"):
        PersonCropMaker(still, OPENPOSE_COCO_18, [(still.sources[1], [])])


def test_joints_that_are_not_labelled_cost_nothing(crops: TrainConfig, examples: list[Example]) -> None:
    """Neither the person's own hidden joint nor what the network says of it is in the loss."""
    keypoints = examples[0].photo.keypoints.copy()
    keypoints[0, OPENPOSE_COCO_18.index("left_wrist")] = np.nan
    hidden = dataclasses.replace(examples[0], photo=dataclasses.replace(examples[0].photo, keypoints=keypoints))
    maker = PersonCropMaker(crops, OPENPOSE_COCO_18, [(crops.sources[0], [hidden])])
    matrix = np.diag([0.5, 0.5, 1.0])
    target = [torch.from_numpy(part)[None] for part in maker.target(hidden, 0, matrix, 64)]
    assert target[3][0].tolist() == [float(joint != "left_wrist") for joint in OPENPOSE_COCO_18.joints]
    quiet, loud = torch.full((1, 18, 8, 8), -4.0), torch.full((1, 18, 8, 8), -4.0)
    loud[:, OPENPOSE_COCO_18.index("left_wrist")] = 4.0
    no_pafs = torch.zeros(1, 0, 8, 8)
    for kind in ("cross_entropy", "mse"):
        loss = CropLoss(dataclasses.replace(crops, heatmap_loss=kind), OPENPOSE_COCO_18)
        assert loss([(quiet, no_pafs)], *target)[0] == loss([(loud, no_pafs)], *target)[0]


def test_boxes_are_as_much_larger_or_smaller_as_hrnet_has_them(crops: TrainConfig, examples: list[Example]) -> None:
    maker = PersonCropMaker(crops, OPENPOSE_COCO_18, [(crops.sources[0], examples)])
    plain = PersonCropMaker(
        dataclasses.replace(crops, crop_jitter=False), OPENPOSE_COCO_18, [(crops.sources[0], examples)]
    )

    def scale(one: PersonCropMaker, seed: int) -> float:
        matrix = one._random_matrix(examples[0], 0, (64, 64), np.random.default_rng(seed))
        return float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))

    # The same box once as it is and once jittered: how many times larger the jittered one is.
    ratios = [scale(plain, seed) / scale(maker, seed) for seed in range(300)]
    assert min(ratios) == pytest.approx(0.65)
    assert max(ratios) == pytest.approx(1.35)
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)


def test_crops_can_be_higher_than_wide(crops: TrainConfig, examples: list[Example]) -> None:
    upright = dataclasses.replace(crops, crop_aspect=0.75, crop_sizes=((0.0, 128),), crop_jitter=False, rotation=0.0)
    assert upright.crop_shape(128) == (128, 96)
    assert upright.crop_shape(32) == (32, 32)
    maker = PersonCropMaker(upright, OPENPOSE_COCO_18, [(crops.sources[0], examples)])
    images, heatmaps, cells, seen, _ = maker[0, 4, 128]
    assert images.shape == (4, 3, 128, 96)
    assert heatmaps.shape == (4, 18, 16, 12)
    for heat, places, there in zip(heatmaps, cells, seen, strict=True):
        for k in torch.nonzero(there)[:, 0]:
            x, y = places[k].round().int().tolist()
            assert heat[k, min(y, 15), min(x, 11)] > 0.6
    # The box, CROP_MARGIN times as large, just fits: its height here, its width where it lies.
    (x0, y0, x1, y1) = examples[0].photo.boxes[0]
    for box, share in (((x0, y0, x0 + 1, y1), y1 - y0), ((x0, y0, x1 * 9, y0 + 1), (x1 * 9 - x0) / 0.75)):
        photo = dataclasses.replace(examples[0].photo, boxes=np.array([box], np.float32))
        matrix = maker._random_matrix(
            dataclasses.replace(examples[0], photo=photo), 0, (128, 96), np.random.default_rng(0)
        )
        assert abs(np.linalg.det(matrix[:2, :2])) ** 0.5 == pytest.approx(128 / (CROP_MARGIN * share), rel=1e-5)
    with pytest.raises(ValueError, match=r"crop_aspect must be 1 with mode 'fields' but is 0\.75"):
        dataclasses.replace(crops, mode="fields", crop_aspect=0.75)


def one_joint(x: float, y: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([[[x, y]]]), torch.ones(1, 1)


def test_softmax_loss_is_that_of_the_right_cell() -> None:
    logits = torch.zeros(1, 1, 4, 6)
    cells, weights = one_joint(3.4, 1.6)
    assert softmax_loss(logits, cells, weights).item() == pytest.approx(math.log(24))
    logits[0, 0, 2, 3] = 5.0
    assert softmax_loss(logits, cells, weights).item() == pytest.approx(math.log(math.exp(5) + 23) - 5, rel=1e-5)
    assert softmax_loss(logits, cells, 0 * weights).item() == 0


def test_integral_loss_is_the_distance_of_the_mean() -> None:
    logits = torch.full((1, 1, 4, 6), -50.0)
    logits[0, 0, 1, 2] = logits[0, 0, 1, 4] = 10.0
    cells, weights = one_joint(3.0, 2.5)
    assert integral_loss(logits, cells, weights).item() == pytest.approx(1.5, abs=1e-4)
    cells, _ = one_joint(3.0, 1.0)
    assert integral_loss(logits, cells, weights).item() == pytest.approx(0, abs=1e-4)
    assert integral_loss(logits, one_joint(9.0, 9.0)[0], 0 * weights).item() == 0


def test_boxes_that_are_off_as_a_detectors_are_crops_of_their_own(crops: TrainConfig, examples: list[Example]) -> None:
    def images(**changes: object) -> torch.Tensor:
        recipe = dataclasses.replace(crops, rotation=0.0, **changes)  # type: ignore[arg-type]
        return PersonCropMaker(recipe, OPENPOSE_COCO_18, [(recipe.sources[0], examples)])[(0, 3, 64)][0]

    still, uniform, off = images(crop_jitter=False), images(), images(jitter_kind="pgpg")
    assert not torch.equal(off, still)
    assert not torch.equal(off, uniform)
    assert torch.equal(images(crop_jitter=False, jitter_kind="pgpg"), still)
    with pytest.raises(ValueError, match="jitter_kind must be one of"):
        dataclasses.replace(crops, jitter_kind="normal")


@pytest.mark.parametrize("loss", ["softmax", "integral", "candidates"])
def test_stages_and_joints_count_as_the_recipe_says(crops: TrainConfig, loss: str) -> None:
    torch.manual_seed(0)
    recipe = dataclasses.replace(crops, crop_loss=loss)
    maps = [(torch.randn(2, 18, 8, 8), torch.zeros(2, 0, 8, 8)) for _ in range(2)]
    cells, seen = torch.rand(2, 18, 2) * 7, torch.ones(2, 18)
    target = (torch.rand(2, 18, 8, 8) * 0.9, cells, seen, seen)
    both = CropLoss(recipe, OPENPOSE_COCO_18)(maps, *target)
    each = [CropLoss(recipe, OPENPOSE_COCO_18)([stage], *target)[0].item() for stage in maps]
    assert both[0].item() == pytest.approx(sum(each), rel=1e-4)
    assert both[1] == 0
    last = CropLoss(dataclasses.replace(recipe, intermediate=False), OPENPOSE_COCO_18)(maps, *target)
    assert last[0].item() == pytest.approx(each[1], rel=1e-4)
    heavier = dataclasses.replace(recipe, joint_weights=(("nose", 50.0),))
    assert CropLoss(heavier, OPENPOSE_COCO_18)(maps, *target)[0].item() != pytest.approx(sum(each), rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "boxes"}, r"mode must be one of \('fields', 'crops', 'poses'\) but is boxes"),
        ({"mode": "crops", "crop_loss": "squares"}, "crop_loss must be one of .* but is squares"),
        ({"mode": "crops", "interference": 2.0}, "interference must be from 0 to 1 but is 2.0"),
        ({"mode": "crops", "crowd": 0.5}, "crowd must be 0 with mode 'crops' but is 0.5"),
    ],
)
def test_says_what_a_recipe_for_crops_has_wrong(config: TrainConfig, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(config, **changes)


def test_the_network_has_the_task_of_the_recipe(config: TrainConfig, tmp_path: Path) -> None:
    assert (config.network.task, config.network.crop_size) == ("fields", 0)
    for loss, task in (("candidates", "crops"), ("softmax", "places"), ("integral", "places")):
        recipe = dataclasses.replace(config, mode="crops", crop_loss=loss)
        assert (recipe.network.task, recipe.network.crop_size) == (task, 96)
        (tmp_path / "a.toml").write_text(recipe.to_toml())
        assert TrainConfig.load(tmp_path / "a.toml") == recipe
    with pytest.raises(ValueError, match=r"task must be one of .* but is 'boxes'"):
        NetworkConfig(task="boxes")
    with pytest.raises(ValueError, match="crop_size must be above 0 for crops and 0 for fields but is 64"):
        NetworkConfig(crop_size=64)


@pytest.fixture(scope="module")
def trained(drawn_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Weights by loss: a short run each, long enough to find the drawn figures."""
    done: dict[str, Path] = {}

    def weights(loss: str) -> Path:
        if loss not in done:
            recipe = TrainConfig(
                sources=(Source("people", held_out_split="val2017", held_out=1),), mode="crops", crop_loss=loss,
                data=str(drawn_data), out=str(tmp_path_factory.mktemp(loss)), steps=160, warmup=10, batch=8,
                micro_batch=8, network=SMALL, crop_sizes=((0.0, 64),), learning_rate=8e-3, ema=0.9, colour=0.2,
                rotation=5.0, flip=0.0, crop_jitter=False, threads=1, workers=0,
            )  # fmt: skip
            done[loss] = train(recipe, say=quiet)
            assert held_out_loss(done[loss], recipe, crops=8) > 0
        return done[loss]

    return weights


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["candidates", "softmax", "integral"])
def test_a_network_for_crops_finds_people_in_their_boxes(
    trained: Callable[[str], Path], drawn_data: Path, loss: str
) -> None:
    pytest.importorskip("pycocotools")
    photo = drawn_data / "people" / "images" / "1.png"  # held out
    truth = np.stack([figure(5, 8, 100), figure(80, 15, 70)])
    boxes = np.concatenate([truth.min(axis=1), truth.max(axis=1)], axis=1)
    # What an integral is trained for is the mean of its distribution, which may be wide.
    way, backend = ("integral" if loss == "integral" else None), "torch"
    detector = CropDetector(trained(loss), backend=backend, decode=way, joint_threshold=0.05)
    people = detector(photo, proposals=boxes)
    assert people.skeleton == COCO_17
    assert len(people) == 2
    apart = np.linalg.norm(people.keypoints - truth, axis=2)
    assert np.nanmedian(apart) < 6
    assert (people.keypoint_scores > 0).mean() > 0.7
    np.testing.assert_allclose(people.scores, detector(photo, proposals=boxes[::-1]).scores[::-1], atol=1e-4)
    assert len(detector(read_image(photo)[..., ::-1], proposals=boxes, rgb=True)) == 2
    assert len(detector(photo, proposals=np.zeros((0, 4)))) == 0


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["candidates", "softmax"])
def test_every_backend_finds_the_same(
    trained: Callable[[str], Path], drawn_data: Path, tmp_path: Path, loss: str
) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    weights, photo = trained(loss), drawn_data / "people" / "images" / "1.png"
    boxes = [[15, 5, 95, 112], [90, 15, 145, 90]]
    wanted = CropDetector(weights, backend="torch")(photo, proposals=boxes)
    export_onnx(load_network(weights), tmp_path / "crops.onnx")
    for model, backend in ((tmp_path / "crops.onnx", None), (weights, "onnxruntime"), (weights, "openvino")):
        people = CropDetector(model, backend=backend)(photo, proposals=boxes)
        # OpenVINO computes in bfloat16 where it can.
        np.testing.assert_allclose(people.scores, wanted.scores, atol=0.05 if backend == "openvino" else 1e-3)
        assert np.nanmedian(np.abs(people.keypoints - wanted.keypoints)) < 1


@pytest.mark.slow
def test_networks_are_not_mixed_up(trained: Callable[[str], Path], config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"model must see fields in whole pictures but .* is for crops: use CropDetector"
    ):
        Detector(trained("candidates"), backend="torch")
    save_network(FieldNetwork(config.network), tmp_path / "fields.safetensors")
    with pytest.raises(ValueError, match=r"model must be a network for crops but .* sees whole pictures: use Detector"):
        CropDetector(tmp_path / "fields.safetensors", backend="torch")
