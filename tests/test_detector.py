"""The whole path of a picture, with a network that sees perfectly: one that recognises joints by their colour."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bottomup.detector import Detector
from bottomup.networks.backends.base import Backend
from bottomup.networks.calibration import Calibration, Curve
from bottomup.people import People
from bottomup.pose_denoiser import normalise, save_pose_denoiser
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18
from tests.makers.networks import save_random_network
from tests.makers.scenes import TWO, SeesColours, assert_same_poses, scene


def test_a_network_may_ask_for_settings_that_are_left_open() -> None:
    backend = SeesColours()
    assert Detector(backend=backend).settings.person_threshold is None
    assert Detector(backend=backend).letterbox(500, 700).resized_size[0] == 368
    wishes = {"person_threshold": 0.4, "input_height": 448}
    backend.info = dataclasses.replace(backend.info, default_settings=wishes)
    assert Detector(backend=backend).settings.person_threshold == 0.4
    assert Detector(backend=backend).letterbox(500, 700).resized_size[0] == 448
    given = Detector(backend=backend, settings=Settings(input_height=256))
    assert given.letterbox(500, 700).resized_size[0] == 256
    assert Detector(backend=backend, settings=Settings(person_threshold=0.1)).settings.person_threshold == 0.1
    assert Detector(backend=backend, settings=Settings(person_threshold=0.0)).settings.person_threshold == 0.0


def test_scores_are_calibrated_where_it_is_known_what_they_mean() -> None:
    backend = SeesColours()
    image, _ = TWO
    plain = Detector(backend=backend)(image)
    curves = Calibration(Curve(0.6, 0.1), Curve(0.9, 0.2))
    backend.info = dataclasses.replace(
        backend.info, calibration=curves, default_settings={"person_threshold": float(plain.scores.min()) - 1e-4}
    )
    detector = Detector(backend=backend)
    people = detector(image)
    assert people.scores == pytest.approx(curves.people(plain.scores), abs=1e-6)
    assert people.keypoint_scores == pytest.approx(curves.joint_scores(plain.keypoint_scores), abs=1e-6)
    np.testing.assert_array_equal(people.keypoints, plain.keypoints)
    # What the weights ask for is a decoder's score; what a user asks for is the score that people have.
    assert detector.settings.person_threshold == pytest.approx(curves.people(plain.scores.min() - 1e-4))
    assert detector.decoder_settings.person_threshold == pytest.approx(plain.scores.min() - 1e-4)
    low, high = sorted(people.scores.tolist())
    assert high - low > 1e-5
    between = Detector(backend=backend, settings=Settings(person_threshold=(low + high) / 2))
    assert between(image).scores.tolist() == [high]
    again = Detector(backend=backend, settings=detector.settings)  # as the service makes them
    np.testing.assert_array_equal(again(image).scores, people.scores)
    clear = np.median(people.keypoint_scores[people.keypoint_scores > 0])
    wanted = Settings(joint_threshold=float(clear), person_threshold=0.0)
    of_clear = Detector(backend=backend, settings=wanted)(image).keypoint_scores
    assert of_clear[of_clear > 0].min() >= clear - 1e-6


def test_a_pose_denoiser_mends_people_where_the_network_or_the_user_asks_for_it(tmp_path: Path) -> None:
    """One that moves every joint by 0.6 of the pose's spread to the right and guesses none."""
    bias = np.zeros(51, np.float32)
    bias[0:34:2], bias[34:] = 1, -40
    path = tmp_path / "right.safetensors"
    save_pose_denoiser(path, COCO_17, [(np.zeros((51, 68), np.float32), bias)])
    image, _ = TWO
    plain = Detector(backend=SeesColours())
    assert plain.denoiser is None
    before = plain(image)
    mended = Detector(backend=SeesColours(), settings=Settings(pose_denoiser=str(path)))(image)
    np.testing.assert_array_equal(mended.scores, before.scores)
    np.testing.assert_array_equal(mended.keypoint_scores, before.keypoint_scores)
    _, _, spreads = normalise(before.keypoints, before.keypoint_scores)
    seen = before.keypoint_scores > 0
    expected = np.minimum(before.keypoints + 0.6 * spreads[:, None, None] * (1, 0), (image.shape[1] - 1, np.inf))
    np.testing.assert_allclose(mended.keypoints[seen], expected[seen], atol=0.02)

    asks = SeesColours()
    asks.info = dataclasses.replace(asks.info, default_settings={"pose_denoiser": "default"})
    built_in = Detector(backend=asks)
    assert built_in.denoiser is not None
    assert built_in.denoiser.path.name == "poses.safetensors"
    assert Detector(backend=asks, settings=Settings(pose_denoiser="none"))(image) == before
    with pytest.raises(ValueError, match="pose_denoiser must have the joints of"):
        Detector(
            save_random_network(tmp_path / "other.safetensors", CROWDPOSE_14.name),
            settings=Settings(pose_denoiser="default"),
        )


def test_the_fake_is_a_backend() -> None:
    assert isinstance(SeesColours(), Backend)


def test_a_backend_of_fields_may_do_without_facts_of_a_network() -> None:
    class Plain:
        skeleton, stride, alignment, device = OPENPOSE_COCO_18, 8, 8, "cpu"
        run = SeesColours.run
        see = SeesColours.see

        def __init__(self) -> None:
            self.shapes: list[tuple[int, ...]] = []

    image, poses = TWO
    assert_same_poses(Detector(backend=Plain())(image), poses, tolerance=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="backend must be a name or a Backend but is a dict"):
        Detector(backend={})  # type: ignore[arg-type]


def test_bytes_are_a_picture_and_errors_may_be_returned(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    image, poses = TWO
    content = cv2.imencode(".png", image)[1].tobytes()
    detector = Detector(backend=SeesColours())
    for given in (content, bytearray(content), memoryview(content), io.BytesIO(content)):
        assert_same_poses(detector(given), poses, tolerance=3)
    found = detector([content, b"no picture", tmp_path / "none.png", image], errors="return", progress=True)
    assert "4/4" in capfd.readouterr().err
    for index in (0, 3):
        assert_same_poses(found[index], poses, tolerance=3)
    assert isinstance(found[1], ValueError)
    assert isinstance(found[2], FileNotFoundError)
    assert str(found[2]).startswith("image 2 of 4: image must be an existing file")
    with pytest.raises(ValueError, match="image 1 of 2"):
        detector([image, b"no picture"])
    with pytest.raises(ValueError, match='errors must be "raise" or "return" but is \'ignore\''):
        detector([image], errors="ignore")


def test_a_reduced_photo_gives_the_same_people(tmp_path: Path) -> None:
    image, poses = TWO
    large = cv2.resize(image, None, fx=4.01, fy=4.01, interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(tmp_path / "large.jpg"), large, [cv2.IMWRITE_JPEG_QUALITY, 100])
    detector = Detector(backend=SeesColours())
    factors = np.array(large.shape[1::-1]) / image.shape[1::-1]
    expected = (poses + 0.5) * factors - 0.5
    for given in (large, tmp_path / "large.jpg"):
        assert_same_poses(detector(given), expected, tolerance=8)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda fields: None, TypeError, "must give two fields but gave a NoneType"),
        (lambda fields: fields[:1], TypeError, "must give two fields but gave a tuple"),
        (lambda fields: [fields[0][:1], fields[1]], ValueError, r"must give heatmaps of shape \(2, .* gave \(1, 18"),
        (lambda fields: [fields[0], fields[1][..., 1:]], ValueError, r"must give pafs of shape \(2, 38, 46, 65\) but"),
    ],
)
def test_a_backend_that_gives_something_else_is_named(change: Any, error: type[Exception], message: str) -> None:
    class Wrong(SeesColours):
        def run(self, images: np.ndarray) -> Any:
            return change(super().run(images))

    with pytest.raises(error, match=f"backend Wrong {message}"):
        Detector(backend=Wrong())([TWO[0], TWO[0]])


def test_repr_says_what_it_reports_and_what_runs_the_network() -> None:
    assert repr(Detector(backend=SeesColours())) == "Detector(coco17, SeesColours on cpu)"


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


@pytest.mark.slow
@pytest.mark.parametrize("merge", ["fields", "candidates"])
def test_a_network_that_sees_everything_too_high(merge: str) -> None:
    class SeesHigh(SeesColours):
        def __init__(self) -> None:
            super().__init__()
            self.info = dataclasses.replace(self.info, y_offset=5.0)

        def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            # The picture is moved up before it looks.
            return super().run(np.pad(images, ((0, 0), (0, 5), (0, 0), (0, 0)))[:, 5:])

    image, poses = TWO
    settings = Settings(input_height=500, scales=(1.0, 1.5), merge=merge)
    seen, plain = (Detector(backend=backend, settings=settings)(image) for backend in (SeesHigh(), SeesColours()))
    assert_same_poses(plain, poses, tolerance=2)
    assert_same_poses(seen, poses, tolerance=2)


def test_scales_and_the_average_of_their_fields() -> None:
    image, poses = TWO
    backend = SeesColours()
    detector = Detector(backend=backend, settings=Settings(scales=(1.0, 0.75, 1.5)))
    assert_same_poses(detector(image), poses, tolerance=3)
    assert [shape[1] for shape in backend.shapes] == [552, 368, 280]
    assert detector.fields(image).heatmaps.shape == (18, 69, 97)


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_the_two_halves_of_a_call() -> None:
    image, _ = TWO
    detector = Detector(backend=SeesColours(), settings=Settings(flip=True))
    look = detector.look(image)
    assert detector.group(look) == detector(image)
    boxes = detector(image).boxes
    assert detector.group(look, proposals=boxes) == detector(image, proposals=boxes)
    with pytest.raises(ValueError, match="image must be a single picture but is a list or a batch"):
        detector.look([image])
    with pytest.raises(ValueError, match="proposals"):
        detector.group(look, proposals=[[1, 2, 3]])


def test_joints_stay_within_the_picture() -> None:
    """A figure cut by the edges: its last joints are seen in cells that reach beyond the picture."""
    for alignment in (8, 128):
        image, _ = scene(399, 301, (280, 30, 500))
        people = Detector(backend=SeesColours(alignment=alignment))(image)
        assert len(people) == 1
        seen = people.keypoints[people.keypoint_scores > 0]
        assert (seen >= 0).all()
        assert (seen <= (300, 398)).all()


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


def test_two_detectors_with_different_settings_in_threads() -> None:
    image, _ = scene(368, 520, (150, 10, 340), (380, 12, 330))
    coarse, fine = (Detector(backend=SeesColours(), settings=Settings(input_height=height)) for height in (160, 512))
    expected = [coarse(image), fine(image)]
    assert expected[0] != expected[1]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: (coarse, fine)[n % 2](image), range(12)))
    assert results == expected * 6


@pytest.fixture(scope="module")
def random_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_network(tmp_path_factory.mktemp("networks") / "random.safetensors", "openpose18")


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


@pytest.mark.slow
def test_the_path_to_openvino_does_not_import_torch() -> None:
    program = "import sys, bottomup.detector, bottomup.networks.backends.openvino; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
