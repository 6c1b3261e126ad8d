"""Metrics as data: declared once with their help, made on whichever registry a process passes in."""

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds for durations: the budgets of the design are 1 s, so they are finest below it."""

Made = Counter | Gauge | Histogram
M = TypeVar("M", Counter, Gauge, Histogram)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name (with its unit), what it means, and its labels (each with few values)."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = SECONDS


# Components of one process share a registry, which refuses to register a name twice; the map goes with its registry.
_made: weakref.WeakKeyDictionary[CollectorRegistry, dict[str, Made]] = weakref.WeakKeyDictionary()


def counter(registry: CollectorRegistry, metric: Metric) -> Counter:
    """The registry's counter of that name, made when it is not there yet."""
    return _get(registry, metric, Counter)


def gauge(registry: CollectorRegistry, metric: Metric) -> Gauge:
    """The registry's gauge of that name, made when it is not there yet."""
    return _get(registry, metric, Gauge)


def histogram(registry: CollectorRegistry, metric: Metric) -> Histogram:
    """The registry's histogram of that name, made when it is not there yet."""
    return _get(registry, metric, Histogram)


def metrics_page(metrics: Iterable[Metric]) -> str:
    """All metrics as a Markdown page."""
    lines = ["# Metrics", "", "At `/metrics` of each process, in Prometheus' text format.", ""]
    lines += ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for metric in sorted(metrics, key=lambda one: one.name):
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join([*lines, ""])


def _get(registry: CollectorRegistry, metric: Metric, kind: type[M]) -> M:
    if metric.kind != kind.__name__.lower():
        raise TypeError(f"{metric.name} is declared as a {metric.kind}")
    made = _made.setdefault(registry, {})
    if metric.name not in made:
        options = {"buckets": metric.buckets} if metric.kind == "histogram" else {}
        made[metric.name] = kind(metric.name, metric.help, metric.labels, registry=registry, **options)  # type: ignore[arg-type] # mypy joins the three signatures; only Histogram takes buckets
    return cast("M", made[metric.name])
