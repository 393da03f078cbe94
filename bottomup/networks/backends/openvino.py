"""OpenVINO on the CPU: human-pose-estimation-0001 and others with OpenPose's output, human-pose-estimation-0005 to
0007, and the project's own.

OpenPose's input: (B, 3, H, W) BGR of 0..255. Its outputs: 19 heatmaps (OpenPose's 18 joints and the background) and 38
part affinity channels. They are told apart by their number of channels, since every conversion names them differently.
The Open Model Zoo's 0005 to 0007 have heatmaps of COCO's 17 joints, those that are no maxima negated, and as many tags
with a fifth axis, (B, 17, h, w, 1), of the same input.
"""

from __future__ import annotations

import sys
import threading
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.networks.backends.base import NetworkBackend, Outputs, check_images, no_pafs
from bottomup.networks.backends.compiled import compile_network
from bottomup.networks.backends.parts import split
from bottomup.networks.backends.process import PerProcess
from bottomup.networks.calibration import Calibration, Curve
from bottomup.networks.export.lowering import LoweredNetwork, check_weights
from bottomup.networks.export.openvino import openvino_model
from bottomup.networks.info import NetworkInfo
from bottomup.networks.stored import read_config, read_network
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18

_HEATMAPS = OPENPOSE_COCO_18.num_joints + 1  # the last is the background, which is not needed here
_PAFS = 2 * OPENPOSE_COCO_18.num_limbs
Y_OFFSETS = {"human-pose-estimation-0001": 0.6}
"""By how many network pixels the networks of these names see everything too high.

Found on 692 photos of COCO train2017, where 0.5 to 0.75 give the best AP; 0.4 sideways, either way, is worse than 0.
"""
# Measured on photos of COCO val2017 at the usual height, one scale (docs/networks.md).
_CALIBRATIONS = {
    "human-pose-estimation-0001": Calibration(Curve(0.2138, 0.0516), Curve(0.2412, 0.1897)),
}
_TAG_ALIGNMENT = 32  # sides of the input of networks with tags, as published
_TAG_HEIGHT = 448  # their input's height where the file leaves it open; the largest of the three
_PROBE = 256  # pixels; any size that common strides divide will do to learn the stride


def _make_core() -> Any:
    import openvino

    return openvino.Core()


shared_core = PerProcess(_make_core, lazy=True)
"""OpenVINO's core; one for the whole process, which is never ended.

A core gives the thread that makes it a stack for signal handlers, and puts back the one before when it ends. When two
cores end in the order in which they were made, that is the first one's, which is no more: the next signal (Ctrl-C, a
child that ends) kills the process.
"""


class OpenVinoBackend(NetworkBackend):
    """An OpenVINO IR (`.xml` and `.bin`) with OpenPose's 19 heatmaps and 38 part affinity channels, or with heatmaps
    and tags of COCO's 17 joints.

    The network is compiled once for inputs of any size: OpenVINO then prepares each new size in some
    40 ms and remembers the last 25 or so, where compiling per size took 200 ms or more, and runs equally fast.

    Raises
    ------
    ImportError
        If the package `openvino` is not installed.
    FileNotFoundError
        If the `.bin` with the weights is not beside the `.xml`.
    ValueError
        If the file is corrupt, has other inputs or outputs, or `device` is not the CPU.
    """

    library = "OpenVINO"

    def __init__(self, path: Path, *, device: str | None = None) -> None:
        check_openvino(path, device)
        self._path, self.device = path.absolute(), "cpu"
        if not path.with_suffix(".bin").is_file():
            raise FileNotFoundError(f"model must have its weights beside it but {path.with_suffix('.bin')} is no file")
        self._runner = PerProcess(self._make)

    def _make(self) -> FieldRequest:
        core = shared_core()
        try:
            model = core.read_model(self._path)
        except RuntimeError as error:
            raise ValueError(
                f"model must be an OpenVINO IR but {str(self._path)!r} cannot be read: {_brief(error)}"
            ) from error
        name = model.get_friendly_name()
        if (tags := _tag_output(model)) is not None:
            self.info = _tag_info(model, tags, name, self._path)
            return FieldRequest(self._compile(core, model), 1 - tags, tags)
        heatmaps, pafs, stride = _inspect(model, self._path)
        self.info = NetworkInfo(
            OPENPOSE_COCO_18,
            stride,
            stride,
            name=name,
            y_offset=Y_OFFSETS.get(name, 0.0),
            calibration=_CALIBRATIONS.get(name),
        )
        return FieldRequest(self._compile(core, model), heatmaps, pafs)

    def _compile(self, core: Any, model: Any) -> Any:
        sources = [self._path, self._path.with_suffix(".bin")]
        return compile_network(core, sources, lambda: _take_pictures(model))

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return OpenVinoBackend, (self._path,)  # a pickle is loaded from the same file

    def run(self, images: npt.NDArray[np.uint8]) -> Outputs:
        """See `Backend.run`."""
        images = check_images(images, self.alignment)
        cells = images.shape[2] // self.info.stride
        if images.shape[2] == self.alignment:
            # In bfloat16 OpenVINO 2026.4 gets convolutions wrong whose result is one cell wide.
            images = np.pad(images, ((0, 0), (0, 0), (0, self.alignment), (0, 0)), mode="edge")
        heatmaps, beside = (output[..., :cells] for output in self._runner()(images))
        if self.info.task == "tags":
            return np.abs(heatmaps), beside.reshape(heatmaps.shape)
        return np.ascontiguousarray(heatmaps[:, :-1]), np.ascontiguousarray(beside)


class OpenVinoFieldBackend(NetworkBackend):
    """A `.safetensors` file that `bottomup train` wrote.

    OpenVINO computes in bfloat16 where the processor is made for it, which takes little more than half the time and
    moves the fields by some hundredths; `exact` keeps it to float32, and to what torch gives.

    Raises
    ------
    ImportError
        If the package `openvino` is not installed.
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is corrupt or holds another kind of network, or `device` is not the CPU.
    """

    library = "OpenVINO"

    def __init__(self, path: Path, *, device: str | None = None, exact: bool = False) -> None:
        check_openvino(path, device)
        self._path, self._exact, self.device = path.absolute(), exact, "cpu"
        self.info = read_config(path).info(path.stem)
        options = {"INFERENCE_PRECISION_HINT": "f32"} if exact else {}
        pafs = "pafs" if self.info.task == "fields" else None

        @cache  # a forked process does not read the file again, which may be another by then
        def lowered() -> LoweredNetwork:
            return check_weights(read_network(path), path)

        def make() -> FieldRequest:
            compiled = compile_network(shared_core(), [self._path], lambda: openvino_model(lowered()), options)
            return FieldRequest(compiled, "heatmaps", pafs)

        self._runner = PerProcess(make)

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return partial(OpenVinoFieldBackend, exact=self._exact), (self._path,)  # a pickle is loaded from the same file

    def run(self, images: npt.NDArray[np.uint8]) -> Outputs:
        """See `Backend.run`."""
        return self._runner()(check_images(images, self.alignment))


class FieldRequest:
    """A compiled network whose heatmaps are wanted, and its pafs or tags if it has any."""

    def __init__(self, compiled: Any, heatmaps: int | str, pafs: int | str | None) -> None:
        self._request, self._names = compiled.create_infer_request(), (heatmaps, pafs)
        self._lock = threading.Lock()  # a request serves one caller at a time and already uses every core

    def __call__(self, images: npt.NDArray[np.uint8]) -> Outputs:
        heatmaps, *pafs = map(np.concatenate, zip(*map(self._look, split(images)), strict=True))
        return heatmaps, pafs[0] if pafs else no_pafs(heatmaps)

    def _look(self, images: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
        with self._lock:
            outputs = self._request.infer([images])
            return [np.array(outputs[name], np.float32) for name in self._names if name is not None]


def import_without_converter() -> None:
    """Import OpenVINO without its converter of other libraries' models, which takes longer than all the rest.

    For programs that own their process: `openvino.convert_model` is not there then. Does nothing where OpenVINO is not
    installed, or imported already.
    """
    converter = "openvino.tools.ovc"
    if "openvino" in sys.modules or converter in sys.modules:
        return
    sys.modules[converter] = None  # type: ignore[assignment]  # importing it is an ImportError, which OpenVINO expects
    try:
        import openvino  # noqa: F401
    except ImportError:
        pass
    finally:
        del sys.modules[converter]


def check_openvino(path: Path, device: str | None) -> None:
    """ImportError that says how to install OpenVINO if it is missing, ValueError for another device than the CPU."""
    if device not in (None, "cpu"):
        raise ValueError(f"device must be 'cpu' for an OpenVINO network but is {device!r}")
    try:
        import openvino  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'model {str(path)!r} needs the package openvino: pip install "bottomup[openvino]"'
        ) from error


def _tag_output(model: Any) -> int | None:
    """The number of the output that holds tags, of a network that has one beside its heatmaps; None for others."""
    shapes = [tuple(side.get_length() if side.is_static else -1 for side in port.get_partial_shape())
              for port in model.outputs if port.get_partial_shape().rank.is_static]  # fmt: skip
    joints = COCO_17.num_joints
    if sorted(len(shape) for shape in shapes) != [4, 5] or any(shape[1] != joints for shape in shapes):
        return None
    return next(number for number, shape in enumerate(shapes) if len(shape) == 5)


def _tag_info(model: Any, tags: int, name: str, path: Path) -> NetworkInfo:
    """The facts of a network with tags; leaves the model's input at any size."""
    height = model.input().get_partial_shape()[2]
    _reshape(model, [1, 3, _PROBE, _PROBE], path)
    heatmaps, embeddings = (tuple(model.outputs[number].get_shape()) for number in (1 - tags, tags))
    stride = max(_PROBE // max(heatmaps[2], 1), 1)
    if heatmaps[2:] != (_PROBE // stride, _PROBE // stride) or embeddings != (*heatmaps, 1):
        raise ValueError(
            f"model must have heatmaps (B, K, h, w) and tags (B, K, h, w, 1) but those of {str(path)!r} have shapes "
            f"{heatmaps} and {embeddings} for {_PROBE} x {_PROBE} pixels"
        )
    _reshape(model, [-1, 3, -1, -1], path)
    wanted = {"input_height": height.get_length() if height.is_static else _TAG_HEIGHT}
    return NetworkInfo(COCO_17, stride, _TAG_ALIGNMENT, "tags", name=name, default_settings=wanted)


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


def _take_pictures(model: Any) -> Any:
    """The model for (B, H, W, 3) uint8: the conversion and the transposition happen inside."""
    from openvino import Layout, Type
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    steps.input().model().set_layout(Layout("NCHW"))
    return steps.build()


def _brief(error: Exception) -> str:
    """OpenVINO's messages begin with the places in its own sources; the last line says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
