"""Visitors' rows from the store, in the bounded pieces that its port asks for."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog
from prometheus_client import Counter

from footfall_common.errors import UNREADABLE
from footfall_common.store import FeedRow, Latest
from footfall_common.tenancy import TenantContext
from footfall_report.models.cursor import FeedKey
from footfall_report.models.feed import Shown, shown
from footfall_report.models.merge import Run, key_of

_log = structlog.get_logger(__name__)
_LATEST_AT_ONCE = 100
"""Keys of one `latest`, as the port asks."""


class FeedReads(Protocol):
    """The two reads of EventReads that a feed takes; they promise what is written there."""

    async def latest(self, tenant: TenantContext, visitors: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Latest]: ...

    async def visitor_month(
        self,
        tenant: TenantContext,
        visitor: uuid.UUID,
        month: int,
        until: tuple[int, uuid.UUID] | None,
        limit: int,
    ) -> Sequence[FeedRow]: ...


class Visitors:
    """Reads on in visitors' runs; `unreadable` counts the rows that are left out since they cannot be decoded."""

    def __init__(self, events: FeedReads, unreadable: Counter) -> None:
        self._events = events
        self._unreadable = unreadable

    async def latest(self, tenant: TenantContext, visitors: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Latest]:
        """`visitor_latest` of any number of visitors."""
        found: dict[uuid.UUID, Latest] = {}
        for start in range(0, len(visitors), _LATEST_AT_ONCE):
            found |= await self._events.latest(tenant, visitors[start : start + _LATEST_AT_ONCE])
        return found

    async def read_on(self, tenant: TenantContext, runs: Sequence[Run], last: FeedKey | None, limit: int) -> None:
        """At most `limit` more rows of each run, those after `last` kept; a run whose month ended goes to the next."""
        ended = await asyncio.gather(*(self._read(tenant, run, last, limit) for run in runs))
        done = [run for run, end in zip(runs, ended, strict=True) if end]
        unasked = [run.visitor for run in done if run.months is None]
        latest = await self.latest(tenant, unasked) if unasked else {}
        for run in done:
            if run.months is None:
                months = latest[run.visitor].months if run.visitor in latest else ()
                run.months = sorted(months, reverse=True)
            run.descend()

    async def _read(self, tenant: TenantContext, run: Run, last: FeedKey | None, limit: int) -> bool:
        rows = await self._events.visitor_month(tenant, run.visitor, run.month, run.until, limit)
        ahead = [row for row in rows if last is None or key_of(row) > last]
        return run.took(rows, [row for row in map(self._shown, ahead) if row is not None], limit=limit)

    def _shown(self, row: FeedRow) -> Shown | None:
        """What is shown of the row. One that cannot be read must not take its page with it."""
        try:
            return shown(row)
        except UNREADABLE as error:
            self._unreadable.inc()
            _log.error("feed_row_unreadable", event_id=str(row.event_id), visitor=str(row.visitor), reason=repr(error))
            return None
