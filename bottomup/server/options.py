"""Limits and timings of the service."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any


def _bounded(default: Any, reason: str, low: float, high: float = math.inf) -> Any:
    return field(default=default, metadata={"reason": reason, "low": low, "high": high})


@dataclass(frozen=True)
class ServerOptions:
    """What the service takes on, and for how long. Each field's metadata holds its reason and inclusive bounds.

    Raises ValueError (TypeError for a wrong type) that names the option, what it must be and what it was.
    """

    max_body: int = _bounded(
        32 * 2**20, "bytes of one request, or of one message of a WebSocket; a phone's photo has up to 15 million", 1024
    )
    max_bodies: int = _bounded(
        512 * 2**20,
        "bytes of all requests that come in or wait; beyond it clients are told to come back",
        1024,
    )
    max_pixels: int = _bounded(
        50_000_000, "pixels of one picture, known before it is unpacked; what phones and cameras make has fewer", 1
    )
    max_pictures: int = _bounded(32, "pictures of one request", 1)
    max_queue: int = _bounded(
        256, "pictures that are accepted and not answered yet; beyond it clients are told to come back", 1
    )
    max_connections: int = _bounded(1024, "open connections, of which each holds a file descriptor", 1)
    max_live: int = _bounded(16, "open WebSockets, of which each may keep the network busy", 0)
    max_input_height: int = _bounded(
        1024,
        "pixels of height, scales included, at which a client may let the network look",
        32,
    )
    max_scales: int = _bounded(4, "sizes at which a client may let the network look", 1)
    batch_size: int = _bounded(
        0,
        "pictures that the network is shown at once; 0 is 8 on a GPU and 1 on a processor, which is no quicker with "
        "more and keeps memory for every number of them",
        0,
    )
    batch_latency: float = _bounded(
        0.005, "seconds that a picture may wait for others to fill a batch; a tenth of what the network takes", 0, 10
    )
    workers: int = _bounded(
        1, "threads that run the network and the decode; the network uses all cores by itself", 1, 64
    )
    header_timeout: float = _bounded(10.0, "seconds for a request's first line and headers", 0.1)
    body_timeout: float = _bounded(60.0, "seconds for a request's body: 32 MiB over a slow line", 0.1)
    request_timeout: float = _bounded(60.0, "seconds from a complete body to the answer", 0.1)
    live_timeout: float = _bounded(120.0, "seconds that a WebSocket may say nothing", 0.1)
    drain: float = _bounded(
        1.0, "seconds from the signal to stop until no more connections are taken: load balancers need some", 0
    )
    stop_timeout: float = _bounded(30.0, "seconds for accepted requests to be answered after that", 0)

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            kinds = (int,) if option.type == "int" else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds):
                wanted = "a whole number" if option.type == "int" else "a number"
                raise TypeError(f"{option.name} must be {wanted} but is {value!r}")
            low, high = option.metadata["low"], option.metadata["high"]
            if not (low <= value <= high and math.isfinite(value)):
                wanted = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
                raise ValueError(f"{option.name} must be {wanted} but is {value!r}")
