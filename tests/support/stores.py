"""What a test of the store port needs beside the port: opening an adapter, writing events into it, building rows."""

import itertools
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from footfall_common.clock import SystemClock
from footfall_common.errors import StoreUnavailable
from footfall_common.events.times import day_of
from footfall_common.sqlite import SqliteFile
from footfall_common.store import Edge, EventRow, Position, Store, TenantContext
from footfall_common.store.cassandra import CassandraSettings, CassandraStore
from footfall_common.store.cassandra.migrate import Waiting, migrate
from footfall_common.store.cassandra.migrations import packaged
from footfall_common.store.cassandra.sessions import Administration, administration
from footfall_common.store.embedded import EmbeddedStore, write_rows
from footfall_common.store.embedded.schema import TABLES
from tests.support.servers import CassandraServers
from tools.servers.server import until

NOON = 1_795_435_200_000
"""2026-11-23T12:00:00Z, the start of a bucket."""

FOR_EVER_DAYS = 5_000_000
"""A retention that no date between the years 1 and 9999 is past."""

_MIGRATIONS = 3
_RIGHT_SECONDS = 30
_offsets = itertools.count(1)


class OpenedStore(NamedTuple):
    """An adapter, and how the raw receiver's sink writes to it; that is no part of the port."""

    store: Store
    write: Callable[[Sequence[EventRow], Sequence[Edge]], Awaitable[None]]


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[OpenedStore]:
    """The embedded store in a folder."""
    file = SqliteFile(folder / "store.db", TABLES, unavailable=StoreUnavailable)
    try:
        await file.open()

        async def write(rows: Sequence[EventRow], edges: Sequence[Edge]) -> None:
            await file.write(lambda connection: write_rows(connection, rows, edges))

        yield OpenedStore(EmbeddedStore(file), write)
    finally:
        await file.close()


def settings_of(servers: CassandraServers, folder: Path) -> CassandraSettings:
    """How a test reaches those servers as their administrator; the password's file goes into the folder."""
    password = folder / "password"
    password.write_text(servers.admin.password, "utf-8")
    return CassandraSettings(
        hosts=tuple(servers.hosts),
        port=servers.port,
        user=servers.admin.user,
        password_file=password,
        ca_file=servers.ca,
        replication=min(3, len(servers.hosts)),
    )


class Keyspace(NamedTuple):
    """A migrated keyspace of a test run, how to reach it, and a session of the administrator on it."""

    settings: CassandraSettings
    name: str
    admin: Administration

    def clear(self) -> None:
        """Empty what is not under a tenant that only one test has."""
        self.admin.rows("DELETE FROM signing_keys WHERE shard = 0")
        self.admin.rows("DELETE FROM unpublished_documents WHERE shard = 0")
        for near in (0, 255, 2**128 - 1):
            for step in (-1, 0, 1):
                self.admin.rows("DELETE FROM documents WHERE tenant = %s", uuid.UUID(int=(near + step) % 2**128))


def _migrated(settings: CassandraSettings, name: str) -> None:
    """Nodes that have only just met may not agree yet; the way out that `migrate` names is to run it again."""
    for _ in range(_MIGRATIONS):
        with suppress(StoreUnavailable):
            migrate(settings, name, packaged(), Waiting())
            return
    migrate(settings, name, packaged(), Waiting())


@contextmanager
def keyspace_of(settings: CassandraSettings) -> Iterator[Keyspace]:
    """A keyspace of its own with every table, which takes seconds; dropped at the end."""
    name = f"footfall_test_{uuid.uuid4().hex[:12]}"
    _migrated(settings, name)
    with administration(settings) as admin:
        admin.use(name)
        try:
            yield Keyspace(settings, name, admin)
        finally:
            _drop(admin, name)


def _drop(admin: Administration, name: str) -> None:
    """Also on a node that a test broke, which the driver goes back to seconds after it was made right."""
    end = time.monotonic() + _RIGHT_SECONDS
    while True:
        try:
            return admin.change(f"DROP KEYSPACE IF EXISTS {name}")
        except StoreUnavailable:
            until(end, f"dropping {name}")


@asynccontextmanager
async def on_cassandra(keyspace: Keyspace) -> AsyncIterator[OpenedStore]:
    """The store in a keyspace that other tests share; nothing in it expires."""
    store = CassandraStore(
        keyspace.settings, SystemClock(), keyspace=keyspace.name, retention_days=lambda _: FOR_EVER_DAYS
    )
    try:
        await store.open()
        yield OpenedStore(store, store.writes.write)
    finally:
        await store.close()


def tenant() -> TenantContext:
    """A tenant that no other test has."""
    return TenantContext(uuid.uuid4())


def row(
    of: TenantContext,
    visitor: uuid.UUID | None,
    *,
    ts: int = NOON,
    event_id: uuid.UUID | None = None,
    day: int | None = None,
    at: Position | None = None,
    raw: bytes = b'{"event":{}}',
    enriched: bytes = b'{"v":1}',
) -> EventRow:
    """An event at a position of its own; no visitor = anonymous."""
    event = event_id or uuid.uuid4()
    return EventRow(
        tenant=of.tenant,
        visitor=event if visitor is None else visitor,
        anonymous=visitor is None,
        event_id=event,
        day=day_of(ts) if day is None else day,
        ts=ts,
        position=at or Position(0, next(_offsets), 0),
        raw=raw,
        enriched=enriched,
    )
