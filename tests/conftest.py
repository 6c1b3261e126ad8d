"""What all suites share. With CI=true a skip is a failure: a machine that lacks something must say so, not pass."""

import os
import socket
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

IN_CI = os.environ.get("CI", "").lower() == "true"

# The same examples each time in CI, so that a red run can be run again; fresh ones on a laptop, where they find more.
settings.register_profile("ci", derandomize=True, database=None, deadline=None, max_examples=100)
settings.register_profile("laptop", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if IN_CI else "laptop")


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skipped report into a failed one that still names the reason; an expected failure stays what it is."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"with CI=true nothing may be skipped, but: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip(report)
    return report


SERVERS = {"kafka": "kafka", "broker": "kafka", "cassandra": "cassandra"}
"""Fixture (or what its name begins with) -> marker: what a test asks for says which servers it needs."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        asked = getattr(item, "fixturenames", ())
        for name, marker in SERVERS.items():
            if any(fixture == name or fixture in {f"{name}3", f"{name}_tls"} for fixture in asked):
                item.add_marker(marker)


@pytest.fixture
def unused_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago, for a process that must be told one; others listen on 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
