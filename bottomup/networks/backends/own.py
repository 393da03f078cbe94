"""Networks of others as backends, by what `NetworkFacts` says of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.networks.backends.base import NetworkBackend, Outputs, check_images, no_pafs
from bottomup.networks.backends.process import PerProcess
from bottomup.networks.backends.runners import Arrays, OnnxRunner, OpenVinoRunner, Runner, TorchRunner
from bottomup.networks.own import NetworkFacts

_PROBE = 256  # pixels, or the next multiple of the alignment: how large a picture the outputs are checked with


class OwnBackend(NetworkBackend):
    """A network of others.

    make: loads it; it is called again in a forked process, and in one that a pickle is sent to.
    facts: what its pictures and outputs are.
    name: for people to read.

    It is shown a grey picture at once, so that a wrong fact is told here.

    Raises ValueError if the network does not take one input of pictures, or its outputs are not those of the facts.
    """

    def __init__(self, make: Callable[[], Runner], facts: NetworkFacts, name: str) -> None:
        self._arguments = (make, facts, name)
        self.facts, self.info, self._name = facts, facts.info(name), name
        self._runner = PerProcess(make)
        runner = self._runner()
        self.library, self.device = runner.library, runner.device
        self._layout = _layout(runner.shape, facts, name)
        height, width = self._probe_size(runner.shape)
        # A picture of two aspects, where it may be: a side that is taken for the other would not show in a square.
        self.run(np.full((1, height, width, 3), 128, np.uint8))

    def __reduce__(self) -> tuple[Any, ...]:
        return OwnBackend, self._arguments

    def run(self, images: npt.NDArray[np.uint8]) -> Outputs:
        """See `Backend.run`."""
        images = check_images(images, self.alignment if self.info.task == "fields" else 1)
        seen = self.facts.see(images, self._layout)
        if self.facts.single and len(seen) > 1:
            parts = [self._read(self._runner()(seen[n : n + 1]), images[n : n + 1]) for n in range(len(seen))]
            heatmaps, pafs = (np.concatenate(part) for part in zip(*parts, strict=True))
            return heatmaps, pafs
        return self._read(self._runner()(seen), images)

    def _probe_size(self, shape: tuple[int | None, ...]) -> tuple[int, int]:
        """Height and width of the picture that it is tried with."""
        if self.info.task == "crops":
            size = self.info.crop_size
            return (size, size) if isinstance(size, int) else size
        height, width = shape[2:] if self._layout == "nchw" else shape[1:3]
        if height is not None or width is not None:
            raise ValueError(
                f"model must take pictures of any height and width but {self._name} takes {shape}: export it with "
                "dynamic axes, or give the file to OpenVINO (backend='openvino')"
            )
        side = -(-_PROBE // self.alignment) * self.alignment
        return side, side + self.alignment

    def _read(self, outputs: Arrays, images: npt.NDArray[np.uint8]) -> Outputs:
        """Heatmaps and part affinity fields of what the network gave."""
        facts, skeleton = self.facts, self.skeleton
        maps = skeleton.num_joints + bool(facts.background)
        limbs = skeleton.num_limbs if facts.task == "fields" else 0
        why = f"{skeleton.num_joints} joints of {skeleton.name} and {'the' if facts.background else 'no'} background"
        chosen = [outputs[name] for name in self._names(outputs)]
        if self._layout == "nhwc":
            chosen = [values.transpose(0, 3, 1, 2) if values.ndim == 4 else values for values in chosen]
        if len(chosen) == 1 and limbs:
            self._check("output", chosen[0], maps + 2 * limbs, f"{why}, and two for each of its {limbs} limbs", images)
            chosen = [chosen[0][:, :maps], chosen[0][:, maps:]]
        heatmaps = chosen[0]
        self._check("heatmaps", heatmaps, maps, f"{why} (`background` says whether there is one)", images)
        if facts.background:
            heatmaps = heatmaps[:, 1:] if facts.background == "first" else heatmaps[:, :-1]
        heatmaps = np.ascontiguousarray(heatmaps, np.float32)
        if facts.gain != 1:
            heatmaps = np.minimum(heatmaps * np.float32(facts.gain), 1)
        if not limbs:
            return heatmaps, no_pafs(heatmaps)
        self._check("pafs", chosen[1], 2 * limbs, f"two for each of the {limbs} limbs of {skeleton.name}", images)
        pafs = np.ascontiguousarray(chosen[1][:, facts.paf_channels], np.float32)
        return heatmaps, pafs if facts.gain == 1 else pafs * np.float32(facts.gain)

    def _names(self, outputs: Arrays) -> list[str]:
        """The outputs that are read, heatmaps first."""
        wanted = 1 if self.info.task == "crops" else 2
        names = list(self.facts.outputs) or list(outputs)[:wanted]
        if missing := [name for name in names if name not in outputs]:
            raise ValueError(f"outputs must be names of {self._name}'s outputs {list(outputs)} but has {missing}")
        return names

    def _check(
        self, what: str, values: npt.NDArray[Any], channels: int, why: str, images: npt.NDArray[np.uint8]
    ) -> None:
        """ValueError unless an output has as many channels as it must have, and as many cells as the stride says."""
        if values.ndim != 4 or values.shape[1] != channels:
            wanted = f"(B, {channels}, h, w): {why}"
            raise ValueError(f"{what} of {self._name} must have shape {wanted}; but have {values.shape}")
        (height, width), cells = images.shape[1:3], values.shape[2:]
        if cells != (height // self.stride, width // self.stride):
            fits = height // max(cells[0], 1)
            right = str(fits) if fits and cells == (height // fits, width // fits) else "a whole number"
            made = f"{cells[0]} x {cells[1]} cells of {height} x {width} pixels"
            raise ValueError(f"stride must be {right} for {self._name}, which makes {made}, but is {self.stride}")


def _layout(shape: tuple[int | None, ...], facts: NetworkFacts, name: str) -> str:
    """Where the channels of the input are."""
    if len(shape) != 4:
        raise ValueError(f"model must take pictures (B, 3, H, W) or (B, H, W, 3) but {name} takes {shape}")
    if facts.layout:
        return facts.layout
    if 3 in (shape[1], shape[3]) or shape[1] is None:
        return "nhwc" if shape[3] == 3 and shape[1] != 3 else "nchw"
    raise ValueError(f"model must take pictures of three channels but {name} takes {shape}")


def own_backend(
    model: Any, facts: NetworkFacts, *, device: str | None = None, backend: str | None = None
) -> OwnBackend:
    """The backend of a network of others: a file or a torch module.

    Raises as `OwnBackend` does, FileNotFoundError if there is no such file, ImportError if what runs it is missing.
    """
    if hasattr(model, "state_dict"):
        return OwnBackend(partial(TorchRunner, model, device), facts, type(model).__name__)
    path = Path(model)
    if not path.is_file():
        raise FileNotFoundError(f"model must be an existing file but {str(path)!r} is none")
    ending = path.suffix.lower()
    if ending == ".onnx" and backend != "openvino":
        return OwnBackend(partial(OnnxRunner, path.absolute(), device), facts, path.stem)
    if ending not in (".xml", ".onnx", ".pb", ".pdmodel"):
        raise ValueError(f"model must be an .onnx, .xml or .pb file or a torch module but is {str(path)!r}")
    from bottomup.networks.backends.openvino import check_openvino

    check_openvino(path, device)
    return OwnBackend(partial(OpenVinoRunner, path.absolute()), facts, path.stem)
