"""The networks that are served: each loaded once, with a Detector for every set of settings that is asked for."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from bottomup.detector import Detector
from bottomup.networks.backends.base import runtime
from bottomup.settings import Settings
from bottomup.weights import NETWORKS

_KEPT = 64  # Detectors of other settings; each is small, as the network is shared


class ServedNetworks:
    """Networks by the names that clients call them.

    Parameters
    ----------
    detectors:
        Name -> the Detector that has loaded the network; its settings are the ones of requests that ask for none.
        The first is the one of requests that name none.

    Raises
    ------
    ValueError
        If there is none.
    """

    def __init__(self, detectors: Mapping[str, Detector]) -> None:
        if not detectors:
            raise ValueError("detectors must hold at least one Detector but is empty")
        self._loaded = dict(detectors)
        self._others: OrderedDict[tuple[str, Settings], Detector] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        models: Iterable[str],
        *,
        device: str | None = None,
        backend: str | None = None,
        settings: Settings | None = None,
        refine: str | os.PathLike[str] | None = None,
    ) -> ServedNetworks:
        """Load networks by name or file; a file's name without its folder and suffix is what clients call it.

        `refine` is the network for crops that looks again at the people of each; it is loaded once for each network.

        Raises ValueError if two would have the same name, and what `Detector` raises.
        """
        detectors: dict[str, Detector] = {}
        for model in models:
            name = model if model == "default" or model in NETWORKS else Path(model).stem
            if name in detectors:
                raise ValueError(f"model must name different networks but two are called {name!r}")
            detectors[name] = Detector(model, device=device, backend=backend, settings=settings, refine=refine)
        return cls(detectors)

    @property
    def names(self) -> list[str]:
        """What clients may ask for, the default first."""
        return list(self._loaded)

    def default(self, name: str) -> Detector:
        """The Detector of a network, with the settings that it was loaded with; KeyError for an unknown name."""
        return self._loaded[name]

    def runtime(self, name: str) -> str:
        """What runs the network, and what looks again at its people."""
        refiner = self._loaded[name].refiner
        refined = "" if refiner is None else f", refined by {refiner.name}"
        return f"{runtime(self._loaded[name].backend)}{refined}"

    def detector(self, name: str, settings: Settings) -> Detector:
        """A Detector with other settings; KeyError for an unknown name, ValueError for settings that do not go."""
        loaded = self._loaded[name]
        if settings == loaded.settings:
            return loaded
        with self._lock:
            if (name, settings) in self._others:
                self._others.move_to_end((name, settings))
            else:
                self._others[name, settings] = Detector(
                    backend=loaded.backend, settings=settings, refine=loaded.refiner
                )
                if len(self._others) > _KEPT:
                    self._others.popitem(last=False)
            return self._others[name, settings]

    def warm_up(self) -> None:
        """Let each network see a grey picture, so that the first request does not wait for what is done once."""
        for detector in self._loaded.values():
            detector(np.full((480, 640, 3), 128, np.uint8))
