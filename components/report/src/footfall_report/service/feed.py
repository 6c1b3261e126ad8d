"""The feed of known visitors, page by page.

What a client can rely on: an event that was stored before it asked for the first page is on exactly one page, one
stored while it pages on at most one (else it waits for the next first page). Why: pages follow one total order, each
begins right behind the last row of the page before, and a visitor is read on from its own next row.
"""

from collections.abc import Sequence

from footfall_common.tenancy import TenantContext
from footfall_report.models import merge
from footfall_report.models.cursor import Asker, Cursor, FeedKey, seal, unseal
from footfall_report.models.feed import FeedAnswer, FeedQuery
from footfall_report.models.merge import Run
from footfall_report.repository.keys import CursorKeys
from footfall_report.repository.visitors import Visitors

_FEWEST = 16
"""Rows of one read at least: a visitor in a page's reach often brings several."""


class Feed:
    """Pages of events, newest first. `at_once` = partitions read at the same time."""

    def __init__(self, visitors: Visitors, keys: CursorKeys, at_once: int) -> None:
        self._visitors = visitors
        self._keys = keys
        self._at_once = at_once

    async def page(self, tenant: TenantContext, query: FeedQuery) -> FeedAnswer:
        """One page; InvalidInput on `offset` when it is not ours for this tenant and these visitors."""
        asker = Asker(tenant.tenant, query.visitors)
        last, runs = await self._start(tenant, asker, query.offset)
        while wanted := merge.wanted(runs, query.size, self._at_once):
            limit = max(_FEWEST, query.size // len(wanted)) + 1
            await self._visitors.read_on(tenant, wanted, last, limit)
        rows = merge.take(runs, query.size)
        if not rows:
            return FeedAnswer()
        await self._look_ahead(tenant, runs, last)
        cursor = Cursor(merge.key_of(rows[-1]), dict(merge.following(runs)))
        offset = seal(cursor, asker, self._keys.accepted()[0])
        return FeedAnswer(offset=offset, events=[row.event for row in rows])

    async def _start(
        self, tenant: TenantContext, asker: Asker, offset: str | None
    ) -> tuple[FeedKey | None, Sequence[Run]]:
        if offset is None:
            latest = await self._visitors.latest(tenant, asker.visitors)
            return None, [merge.fresh(visitor, known) for visitor, known in latest.items()]
        cursor = unseal(offset, asker, self._keys.accepted())
        runs = [merge.continued(visitor, ts, cursor.last) for visitor, ts in cursor.following.items()]
        return cursor.last, runs

    async def _look_ahead(self, tenant: TenantContext, runs: Sequence[Run], last: FeedKey | None) -> None:
        """Find the next row of each run that this page emptied, so that the next page opens none in vain."""
        while unsure := merge.unsure(runs):
            await self._visitors.read_on(tenant, unsure[: self._at_once], last, _FEWEST)
