"""Writing a lowered network down in OpenVINO's operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from bottomup.networks.export.lowering import Layer, LoweredNetwork


def openvino_model(network: LoweredNetwork) -> Any:
    """An `openvino.Model` from images (B, H, W, 3) uint8 BGR to the network's outputs, for inputs of any size.

    Raises ImportError if OpenVINO is not installed.
    """
    import openvino
    from openvino import opset13 as ops

    outputs: list[Any] = []
    for layer in network.layers:
        outputs.append(_emit(layer, [outputs[number] for number in layer.inputs], ops))
    results = []
    for name, number in network.outputs.items():
        result = ops.result(outputs[number])
        result.get_output_tensor(0).set_names({name})
        results.append(result)
    return openvino.Model(results, [outputs[0]], "bottomup")


def _emit(layer: Layer, inputs: list[Any], ops: Any) -> Any:
    """The node that computes a layer from the nodes before it."""
    values, arrays = layer.values, layer.arrays
    match layer.kind:
        case "image":
            return ops.parameter([-1, -1, -1, 3], np.uint8, "images")
        case "normalise":
            planes = ops.transpose(ops.convert(inputs[0], "f32"), np.array([0, 3, 1, 2]))
            rgb = ops.gather(planes, np.array([2, 1, 0]), np.array(1))
            return ops.add(ops.multiply(rgb, _per_channel(arrays["scale"])), _per_channel(arrays["shift"]))
        case "conv" | "deconv":
            return ops.add(_convolution(layer, inputs[0], ops), _per_channel(arrays["bias"]))
        case "max_pool":
            kernel, stride, (top, left, bottom, right) = values["kernel"], values["stride"], values["padding"]
            pooled = ops.max_pool(inputs[0], [stride] * 2, [1, 1], [top, left], [bottom, right], [kernel] * 2)
            return pooled.output(0)
        case "relu":
            return ops.relu(inputs[0])
        case "sigmoid":
            return ops.sigmoid(inputs[0])
        case "add":
            return ops.add(*inputs)
        case "concat":
            return ops.concat(inputs, 1)
        case "clip":
            return ops.clamp(inputs[0], values["low"], values["high"])
        case "double":
            options = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
            twice = np.array([2, 2], np.float32)
            return ops.interpolate(inputs[0], twice, "nearest", "scales", axes=np.array([2, 3]), **options)
        case "enlarge":
            factors, align = np.array([values["factor"]] * 2, np.float32), "align_corners"
            return ops.interpolate(
                inputs[0], factors, "linear_onnx", "scales", axes=np.array([2, 3]), coordinate_transformation_mode=align
            )
        case "slice":
            bounds = (np.array([values[name]]) for name in ("start", "stop"))
            return ops.slice(inputs[0], *bounds, np.array([1]), np.array([1]))
        case _:
            raise NotImplementedError(f"layer must be of a known kind but is {layer.kind!r}")


def _convolution(layer: Layer, source: Any, ops: Any) -> Any:
    values, weight = layer.values, layer.arrays["weight"]
    top, left, bottom, right = values["padding"]
    strides = [values["stride"]] * 2
    if layer.kind == "deconv":
        return ops.convolution_backprop_data(
            source, weight, strides, pads_begin=[top, left], pads_end=[bottom, right], dilations=[1, 1]
        )
    dilations, groups = [values["dilation"]] * 2, values["groups"]
    if groups > 1:
        grouped = weight.reshape(groups, -1, *weight.shape[1:])
        return ops.group_convolution(source, grouped, strides, [top, left], [bottom, right], dilations)
    return ops.convolution(source, weight, strides, [top, left], [bottom, right], dilations)


def _per_channel(values: Any) -> Any:
    return values.reshape(1, -1, 1, 1)
