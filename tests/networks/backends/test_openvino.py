from __future__ import annotations

import builtins
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bottomup.detector import Detector
from bottomup.networks.backends.base import Backend
from bottomup.networks.backends.factory import load_backend
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18

openvino = pytest.importorskip("openvino")


def save_toy(
    path: Path, *, channels: tuple[int, ...] = (38, 19), stride: int = 8, inputs: int = 3, name: str = "toy"
) -> Any:
    """An IR with one convolution per output, and the function that it computes.

    Output channel c of output o is the mean over a cell of blue * w[0] + green * w[1] + red * w[2].
    """
    from openvino import opset13 as ops

    rng = np.random.default_rng(0)
    picture = ops.parameter([1, inputs, 8 * stride, 8 * stride], np.float32, name="picture")
    weights = [rng.normal(size=(count, inputs)).astype(np.float32) for count in channels]
    outputs = []
    for matrix in weights:
        kernel = np.tile(matrix[:, :, None, None] / (255 * stride * stride), (1, 1, stride, stride))
        zeros = [0, 0]
        outputs.append(ops.convolution(picture, ops.constant(kernel), [stride, stride], zeros, zeros, [1, 1]))
    openvino.save_model(openvino.Model(outputs, [picture], name), path, compress_to_fp16=False)

    def expected(images: np.ndarray) -> list[np.ndarray]:
        batch, height, width, _ = images.shape
        cells = images.reshape(batch, height // stride, stride, width // stride, stride, inputs).mean((2, 4)) / 255
        return [np.einsum("bhwi,ci->bchw", cells, matrix) for matrix in weights]

    return expected


def pictures(batch: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("name", "y_offset"), [("toy", 0.0), ("human-pose-estimation-0001", 0.6)])
def test_how_much_too_high_a_network_sees_goes_by_its_name(tmp_path: Path, name: str, y_offset: float) -> None:
    save_toy(tmp_path / "file.xml", name=name)
    detector = Detector(tmp_path / "file.xml")
    assert detector.letterbox(100, 200).y_offset == y_offset


@pytest.mark.parametrize("channels", [(38, 19), (19, 38), (19, 5, 38)])
@pytest.mark.parametrize("stride", [4, 8])
def test_outputs_are_told_apart_by_their_channels(tmp_path: Path, channels: tuple[int, ...], stride: int) -> None:
    expected = save_toy(tmp_path / "toy.xml", channels=channels, stride=stride)
    backend = load_backend(tmp_path / "toy.xml")
    assert isinstance(backend, Backend)
    assert backend.skeleton == OPENPOSE_COCO_18
    assert (backend.stride, backend.alignment, backend.device) == (stride, stride, "cpu")
    images = pictures(1, 64, 96)
    heatmaps, pafs = backend.run(images)
    wanted = dict(zip(channels, expected(images), strict=True))
    assert heatmaps.dtype == pafs.dtype == np.float32
    np.testing.assert_allclose(heatmaps, wanted[19][:, :18], atol=2e-2)
    np.testing.assert_allclose(pafs, wanted[38], atol=2e-2)


def test_any_size_and_batch_runs_and_results_stay(tmp_path: Path) -> None:
    expected = save_toy(tmp_path / "toy.xml")
    backend = load_backend(tmp_path / "toy.xml")
    kept = []
    for batch, height, width in ((1, 64, 64), (3, 64, 64), (2, 8, 800), (1, 64, 64), (1, 800, 8), (1, 8, 8)):
        images = pictures(batch, height, width)
        kept.append((backend.run(images), expected(images)))
    for (heatmaps, pafs), (wanted_pafs, wanted_heatmaps) in kept:  # no result is a view that a later run overwrote
        np.testing.assert_allclose(heatmaps, wanted_heatmaps[:, :18], atol=2e-2)
        np.testing.assert_allclose(pafs, wanted_pafs, atol=2e-2)


MEMORY = """
import sys
from pathlib import Path
import numpy as np
from bottomup.networks.backends.openvino import OpenVinoFieldBackend
from bottomup.weights import get_weights
backend = OpenVinoFieldBackend(get_weights("default"))
sizes = [(height, width) for width in range(416, 32, -32) for height in (256, 224, 192, 160)]
for count, (height, width) in enumerate(sizes, start=1):
    backend.run(np.zeros((1, height, width, 3), np.uint8))
    if count in (24, 48):
        print(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell a process's memory so")
def test_many_sizes_take_no_more_memory_than_some() -> None:
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    some, many = map(float, done.stdout.split())
    assert many < some + 60  # 5 MB a size would be 120 more


def test_colours_are_blue_green_red_and_memory_order_does_not_matter(tmp_path: Path) -> None:
    save_toy(tmp_path / "toy.xml")
    backend = load_backend(tmp_path / "toy.xml")
    images = pictures(2, 64, 64)
    heatmaps, _ = backend.run(images)
    strange = np.asfortranarray(images)
    np.testing.assert_array_equal(backend.run(strange)[0], heatmaps)
    assert np.abs(backend.run(images[..., ::-1])[0] - heatmaps).max() > 0.1


def test_several_threads_may_share_one(tmp_path: Path) -> None:
    expected = save_toy(tmp_path / "toy.xml")
    backend = load_backend(tmp_path / "toy.xml")
    images = [pictures(1, 8 * (1 + n % 5), 64) + n for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(backend.run, images))
    for picture, (_, pafs) in zip(images, results, strict=True):
        np.testing.assert_allclose(pafs, expected(picture)[0], atol=2e-2)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((64, 64, 3), np.uint8), r"images must be .* but has shape \(64, 64, 3\)"),
        (np.zeros((1, 3, 64, 64), np.uint8), r"has shape \(1, 3, 64, 64\)"),
        (np.zeros((1, 64, 64, 3), np.float32), "dtype float32"),
        (np.zeros((0, 64, 64, 3), np.uint8), r"has shape \(0, 64, 64, 3\)"),
        (np.zeros((1, 60, 64, 3), np.uint8), "multiples of 8 but are 60 x 64"),
    ],
)
def test_wrong_images(tmp_path: Path, images: np.ndarray, message: str) -> None:
    save_toy(tmp_path / "toy.xml")
    with pytest.raises(ValueError, match=message):
        load_backend(tmp_path / "toy.xml").run(images)


@pytest.mark.parametrize("channels", [(19, 37), (18, 38), (19,), (19, 19, 38)])
def test_foreign_outputs(tmp_path: Path, channels: tuple[int, ...]) -> None:
    save_toy(tmp_path / "toy.xml", channels=channels)
    shape = rf"\(1, {channels[0]}, 32, 32\)"
    with pytest.raises(
        ValueError, match=rf"model must have one output of 19 heatmaps .*toy\.xml' have shapes .*{shape}"
    ):
        load_backend(tmp_path / "toy.xml")


def test_foreign_inputs(tmp_path: Path) -> None:
    save_toy(tmp_path / "toy.xml", inputs=4)
    with pytest.raises(
        ValueError, match=r"model must take one input of any shape \(B, 3, H, W\) but .*toy\.xml' takes"
    ):
        load_backend(tmp_path / "toy.xml")


def test_an_odd_stride_is_refused(tmp_path: Path) -> None:
    save_toy(tmp_path / "toy.xml", stride=7)
    with pytest.raises(ValueError, match=r"model must have a whole stride but .* makes 36 x 36 cells of 256 x 256"):
        load_backend(tmp_path / "toy.xml")


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "toy.xml"
    with pytest.raises(FileNotFoundError, match=r"model must be an existing file but '.*toy\.xml'"):
        load_backend(path)
    save_toy(path)
    whole = path.read_bytes()
    for damaged in (b"", b"no xml at all", whole[: len(whole) // 2], whole.replace(b"Convolution", b"Confusion")):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"model must be an OpenVINO IR but '.*toy\.xml' cannot be read"):
            load_backend(path)
    path.write_bytes(whole)
    weights = path.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"model must be an OpenVINO IR but '.*toy\.xml' cannot be read"):
        load_backend(path)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match=r"model must have its weights beside it but .*toy\.bin"):
        load_backend(path)


def test_device_backend_and_ending(tmp_path: Path) -> None:
    path = tmp_path / "toy.xml"
    save_toy(path)
    assert load_backend(path, device="cpu", backend="openvino").device == "cpu"
    with pytest.raises(ValueError, match="device must be 'cpu' for an OpenVINO network but is 'cuda'"):
        load_backend(path, device="cuda")
    with pytest.raises(ValueError, match=r"model must end in \.safetensors or .* for backend 'torch' but is"):
        load_backend(path, backend="torch")
    with pytest.raises(ValueError, match=r"backend must be one of \['openvino', .* but is 'tensorflow'"):
        load_backend(path, backend="tensorflow")
    with pytest.raises(
        ValueError,
        match=r"model must be a file that ends in \.xml or \.safetensors or .*\.onnx or .* but is '.*toy\.bin'",
    ):
        load_backend(path.with_suffix(".bin"))


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_toy(tmp_path / "toy.xml")
    really_import = builtins.__import__

    def without_openvino(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "openvino":
            raise ModuleNotFoundError("No module named 'openvino'")
        return really_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_openvino)
    with pytest.raises(ImportError, match=r'pip install "bottomup\[openvino\]"'):
        load_backend(tmp_path / "toy.xml")


@pytest.mark.slow
def test_human_pose_estimation_0001(openvino_network: Path) -> None:
    backend = load_backend(openvino_network)
    assert (backend.stride, backend.alignment) == (8, 8)
    grey = np.full((2, 64, 96, 3), 128, np.uint8)
    heatmaps, pafs = backend.run(grey)
    assert heatmaps.shape == (2, 18, 8, 12)
    assert pafs.shape == (2, 38, 8, 12)
    assert heatmaps.max() < 0.5  # nobody there; the background channel, which would be near 1, is gone


SIGNALLED = """
import gc, os, signal, sys
import numpy as np
from bottomup.networks.backends.factory import load_backend

seen = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
backends = [load_backend(path, backend="openvino") for path in sys.argv[1:] * 2]
while backends:
    backends.pop(0).run(np.zeros((1, 64, 64, 3), np.uint8))
    gc.collect()
    os.kill(os.getpid(), signal.SIGUSR1)
print(len(seen))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal on this system")
def test_a_signal_is_survived_after_networks_that_are_no_more(tmp_path: Path) -> None:
    save_toy(tmp_path / "toy.xml")
    command = [sys.executable, "-c", SIGNALLED, str(tmp_path / "toy.xml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def save_tags(path: Path, *, tag_joints: int = 17, first: str = "heatmaps") -> None:
    """An IR as human-pose-estimation-0005 to 0007 are: heatmaps with cells that are no maxima negated, and tags.

    Heatmaps are the blue of each cell, negated where there is red; tags are the green.
    """
    from openvino import opset13 as ops

    picture = ops.parameter([1, 3, 288, 352], np.float32, name="image")

    def cells(weights: Any, joints: int) -> Any:
        kernel = np.tile(np.array(weights, np.float32)[None, :, None, None] / (255 * 4), (joints, 1, 2, 2))
        return ops.convolution(picture, ops.constant(kernel), [2, 2], [0, 0], [0, 0], [1, 1])

    heatmaps = cells([1, 0, -2], 17)
    tags = ops.unsqueeze(cells([0, 1, 0], tag_joints), ops.constant(4))
    outputs = [heatmaps, tags] if first == "heatmaps" else [tags, heatmaps]
    openvino.save_model(openvino.Model(outputs, [picture], "human-pose-estimation-0005"), path, compress_to_fp16=False)


@pytest.mark.parametrize("first", ["heatmaps", "embeddings"])
def test_networks_with_tags_are_detectors(tmp_path: Path, first: str) -> None:
    save_tags(tmp_path / "tags.xml", first=first)
    detector = Detector(tmp_path / "tags.xml")
    assert (detector.info.task, detector.info.stride, detector.info.alignment) == ("tags", 2, 32)
    assert (detector.skeleton, detector.settings.input_height) == (COCO_17, 288)
    images = pictures(2, 64, 96)
    blue, green, red = images.reshape(2, 32, 2, 48, 2, 3).mean((2, 4)).transpose(3, 0, 1, 2) / 255
    heatmaps, tags = detector.backend.run(images)
    assert heatmaps.shape == tags.shape == (2, 17, 32, 48)
    # Processors with instructions for bfloat16 use them, which keeps 8 bits.
    np.testing.assert_allclose(heatmaps[:, 3], np.abs(blue - 2 * red), atol=1e-2)
    np.testing.assert_allclose(tags[:, 16], green, atol=1e-2)


def test_tags_of_other_joints_are_an_error(tmp_path: Path) -> None:
    save_tags(tmp_path / "tags.xml", tag_joints=14)
    with pytest.raises(ValueError, match="model must have one output of 19 heatmaps"):
        Detector(tmp_path / "tags.xml")
