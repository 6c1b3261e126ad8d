"""What the raw receiver tells about itself."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from footfall_common.clock import Clock
from footfall_common.telemetry import catalogue, counter, gauge
from footfall_raw_receiver.models import Decision


class Metrics:
    """Counters and gauges of one process, on the given registry."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self.dead = counter(registry, catalogue.DEAD_LETTERS)
        self.lag = gauge(registry, catalogue.LAG)
        self.lag_seconds = gauge(registry, catalogue.LAG_SECONDS)
        self.versions = counter(registry, catalogue.SEGMENTS)
        self._met = counter(registry, catalogue.STORED)
        self._seconds = counter(registry, catalogue.STAGE_SECONDS)
        self._clock = clock

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the seconds of a stage."""
        start = self._clock.monotonic()
        try:
            yield
        finally:
            self._seconds.labels(name).inc(self._clock.monotonic() - start)

    def met(self, decisions: Sequence[Decision]) -> None:
        """Count the events of a stored chunk: `stored`, `again` (after a crash), `duplicate`, `dead`."""
        rows = sum(len(decision.rows) for decision in decisions)
        stored = sum(len(ids) for decision in decisions for ids in decision.fresh.values())
        self._met.labels("stored").inc(stored)
        self._met.labels("again").inc(rows - stored)
        self._met.labels("duplicate").inc(sum(decision.duplicates for decision in decisions))
        self._met.labels("dead").inc(sum(len(decision.dead) for decision in decisions))
