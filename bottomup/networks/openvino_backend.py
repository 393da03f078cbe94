"""Networks with OpenPose's output, such as Open Model Zoo's human-pose-estimation-0001, run by OpenVINO on the CPU.

Input: (B, 3, H, W) BGR of 0..255. Outputs: 19 heatmaps (OpenPose's 18 joints and the background) and 38 part affinity
channels. They are told apart by their number of channels, since every conversion names them differently.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.networks.backends import check_images
from bottomup.skeletons import OPENPOSE_COCO_18

_HEATMAPS = OPENPOSE_COCO_18.num_joints + 1  # the last is the background, which nobody here needs
_PAFS = 2 * OPENPOSE_COCO_18.num_limbs
_PROBE = 256  # pixels; any size that common strides divide will do to learn the stride


class OpenVinoBackend:
    """An OpenVINO IR (`.xml` and `.bin`) with OpenPose's 19 heatmaps and 38 part affinity channels.

    The network is compiled once for inputs of any size: OpenVINO then prepares each new size in some
    40 ms and remembers it, where compiling per size took 200 ms or more, and runs equally fast.

    Raises
    ------
    ImportError
        If the package `openvino` is not installed.
    FileNotFoundError
        If the `.bin` with the weights is not beside the `.xml`.
    ValueError
        If the file is corrupt, has other inputs or outputs, or `device` is not the CPU.
    """

    skeleton = OPENPOSE_COCO_18

    def __init__(self, path: Path, *, device: str | None = None) -> None:
        if device not in (None, "cpu"):
            raise ValueError(f"device must be 'cpu' for an OpenVINO network but is {device!r}")
        try:
            import openvino
        except ImportError as error:
            raise ImportError(
                f'model {str(path)!r} needs the package openvino: pip install "bottomup[openvino]"'
            ) from error
        self.device = "cpu"
        if not path.with_suffix(".bin").is_file():
            raise FileNotFoundError(f"model must have its weights beside it but {path.with_suffix('.bin')} is no file")
        core = openvino.Core()
        try:
            model = core.read_model(path)
        except RuntimeError as error:
            raise ValueError(
                f"model must be an OpenVINO IR but {str(path)!r} cannot be read: {_brief(error)}"
            ) from error
        self._heatmaps, self._pafs, self.stride = _inspect(model, path)
        self.alignment = self.stride
        self._request = _compile(core, model).create_infer_request()
        self._lock = threading.Lock()  # a request serves one caller at a time and already uses every core

    def run(self, images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """See `Backend.run`."""
        images = check_images(images, self.alignment)
        with self._lock:
            outputs = self._request.infer([images])
            heatmaps = np.array(outputs[self._heatmaps][:, :-1], np.float32)
            pafs = np.array(outputs[self._pafs], np.float32)
        return heatmaps, pafs


def _inspect(model: Any, path: Path) -> tuple[int, int, int]:
    """The numbers of the heatmap and paf outputs, and the stride; leaves the model's input at any size."""
    _reshape(model, [1, 3, _PROBE, _PROBE], path)
    shapes = [tuple(port.get_shape()) for port in model.outputs]
    sides = {shape[2:] for shape in shapes if len(shape) == 4 and shape[1] in (_HEATMAPS, _PAFS)}
    channels = [shape[1] if len(shape) == 4 else 0 for shape in shapes]
    if channels.count(_HEATMAPS) != 1 or channels.count(_PAFS) != 1 or len(sides) != 1:
        expected = f"one output of {_HEATMAPS} heatmaps and one of {_PAFS} part affinity channels, equally large"
        raise ValueError(f"model must have {expected}, but the outputs of {str(path)!r} have shapes {shapes}")
    height, width = sides.pop()
    stride = _PROBE // height
    if height != width or stride * height != _PROBE:
        raise ValueError(
            f"model must have a whole stride but {str(path)!r} makes {height} x {width} cells of {_PROBE} x {_PROBE}"
        )
    _reshape(model, [-1, 3, -1, -1], path)
    return channels.index(_HEATMAPS), channels.index(_PAFS), stride


def _reshape(model: Any, shape: list[int], path: Path) -> None:
    try:
        model.reshape(shape)
    except RuntimeError as error:
        inputs = [str(port.get_partial_shape()) for port in model.inputs]
        raise ValueError(
            f"model must take one input of any shape (B, 3, H, W) but {str(path)!r} takes {inputs}: {_brief(error)}"
        ) from error


def _compile(core: Any, model: Any) -> Any:
    """Compile for (B, H, W, 3) uint8: the conversion and the transposition happen inside."""
    from openvino import Layout, Type
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    steps.input().model().set_layout(Layout("NCHW"))
    return core.compile_model(steps.build(), "CPU", {"PERFORMANCE_HINT": "LATENCY"})


def _brief(error: Exception) -> str:
    """OpenVINO's messages begin with the places in its own sources; the last line says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
