"""Files of `bottomup export openvino`: OpenVINO's, with the facts of their network inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.networks.backends.base import NetworkBackend, Outputs, check_images
from bottomup.networks.backends.compiled import compile_network
from bottomup.networks.backends.openvino import FieldRequest, shared_core
from bottomup.networks.backends.process import PerProcess
from bottomup.networks.backends.runners import read_openvino
from bottomup.networks.export.files import RT_INFO, output_names
from bottomup.networks.export.onnx import FACTS, read_facts
from bottomup.networks.info import NetworkInfo


class ExportedBackend(NetworkBackend):
    """An `.xml` that `bottomup export openvino` wrote, on the CPU.

    Raises ValueError if the file cannot be read or its facts are wrong, FileNotFoundError if its weights are missing.
    """

    library = "OpenVINO"

    def __init__(self, path: Path) -> None:
        self._path, self.device = path.absolute(), "cpu"
        facts = exported_facts(read_openvino(shared_core(), self._path), self._path)
        if facts is None:
            raise ValueError(f"model must be a file of `bottomup export openvino` but {str(path)!r} is none")
        self.info = facts
        names = output_names(self.info)

        def make() -> FieldRequest:
            core, sources = shared_core(), [self._path, self._path.with_suffix(".bin")]
            compiled = compile_network(core, sources, lambda: read_openvino(core, self._path))
            return FieldRequest(compiled, names[0], names[1] if len(names) > 1 else None)

        self._runner = PerProcess(make)

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return ExportedBackend, (self._path,)  # a pickle is loaded from the same file

    def run(self, images: npt.NDArray[np.uint8]) -> Outputs:
        """See `Backend.run`."""
        return self._runner()(check_images(images, self.alignment))


def exported_facts(model: Any, path: Path) -> NetworkInfo | None:
    """The facts inside an `openvino.Model`, None if there are none; ValueError if they are wrong."""
    if not model.has_rt_info([RT_INFO, "format"]):
        return None
    names = [name for name in ("format", *FACTS) if model.has_rt_info([RT_INFO, name])]
    try:
        return read_facts({name: model.get_rt_info([RT_INFO, name]).astype(str) for name in names}, path.stem)
    except (TypeError, ValueError) as error:
        raise ValueError(f"model must be a file of `bottomup export openvino` but in {str(path)!r} {error}") from error
