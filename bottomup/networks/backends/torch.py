"""The project's own field networks, run by torch on the CPU or a CUDA GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from bottomup.networks.backends.base import NetworkBackend, Outputs, check_images
from bottomup.networks.backends.process import survive_fork
from bottomup.networks.field_network import load_network


class TorchBackend(NetworkBackend):
    """A `.safetensors` file that `bottomup train` or `save_network` wrote, in float32; see `survive_fork`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is corrupt or holds another kind of network, or the device is not there.
    """

    library = "torch"

    def __init__(self, path: Path, *, device: str | None = None) -> None:
        survive_fork()
        self._device = choose_device(device)
        self.device = str(self._device)
        # Images come channels last, as OpenCV keeps them; so do the weights, and no layer has to transpose.
        self._network = load_network(path).to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.info = self._network.config.info(path.stem)

    @torch.inference_mode()
    def run(self, images: npt.NDArray[np.uint8]) -> Outputs:
        """See `Backend.run`."""
        images = check_images(images, self.alignment)
        survive_fork()
        rgb = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2).flip(1)
        heatmaps, pafs = self._network(rgb.float() / 255)[-1]
        return heatmaps.float().contiguous().cpu().numpy(), pafs.float().contiguous().cpu().numpy()


def choose_device(device: str | None) -> torch.device:
    """The torch device of a name: `cpu`, `cuda`, `cuda:N`; None is the GPU if there is one, else the CPU.

    Raises ValueError for other names and for a GPU that is not there.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device is None:
        return torch.device("cuda" if gpus else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be 'cpu', 'cuda' or 'cuda:N' but is {device!r}") from error
    if chosen.type not in ("cpu", "cuda"):
        raise ValueError(f"device must be 'cpu', 'cuda' or 'cuda:N' but is {device!r}")
    if chosen.type == "cuda" and (chosen.index or 0) >= gpus:
        raise ValueError(
            f"device must be one that is there but is {device!r}: torch {torch.__version__} sees {gpus} GPUs"
        )
    return chosen
