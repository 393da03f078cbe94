"""Checkpoints of published networks, run by torch on the CPU or a CUDA GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from bottomup.networks.backends.base import NetworkBackend, Outputs, check_images
from bottomup.networks.backends.process import survive_fork
from bottomup.networks.backends.torch import choose_device
from bottomup.networks.info import NetworkInfo
from bottomup.networks.published.families import Published, load_published

_BLACK = 0  # beyond a picture's edge, in the published implementations' crops


class PublishedBackend(NetworkBackend):
    """A checkpoint of a published network with part affinity fields, with tags or for crops, in float32; see
    `load_published`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, is of no network that is known, or the device is not there.
    """

    library = "torch"

    def __init__(self, path: Path, *, device: str | None = None) -> None:
        survive_fork()
        self._device = choose_device(device)
        self.device = str(self._device)
        self._published = published = load_published(path)
        published.network.to(self._device)
        self.info = published_info(published)

    def run(self, images: npt.NDArray[np.uint8]) -> Outputs:
        """See `Backend.run`."""
        images = check_images(images, self.alignment)
        survive_fork()
        heatmaps, beside = self._published(torch.from_numpy(images).to(self._device))
        return heatmaps.float().contiguous().cpu().numpy(), beside.float().contiguous().cpu().numpy()


def published_info(published: Published) -> NetworkInfo:
    """The facts of a published network."""
    shape = (published.skeleton, published.stride, published.alignment, published.task, published.family)
    if published.task == "crops":
        return NetworkInfo(*shape, crop_size=published.input_size, padding=_BLACK, corner_cells=published.corner_cells)
    return NetworkInfo(*shape, default_settings={"input_height": published.input_size[0]})
