"""The model for Triton's Python backend, with a stand-in for the module that Triton gives it."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17

FOLDER = Path(__file__).parents[1] / "packaging" / "triton" / "bottomup"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the sources are not here")


@dataclass
class Tensor:
    name: str
    values: npt.NDArray[Any]

    def as_numpy(self) -> npt.NDArray[Any]:
        return self.values


@dataclass
class Response:
    output_tensors: list[Tensor]
    error: str | None = None


class StandIn:
    """Finds a person at the mean colour of each picture."""

    options: dict[str, Any]

    def __init__(self, model: str, **options: Any) -> None:
        type(self).options = {"model": model, **options}

    def __call__(self, pictures: list[Any], *, rgb: bool, errors: str) -> list[People | Exception]:
        assert (rgb, errors) == (True, "return")
        return [self.one(picture) for picture in pictures]

    def one(self, picture: Any) -> People | Exception:
        if isinstance(picture, bytes):
            decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR_RGB)
            if decoded is None:
                return ValueError("image must be a picture but is none")
            picture = decoded
        keypoints = np.full((1, 17, 2), np.nan, np.float32)
        keypoints[0, 0] = picture.mean(axis=(0, 1))[:2]
        return People(COCO_17, keypoints, np.float32(np.eye(1, 17)), np.float32([0.75]))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module model.py, loaded as Triton does."""
    utils = ModuleType("triton_python_backend_utils")
    utils.Tensor, utils.InferenceResponse, utils.TritonError = Tensor, Response, str  # type: ignore[attr-defined]
    utils.get_input_tensor_by_name = lambda request, name: request.get(name)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", utils)
    spec = importlib.util.spec_from_file_location("model", FOLDER / "1" / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "Detector", StandIn)
    return module


def arguments(parameters: dict[str, str], kind: str = "CPU") -> dict[str, str]:
    config = {"parameters": {name: {"string_value": value} for name, value in parameters.items()}}
    return {"model_config": json.dumps(config), "model_instance_kind": kind, "model_instance_device_id": "1"}


def test_every_request_gets_its_answer(model: Any) -> None:
    served = model.TritonPythonModel()
    served.initialize(arguments({}))
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[...] = (10, 20, 30)
    file = cv2.imencode(".png", pixels[..., ::-1])[1].reshape(-1)
    requests = [
        {"image": Tensor("image", pixels)},
        {"encoded": Tensor("encoded", np.frombuffer(b"no picture", np.uint8))},
        {},
        {"encoded": Tensor("encoded", file)},
        {"image": Tensor("image", pixels), "encoded": Tensor("encoded", file)},
    ]
    first, bad, none, last, both = served.execute(requests)
    for response in (first, last):
        outputs = {tensor.name: tensor.values for tensor in response.output_tensors}
        assert {name: (values.shape, values.dtype) for name, values in outputs.items()} == {
            "keypoints": ((1, 17, 2), np.float32),
            "keypoint_scores": ((1, 17), np.float32),
            "scores": ((1,), np.float32),
            "boxes": ((1, 4), np.float32),
        }
        assert outputs["keypoints"][0, 0].tolist() == [10, 20]
    assert (bad.error, bad.output_tensors) == ("image must be a picture but is none", [])
    assert none.error == both.error == "inputs must be image or encoded, one of them"
    assert served.execute([{}])[0].error == none.error
    served.finalize()


def test_parameters_choose_the_network(model: Any) -> None:
    served = model.TritonPythonModel()
    served.initialize(arguments({"model": "a.onnx", "settings": '{"flip": true}'}, "GPU"))
    assert StandIn.options == {
        "model": "a.onnx", "device": "cuda:1", "backend": None, "settings": Settings(flip=True)
    }  # fmt: skip
    with pytest.raises(
        ValueError, match=r"parameters must be of \['model', 'backend', 'settings'\] but has \['mode'\]"
    ):
        served.initialize(arguments({"mode": "a.onnx"}))


def test_the_configuration_names_what_the_model_gives(model: Any) -> None:
    text = (FOLDER / "config.pbtxt").read_text(encoding="utf-8")
    assert re.findall(r'name: "(\w+)" data_type', text) == [
        "image", "encoded", "keypoints", "keypoint_scores", "scores", "boxes",
    ]  # fmt: skip
    assert set(re.findall(r'key: "(\w+)"', text)) <= set(model.PARAMETERS)
    settings = re.search(r'key: "settings" value: \{ string_value: "(.*)" \}', text)
    assert settings is not None
    Settings(**json.loads(settings.group(1).replace('\\"', '"')))
