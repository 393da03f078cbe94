"""What Prometheus is told."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "bottomup_requests", "Requests by path and status.", ("path", "status"), registry=registry
        )
        self.seconds = Histogram(
            "bottomup_request_seconds", "From the headers to the answer's end.", ("path",), buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self.pictures = Counter("bottomup_pictures", "Pictures that were looked at.", registry=registry)
        self.bad_pictures = Counter("bottomup_bad_pictures", "Pictures that could not be read.", registry=registry)
        self.people = Counter("bottomup_people", "People who were found.", registry=registry)
        self.frames = Counter("bottomup_frames", "Frames of WebSockets that were looked at.", registry=registry)
        self.queue = Gauge("bottomup_queue_pictures", "Pictures accepted and not answered yet.", registry=registry)
        self.bodies = Gauge("bottomup_body_bytes", "Bytes of requests that are held in memory.", registry=registry)
        self.live = Gauge("bottomup_live_connections", "Open WebSockets.", registry=registry)
        self.batch = Histogram(
            "bottomup_batch_pictures", "Pictures shown to the network at once.", buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )  # fmt: skip
        self.unpack = Histogram(
            "bottomup_unpack_seconds", "Reading a picture's file format.", buckets=_SECONDS, registry=registry
        )
        self.wait = Histogram(
            "bottomup_wait_seconds", "A picture's time in the queue.", buckets=_SECONDS, registry=registry
        )
        self.network = Histogram(
            "bottomup_network_seconds", "Network and decode, per picture.", buckets=_SECONDS, registry=registry
        )

    def text(self) -> bytes:
        """The exposition format, `CONTENT_TYPE`."""
        return generate_latest(self.registry)
