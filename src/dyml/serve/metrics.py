"""What Prometheus reads at /metrics; every service has a registry of its own."""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counters of one service.

    Args:
        depth: how many pictures wait.
        size: how many items the gallery holds.
        held: bytes of uploads in memory.
    """

    def __init__(
        self, depth: Callable[[], float], size: Callable[[], float], held: Callable[[], float]
    ) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._requests = Counter(
            "dyml_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "dyml_request_seconds", "From request to answer.", ("route",), buckets=SECONDS, registry=registry
        )
        self._sizes = Histogram(
            "dyml_batch_pictures", "Pictures in a forward pass.", buckets=SIZES, registry=registry
        )
        self._forward = Histogram(
            "dyml_forward_seconds", "A forward pass.", buckets=SECONDS, registry=registry
        )
        self.running = Gauge("dyml_requests_running", "Requests under way.", registry=registry)
        for name, text, function in (
            ("dyml_queue_pictures", "Pictures that wait for a forward pass.", depth),
            ("dyml_gallery_items", "Items in the gallery.", size),
            ("dyml_upload_bytes_held", "Bytes of uploads in memory.", held),
        ):
            Gauge(name, text, registry=registry).set_function(function)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, size: int, seconds: float) -> None:
        """Count a forward pass."""
        self._sizes.observe(size)
        self._forward.observe(seconds)

    def text(self) -> bytes:
        """Return all of it in Prometheus' format."""
        return generate_latest(self._registry)
