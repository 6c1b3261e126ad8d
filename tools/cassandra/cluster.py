"""Cassandra: one to four nodes on neighbouring loopback addresses, with passwords, grants, and TLS where asked for."""

import contextlib
import random
import secrets
import shutil
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from cassandra import AuthenticationFailed, DriverException, Unavailable
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT as DEFAULT
from cassandra.cluster import Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import WhiteListRoundRobinPolicy

from tools.servers.jars import jars, version
from tools.servers.ports import free, subnet
from tools.servers.server import Server, until
from tools.servers.tls import Authority

POM: Final = Path(__file__).parent / "pom.xml"
ADMIN: Final = "footfall_admin"
CQL: Final = 9042
_STORAGE: Final = 7000
_START: Final = 150.0
_LOGGING: Final = Path(__file__).parent / "logback.xml"
_RANGE: Final = 2**64
_EXPORTS: Final = (
    "java.base/jdk.internal.misc", "java.base/java.lang.ref", "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server", "java.sql/java.sql", "jdk.unsupported/sun.misc",
    "jdk.compiler/com.sun.tools.javac.file", "jdk.attach/sun.tools.attach",
)  # fmt: skip
_OPENS: Final = (
    "java.base/java.lang", "java.base/java.lang.module", "java.base/java.lang.reflect", "java.base/java.io",
    "java.base/java.util", "java.base/sun.nio.ch", "java.base/jdk.internal.loader", "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect", "java.base/jdk.internal.math", "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar", "jdk.management/com.sun.management.internal",
    "jdk.compiler/com.sun.tools.javac",
)  # fmt: skip
PROFILES: Final[Mapping[str, Sequence[str]]] = {
    "test": ("-Xms384m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    "load": ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC"),
}


@dataclass(frozen=True)
class Options:
    """What a set of nodes is asked to be. `broadcast` = the address a node that clients are told."""

    nodes: int = 1
    tls: bool = False
    profile: str = "test"
    hosts: Sequence[str] = ()
    san: Sequence[str] = ()
    broadcast: Sequence[str] = ()
    commitlog_sync: str = "periodic"
    config: Mapping[str, Any] = field(default_factory=dict)


class CassandraCluster:
    """The nodes of one set. All begin at once with fixed tokens, evenly spread."""

    def __init__(self, options: Options, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._jars = jars(POM)
        self._password = secrets.token_hex(16)
        self._store = secrets.token_hex(16)
        self._hosts = list(options.hosts) or subnet(options.nodes, (CQL, _STORAGE), random.SystemRandom())
        self._jmx = free(options.nodes)
        self._authority = Authority(folder) if options.tls else None
        if self._authority is not None:
            names = {"localhost", *self._hosts, *options.broadcast, *options.san}
            self._authority.keystore(folder / "cassandra.p12", sorted(names), self._store)
        self.servers = [self._server(number) for number in range(options.nodes)]

    def start(self) -> None:
        """Start all; return once each sees the others, and nobody but our administrator can log in."""
        for server in self.servers:
            server.start()
        deadline = time.monotonic() + _START
        self._wait_for_login(0, "cassandra", "cassandra", deadline, self.servers)
        # The others first: a role made before they joined would lie on this node alone, and stay there.
        self._wait_for_peers(0, "cassandra", "cassandra", deadline)
        with self._session(0, "cassandra", "cassandra") as session:
            session.execute(
                f"CREATE ROLE {ADMIN} WITH PASSWORD = '{self._password}' AND SUPERUSER = true AND LOGIN = true"
            )
        self._wait_for_login(0, ADMIN, self._password, deadline, self.servers)
        with self._session(0, ADMIN, self._password) as session:
            session.execute(f"ALTER ROLE cassandra WITH PASSWORD = '{secrets.token_hex(16)}' AND LOGIN = false")
        for number in range(self._options.nodes):
            self.serving(number)

    def serving(self, number: int) -> None:
        """Return once that node takes our password and sees every node that runs."""
        deadline = time.monotonic() + _START
        self._wait_for_login(number, ADMIN, self._password, deadline, [self.servers[number]])
        self._wait_for_peers(number, ADMIN, self._password, deadline)

    def facts(self) -> dict[str, Any]:
        """Addresses and credentials."""
        return {
            "hosts": list(self._options.broadcast) or self._hosts,
            "direct": self._hosts,
            "port": CQL,
            "user": ADMIN,
            "password": self._password,
            "ca": str(self._authority.certificate) if self._authority else None,
            "data": [str(self._folder / str(number)) for number in range(self._options.nodes)],
            "logs": [str(server.log) for server in self.servers],
            "versions": {"cassandra": version(POM, "cassandra-all")},
        }

    def _wait_for_login(self, number: int, user: str, password: str, deadline: float, needed: Sequence[Server]) -> None:
        while True:
            for server in needed:
                server.alive()
            with contextlib.suppress(NoHostAvailable, DriverException, AuthenticationFailed, Unavailable):
                with self._session(number, user, password) as session:
                    session.execute("SELECT role FROM system_auth.roles LIMIT 1")
                return
            until(deadline, f"logging in to node {number + 1} as {user}")

    def _wait_for_peers(self, number: int, user: str, password: str, deadline: float) -> None:
        others = sum(bool(server.pid) for server in self.servers) - 1
        with self._session(number, user, password) as session:
            while (seen := len(session.execute("SELECT peer FROM system.peers_v2").all())) < others:
                until(deadline, f"node {number + 1} sees {seen} of {others} others")

    @contextlib.contextmanager
    def _session(self, number: int, user: str, password: str) -> Iterator[Session]:
        host = self._hosts[number]
        context = ssl.create_default_context(cafile=self._authority.certificate) if self._authority else None
        if context is not None:
            context.check_hostname = False  # the driver gives no name; the certificate is checked
        policy = WhiteListRoundRobinPolicy([host])
        cluster = Cluster(
            [host],
            port=CQL,
            auth_provider=PlainTextAuthProvider(user, password),
            ssl_context=context,
            execution_profiles={DEFAULT: ExecutionProfile(load_balancing_policy=policy, request_timeout=15)},
            connect_timeout=5,
            protocol_version=5,
        )
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()

    def _server(self, number: int) -> Server:
        home = self._folder / str(number)
        home.mkdir()
        (home / "cassandra.yaml").write_text(yaml.safe_dump(self._configuration(number, home)), "utf-8")
        command = [
            # Without the right to lock memory: mlockall would double what it takes.
            *(["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"] if shutil.which("setpriv") else []),
            "java",
            *PROFILES[self._options.profile],
            *(f"--add-exports={one}=ALL-UNNAMED" for one in _EXPORTS),
            *(f"--add-opens={one}=ALL-UNNAMED" for one in _OPENS),
            f"-javaagent:{next(self._jars.glob('jamm-*.jar'))}",
            "-Djdk.attach.allowAttachSelf=true",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.net.preferIPv4Stack=true",
            "-Dio.netty.tryReflectionSetAccessible=true",
            f"-Dcassandra.config=file://{home}/cassandra.yaml",
            f"-Dcassandra.storagedir={home}",
            f"-Dcassandra.logdir={home}",
            "-Dcassandra-foreground=yes",
            f"-Dlogback.configurationFile={_LOGGING}",
            f"-Dcassandra.jmx.local.port={self._jmx[number]}",
            "-Dcassandra.skip_wait_for_gossip_to_settle=0",
            "-Dcassandra.ring_delay_ms=1000",
            "-Dcassandra.superuser_setup_delay_ms=0",
            "-Dcassandra.shutdown_announce_in_ms=200",
            f"-Dcassandra.system_auth.default_rf={min(3, self._options.nodes)}",
            "-cp",
            f"{self._jars}/*",
            "org.apache.cassandra.service.CassandraDaemon",
        ]
        return Server(command, home)

    def _configuration(self, number: int, home: Path) -> dict[str, Any]:
        tokens = 4
        count = self._options.nodes * tokens
        spread = [-(2**63) + _RANGE * (at * self._options.nodes + number) // count for at in range(tokens)]
        sync: dict[str, Any] = {"commitlog_sync": self._options.commitlog_sync}
        if self._options.commitlog_sync == "periodic":
            sync["commitlog_sync_period"] = "10000ms"
        elif self._options.commitlog_sync == "group":
            sync["commitlog_sync_group_window"] = "10ms"
        settings: dict[str, Any] = {
            "cluster_name": "footfall",
            "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
            "num_tokens": tokens,
            "initial_token": ",".join(map(str, spread)),
            "auto_bootstrap": False,
            "data_file_directories": [str(home / "data")],
            **{f"{name}_directory": str(home / name) for name in ("commitlog", "saved_caches", "hints", "cdc_raw")},
            # All are seeds: they begin at once, and a node that is ahead of its seeds by seconds would end itself.
            "seed_provider": [
                {
                    "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
                    "parameters": [{"seeds": ",".join(f"{host}:{_STORAGE}" for host in self._hosts)}],
                }
            ],
            "listen_address": self._hosts[number],
            "rpc_address": self._hosts[number],
            "storage_port": _STORAGE,
            "native_transport_port": CQL,
            "endpoint_snitch": "SimpleSnitch",
            **sync,
            "commitlog_segment_size": "4MiB",
            "commitlog_total_space": "128MiB",
            "memtable_allocation_type": "offheap_objects",
            "memtable_heap_space": "64MiB",
            "memtable_offheap_space": "64MiB",
            "concurrent_reads": 16,
            "concurrent_writes": 16,
            "key_cache_size": "8MiB",
            "auto_snapshot": False,
            "dynamic_snitch": False,
            "sstable": {"selected_format": "bti"},
            "storage_compatibility_mode": "NONE",
            "authenticator": "PasswordAuthenticator",
            "authorizer": "CassandraAuthorizer",
            "role_manager": "CassandraRoleManager",
            "roles_validity": "1s",
            "permissions_validity": "1s",
            "credentials_validity": "1s",
        }
        if self._options.broadcast:
            settings["broadcast_rpc_address"] = self._options.broadcast[number]
        if self._authority is not None:
            settings["client_encryption_options"] = {
                "enabled": True,
                "optional": False,
                "keystore": str(self._folder / "cassandra.p12"),
                "keystore_password": self._store,
                "store_type": "PKCS12",
            }
        return settings | dict(self._options.config)


def made(options: Mapping[str, Any], folder: Path) -> CassandraCluster:
    """For the supervisor."""
    return CassandraCluster(Options(**options), folder)
