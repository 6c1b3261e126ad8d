"""What a test of the store port needs beside the port: opening an adapter, writing events into it, building rows."""

import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from footfall_common.errors import StoreUnavailable
from footfall_common.events.times import day_of
from footfall_common.sqlite import SqliteFile
from footfall_common.store import Edge, EventRow, Position, Store, TenantContext
from footfall_common.store.embedded import EmbeddedStore, write_rows
from footfall_common.store.embedded.schema import TABLES

NOON = 1_795_435_200_000
"""2026-11-23T12:00:00Z, the start of a bucket."""

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
