"""What the overview's asOf may promise."""

from collections.abc import Mapping

from footfall_common.documents import NIL
from footfall_common.placement import Placement, names
from footfall_common.testing import ManualClock
from footfall_report.service.progress import UNKNOWN, Progress

NAMES = names(NIL, Placement.POOLED)
RAW, BUCKETS = NAMES.topics.raw, NAMES.topics.buckets


class Pending:
    """The bus's part: the append time of the oldest pending record of each topic."""

    def __init__(self) -> None:
        self.at: Mapping[str, int | None] = {RAW: None, BUCKETS: None}

    async def oldest_pending(self, topic: str, group: str) -> int | None:
        assert group in {NAMES.groups.raw_receiver, NAMES.groups.bucket_worker}
        return self.at[topic]


async def test_now_when_nothing_waits() -> None:
    clock = ManualClock(1_000)
    assert await Progress(Pending(), NAMES, clock).as_of() == 1_000


async def test_the_oldest_raw_record_that_waits() -> None:
    clock, pending = ManualClock(1_000), Pending()
    pending.at = {RAW: 700, BUCKETS: None}
    assert await Progress(pending, NAMES, clock).as_of() == 700


async def test_a_mark_is_younger_than_its_event() -> None:
    clock, pending = ManualClock(1_000), Pending()
    progress = Progress(pending, NAMES, clock)
    pending.at = {RAW: 900, BUCKETS: None}
    assert await progress.as_of() == 900
    clock.advance(ms=500)
    # The record of 900 was committed and made a mark at 1,300: what the sample at 1,000 found committed is counted.
    pending.at = {RAW: None, BUCKETS: 1_300}
    assert await progress.as_of() == 900


async def test_marks_from_before_the_first_sample_promise_nothing() -> None:
    clock, pending = ManualClock(1_000), Pending()
    pending.at = {RAW: None, BUCKETS: 900}
    progress = Progress(pending, NAMES, clock)
    assert await progress.as_of() == UNKNOWN
    pending.at = {RAW: None, BUCKETS: None}
    assert await progress.as_of() == 1_000
