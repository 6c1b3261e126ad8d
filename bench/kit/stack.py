"""One Kafka broker and one Cassandra node of the load profile, a tenant, and our components on them."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.kit import processes
from bench.kit.component import Component, component
from bench.kit.load import Target
from bench.kit.tenant import ISSUER, Tenant
from footfall_common.bus.kafka import KafkaBus, KafkaSettings
from footfall_common.clock import SystemClock
from footfall_common.documents import NIL
from footfall_common.placement import Placement, names
from footfall_common.store.cassandra import CassandraSettings, CassandraStore
from footfall_common.store.cassandra.migrate import Waiting, migrate
from footfall_common.store.cassandra.migrations import packaged
from tools.cassandra.handle import CassandraServers, nodes
from tools.kafka.handle import KafkaServers, brokers
from tools.servers.handle import Credentials

NAMES: Final = names(NIL, Placement.POOLED)
UNREAD: Final = "bench.unread"
"""A topic that nobody reads, for a receiver that is measured alone."""
PARTITIONS: Final = 6
RETENTION_DAYS: Final = 400
NODE: Final[Mapping[str, str]] = {
    "memtable_heap_space": "256MiB",
    "memtable_offheap_space": "256MiB",
    "commitlog_segment_size": "32MiB",
    "commitlog_total_space": "1GiB",
}
"""A node as it is run under load; the launcher's own is made to start fast."""

REPORT: Final[Mapping[str, str]] = {"FOOTFALL_REPORT_DUCKDB_MEMORY_MB": "512", "FOOTFALL_REPORT_DUCKDB_THREADS": "2"}
"""A report of its own, which need not leave room for ingestion as the one in `footfall up` does."""


@dataclass(frozen=True)
class Stack:
    """Servers, and the variables by which our components reach them; components end with their block."""

    folder: Path
    kafka: KafkaServers
    cassandra: CassandraServers
    bus: Mapping[str, str]
    tables: Mapping[str, str]
    who: Tenant = field(default_factory=Tenant)

    @property
    def versions(self) -> dict[str, str]:
        """The servers'."""
        return {**self.kafka.versions, **self.cassandra.versions}

    def receiver(
        self, core: str = processes.ANY_CORE, raw: str = NAMES.topics.raw
    ) -> AbstractContextManager[Component]:
        """A receiver that publishes to topic `raw`."""
        return component("receiver", self.folder, {**self.bus, "FOOTFALL_NAMES_TOPIC_RAW": raw}, core)

    def raw_receiver(self, core: str = processes.ANY_CORE) -> AbstractContextManager[Component]:
        """A raw receiver in both roles, whose lag metrics are a second old at most."""
        own = {"FOOTFALL_RAW_RECEIVER_LAG_SECONDS": "1"}
        return component("raw_receiver", self.folder, {**self.bus, **self.tables, **own}, core)

    def report(self, core: str = processes.ANY_CORE) -> AbstractContextManager[Component]:
        """A report that takes the tenant's tokens, with a folder of its own for its cache."""
        own = {"FOOTFALL_PROCESS_ISSUER": ISSUER, "FOOTFALL_REPORT_DATA_DIR": str(self.folder / "report"), **REPORT}
        return component("report", self.folder, {**self.bus, **self.tables, **own}, core)

    def target(self, receiver: Component, *, watched: bool = False) -> Target:
        """The receiver's native door, for the site that takes the load or for the watched one."""
        resource = self.who.watched if watched else self.who.resource
        return Target(f"{receiver.url}/api/events", str(self.who.tenant), str(resource))

    def largest_partition_mb(self) -> float:
        """Of any of our tables, by the tables' own statistics, which tell whole MiB of what is on disk.

        So the node is started anew: it writes its memtables out, and its caches are cold. Returns after compaction.
        """
        self.cassandra.end(0)
        self.cassandra.start(0)
        with self.cassandra.session() as session:
            while session.execute("SELECT task_id FROM system_views.sstable_tasks").all():
                time.sleep(1)
            sizes = session.execute(
                "SELECT table_name, mebibytes FROM system_views.max_partition_size WHERE keyspace_name = %s",
                (NAMES.keyspace,),
            )
            return float(max(row.mebibytes for row in sizes)) * 2**20 / 1e6

    @asynccontextmanager
    async def store(self) -> AsyncIterator[CassandraStore]:
        """The store as a component opens it."""
        settings = CassandraSettings.load(self.tables)
        store = CassandraStore(
            settings, SystemClock(), keyspace=NAMES.keyspace, retention_days=lambda _: RETENTION_DAYS
        )
        await store.open()
        try:
            yield store
        finally:
            await store.close()


@contextmanager
def a_stack(folder: Path) -> Iterator[Stack]:
    """Servers of our own with topics, tables and settings, and nothing else on them."""
    with brokers(profile="load") as kafka, nodes(profile="load", config=dict(NODE)) as cassandra:
        user = Credentials("bench", secrets.token_hex(16))
        password = folder / "password"
        password.write_text(user.password)
        stack = Stack(folder, kafka, cassandra, _bus(kafka, user, password), _tables(cassandra, user, password))
        kafka.provision(NAMES, user, PARTITIONS)
        kafka.topics({UNREAD: PARTITIONS})
        kafka.grant(user.user, (UNREAD,), ())
        cassandra.provision(NAMES.keyspace, user)
        migrate(CassandraSettings.load(stack.tables), NAMES.keyspace, packaged(), Waiting())
        asyncio.run(_publish(stack))
        yield stack


def _bus(kafka: KafkaServers, user: Credentials, password: Path) -> dict[str, str]:
    return {
        "FOOTFALL_KAFKA_SERVERS": kafka.bootstrap,
        "FOOTFALL_KAFKA_SECURITY": kafka.protocol,
        "FOOTFALL_KAFKA_USER": user.user,
        "FOOTFALL_KAFKA_PASSWORD_FILE": str(password),
    }


def _tables(cassandra: CassandraServers, user: Credentials, password: Path) -> dict[str, str]:
    return {
        "FOOTFALL_CASSANDRA_HOSTS": ",".join(cassandra.hosts),
        "FOOTFALL_CASSANDRA_PORT": str(cassandra.port),
        "FOOTFALL_CASSANDRA_USER": user.user,
        "FOOTFALL_CASSANDRA_PASSWORD_FILE": str(password),
        "FOOTFALL_CASSANDRA_REPLICATION": str(len(cassandra.hosts)),
    }


async def _publish(stack: Stack) -> None:
    """Make the tenant known."""
    bus = KafkaBus(KafkaSettings.load(stack.bus), SystemClock())
    await bus.open()
    try:
        await stack.who.publish(bus, NAMES.topics.settings)
    finally:
        await bus.close()
