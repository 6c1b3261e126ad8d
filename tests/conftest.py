"""What all suites share. With CI=true a skip is a failure: a machine that lacks something must say so, not pass."""

import os
import socket
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings
from typing_extensions import override
from xdist.remote import Producer  # type: ignore[import-untyped] # xdist ships no types
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # xdist ships no types

IN_CI = os.environ.get("CI", "").lower() == "true"

_BREAKING = "tests/integration/faults/"

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


class TogetherWhereBroken(LoadScopeScheduling):  # type: ignore[misc] # of a base without types
    """Each test to whichever worker is free; those that break one stack of servers, to one worker.

    `--dist loadgroup` would say so by marks; xdist 3.8 notes them where pytest 9.2 no longer looks, and groups nothing.
    """

    @override
    def _split_scope(self, nodeid: str) -> str:
        return _BREAKING if nodeid.startswith(_BREAKING) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return TogetherWhereBroken(config, log)


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
