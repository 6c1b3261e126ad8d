"""Real servers for tests: one set for all workers of a run, started by whoever asks first.

A test makes topics, groups and keyspaces of its own names. Who breaks servers takes a set of its own, by
`brokers(...)` and `nodes(...)` without `share`.
"""

import os
from collections.abc import Iterator

import pytest

from tools.cassandra.handle import CassandraServers, nodes
from tools.kafka.handle import KafkaServers, brokers
from tools.servers.handle import Credentials
from tools.servers.jars import lacking

__all__ = ["CassandraServers", "Credentials", "KafkaServers", "brokers", "nodes"]


def share() -> str:
    """Names this run: its workers hold the same servers."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"alone-{os.getpid()}"


def possible() -> None:
    """Skip where no server can run."""
    if reason := lacking():
        pytest.skip(f"no real servers here: {reason}")


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServers]:
    """One broker, SCRAM, no TLS."""
    possible()
    with brokers(share=share()) as held:
        yield held


@pytest.fixture(scope="session")
def kafka_tls() -> Iterator[KafkaServers]:
    """One broker, SCRAM over TLS."""
    possible()
    with brokers(share=share(), tls=True) as held:
        yield held


@pytest.fixture(scope="session")
def kafka3() -> Iterator[KafkaServers]:
    """Three brokers, SCRAM, no TLS."""
    possible()
    with brokers(share=share(), brokers=3) as held:
        yield held


@pytest.fixture(scope="session")
def cassandra() -> Iterator[CassandraServers]:
    """One node, passwords, no TLS."""
    possible()
    with nodes(share=share()) as held:
        yield held


@pytest.fixture(scope="session")
def cassandra_tls() -> Iterator[CassandraServers]:
    """One node, passwords over TLS."""
    possible()
    with nodes(share=share(), tls=True) as held:
        yield held


@pytest.fixture(scope="session")
def cassandra3() -> Iterator[CassandraServers]:
    """Three nodes, passwords, no TLS."""
    possible()
    with nodes(share=share(), nodes=3) as held:
        yield held
