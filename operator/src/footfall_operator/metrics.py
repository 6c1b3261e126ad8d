"""What the operator counts of itself; `footfall_common.telemetry.catalogue` says what each means."""

from collections import Counter as Counts
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from footfall_common.telemetry import catalogue, counter, gauge, histogram
from footfall_operator.resources import Ref

Told = Mapping[Ref, tuple[tuple[str, str, str], ...]]
"""Of each resource its conditions: type, status, reason."""
_MEANING: Final = catalogue.OPERATOR_CONDITIONS


class Metrics:
    """One process's, on the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.told: dict[Ref, tuple[tuple[str, str, str], ...]] = {}
        self.queued = gauge(registry, catalogue.OPERATOR_QUEUE)
        self.oldest = gauge(registry, catalogue.OPERATOR_OLDEST)
        self.leading = gauge(registry, catalogue.OPERATOR_LEADING)
        self._passes = counter(registry, catalogue.OPERATOR_PASSES)
        self._seconds = histogram(registry, catalogue.OPERATOR_PASS_SECONDS)
        self._writes = counter(registry, catalogue.OPERATOR_WRITES)
        registry.register(_Conditions(self.told))

    @contextmanager
    def timed(self, key: Ref) -> Iterator[None]:
        """One pass."""
        with self._seconds.labels(key.kind.name).time():
            yield

    def ended(self, key: Ref, outcome: str) -> None:
        """How it ended."""
        self._passes.labels(key.kind.name, outcome).inc()

    def wrote(self, method: str) -> None:
        """One request that changes something."""
        self._writes.labels(method).inc()

    def tell(self, key: Ref, conditions: list[dict[str, Any]]) -> None:
        """What is said of a resource now."""
        self.told[key] = tuple((one["type"], one["status"], one["reason"]) for one in conditions)

    def forget(self, key: Ref) -> None:
        """It is gone."""
        self.told.pop(key, None)


class _Conditions(Collector):
    """Counted when asked: a gauge a label set would keep what is no longer so."""

    def __init__(self, told: Told) -> None:
        self._told = told

    @override
    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(_MEANING.name, _MEANING.help, labels=_MEANING.labels)
        counts = Counts((key.kind.name, *one) for key, said in self._told.items() for one in said)
        for labels, count in counts.items():
            family.add_metric(labels, count)
        yield family
