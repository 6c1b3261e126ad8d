"""Brokers and nodes of a run's own, each behind a link of the fault proxy: clients are told of the links only."""

import asyncio
import itertools
import os
import random
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cassandra import ConsistencyLevel, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import WhiteListRoundRobinPolicy
from cassandra.query import SimpleStatement
from confluent_kafka import KafkaException

from footfall_common.documents import NIL
from footfall_common.placement import Placement, names
from tests.support.components import cassandra_environ, kafka_environ
from tests.support.faults.disk import Disk
from tests.support.faults.parts import Server
from tests.support.faults.proxy import Address, FaultProxy, Link
from tools.cassandra.handle import NO_DELAY, CassandraServers, nodes
from tools.kafka.handle import KafkaServers, brokers
from tools.servers.ports import free, subnet

NAMES: Final = names(NIL, Placement.POOLED)
DISK_MB: Final = 256
_CQL: Final = 9042
_numbers = itertools.count()


@dataclass(frozen=True)
class Wanted:
    """How many servers, and whether the first broker lies on a disk of a fixed size."""

    brokers: int = 1
    nodes: int = 1
    disk: bool = False


class World:
    """What a stack stands on."""

    def __init__(
        self,
        kafka: Sequence[KafkaServers],
        cassandra: Sequence[CassandraServers],
        links: tuple[Sequence[Link], Sequence[Link]],
        disk: Disk | None,
        folder: Path,
    ) -> None:
        self.kafka = kafka[0]
        self.cassandra = cassandra[0]
        self.brokers = [Server(handle, number) for number, handle in enumerate(kafka)]
        self.nodes = [Server(handle, number) for number, handle in enumerate(cassandra)]
        self.kafka_links, self.cassandra_links = links
        self.disk = disk
        self.environ: Mapping[str, str] = {
            **kafka_environ(self.kafka, NAMES, folder),
            **cassandra_environ(self.cassandra, NAMES, folder),
        }

    @property
    def versions(self) -> Mapping[str, str]:
        """Of the servers, by name."""
        return {**self.kafka.versions, **self.cassandra.versions}

    async def kafka_in_step(self) -> bool:
        """Whether every broker is there and every partition has all of its replicas in step."""
        return await asyncio.to_thread(self._kafka_in_step)

    def _kafka_in_step(self) -> bool:
        try:
            found = self.kafka.client().list_topics(timeout=5)
        except KafkaException:
            return False
        parts = [part for topic in found.topics.values() for part in topic.partitions.values()]
        whole = all(part.leader > 0 and set(part.isrs) == set(part.replicas) for part in parts)
        return whole and len(found.brokers) == len(self.brokers)

    async def leaders(self) -> Sequence[Server]:
        """The brokers that lead partitions of the raw topic now."""
        found = await asyncio.to_thread(self.kafka.leaders, NAMES.topics.raw)
        return [self.brokers[number] for number in sorted(set(found.values())) if number >= 0]

    async def cassandra_in_step(self) -> bool:
        """Whether each node reads from all replicas: it sees every other one up."""
        return all([await asyncio.to_thread(self._reads_at_all, host) for host in self.cassandra.direct])

    def _reads_at_all(self, host: str) -> bool:
        who = self.cassandra.admin
        question = f"SELECT name FROM {NAMES.keyspace}.schema_lock"
        try:
            with _session(host, who.user, who.password) as session:
                session.execute(SimpleStatement(question, consistency_level=ConsistencyLevel.ALL))
        except (NoHostAvailable, DriverException):
            return False
        return True

    def empty(self, tables: Sequence[str]) -> None:
        """Take every row out of these tables."""
        with self.cassandra.session() as session:
            for table in tables:
                session.execute(f"TRUNCATE {NAMES.keyspace}.{table}", timeout=60)


@contextmanager
def _session(host: str, user: str, password: str) -> Iterator[Any]:
    """A session with one node alone, past the proxy."""
    profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy([host]), request_timeout=5)
    cluster = Cluster(
        [host],
        port=_CQL,
        auth_provider=PlainTextAuthProvider(user, password),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=5,
        protocol_version=5,
        sockopts=NO_DELAY,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


@contextmanager
def world(folder: Path, wanted: Wanted) -> Iterator[World]:
    """Started servers behind a proxy; their logs are in `folder` afterwards."""
    with ExitStack() as stack:
        proxy = stack.enter_context(FaultProxy())
        disk = None
        if wanted.disk:
            mounted = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="footfall-disk-")))
            disk = stack.enter_context(Disk(mounted, DISK_MB))
        share = f"faults-{os.getpid()}-{next(_numbers)}-{secrets.token_hex(4)}"
        ports = free(wanted.brokers)
        kafka_links = [proxy.link(Address("127.0.0.1", port)) for port in ports]
        kafka_options: dict[str, Any] = {
            "brokers": wanted.brokers,
            "ports": ports,
            "advertise": [str(link.address) for link in kafka_links],
            "data": [str(disk.folder)] if disk else [],
            "share": share,
        }
        told = subnet(wanted.nodes, (_CQL,), random.SystemRandom())
        hosts = subnet(wanted.nodes, (_CQL, 7000), random.SystemRandom())
        node_options: dict[str, Any] = {
            "nodes": wanted.nodes,
            "hosts": hosts,
            "broadcast": told,
            "share": share,
        }
        cassandra_links = [
            proxy.link(Address(host, _CQL), host=shown, port=_CQL) for host, shown in zip(hosts, told, strict=True)
        ]
        # A handle a server: each can then be started while others start.
        kafka = [stack.enter_context(brokers(**kafka_options)) for _ in range(wanted.brokers)]
        cassandra = [stack.enter_context(nodes(**node_options)) for _ in range(wanted.nodes)]
        made = World(kafka, cassandra, (kafka_links, cassandra_links), disk, folder)
        try:
            yield made
        finally:
            for name, handles in (("broker", kafka), ("node", cassandra)):
                for number, handle in enumerate(handles):
                    (folder / f"{name}-{number}.log").write_text(handle.log(number))
                    handle.kill(number)  # now: they outlive their holders by seconds, and the disk goes before that
