"""Holding Cassandra: `with nodes(...) as cassandra`."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, Session

from tools.servers.handle import Credentials, Servers, held

NO_DELAY: Final = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]


class CassandraServers(Servers):
    """Held nodes."""

    @property
    def hosts(self) -> Sequence[str]:
        """The address of each node as clients are told it."""
        return list(self._facts["hosts"])

    @property
    def direct(self) -> Sequence[str]:
        """Where each node really listens for clients."""
        return list(self._facts["direct"])

    @property
    def port(self) -> int:
        """The same on every node."""
        return int(self._facts["port"])

    @contextmanager
    def session(self, user: Credentials | None = None) -> Iterator[Session]:
        """The administrator's session, or another user's."""
        who = user or self.admin
        context = ssl.create_default_context(cafile=self.ca) if self.ca else None
        if context is not None:
            context.check_hostname = False  # the driver gives no name; the certificate is checked
        cluster = Cluster(
            list(self.hosts),
            port=self.port,
            auth_provider=PlainTextAuthProvider(who.user, who.password),
            ssl_context=context,
            protocol_version=5,
            sockopts=NO_DELAY,
        )
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()

    def provision(self, keyspace: str, role: Credentials) -> None:
        """A keyspace, and a role that may read and write in it and nowhere else, and make its tables.

        A role that stands keeps its password: Cassandra changes one at most every five seconds.
        """
        copies = min(3, len(self.hosts))
        with self.session() as session:
            session.execute(
                f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = "
                f"{{'class': 'NetworkTopologyStrategy', 'datacenter1': {copies}}}"
            )
            if not session.execute("SELECT role FROM system_auth.roles WHERE role = %s", (role.user,)).one():
                session.execute(f"CREATE ROLE {role.user} WITH LOGIN = true AND PASSWORD = '{role.password}'")
            for right in ("SELECT", "MODIFY", "CREATE", "ALTER"):
                session.execute(f"GRANT {right} ON KEYSPACE {keyspace} TO {role.user}")


@contextmanager
def nodes(*, share: str | None = None, **options: Any) -> Iterator[CassandraServers]:
    """Cassandra while the block lasts; `options` as in tools.cassandra.cluster.Options."""
    with held("cassandra", options, share) as lease:
        yield CassandraServers(lease)
