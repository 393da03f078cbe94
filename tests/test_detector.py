"""The whole path of a picture, with a network that sees perfectly: one that recognises joints by their colour."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import bottomup.detector
from bottomup.detector import Detector, detect_people
from bottomup.fields import draw_fields
from bottomup.networks.backends import Backend
from bottomup.networks.field_network import FieldNetwork, NetworkConfig, save_network
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18

# A standing figure in COCO's order, in units of its height.
FIGURE = np.array(
    [[0, 0.1], [0.04, 0.05], [-0.04, 0.05], [0.09, 0.08], [-0.09, 0.08], [0.13, 0.22], [-0.13, 0.22], [0.2, 0.37],
     [-0.2, 0.37], [0.24, 0.5], [-0.24, 0.5], [0.09, 0.53], [-0.09, 0.53], [0.1, 0.75], [-0.1, 0.75], [0.11, 0.96],
     [-0.11, 0.96]]
)  # fmt: skip


def colour(person: int, joint: int) -> tuple[int, int, int]:
    """Blue, green, red."""
    return 10 + 13 * joint, 60 + 90 * person, 255


def scene(height: int, width: int, *places: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A BGR picture with a figure for each (x, y, size) of its top, and the figures' joints (N, 17, 2)."""
    image = np.zeros((height, width, 3), np.uint8)
    poses = np.array([np.array([x, y]) + size * FIGURE for x, y, size in places]).reshape(-1, 17, 2)
    for person, pose in enumerate(poses):
        for joint, (x, y) in enumerate(np.round(pose * 16).astype(int)):
            cv2.circle(image, (x, y), round(16 * places[person][2] / 60), colour(person, joint), -1, shift=4)
    return image, poses


class SeesColours:
    """A Backend whose fields are the ideal ones of the discs of `scene` that it finds in its input."""

    device = "cpu"

    def __init__(self, skeleton: Skeleton = OPENPOSE_COCO_18, *, stride: int = 8, alignment: int = 8) -> None:
        self.skeleton, self.stride, self.alignment = skeleton, stride, alignment
        self.shapes: list[tuple[int, ...]] = []

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.shapes.append(images.shape)
        fields = [self.see(image) for image in images]
        return np.stack([f.heatmaps for f in fields]), np.stack([f.pafs for f in fields])

    def see(self, image: np.ndarray) -> Any:
        poses = np.zeros((2, 17, 3), np.float32)
        for person, joint in np.ndindex(2, 17):
            low, high = np.subtract(colour(person, joint), 3), np.add(colour(person, joint), 3)
            rows, columns = np.nonzero(cv2.inRange(image, low, high))
            if len(rows):
                poses[person, joint] = np.median(columns), np.median(rows), 1  # stray pixels at other discs' edges
        xy, scores = COCO_17.convert(poses[..., :2], poses[..., 2], self.skeleton)
        height, width, _ = image.shape
        return draw_fields(xy, scores, self.skeleton, height=height, width=width, stride=self.stride)


def assert_same_poses(people: People, poses: np.ndarray, *, tolerance: float) -> None:
    assert len(people) == len(poses)
    assert people.skeleton == COCO_17
    order = np.argsort(people.keypoints[:, 0, 0])
    np.testing.assert_allclose(people.keypoints[order], poses[np.argsort(poses[:, 0, 0])], atol=tolerance)


TWO = scene(500, 700, (200, 40, 400), (480, 60, 420))


def test_a_network_may_ask_for_settings_that_are_left_open() -> None:
    backend = SeesColours()
    assert Detector(backend=backend).settings.person_threshold is None
    assert Detector(backend=backend).letterbox(500, 700).resized_size[0] == 368
    backend.preferred = {"person_threshold": 0.4, "input_height": 448}  # type: ignore[attr-defined]
    assert Detector(backend=backend).settings.person_threshold == 0.4
    assert Detector(backend=backend).letterbox(500, 700).resized_size[0] == 448
    given = Detector(backend=backend, settings=Settings(input_height=256))
    assert given.letterbox(500, 700).resized_size[0] == 256
    assert Detector(backend=backend, settings=Settings(person_threshold=0.1)).settings.person_threshold == 0.1
    assert Detector(backend=backend, settings=Settings(person_threshold=0.0)).settings.person_threshold == 0.0


def test_the_fake_is_a_backend() -> None:
    assert isinstance(SeesColours(), Backend)


@pytest.mark.parametrize("skeleton", [COCO_17, OPENPOSE_COCO_18])
@pytest.mark.parametrize("alignment", [8, 64])
@pytest.mark.parametrize("input_height", [368, 250, 800])
def test_joints_come_back_in_image_pixels(skeleton: Skeleton, alignment: int, input_height: int) -> None:
    image, poses = TWO
    backend = SeesColours(skeleton, alignment=alignment)
    detector = Detector(backend=backend, settings=Settings(input_height=input_height))
    assert detector.skeleton == COCO_17
    people = detector(image)
    assert_same_poses(people, poses, tolerance=1.5 * 500 / input_height)
    assert np.abs(people.keypoints[np.argsort(people.keypoints[:, 0, 0])] - poses).mean() < 0.6 * 500 / input_height
    assert backend.shapes == [(1, *detector.letterbox(500, 700).padded_size, 3)]


def test_scales_and_the_average_of_their_fields() -> None:
    image, poses = TWO
    backend = SeesColours()
    detector = Detector(backend=backend, settings=Settings(scales=(1.0, 0.75, 1.5)))
    assert_same_poses(detector(image), poses, tolerance=3)
    assert [shape[1] for shape in backend.shapes] == [552, 368, 280]
    assert detector.fields(image).heatmaps.shape == (18, 69, 97)


def test_the_order_of_the_scales_does_not_matter() -> None:
    image, poses = TWO
    detectors = [
        Detector(backend=SeesColours(), settings=Settings(scales=scales))
        for scales in ((0.75, 1.0, 1.5), (1.5, 1.0, 0.75))
    ]
    fields = [detector.fields(image) for detector in detectors]
    np.testing.assert_array_equal(fields[0].heatmaps, fields[1].heatmaps)
    np.testing.assert_array_equal(fields[0].pafs, fields[1].pafs)
    assert detectors[0](image) == detectors[1](image)
    boxes = np.array([[*pose.min(axis=0), *pose.max(axis=0)] for pose in poses])
    assert_same_poses(detectors[0](image, proposals=boxes), poses, tolerance=3)


@pytest.mark.parametrize("scales", [(1.0,), (1.0, 0.75, 1.5)])
def test_candidates_of_several_looks_merge(scales: tuple[float, ...]) -> None:
    image, poses = TWO
    backend = SeesColours()
    people = Detector(backend=backend, settings=Settings(merge="candidates", scales=scales))(image)
    assert_same_poses(people, poses, tolerance=3)
    assert len(backend.shapes) == len(scales)
    averaged = Detector(backend=backend, settings=Settings(scales=scales))(image)
    if len(scales) == 1:
        assert people == averaged
    else:  # peaks that are not averaged stay as high as each look shows them
        assert people.keypoint_scores.mean() > averaged.keypoint_scores.mean()


def test_a_joint_that_one_look_alone_shows_is_found_where_candidates_merge() -> None:
    image, poses = TWO

    class LosesWrists(SeesColours):
        """Sees both left wrists at the first size only."""

        def see(self, image: np.ndarray) -> Any:
            fields = super().see(image)
            if image.shape[0] != 368:
                fields.heatmaps[self.skeleton.joints.index("left_wrist")] = 0
            else:
                fields.heatmaps[self.skeleton.joints.index("left_wrist")] *= 0.3
            return fields

    wrist = COCO_17.joints.index("left_wrist")
    scales = (1.0, 0.75, 1.25, 1.5)
    averaged = Detector(backend=LosesWrists(), settings=Settings(scales=scales, trace=False))(image)
    assert (averaged.keypoint_scores[:, wrist] == 0).all()
    merged = Detector(backend=LosesWrists(), settings=Settings(scales=scales, trace=False, merge="candidates"))(image)
    assert (merged.keypoint_scores[:, wrist] > 0).all()
    assert_same_poses(merged, poses, tolerance=3)


def test_other_skeletons_are_reported_as_they_are() -> None:
    image, poses = TWO
    people = Detector(backend=SeesColours(CROWDPOSE_14))(image)
    assert people.skeleton == CROWDPOSE_14
    assert len(people) == 2
    expected, _ = COCO_17.convert(poses, np.ones((2, 17)), CROWDPOSE_14)
    found = people.keypoints[np.argsort(people.keypoints[:, 0, 0])]
    np.testing.assert_allclose(found[:, :12], expected[:, :12], atol=3)


def test_nobody() -> None:
    people = Detector(backend=SeesColours())(np.zeros((300, 400, 3), np.uint8))
    assert people == People.empty(COCO_17)


def test_fields_map_back_through_the_letterbox() -> None:
    image, poses = scene(400, 640, (300, 20, 350))
    detector = Detector(backend=SeesColours(COCO_17))
    fields = detector.fields(image)
    assert fields.stride == 8
    nose = np.unravel_index(fields.heatmaps[0].argmax(), fields.heatmaps[0].shape)
    xy = (np.array(nose[::-1]) + 0.5) * 8 - 0.5
    np.testing.assert_allclose(detector.letterbox(400, 640).to_image(xy), poses[0, 0], atol=5)
    with pytest.raises(ValueError, match="image must be a single picture"):
        detector.fields([image])


def test_joints_stay_within_the_picture() -> None:
    """A figure cut by the edges: its last joints are seen in cells that reach beyond the picture."""
    for alignment in (8, 128):
        image, _ = scene(399, 301, (280, 30, 500))
        people = Detector(backend=SeesColours(alignment=alignment))(image)
        assert len(people) == 1
        seen = people.keypoints[people.keypoint_scores > 0]
        assert (seen >= 0).all()
        assert (seen <= (300, 398)).all()


def test_lists_and_batches_keep_their_order() -> None:
    sizes = [(500, 700), (400, 300), (500, 700), (250, 350)] * 6
    scenes = [scene(h, w, (w * (0.3 + 0.02 * n), 0.05 * h, 0.85 * h)) for n, (h, w) in enumerate(sizes)]
    backend = SeesColours()
    detector = Detector(backend=backend)
    results = detector([image for image, _ in scenes])
    assert len(results) == len(scenes)
    for people, (_, poses), (height, _) in zip(results, scenes, sizes, strict=True):
        assert_same_poses(people, poses, tolerance=2.5 * height / 368)
    # (500, 700) and (250, 350) are the same 368 x 515 to the network: 18 pictures of 24, in batches of at most 8.
    assert sorted(shape[0] for shape in backend.shapes) == [2, 6, 8, 8]
    assert detector([]) == []
    assert detector([scenes[0][0]]) == [detector(scenes[0][0])]


def test_few_pictures_of_a_long_list_wait_at_any_time() -> None:
    held: set[int] = set()
    largest = 0

    def photos() -> Any:
        for index in range(400):
            width = 8 * (1 + index * 7 % 90)  # hardly ever two of the same size in a row
            held.add(index)
            yield bottomup.detector._Photo(index, (), (np.zeros((8, width, 3), np.uint8),))

    seen = []
    for batch in bottomup.detector._batches(photos()):
        largest = max(largest, len(held))
        assert len({photo.inputs[0].shape for photo in batch}) == 1
        assert 1 <= len(batch) <= 8
        seen += [photo.index for photo in batch]
        held -= {photo.index for photo in batch}
    assert sorted(seen) == list(range(400))
    assert largest <= 64


def test_every_kind_of_input_gives_the_same_people(tmp_path: Path) -> None:
    image, poses = scene(368, 520, (150, 10, 340), (380, 12, 330))
    rgb = np.ascontiguousarray(image[:, :, ::-1])
    path = tmp_path / "scene.png"
    Image.fromarray(rgb).save(path)
    tensor = torch.from_numpy(rgb).permute(2, 0, 1)
    detector = Detector(backend=SeesColours())
    expected = detector(image)
    assert_same_poses(expected, poses, tolerance=2)
    assert detector(rgb, rgb=True) == expected
    for same in (path, str(path), Image.fromarray(rgb), tensor, tensor / 255, np.asfortranarray(image)):
        assert detector(same) == expected
    stack = np.stack([image, image[:, ::-1]])
    tensors = torch.from_numpy(np.ascontiguousarray(stack[..., ::-1])).permute(0, 3, 1, 2)
    both = detector(stack)
    assert both[0] == expected
    assert detector(tensors) == detector(list(stack)) == detector(tuple(tensors)) == both
    assert detector(stack[..., ::-1], rgb=True) == both


def test_one_bad_picture_in_a_list_is_named(tmp_path: Path) -> None:
    detector = Detector(backend=SeesColours())
    image, _ = TWO
    with pytest.raises(ValueError, match=r"image 2 of 3: image must be an array .* but has shape \(5, 5\)"):
        detector([image, image, np.zeros((5, 5), np.uint8)])
    with pytest.raises(FileNotFoundError, match=r"image 1 of 2: .*nowhere\.jpg"):
        detector([image, tmp_path / "nowhere.jpg"])


@pytest.mark.parametrize("size", [(1, 1), (20, 20000), (20000, 20), (3, 5)])
def test_extreme_sizes_find_nobody_and_stay_bounded(size: tuple[int, int]) -> None:
    backend = SeesColours()
    assert len(Detector(backend=backend)(np.zeros((*size, 3), np.uint8))) == 0
    assert np.prod(backend.shapes[0]) <= 368 * 368 * 8 * 3


def test_proposals_are_in_the_pixels_of_the_picture() -> None:
    """Somebody too faint to be reported is reported if a box speaks for him, and only if the box is his."""
    image, poses = scene(500, 700, (150, 100, 300), (500, 100, 300))
    boxes = np.concatenate([poses.min(axis=1) - 10, poses.max(axis=1) + 10], axis=1)

    class SeesFaintly(SeesColours):
        def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            heatmaps, pafs = super().run(images)
            heatmaps[..., heatmaps.shape[-1] // 2 :] *= 0.22
            return heatmaps, pafs

    detector = Detector(backend=SeesFaintly())
    assert len(detector(image)) == 1
    with_boxes = detector(image, proposals=boxes.tolist())
    assert len(with_boxes) == 2
    for keypoints, pose in zip(with_boxes.keypoints, poses, strict=True):
        assert np.nanmax(np.abs(keypoints - pose)) < 8
    small = [600, 400, 640, 450]
    counts = [len(people) for people in detector([image] * 3, proposals=[None, boxes, [small]])]
    assert counts == [1, 2, 1]


def test_wrong_arguments(tmp_path: Path) -> None:
    detector = Detector(backend=SeesColours())
    with pytest.raises(ValueError, match=r"proposals must have shape \(N, 4\) but has \(4,\)"):
        detector(TWO[0], proposals=[1.0, 2, 3, 4])
    with pytest.raises(ValueError, match="proposals must hold boxes for each of the 2 images but has 1"):
        detector([TWO[0]] * 2, proposals=[None])
    with pytest.raises(TypeError, match="settings must be a Settings but is a dict"):
        Detector(backend=SeesColours(), settings={})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="settings must be a Settings but is a dict"):
        detect_people(TWO[0], settings={})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="backend must be a name or a Backend but is a int"):
        Detector(backend=5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="model must be one of 'default', 'human-pose-estimation-0001'"):
        Detector("no-such-network")
    with pytest.raises(FileNotFoundError, match=r"model must be an existing file but 'nowhere\.xml'"):
        Detector("nowhere.xml")
    with pytest.raises(TypeError, match="image must be a path"):
        detector(None)


def test_two_detectors_with_different_settings_in_threads() -> None:
    image, _ = scene(368, 520, (150, 10, 340), (380, 12, 330))
    coarse, fine = (Detector(backend=SeesColours(), settings=Settings(input_height=height)) for height in (160, 512))
    expected = [coarse(image), fine(image)]
    assert expected[0] != expected[1]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: (coarse, fine)[n % 2](image), range(12)))
    assert results == expected * 6


# --------------------------------------------------------------------------------------- with a real, random network


@pytest.fixture(scope="module")
def random_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = FieldNetwork(NetworkConfig(skeleton="openpose18", channels=8, widths=(8, 8, 8, 8), depths=(1, 1, 1)))
    for stage in network.stages:
        torch.nn.init.normal_(stage.predict.weight, std=20.0)
    path = tmp_path_factory.mktemp("networks") / "random.safetensors"
    save_network(network, path)
    return path


@pytest.mark.parametrize("scales", [(1.0,), (1.0, 0.5)])
def test_flip_makes_the_fields_of_the_mirrored_picture_the_mirrored_fields(
    random_network: Path, scales: tuple[float, ...]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (128, 192, 3), dtype=np.uint8)
    detector = Detector(random_network, device="cpu", settings=Settings(input_height=128, flip=True, scales=scales))
    there, back = detector.fields(image), detector.fields(np.ascontiguousarray(image[:, ::-1]))
    skeleton = detector.backend.skeleton
    channels, signs = skeleton.paf_flip
    np.testing.assert_allclose(back.heatmaps[:, :, ::-1][skeleton.flip_permutation], there.heatmaps, atol=1e-3)
    np.testing.assert_allclose(back.pafs[:, :, ::-1][channels] * signs, there.pafs, atol=1e-2)
    once = Detector(random_network, device="cpu", settings=Settings(input_height=128)).fields(image)
    assert np.abs(once.heatmaps - there.heatmaps).max() > 0.05


def test_detect_people_keeps_its_detector(random_network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Any, ...]] = []
    original = bottomup.detector.Detector

    def counting(model: Any, **options: Any) -> Detector:
        made.append((model, options))
        return original(model, **options)

    bottomup.detector._detector.cache_clear()
    monkeypatch.setattr(bottomup.detector, "Detector", counting)
    monkeypatch.chdir(random_network.parent)
    # High thresholds: what a random network sees is noise, and there is no need to decode it.
    settings = Settings(input_height=64, peak_threshold=0.999999)
    image = np.zeros((64, 64, 3), np.uint8)
    people = detect_people(image, model=random_network, device="cpu", settings=settings)
    assert isinstance(people, People)
    assert people.skeleton == COCO_17
    assert len(detect_people([image, image], model=str(random_network), device="cpu", settings=settings)) == 2
    detect_people(
        image, model="random.safetensors", device="cpu", settings=Settings(input_height=64, peak_threshold=0.999999)
    )
    assert len(made) == 1
    detect_people(
        image, model=random_network, device="cpu", settings=Settings(input_height=96, peak_threshold=0.999999)
    )
    assert len(made) == 2
    assert original(random_network, device="cpu", settings=settings)(image) == people
    bottomup.detector._detector.cache_clear()


def test_the_path_to_openvino_does_not_import_torch() -> None:
    program = "import sys, bottomup.detector, bottomup.networks.openvino_backend; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
