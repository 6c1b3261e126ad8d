"""Writing events and edges: `EventWrites` on Cassandra.

Two owners of a raw partition may write at once, when one hangs and another takes over. Both start from a committed
offset and meet copies in the order of the partition, so whoever meets a later copy of an event has met the first one
before, in its own memory or, acknowledged, in event_ids: both decide alike, and what they write is the same to the
byte. Where it is not (one of them runs other rules), no order of writes ends in a mixture: one cell in event_ids tells
the first stored copy, and it is the earliest write that stands (`stamps.EARLIEST_WINS`); an event's row is written
USING TIMESTAMP of its record's append and its enrichment's version, so it is that of the newest rules.

event_ids and buckets_seen are acknowledged before anything else of the rows is sent: an event that can be read has its
id, so no copy of it is taken for new, and a bucket that has rows is one that reports look into.
"""

from collections.abc import Callable, Sequence

from footfall_common.store import Edge, EventRow
from footfall_common.store.cassandra.calls import Calls
from footfall_common.store.cassandra.drafts import Draft, Limits
from footfall_common.store.cassandra.remembered import Remembered
from footfall_common.store.cassandra.settings import CassandraSettings
from footfall_common.store.cassandra.stamps import FirstStands, Lifetimes


class CassandraWrites:
    """`EventWrites`. `expired` is told how many events had too little of their retention left to be written."""

    def __init__(
        self,
        calls: Callable[[], Calls],
        settings: CassandraSettings,
        stamps: FirstStands,
        lifetimes: Lifetimes,
        expired: Callable[[int], None],
    ) -> None:
        self._calls = calls
        self._limits = Limits(settings.batch_rows, settings.batch_bytes)
        self._stamps = stamps
        self._lifetimes = lifetimes
        self._expired = expired
        self._listed = Remembered(settings.remembered_visitors)

    async def write(self, rows: Sequence[EventRow], edges: Sequence[Edge]) -> None:
        """Returns once everything is durable, the rows' ids before anything else of them; may be repeated."""
        calls = self._calls()
        draft = Draft(calls.heads, self._lifetimes.left, self._limits)
        draft.take(rows, self._stamps.take(len(rows)))
        if edges:
            draft.take_edges(edges, {row.event_id: row.appended for row in rows})
        new = [month for month in draft.months if month not in self._listed]
        await calls.write(draft.first())
        await calls.write(draft.rest(new))
        self._listed.note(new)
        if draft.expired:
            self._expired(draft.expired)

    def forget(self) -> None:
        """Visitors' rows may have been deleted (an erasure, a restore): what was written is written again."""
        self._listed.clear()
