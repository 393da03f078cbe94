"""People in pictures for Triton Inference Server: a model of its Python backend.

The inputs and outputs, and the parameters that choose a network and its settings, are in `config.pbtxt` beside this
folder. Requests that come together go through the network together; one with a bad picture fails alone.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from bottomup import Detector, Settings

PARAMETERS = ("model", "backend", "settings")


class TritonPythonModel:
    """The name and the methods that Triton looks for."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the network that the parameters name, on the device of this instance."""
        given = json.loads(args["model_config"]).get("parameters", {})
        if unknown := sorted(set(given) - set(PARAMETERS)):
            raise ValueError(f"parameters must be of {list(PARAMETERS)} but has {unknown}")
        values = {name: value["string_value"] for name, value in given.items()}
        on_gpu = args.get("model_instance_kind", "CPU").endswith("GPU")
        self.detector = Detector(
            values.get("model", "default"),
            device=f"cuda:{args['model_instance_device_id']}" if on_gpu else "cpu",
            backend=values.get("backend"),
            settings=Settings(**json.loads(values.get("settings", "{}"))),
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        """An answer for each request, in order."""
        answers: dict[int, Any] = {}
        pictures: dict[int, Any] = {}
        for number, request in enumerate(requests):
            try:
                pictures[number] = picture_of(request)
            except ValueError as error:
                answers[number] = refusal(error)
        found = self.detector(list(pictures.values()), rgb=True, errors="return") if pictures else []
        for number, people in zip(pictures, found, strict=True):
            answers[number] = refusal(people) if isinstance(people, Exception) else answer(people)
        return [answers[number] for number in range(len(requests))]

    def finalize(self) -> None:
        """Let the network go."""
        del self.detector


def picture_of(request: Any) -> Any:
    """The picture of a request: pixels, or the bytes of a file."""
    tensors = [pb_utils.get_input_tensor_by_name(request, name) for name in ("image", "encoded")]
    image, encoded = (None if tensor is None else tensor.as_numpy() for tensor in tensors)
    if (image is None) == (encoded is None):
        raise ValueError("inputs must be image or encoded, one of them")
    return image if encoded is None else np.ascontiguousarray(encoded).tobytes()


def answer(people: Any) -> Any:
    """People as tensors."""
    outputs = {
        "keypoints": people.keypoints,
        "keypoint_scores": people.keypoint_scores,
        "scores": people.scores,
        "boxes": people.boxes,
    }
    tensors = [pb_utils.Tensor(name, np.ascontiguousarray(values, np.float32)) for name, values in outputs.items()]
    return pb_utils.InferenceResponse(output_tensors=tensors)


def refusal(error: Exception) -> Any:
    """What the client is told of a picture that cannot be read."""
    return pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError(str(error)))
