"""Merging visitors' rows into one page, and deciding what must be read for it. Pure: the reads are the service's."""

import datetime as dt
import heapq
import uuid
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from footfall_common.clock import to_ms
from footfall_common.events.times import month_of
from footfall_common.store import FeedRow, Latest
from footfall_report.models.cursor import FeedKey
from footfall_report.models.feed import Shown

_FIRST = uuid.UUID(int=0)
_LAST = uuid.UUID(int=2**128 - 1)


@dataclass(slots=True)
class Run:
    """One visitor's rows, newest first, as far as they were read.

    `rows` wait for their page. What was not read lies in `month` behind `until`, and in older months; `bound` comes no
    later than any of it, and is None once there is nothing more. `sure` = a row is known to stand right at the bound.
    """

    visitor: uuid.UUID
    month: int
    until: tuple[int, uuid.UUID]
    bound: FeedKey | None
    sure: bool = True
    months: Sequence[int] | None = None
    """Every month with rows, the newest first; None = not asked yet."""
    rows: list[Shown] = field(default_factory=list)

    def took(self, rows: Sequence[FeedRow], visible: Iterable[Shown], *, limit: int) -> bool:
        """Note what a read of at most `limit` rows brought; whether the month is exhausted."""
        self.sure = False
        self.rows.extend(visible)
        if len(rows) < limit:
            return True
        self.until = (rows[-1].ts, rows[-1].event_id)
        self.bound = key_of(rows[-1])
        return False

    def descend(self) -> None:
        """Go on in the next older month, or end. `months` must be there."""
        older = next((month for month in self.months or () if month < self.month), None)
        if older is None:
            self.bound = None
            return
        self.month = older
        end = month_end(older)
        self.until, self.bound = (end + 1, _LAST), FeedKey(-end, _FIRST, _FIRST)


def key_of(row: FeedRow | Shown) -> FeedKey:
    """The row's place in the feed."""
    return FeedKey(-row.ts, row.event_id, row.visitor)


def fresh(visitor: uuid.UUID, latest: Latest) -> Run:
    """A run from a visitor's newest event on."""
    months = sorted(latest.months, reverse=True)
    bound = FeedKey(-latest.last, _FIRST, _FIRST) if months else None
    return Run(visitor, months[0] if months else 0, (latest.last + 1, _LAST), bound, months=months)


def continued(visitor: uuid.UUID, ts: int, last: FeedKey) -> Run:
    """A run from the time of a visitor's next row on, `last` being the last row of the page before."""
    until = (ts + 1, _LAST)
    if ts == -last.minus_ts and last.event_id != _FIRST:
        until = (ts, uuid.UUID(int=last.event_id.int - 1))  # spares what stands before `last` at the same time
    return Run(visitor, month_of(ts), until, FeedKey(-ts, _FIRST, _FIRST))


def wanted(runs: Sequence[Run], count: int, at_once: int) -> Sequence[Run]:
    """The runs to read on before the next `count` rows are certain, the nearest first; empty when they are.

    Never more than the page has room for: as each run's bound is a row's own time, a page opens no more partitions than
    it has rows (more only where rows of several visitors share a millisecond, or a month ended on the page).
    """
    keys = heapq.nsmallest(count, (key_of(row) for run in runs for row in run.rows))
    unread = sorted(((run.bound, run) for run in runs if run.bound is not None), key=lambda pair: pair[0])
    if not unread:
        return ()
    certain = bisect_left(keys, unread[0][0])
    reach = [run for bound, run in unread if len(keys) < count or bound < keys[-1]]
    return reach[: min(at_once, count - certain)]


def take(runs: Sequence[Run], count: int) -> list[Shown]:
    """The next `count` rows of all runs in the feed's order, taken out of the runs."""
    page = heapq.nsmallest(count, (row for run in runs for row in run.rows), key=key_of)
    if page:
        edge = key_of(page[-1])
        for run in runs:
            run.rows = [row for row in run.rows if key_of(row) > edge]
    return page


def unsure(runs: Sequence[Run]) -> list[Run]:
    """The runs whose next row is unknown although they were read for this page."""
    return [run for run in runs if not run.rows and run.bound is not None and not run.sure]


def following(runs: Sequence[Run]) -> Iterator[tuple[uuid.UUID, int]]:
    """Where each unfinished run goes on: visitor and ts."""
    for run in runs:
        if run.rows:
            yield run.visitor, run.rows[0].ts
        elif run.bound is not None:
            yield run.visitor, -run.bound.minus_ts


def month_end(month: int) -> int:
    """The last millisecond of a month counted from January 1970."""
    year, index = divmod(month + 1, 12)
    return to_ms(dt.datetime(1970 + year, index + 1, 1, tzinfo=dt.UTC)) - 1
