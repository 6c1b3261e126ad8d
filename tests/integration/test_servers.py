"""The launchers of real servers: who holds them, when they end, and what they keep."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from footfall_common.testing import eventually
from tests.support.servers import Credentials, KafkaServers, brokers, possible
from tools.servers.lease import ROOT, base

HOLDER = """
import sys, time
from tools.kafka.handle import brokers
with brokers(share=sys.argv[1]) as kafka:
    print(kafka.supervisor, *kafka.pids(), kafka.data(0), flush=True)
    time.sleep(600)
"""
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]


@contextmanager
def holder(share: str) -> Iterator[tuple[subprocess.Popen[str], int, int, Path]]:
    """A process that holds a broker: itself, the supervisor's pid, the broker's pid, and the broker's data."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, share], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            supervisor, broker, data = process.stdout.readline().split()
            yield process, int(supervisor), int(broker), Path(data)
        finally:
            process.kill()


async def gone(pid: int) -> None:
    """Until that process has ended."""
    await eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 20)


async def test_servers_end_with_their_last_holder_even_when_it_is_killed() -> None:
    possible()
    share = f"killed-{os.getpid()}"
    with holder(share) as (process, supervisor, broker, data), brokers(share=share) as shared:
        assert (shared.supervisor, shared.pids()) == (supervisor, [broker])
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert shared.pids() == [broker], "somebody still holds it"
    await gone(broker)
    await gone(supervisor)
    await eventually(lambda: not data.exists(), 10)


async def test_no_server_outlives_a_supervisor_that_was_killed_and_what_it_left_is_removed() -> None:
    possible()
    share = f"orphan-{os.getpid()}"
    with holder(share) as (_, supervisor, broker, data):
        os.kill(supervisor, signal.SIGKILL)
        await gone(broker)
        assert data.exists()
    with brokers(share=share) as again:
        assert again.pids() != [broker]
        assert not data.exists()
        names = [folder.name for folder in base().iterdir() if folder.is_dir()]
        assert len(names) == len(set(names))


def ready_to_read(kafka: KafkaServers, user: Credentials, topic: str) -> bool:
    """Whether that user can log in and sees the topic."""
    client = AdminClient(
        {
            "bootstrap.servers": kafka.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user.user,
            "sasl.password": user.password,
            "log_level": 0,
        }
    )
    try:
        found = client.list_topics(topic, timeout=5).topics[topic]
    except KafkaException:
        return False
    return found.error is None


async def test_a_scram_user_is_revoked_and_never_deleted_so_that_a_restart_locks_nobody_out() -> None:
    """Kafka 3.9 to 4.4: deleting a SCRAM user and restarting a broker before a snapshot can lock all of them out.

    So a user goes by a password that nobody knows, and its rights with it.
    """
    possible()
    one, other = Credentials("one", "secret-one"), Credentials("other", "secret-other")
    with brokers() as kafka:
        kafka.topics({"t": 1})
        for user in (one, other):
            kafka.user(user)
            kafka.grant(user.user, ["t"], [])
        await eventually(lambda: ready_to_read(kafka, one, "t") and ready_to_read(kafka, other, "t"), 20)
        kafka.revoke(one.user)
        await eventually(lambda: not ready_to_read(kafka, one, "t"), 20)
        for _ in range(2):
            kafka.kill(0)
            kafka.start(0)
            assert ready_to_read(kafka, other, "t")
            assert not ready_to_read(kafka, one, "t")
            assert kafka.leaders("t") == {0: 0}, "the data is still there"
