"""Published networks as ONNX: traced by torch, with the preparation of pictures and the reading of outputs inside."""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch
from torch import nn

from bottomup.networks.backends.published import published_info
from bottomup.networks.export.onnx import OPSET, OUTPUTS, import_onnx, write_facts
from bottomup.networks.published.families import Published


class _Pictures(nn.Module):
    """A published network from pictures (B, H, W, 3) uint8 BGR to the outputs of its task."""

    def __init__(self, published: Published) -> None:
        super().__init__()
        self.network = published.network
        self._published = published
        self._outputs = len(OUTPUTS[published.task])

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self._published.fields(images)[: self._outputs]


def published_onnx(published: Published) -> Any:
    """A published network as an `onnx.ModelProto`, as `onnx_model` makes one of the project's own.

    Raises ImportError if the package `onnx` is not installed.
    """
    onnx = import_onnx()
    info = published_info(published)
    size = info.crop_size if isinstance(info.crop_size, tuple) else (info.crop_size or 4 * info.alignment,) * 2
    names = OUTPUTS[info.task]
    picture = torch.zeros((1, *size, 3), dtype=torch.uint8)
    free = {name: {0: "batch", 2: "rows", 3: "columns"} for name in names}
    content: Any = io.BytesIO()  # which torch's types do not have
    with warnings.catch_warnings(), torch.no_grad():
        # Of the tracer: constants that are meant as such, and advice to use an exporter that needs further packages.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Pictures(published).eval(),
            (picture,),
            content,
            input_names=["images"],
            output_names=list(names),
            dynamic_axes={"images": {0: "batch", 1: "height", 2: "width"}, **free},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(content.getvalue())
    onnx.helper.set_model_props(model, write_facts(info))
    onnx.checker.check_model(model)
    return model
