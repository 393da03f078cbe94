"""Networks of somebody else's: the same fields from every runtime and in every order, and errors that name the fact."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bottomup import CropDetector, Detector, Skeleton
from bottomup.networks.backends.factory import load_backend
from bottomup.networks.backends.own import own_backend
from bottomup.networks.own import NetworkFacts

HAND = Skeleton("hand", ("wrist", "thumb", "finger"), ((0, 1), (0, 2)), sigmas=(0.06, 0.04, 0.04))
FACTS: dict[str, Any] = {"skeleton": HAND, "stride": 8, "alignment": 16}


class Reader(nn.Module):
    """Heatmaps from the first channel of each cell, pafs of known channels; as it is told in other orders."""

    def __init__(self, *, background: str = "", joined: bool = False, named: bool = False) -> None:
        super().__init__()
        self.background, self.joined, self.named = background, joined, named

    def forward(self, images: torch.Tensor) -> Any:
        cells = nn.functional.avg_pool2d(images, 8)[:, :1]
        heat = cells * torch.tensor([1.0, 0.5, 0.25]).view(1, 3, 1, 1)
        empty = torch.zeros_like(cells)
        if self.background:
            heat = torch.cat([empty, heat] if self.background == "first" else [heat, empty], 1)
        pafs = torch.ones_like(cells) * torch.tensor([0.1, 0.2, 0.3, 0.4]).view(1, 4, 1, 1)
        if self.joined:
            return torch.cat([heat, pafs], 1)
        return {"paf": pafs, "heat": heat} if self.named else (heat, pafs)


def picture() -> np.ndarray:
    image = np.zeros((1, 64, 96, 3), np.uint8)
    image[0, 16:24, 40:48] = (10, 20, 250)
    return image


@pytest.mark.parametrize(
    "options", [{}, {"background": "first"}, {"background": "last", "joined": True}, {"named": True}]
)
def test_a_torch_module_gives_its_fields(options: dict[str, Any]) -> None:
    facts = {**FACTS, "background": options.get("background", ""), "rgb": True, "scale": 255.0}
    if options.get("named"):
        facts["outputs"] = ("heat", "paf")
    backend = own_backend(Reader(**options), NetworkFacts.of(facts))
    heatmaps, pafs = backend.run(picture())
    assert heatmaps.shape == (1, 3, 8, 12)
    assert heatmaps[0, 0].argmax() == 2 * 12 + 5
    np.testing.assert_allclose(heatmaps[0, :, 2, 5], np.array([1, 0.5, 0.25]) * 250 / 255, rtol=1e-5)
    np.testing.assert_allclose(pafs[0, :, 0, 0], [0.1, 0.2, 0.3, 0.4])
    swapped = own_backend(Reader(**options), NetworkFacts.of({**facts, "pafs": "yx"})).run(picture())[1]
    np.testing.assert_allclose(swapped[0, :, 0, 0], [0.2, 0.1, 0.4, 0.3])


def test_a_gain_raises_what_stays_low() -> None:
    facts = {**FACTS, "rgb": True, "scale": 255.0}
    heatmaps, pafs = own_backend(Reader(), NetworkFacts.of({**facts, "gain": 2})).run(picture())
    np.testing.assert_allclose(heatmaps[0, :, 2, 5], [1, 250 / 255, 0.5 * 250 / 255], rtol=1e-5)
    np.testing.assert_allclose(pafs[0, :, 0, 0], [0.2, 0.4, 0.6, 0.8])
    for wrong in (0, -1, np.nan, "2", True):
        with pytest.raises(ValueError, match="gain must be a number above 0"):
            NetworkFacts.of({**facts, "gain": wrong})


def test_a_module_is_a_detector() -> None:
    detector = Detector(Reader(), **FACTS, input_height=96)
    assert (detector.skeleton, detector.settings.input_height, detector.backend.library) == (HAND, 96, "torch")
    assert detector.fields(picture()[0]).heatmaps.shape == (3, 12, 18)
    with pytest.raises(ValueError, match="must have skeleton and stride but lack"):
        Detector(Reader())


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"outputs": ("heat", "paf")},
            r"outputs must be names of Reader's outputs \['0', '1'\] but has \['heat', 'paf'\]",
        ),
        (
            {"background": "last"},
            r"heatmaps of Reader must have shape \(B, 4, h, w\): 3 joints of hand and the background",
        ),
        ({"stride": 4}, r"stride must be 8 for Reader, which makes 32 x 34 cells of 256 x 272 pixels, but is 4"),
        ({"skeleton": "coco17"}, r"must have shape \(B, 17, h, w\): 17 joints of coco17 and no background"),
        ({"outputs": ("1", "0")}, r"heatmaps of Reader must have shape \(B, 3, h, w\).*but have \(1, 4, "),
    ],
)
def test_a_wrong_fact_is_told_when_it_is_loaded(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        own_backend(Reader(), NetworkFacts.of({**FACTS, **facts}))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX file of any size of picture, written by hand: one convolution that takes means of 8 x 8 pixels."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weights = np.zeros((7, 3, 8, 8), np.float32)
    weights[:3, 0] = np.array([1.0, 0.5, 0.25]).reshape(3, 1, 1) / 64
    constants = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.array([3, 4]), "parts")]
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["all"], strides=[8, 8]),
        helper.make_node("Split", ["all", "parts"], ["heat", "paf"], axis=1),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "h", "w"])
        for name, channels in (("image", 3), ("heat", 3), ("paf", 4))
    ]
    graph = helper.make_graph(nodes, "reader", ports[:1], ports[1:], constants)
    path = tmp_path_factory.mktemp("own") / "hand.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_an_onnx_file_is_a_detector(backend: str, exported: Path) -> None:
    pytest.importorskip(backend)
    detector = Detector(exported, backend=backend, **FACTS, outputs=("heat", "paf"), rgb=True, scale=255.0)
    heatmaps, pafs = detector.backend.run(picture())
    np.testing.assert_allclose(heatmaps[0, :, 2, 5], np.array([1, 0.5, 0.25]) * 250 / 255, rtol=1e-4)
    assert not pafs.any()
    again = pickle.loads(pickle.dumps(detector.backend))
    np.testing.assert_array_equal(again.run(picture())[0], heatmaps)
    with pytest.raises(
        ValueError, match=r"outputs must be names of hand's outputs \['heat', 'paf'\] but has \['pafs'\]"
    ):
        load_backend(exported, backend=backend, facts={**FACTS, "outputs": ("heat", "pafs")})


def test_its_facts_may_lie_beside_it(exported: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(ValueError, match="say its skeleton, stride and outputs"):
        Detector(exported)
    joints = (
        "joints = ['wrist', 'thumb', 'finger']\nlimbs = [[0, 1], [0, 2]]\nsigmas = [0.06, 0.04, 0.04]\nname = 'hand'"
    )
    table = exported.with_suffix(".toml")
    table.write_text(f"stride = 8\nalignment = 16\n[skeleton]\n{joints}\n")
    try:
        assert Detector(exported).skeleton.joints == HAND.joints
    finally:
        table.unlink()


def test_a_network_for_crops_of_ones_own(tmp_path: Path) -> None:
    facts = NetworkFacts.of({**FACTS, "task": "crops", "crop_size": (64, 48)})
    backend = own_backend(Reader(), facts)
    people = CropDetector(backend=backend, joint_threshold=0)(picture()[0], proposals=[[20, 0, 60, 60]], keep_all=True)
    assert len(people) == 1
    with pytest.raises(FileNotFoundError, match="model must be an existing file"):
        own_backend(tmp_path / "none.onnx", facts)
    (tmp_path / "a.txt").write_bytes(b"")
    with pytest.raises(ValueError, match=r"model must be an \.onnx, \.xml or \.pb file"):
        own_backend(tmp_path / "a.txt", facts)
