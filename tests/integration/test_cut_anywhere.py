"""Effects without a transaction, cut anywhere, by several owners at once: the store ends as a simple reference says."""

import asyncio
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from footfall_common.bus import Outgoing, Partition, Received
from footfall_common.events.times import bucket_of, month_of
from footfall_common.pipeline.effects import Mark
from footfall_common.pipeline.ordered import OrderedSink
from footfall_common.store import Edge, EventRow
from footfall_common.store.embedded import write_rows
from footfall_raw_receiver.publisher import DeadLetters
from footfall_raw_receiver.service.deciding import Decider
from footfall_raw_receiver.service.enriching import Enricher
from footfall_raw_receiver.service.metrics import Metrics
from footfall_raw_receiver.service.raw import RawReceiver
from tests.support.raw_receiver import NAMES, RECEIVED, World, event, outgoing, record, world

VISITORS = [uuid.UUID(int=n, version=4) for n in range(1, 4)]


class Killed(Exception):
    """The process ended here."""


class Cut:
    """Ends the process at its `after`-th effect; None = never."""

    def __init__(self, after: int | None) -> None:
        self._left = after

    def __call__(self) -> None:
        if self._left is not None:
            if self._left == 0:
                raise Killed
            self._left -= 1


class Cuttable:
    """EventWrites, Publisher and a consumer's commit that a cut may end before or after each effect."""

    def __init__(self, here: World, cut: Cut, committed: dict[Partition, int]) -> None:
        self._here = here
        self._cut = cut
        self._committed = committed

    async def write(self, rows: Sequence[EventRow], edges: Sequence[Edge]) -> None:
        half = len(rows) // 2  # many statements on a real store: some of them may be all that lasts
        for some in (rows[:half], rows[half:]):
            self._cut()
            await self._here.files["store"].write(lambda connection: write_rows(connection, some, edges))  # noqa: B023 - awaited at once

    async def publish(self, records: Sequence[Outgoing]) -> None:
        for one in records:
            self._cut()
            await self._here.process.bus.publish([one])

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        self._cut()
        for partition, offset in offsets.items():  # a stale owner's commit is refused by the bus: the furthest stands
            self._committed[partition] = max(offset, self._committed.get(partition, 0))
        self._cut()


class Owner(NamedTuple):
    """One life of one owner: it reads from the committed offset, in chunks of `chunk`, and ends at its cut."""

    chunk: int
    cut: int | None


async def live(here: World, owner: Owner, log: Sequence[Received], committed: dict[Partition, int]) -> None:
    """One owner's life over the log of one partition."""
    at = Cuttable(here, Cut(owner.cut), committed)
    metrics = Metrics(CollectorRegistry(), here.process.clock)
    raw = RawReceiver(
        here.process.store.events,
        lambda _: OrderedSink(at, at, NAMES.topics.buckets, at),  # type: ignore[arg-type] # a sink only commits
        Decider(Enricher(user_agents=10, attributions=10), lambda _: ()),
        DeadLetters(here.process.bus, NAMES.topics.dead, 100, here.process.clock, metrics.dead),
        metrics,
        piece_bytes=1_500,
    )
    await raw.joined(at)  # type: ignore[arg-type] # likewise
    start = committed.get(log[0].partition, 0)
    try:
        for first in range(start, len(log), owner.chunk):
            await raw.handle(log[first : first + owner.chunk], lambda step: step())
    except Killed:
        return


# Which of ten events, in which order, copies anywhere; owners in turn or at once; the last one lives.
owners = st.lists(st.tuples(st.builds(Owner, st.integers(1, 6), st.integers(0, 14)), st.booleans()), max_size=5)


@given(sent=st.lists(st.integers(0, 9), min_size=1, max_size=25), lives=owners, last=st.integers(1, 9))
@settings(max_examples=25, deadline=None)
async def test_the_first_copy_of_each_event_stands_once(
    sent: list[int], lives: list[tuple[Owner, bool]], last: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder)) as here:
            events = [event(RECEIVED + n * 400_000, visitor=VISITORS[n % 3], id=uuid.UUID(int=n)) for n in range(10)]
            log = [
                Received(
                    Partition(NAMES.topics.raw, 0), at, *outgoing(record(events[n], received=RECEIVED + at))[1:], at
                )
                for at, n in enumerate(sent)
            ]
            committed: dict[Partition, int] = {}
            beside: list[Owner] = []
            for owner, with_the_next in lives:  # a hung owner goes on beside the next one
                beside.append(owner)
                if not with_the_next:
                    await asyncio.gather(*(live(here, one, log, committed) for one in beside))
                    beside = []
            await asyncio.gather(*(live(here, one, log, committed) for one in [*beside, Owner(last, None)]))
            await _holds(here, sent)


async def _holds(here: World, sent: Sequence[int]) -> None:
    """Each event that was sent stands once, at its first copy, with a mark that reaches it."""
    firsts = {uuid.UUID(int=n): sent.index(n) for n in set(sent)}
    placed = {uuid.UUID(bytes=row[0]): row[1] for row in here.query("SELECT event_id, off FROM event_ids")}  # type: ignore[arg-type] # a blob
    assert placed == firsts
    months = {month_of(RECEIVED + n * 400_000) for n in range(10)}
    feed = [stored for visitor in VISITORS for month in months for stored in await here.feed(visitor, month)]
    assert sorted(stored.event.id for stored in feed) == sorted(firsts)
    assert all(stored.received == RECEIVED + firsts[stored.event.id] for stored in feed)
    seen = {(row[0], row[1]) for row in here.query("SELECT bucket, high FROM bucket_parts")}
    wanted: dict[int, int] = {}
    for stored in feed:
        bucket = bucket_of(stored.ts)
        wanted[bucket] = max(wanted.get(bucket, -1), firsts[stored.event.id])
    assert seen == set(wanted.items())
    marked = await _marked(here)
    assert {bucket for bucket, high in wanted.items() if marked.get(bucket, -1) < high} == set()


async def _marked(here: World) -> dict[int, int]:
    """The furthest mark of each bucket."""
    reader = await here.process.bus.reader(NAMES.topics.buckets)
    marks: dict[int, int] = {}
    while not await reader.caught_up():
        for received in await reader.poll(1_000, 0):
            mark = msgspec.json.decode(received.value, type=Mark)
            marks[mark.bucket] = max(mark.high, marks.get(mark.bucket, -1))
    return marks
