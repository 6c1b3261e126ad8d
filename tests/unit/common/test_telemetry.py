"""Log lines and metrics."""

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest

from footfall_common.telemetry import METRICS, Metric, catalogue, configure, counter, gauge, histogram, metrics_page

SHOES = Metric("shoes_total", "counter", "Shoes sold.", ("size",))
SHELF = Metric("shelf", "gauge", "Shoes on the shelf.")
WAIT = Metric("wait_seconds", "histogram", "Time to be served.", buckets=(1.0, 2.0))


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    configure(out, "info")
    yield out
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_lines_and_those_of_a_library_are_json_alike(stream: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.stdlib.get_logger("footfall.x").info("sold", size=42)
        logging.getLogger("library").warning("slow %s", "disk")
    ours, library = lines(stream)
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {"event": "sold", "level": "info", "size": 42, "request_id": "r1"}
    assert (library["event"], library["level"], library["request_id"]) == ("slow disk", "warning", "r1")


def test_below_the_level_nothing_is_written(stream: io.StringIO) -> None:
    structlog.stdlib.get_logger().debug("quiet")
    logging.getLogger("library").debug("quiet")
    assert lines(stream) == []


def test_a_traceback_is_one_line_too(stream: io.StringIO) -> None:
    try:
        int("torn\nsole")
    except ValueError:
        structlog.stdlib.get_logger().exception("failed")
    (line,) = lines(stream)
    assert "ValueError: invalid literal" in line["exception"]


def test_secrets_are_hidden_whoever_logs_them(stream: io.StringIO) -> None:
    structlog.stdlib.get_logger().info("got", Authorization="Basic x", client_secret="x", admin_token="x", colour="red")
    (line,) = lines(stream)
    assert [line[name] for name in ("Authorization", "client_secret", "admin_token", "colour")] == [
        *["[hidden]"] * 3,
        "red",
    ]


def test_authlibs_debug_lines_which_hold_tokens_never_come_out(stream: io.StringIO) -> None:
    configure(stream, "debug")
    logging.getLogger("authlib.oauth2.rfc6749.grants").debug("Issue token %r", "eyJ")
    assert lines(stream) == []


def test_components_of_one_process_share_a_metric_and_processes_do_not() -> None:
    one, two = CollectorRegistry(), CollectorRegistry()
    counter(one, SHOES).labels("42").inc()
    counter(one, SHOES).labels("42").inc()
    counter(two, SHOES).labels("42").inc()
    assert b'shoes_total{size="42"} 2.0' in generate_latest(one)
    assert b'shoes_total{size="42"} 1.0' in generate_latest(two)


def test_each_kind_is_made_as_declared() -> None:
    registry = CollectorRegistry()
    gauge(registry, SHELF).set(3)
    histogram(registry, WAIT).observe(1.5)
    text = generate_latest(registry).decode()
    assert "shelf 3.0" in text
    assert 'wait_seconds_bucket{le="2.0"} 1.0' in text
    with pytest.raises(TypeError, match="declared as a gauge"):
        counter(registry, SHELF)


def test_the_page_lists_every_metric_once() -> None:
    page = metrics_page(METRICS)
    assert [page.count(f"| `{metric.name}` |") for metric in METRICS] == [1] * len(METRICS)
    assert "| `footfall_dead_letters_total` | counter | `stage`, `reason` |" in page


def test_every_metric_of_the_catalogue_can_be_made() -> None:
    registry = CollectorRegistry()
    makers = {"counter": counter, "gauge": gauge, "histogram": histogram}
    for metric in METRICS:
        assert metric.name.startswith("footfall_")
        makers[metric.kind](registry, metric)


def test_every_metric_of_the_catalogue_is_exported_by_someone() -> None:
    root = Path(__file__).resolve().parents[3]
    files = [path for folder in ("components", "operator") for path in (root / folder).rglob("*.py")]
    sources = [path.read_text() for path in files if path.name != "catalogue.py"]
    names = [name for name, value in vars(catalogue).items() if isinstance(value, Metric)]
    assert len(names) == len(METRICS)
    assert [name for name in names if not any(re.search(rf"\b{name}\b", source) for source in sources)] == []
