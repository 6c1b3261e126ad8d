"""Kafka in KRaft mode: one or three combined nodes, SCRAM, ACLs, no automatic topics.

Listeners: CLIENT is what clients use (SCRAM, over TLS where asked for) and may be advertised under other addresses, so
that a proxy can stand before it; INTERNAL is for brokers (SCRAM); CONTROLLER is the quorum's (PLAIN: SCRAM credentials
lie in the quorum's own log, so they cannot guard it).
"""

import base64
import secrets
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tools.servers.jars import jars, version
from tools.servers.ports import free
from tools.servers.server import Server, awake, until
from tools.servers.tls import Authority

POM: Final = Path(__file__).parent / "pom.xml"
ADMIN: Final = "admin"
_LOGGING: Final = Path(__file__).parent / "log4j2.properties"
_START: Final = 90.0
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"
PROFILES: Final[Mapping[str, Sequence[str]]] = {
    # Starts fast and stays small.
    "test": ("-Xms384m", "-Xmx384m", "-XX:MaxDirectMemorySize=128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    "load": ("-Xms1g", "-Xmx1g", "-XX:MaxDirectMemorySize=256m"),
}


@dataclass(frozen=True)
class Options:
    """What a set of brokers is asked to be. `advertise` = "host:port" a broker; `data` = a folder a broker."""

    brokers: int = 1
    tls: bool = False
    profile: str = "test"
    bind: str = "127.0.0.1"
    san: Sequence[str] = ()
    advertise: Sequence[str] = ()
    ports: Sequence[int] = ()
    data: Sequence[str] = ()
    config: Mapping[str, str] = field(default_factory=dict)


class KafkaCluster:
    """The brokers of one set."""

    def __init__(self, options: Options, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._jars = jars(POM)
        self._password = secrets.token_hex(16)
        self._quorum = secrets.token_hex(16)
        self._store = secrets.token_hex(16)
        count = options.brokers
        self._client = list(options.ports) or free(count, options.bind)
        others = free(2 * count)
        self._internal, self._controller = others[:count], others[count:]
        self._authority = Authority(folder) if options.tls else None
        self._id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self.servers = [self._server(number) for number in range(count)]

    def start(self) -> None:
        """Format, start all, and return once each knows the others and takes the administrator's password."""
        for number in range(self._options.brokers):
            self._format(number)
        for server in self.servers:
            server.start()
        for number in range(self._options.brokers):
            self.serving(number)

    def serving(self, number: int) -> None:
        """Return once that broker takes a client's SCRAM log-in and names every broker that is awake."""
        deadline = time.monotonic() + _START
        while True:
            self.servers[number].alive()
            if self._seen(number) >= sum(awake(server.pid) for server in self.servers):
                return
            until(deadline, f"broker {number + 1}")

    def facts(self) -> dict[str, Any]:
        """Addresses and credentials."""
        host = self._options.bind
        return {
            "bootstrap": ",".join(self._options.advertise or [f"{host}:{port}" for port in self._client]),
            "direct": [f"{host}:{port}" for port in self._client],
            "user": ADMIN,
            "password": self._password,
            "ca": str(self._authority.certificate) if self._authority else None,
            "data": [str(self._data(number)) for number in range(self._options.brokers)],
            "logs": [str(server.log) for server in self.servers],
            "versions": {"kafka": version(POM, "kafka_2.13")},
        }

    def _seen(self, number: int) -> int:
        settings: dict[str, str | int | float | bool] = {
            "bootstrap.servers": f"{self._options.bind}:{self._client[number]}",
            "security.protocol": "SASL_SSL" if self._authority else "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": ADMIN,
            "sasl.password": self._password,
            "log_level": 0,
        }
        if self._authority is not None:
            settings["ssl.ca.location"] = str(self._authority.certificate)
        try:
            return len(AdminClient(settings).list_topics(timeout=2).brokers)
        except KafkaException:
            return 0

    def _data(self, number: int) -> Path:
        given = self._options.data
        return (
            Path(given[number]) / "data" if number < len(given) and given[number] else self._folder / f"{number}/data"
        )

    def _server(self, number: int) -> Server:
        home = self._folder / str(number)
        home.mkdir()
        (home / "server.properties").write_text(self._properties(number), "utf-8")
        return Server([*self._java(), "kafka.Kafka", str(home / "server.properties")], home)

    def _java(self) -> list[str]:
        options = PROFILES[self._options.profile]
        return ["java", *options, f"-Dlog4j2.configurationFile={_LOGGING}", "-cp", f"{self._jars}/*"]

    def _format(self, number: int) -> None:
        home = self._folder / str(number)
        scram = f"SCRAM-SHA-512=[name={ADMIN},password={self._password}]"
        command = [
            *self._java(),
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={self._id}",  # in one word: an id may begin with a dash
            f"--config={home / 'server.properties'}",
            f"--add-scram={scram}",
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"broker {number + 1} could not be formatted: {done.stdout}{done.stderr}")

    def _properties(self, number: int) -> str:
        voters = [f"{n + 1}@127.0.0.1:{port}" for n, port in enumerate(self._controller)]
        copies = min(3, self._options.brokers)
        settings = {
            "process.roles": "broker,controller",
            "node.id": number + 1,
            "controller.quorum.voters": ",".join(voters),
            **self._listeners(number),
            **self._security(),
            "log.dirs": self._data(number),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN};User:quorum",
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": max(1, copies - 1),
            "num.partitions": 4,
            "offsets.topic.num.partitions": 4,
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": max(1, copies - 1),
            "group.initial.rebalance.delay.ms": 0,
            "log.segment.bytes": 16 << 20,
            "log.cleaner.dedupe.buffer.size": 4 << 20,
            "log.cleaner.backoff.ms": 500,
            "broker.heartbeat.interval.ms": 500,
            "broker.session.timeout.ms": 3_000,
            "controller.quorum.election.timeout.ms": 1_000,
            "controller.quorum.fetch.timeout.ms": 2_000,
            # Without a snapshot that holds SCRAM users, a restart after one was deleted locks all of them out.
            "metadata.log.max.snapshot.interval.ms": 5_000,
            **self._options.config,
        }
        return "".join(f"{key}={value}\n" for key, value in settings.items())

    def _listeners(self, number: int) -> dict[str, object]:
        client = f"{self._options.bind}:{self._client[number]}"
        internal = f"127.0.0.1:{self._internal[number]}"
        controller = f"127.0.0.1:{self._controller[number]}"
        told = self._options.advertise[number] if self._options.advertise else client
        return {
            "listeners": f"CLIENT://{client},INTERNAL://{internal},CONTROLLER://{controller}",
            "advertised.listeners": f"CLIENT://{told},INTERNAL://{internal}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "INTERNAL",
            "listener.security.protocol.map": f"CLIENT:{'SASL_SSL' if self._options.tls else 'SASL_PLAINTEXT'},"
            "INTERNAL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        }

    def _security(self) -> dict[str, object]:
        own = f'{_SCRAM} required username="{ADMIN}" password="{self._password}";'
        quorum = f'username="quorum" password="{self._quorum}" user_quorum="{self._quorum}"'
        settings: dict[str, object] = {
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.controller.plain.sasl.jaas.config": f"{_PLAIN} required {quorum};",
            "listener.name.internal.scram-sha-512.sasl.jaas.config": own,
            "listener.name.client.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required;",
        }
        if self._authority is not None:
            names = {"localhost", "127.0.0.1", self._options.bind, *self._options.san}
            names |= {told.rpartition(":")[0] for told in self._options.advertise}
            store = self._folder / "kafka.p12"
            self._authority.keystore(store, sorted(names), self._store)
            settings |= {
                "listener.name.client.ssl.keystore.type": "PKCS12",
                "listener.name.client.ssl.keystore.location": store,
                "listener.name.client.ssl.keystore.password": self._store,
                "listener.name.client.ssl.key.password": self._store,
            }
        return settings


def made(options: Mapping[str, Any], folder: Path) -> KafkaCluster:
    """For the supervisor."""
    return KafkaCluster(Options(**options), folder)
