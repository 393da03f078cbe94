"""Networks of OpenVINO quantised to 8 bits, by NNCF."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt


def quantise(model: Any, pictures: Iterable[npt.NDArray[np.uint8]]) -> Any:
    """An `openvino.Model` whose weights and activations have 8 bits where that is quicker.

    pictures: (1, H, W, 3) uint8 BGR, such as the network will see; a few hundred are usual. What they show tells the
        ranges of the activations.

    Raises ImportError if the package `nncf` is not installed, ValueError without pictures.
    """
    try:
        import nncf
    except ImportError as error:
        raise ImportError('quantising needs the package nncf: pip install "bottomup[int8]"') from error
    shown = list(pictures)
    if not shown:
        raise ValueError("calibration must be pictures but there are none")
    logging.getLogger("nncf").setLevel(logging.ERROR)
    # Symmetric weights and asymmetric activations: heatmaps and affinity fields lie unevenly around 0.
    return nncf.quantize(model, nncf.Dataset(shown), preset=nncf.QuantizationPreset.MIXED, subset_size=len(shown))
