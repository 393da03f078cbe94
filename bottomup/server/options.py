"""Limits and timings of the service."""

from __future__ import annotations

from dataclasses import dataclass

from bottomup.validation import Options, option

_DAY = 86400  # seconds


@dataclass(frozen=True)
class ServerOptions(Options):
    """What the service takes on, and for how long."""

    max_body: int = option(
        32 * 2**20,
        "bytes of one request, or of one message of a WebSocket; a phone's photo has up to 15 million",
        low=1024,
    )
    max_bodies: int = option(
        512 * 2**20, "bytes of all requests that come in or wait; beyond it clients are told to come back", low=1024
    )
    max_pixels: int = option(
        50_000_000, "pixels of one picture, known before it is unpacked; what phones and cameras make has fewer", low=1
    )
    max_pictures: int = option(32, "pictures of one request", low=1)
    max_queue: int = option(
        256, "pictures that are accepted and not answered yet; beyond it clients are told to come back", low=1
    )
    max_connections: int = option(1024, "open connections, of which each holds a file descriptor", low=1)
    max_live: int = option(16, "open WebSockets, of which each may keep the network busy", low=0)
    max_input_height: int = option(
        1024, "pixels of height, scales included, at which a client may let the network look", low=32
    )
    max_scales: int = option(4, "sizes at which a client may let the network look", low=1)
    batch_size: int = option(
        0,
        "pictures that the network is shown at once; 0 is 8 on a GPU and 1 on a processor, which is no quicker with "
        "more and keeps memory for every number of them",
        low=0,
    )
    batch_latency: float = option(
        0.005,
        "seconds that a picture may wait for others to fill a batch; a tenth of what the network takes",
        low=0,
        high=10,
    )
    workers: int = option(
        1, "threads that run the network and the decode; the network uses all cores by itself", low=1, high=64
    )
    header_timeout: float = option(10.0, "seconds for a request's first line and headers", low=0.1, high=_DAY)
    body_timeout: float = option(60.0, "seconds for a request's body: 32 MiB over a slow line", low=0.1, high=_DAY)
    request_timeout: float = option(60.0, "seconds from a complete body to the answer", low=0.1, high=_DAY)
    live_timeout: float = option(120.0, "seconds that a WebSocket may say nothing", low=0.1, high=_DAY)
    drain: float = option(
        1.0,
        "seconds from the signal to stop until no more connections are taken: load balancers need some",
        low=0,
        high=_DAY,
    )
    stop_timeout: float = option(
        30.0,
        "seconds for accepted requests to be answered after that; no more are accepted than can be, at the pace of the "
        "last ones",
        low=1,
        high=_DAY,
    )
