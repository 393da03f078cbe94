"""Writing a lowered network down as ONNX."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.networks.calibration import Calibration
from bottomup.networks.export.lowering import HasStored, Layer, lower
from bottomup.networks.info import NetworkInfo
from bottomup.networks.stored import StoredNetwork
from bottomup.skeletons import read_skeleton, write_skeleton

FORMAT = "bottomup-fields-1"
OUTPUTS = {
    "fields": ("heatmaps", "pafs"),
    "tags": ("heatmaps", "tags"),
    "crops": ("heatmaps",),
    "places": ("heatmaps",),
}
"""The names of a network's outputs by its task."""
OPSET = 17  # of 2022; all that is needed is there, and old runtimes read it
_IR_VERSION = 8  # the file format that goes with it
_CROP_FACTS = ("crop_size", "crop_margin", "padding", "corner_cells", "decode", "refine_share")
FACTS = ("skeleton", "stride", "alignment", "preferred", "task", "calibration", *_CROP_FACTS)


def export_onnx(network: StoredNetwork | HasStored, path: str | Path) -> None:
    """Write a network as an ONNX file: `images` (B, H, W, 3) uint8 BGR to `heatmaps` and, if any, `pafs`, float32.

    Sides must be multiples of the `alignment` in the file's metadata, where `skeleton` and `stride` are as well.
    Raises ImportError if the package `onnx` is not installed.
    """
    model = onnx_model(network)
    import onnx  # which is there, or that would have failed

    onnx.save(model, str(path))


def onnx_model(network: StoredNetwork | HasStored) -> Any:
    """The same as an `onnx.ModelProto`."""
    onnx = import_onnx()
    TensorProto, helper = onnx.TensorProto, onnx.helper
    stored = network if isinstance(network, StoredNetwork) else network.stored()
    lowered = lower(stored)
    writer = _Writer()
    for number, layer in enumerate(lowered.layers):
        writer.add(number, layer)
    # The answers get their names from nodes that do nothing else.
    outputs = []
    for name, number in lowered.outputs.items():
        writer.nodes.append(helper.make_node("Identity", [_name(number)], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", None, "rows", "columns"]))
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", "height", "width", 3])
    graph = helper.make_graph(writer.nodes, "bottomup", [images], outputs, writer.constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION, producer_name="bottomup"
    )
    helper.set_model_props(model, write_facts(stored.config.info()))
    onnx.checker.check_model(model)
    return model


def import_onnx() -> Any:
    """The package; ImportError that says how to install it."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError('ONNX needs the package onnx: pip install "bottomup[onnx]"') from error
    return onnx


def write_facts(info: NetworkInfo) -> dict[str, str]:
    """The facts of a network as the metadata of an ONNX file."""
    facts: dict[str, Any] = {
        "skeleton": write_skeleton(info.skeleton),
        "stride": info.stride,
        "alignment": info.alignment,
        "preferred": dict(info.default_settings),
        "task": info.task,
        **{name: getattr(info, name) for name in _CROP_FACTS},
    }
    if info.calibration is not None:
        facts["calibration"] = info.calibration.to_dict()
    return {"format": FORMAT, **{name: json.dumps(value) for name, value in facts.items()}}


def read_facts(metadata: Mapping[str, str], name: str = "") -> NetworkInfo:
    """The facts in the metadata of an ONNX file; ValueError or TypeError if they are not those of a network."""
    if metadata.get("format") != FORMAT:
        raise ValueError(f"it has format {metadata.get('format')!r}")
    if missing := sorted({"skeleton", "stride", "alignment"} - metadata.keys()):
        raise ValueError(f"its metadata lack {missing}")
    try:
        facts = {key: json.loads(metadata[key]) for key in FACTS if key in metadata}
    except RecursionError as error:
        raise ValueError("its metadata are nested too deep") from error
    return NetworkInfo(
        skeleton=read_skeleton(facts["skeleton"]),
        stride=facts["stride"],
        alignment=facts["alignment"],
        task=facts.get("task", "fields"),  # files from before there were networks for crops do not say so
        name=name,
        **{name: facts[name] for name in _CROP_FACTS if name in facts},
        default_settings=facts.get("preferred", {}),
        calibration=Calibration.from_dict(facts["calibration"]) if "calibration" in facts else None,
    )


def _name(number: int) -> str:
    return "images" if number == 0 else f"layer{number}"


class _Writer:
    """Collects the nodes and constants of a graph."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, number: int, layer: Layer) -> None:
        """Write one layer; its output is called `layerN`."""
        inputs, output, values = [_name(source) for source in layer.inputs], _name(number), layer.values
        match layer.kind:
            case "image":
                pass
            case "normalise":
                self._normalise(inputs[0], output, layer)
            case "conv" | "deconv":
                constants = [self._constant(f"{output}.{n}", layer.arrays[n]) for n in ("weight", "bias")]
                shared = {"strides": [values["stride"]] * 2, "pads": list(values["padding"])}
                if layer.kind == "deconv":
                    self._node("ConvTranspose", [*inputs, *constants], output, **shared)
                else:
                    more = {"dilations": [values["dilation"]] * 2, "group": values["groups"]}
                    self._node("Conv", [*inputs, *constants], output, **shared, **more)
            case "max_pool":
                kernel, stride = [values["kernel"]] * 2, [values["stride"]] * 2
                self._node("MaxPool", inputs, output, kernel_shape=kernel, strides=stride, pads=list(values["padding"]))
            case "clip":
                bounds = [self._constant(f"{output}.{n}", np.float32(values[n])) for n in ("low", "high")]
                self._node("Clip", [*inputs, *bounds], output)
            case "double":
                scales = self._constant(f"{output}.scales", np.array([1, 1, 2, 2], np.float32))
                how = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
                self._node("Resize", [*inputs, "", scales], output, **how)
            case "enlarge":
                scales = self._constant(f"{output}.scales", np.array([1, 1, *[values["factor"]] * 2], np.float32))
                align = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
                self._node("Resize", [*inputs, "", scales], output, **align)
            case "slice":
                bounds = [self._constant(f"{output}.{n}", np.array([values[n]], np.int64)) for n in ("start", "stop")]
                self._node(
                    "Slice", [*inputs, *bounds, self._constant(f"{output}.axis", np.array([1], np.int64))], output
                )
            case "concat":
                self._node("Concat", inputs, output, axis=1)
            case "relu" | "sigmoid" | "add":
                self._node(layer.kind.capitalize(), inputs, output)
            case _:
                raise NotImplementedError(f"layer must be of a known kind but is {layer.kind!r}")

    def _normalise(self, source: str, output: str, layer: Layer) -> None:
        from onnx import TensorProto

        self._node("Cast", [source], f"{output}.cast", to=TensorProto.FLOAT)
        self._node("Transpose", [f"{output}.cast"], f"{output}.planes", perm=[0, 3, 1, 2])
        order = self._constant(f"{output}.order", np.array([2, 1, 0], np.int64))
        self._node("Gather", [f"{output}.planes", order], f"{output}.rgb", axis=1)
        scale, shift = (
            self._constant(f"{output}.{n}", layer.arrays[n].reshape(1, 3, 1, 1)) for n in ("scale", "shift")
        )
        self._node("Mul", [f"{output}.rgb", scale], f"{output}.scaled")
        self._node("Add", [f"{output}.scaled", shift], output)

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def _constant(self, name: str, value: npt.NDArray[Any] | np.generic) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name
