"""Networks as files of other runtimes: the project's own, and published checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.networks.export.lowering import lower
from bottomup.networks.export.onnx import OUTPUTS, import_onnx, onnx_model, read_facts, write_facts
from bottomup.networks.info import NetworkInfo
from bottomup.networks.published.converted import is_converted
from bottomup.networks.stored import read_network

RT_INFO = "bottomup"
"""Where an OpenVINO file keeps the facts of its network."""
_OWN = ".safetensors"
_FORMATS = (".xml", ".onnx", ".pb", ".pdmodel", ".engine", ".plan")  # of runtimes; their networks cannot be taken apart
_MOST_AT_ONCE = 8  # pictures that a TensorRT engine takes


def write_onnx(path: Path, out: Path) -> NetworkInfo:
    """Write a network file, `.safetensors` or a published checkpoint, as ONNX; its facts are in the metadata.

    Returns the facts. Raises ValueError for another kind of file, ImportError without the package `onnx`.
    """
    model = network_onnx(path)
    import_onnx().save(model, str(out))
    return read_facts({prop.key: prop.value for prop in model.metadata_props}, path.stem)


def write_openvino(
    path: Path,
    out: Path,
    *,
    half: bool = False,
    calibration: Iterable[npt.NDArray[np.uint8]] | None = None,
) -> NetworkInfo:
    """Write a network file as OpenVINO's `.xml` and `.bin`, with its facts inside.

    half: weights of 16 bits. calibration: (1, H, W, 3) uint8 BGR pictures with which it is quantised to 8 bits (NNCF).

    Returns the facts. Raises as `write_onnx` does, and ImportError without the packages `openvino` or, to quantise,
    `nncf`.
    """
    try:
        import openvino
    except ImportError as error:
        raise ImportError('OpenVINO needs the package openvino: pip install "bottomup[openvino]"') from error
    if _is_own(path):
        from bottomup.networks.export.openvino import openvino_model

        network = read_network(path)
        model, facts = openvino_model(lower(network)), write_facts(network.config.info(path.stem))
    else:
        traced = network_onnx(path)
        model = openvino.Core().read_model(traced.SerializeToString())
        facts = {prop.key: prop.value for prop in traced.metadata_props}
    if calibration is not None:
        from bottomup.networks.export.quantise import quantise

        model = quantise(model, calibration)
    for name, value in facts.items():
        model.set_rt_info(value, [RT_INFO, name])
    openvino.save_model(model, str(out), compress_to_fp16=half)
    return read_facts(facts, path.stem)


def write_for_tensorrt(path: Path, out: Path, *, height: int = 0, width: int = 0, half: bool = True) -> str:
    """Write a network file as the ONNX file that TensorRT's `trtexec` makes an engine of, and its facts beside it.

    height, width: of the pictures that the engine is to be quickest at; by default what the network asks for, at 16:9.

    Returns the command that makes the engine, `NAME.engine` beside `NAME.onnx` and `NAME.json`.
    """
    info = write_onnx(path, out)
    facts = write_facts(info)
    out.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    alignment = info.alignment
    if info.task in ("crops", "places"):
        best = (info.crop_size, info.crop_size) if isinstance(info.crop_size, int) else info.crop_size
        sizes = (best, best, best)
    else:
        height = height or int(info.default_settings.get("input_height", 368))
        best = _up(height, alignment), _up(width or round(height * 16 / 9), alignment)
        sizes = ((alignment, alignment), best, (2 * best[0], 2 * best[1]))
    shapes = " ".join(
        f"--{name}Shapes=images:{batch}x{high}x{wide}x3"
        for name, batch, (high, wide) in zip(("min", "opt", "max"), (1, 1, _MOST_AT_ONCE), sizes, strict=True)
    )
    command = f"trtexec --onnx={out} --saveEngine={out.with_suffix('.engine')} {shapes}"
    return command + (" --fp16" if half else "")


def network_onnx(path: Path) -> Any:
    """A network file as an `onnx.ModelProto`."""
    if _is_own(path):
        return onnx_model(read_network(path))
    if path.suffix.lower() in _FORMATS:
        raise ValueError(
            f"model must be a .safetensors file or a published network's checkpoint but is {str(path)!r}, which is in "
            "a runtime's own format"
        )
    from bottomup.networks.export.published import published_onnx
    from bottomup.networks.published.families import load_published

    return published_onnx(load_published(path))


def output_names(info: NetworkInfo) -> tuple[str, ...]:
    """The outputs of an exported network, heatmaps first."""
    return OUTPUTS[info.task]


def _is_own(path: Path) -> bool:
    return path.suffix.lower() == _OWN and not is_converted(path)


def _up(side: int, alignment: int) -> int:
    return -(-side // alignment) * alignment
