"""Replaying the raw topic: effects applied in order, one system after the other, as with a real bus and store."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from typing_extensions import override

from footfall_common.bus import Outgoing, Reader, Received
from footfall_common.bus.embedded import EmbeddedBus
from footfall_common.bus.embedded.consumer import EmbeddedReader
from footfall_common.clock import SystemClock, new_id
from footfall_common.errors import BusUnavailable, InvalidInput, StoreUnavailable
from footfall_common.events.times import bucket_of, month_of
from footfall_common.pipeline.ordered import OrderedSink
from footfall_common.store import Edge, EventRow
from footfall_common.store.embedded import write_rows
from footfall_raw_receiver.app import running
from footfall_raw_receiver.models import DeadLetter, Stage
from footfall_raw_receiver.publisher import DeadLetters, Throttle
from footfall_raw_receiver.service.deciding import Decider
from footfall_raw_receiver.service.enriching import Enricher
from footfall_raw_receiver.service.holding import Holding, Replaying
from footfall_raw_receiver.service.metrics import Metrics
from footfall_raw_receiver.service.raw import RawReceiver
from footfall_raw_receiver.service.replay import Opened, Patience, Progress, Range, Unbury, replay
from tests.support.raw_receiver import NAMES, QUICK, RECEIVED, World, event, outgoing, record, segment_rows, world

EVENT_TABLES = (
    "event_ids",
    "visitor_months",
    "events_by_bucket",
    "bucket_parts",
    "edges",
    "segment_versions",
    "chunks",
)


class Writes:
    """EventWrites on the world's store; the first `refusals` calls fail after they have written."""

    def __init__(self, here: World, refusals: int = 0) -> None:
        self._file = here.files["store"]
        self._refusals = refusals

    async def write(self, rows: Sequence[EventRow], edges: Sequence[Edge]) -> None:
        await self._file.write(lambda connection: write_rows(connection, rows, edges))
        if self._refusals:
            self._refusals -= 1
            raise StoreUnavailable("The answer was lost.")


async def replayed(
    here: World,
    wanted: Range,
    *,
    refusals: int = 0,
    throttle: Throttle | None = None,
    opened: Opened | None = None,
) -> Progress:
    """Replay a range of the world's raw topic."""
    process = here.process
    metrics = Metrics(CollectorRegistry(), process.clock)
    holding = Holding(lambda consumer: OrderedSink(Writes(here, refusals), process.bus, NAMES.topics.buckets, consumer))
    raw = RawReceiver(
        process.store.events,
        holding,
        Decider(Enricher(user_agents=10, attributions=10), lambda _: ()),
        DeadLetters(process.bus, NAMES.topics.dead, 100, process.clock, metrics.dead),
        metrics,
        piece_bytes=2_000,
    )
    told: list[Progress] = []
    outcome = await replay(
        opened or (lambda: process.bus.reader(NAMES.topics.raw)),
        Replaying(raw, holding, every=50),
        wanted,
        throttle=throttle or Throttle(100_000, SystemClock()),
        patience=Patience(0.001, 0.01),
        chunk=7,
        told=told.append,
    )
    assert outcome.left == 0
    assert [one.left for one in told] == sorted((one.left for one in told), reverse=True)
    return outcome


async def filled(here: World, visitors: Sequence[object]) -> int:
    """Twenty events of each visitor, each sent twice, stored and in segments; returns how many records there are."""
    events = [event(RECEIVED - n * 60_000, visitor=visitor) for n in range(20) for visitor in visitors]  # type: ignore[arg-type] # UUIDs
    async with running(here.process, QUICK):
        for one in events:
            await here.publish(record(one), record(one, received=RECEIVED + 5_000))
        await here.drained()
    return 2 * len(events)


def tables(here: World) -> dict[str, list[tuple[object, ...]]]:
    """What the store holds of events, in order."""
    return {
        "event_ids": sorted(here.query("SELECT * FROM event_ids"), key=repr),
        "events_by_bucket": sorted(here.query("SELECT * FROM events_by_bucket"), key=repr),
        "edges": sorted(here.query("SELECT * FROM edges"), key=repr),
        "bucket_parts": sorted(here.query("SELECT * FROM bucket_parts"), key=repr),
    }


async def emptied(here: World) -> None:
    """Delete all that came of events; settings and offsets stay."""
    await here.files["store"].write(
        lambda connection: [connection.execute(f"DELETE FROM {table}") for table in EVENT_TABLES] and None
    )


@pytest.mark.parametrize("empty", [False, True], ids=["store kept", "store emptied"])
async def test_a_replay_from_the_beginning_leaves_the_same_store(tmp_path: Path, *, empty: bool) -> None:
    visitors = [new_id() for _ in range(3)]
    async with world(tmp_path) as here:
        records = await filled(here, visitors)
        before = tables(here)
        feeds = [await here.feed(visitor, month_of(RECEIVED)) for visitor in visitors]
        if empty:
            await emptied(here)
        outcome = await replayed(here, Range(), refusals=3)
        assert (outcome.read, outcome.replayed) == (records, records)
        assert tables(here) == before
        assert [await here.feed(visitor, month_of(RECEIVED)) for visitor in visitors] == feeds
        async with running(here.process, QUICK):  # the marks of the replay bring the segments back
            await here.drained()
        found = [row["event_id"] for row in await segment_rows(here, bucket_of(RECEIVED))]
        assert len(set(found)) == sum(bucket_of(one.ts) == bucket_of(RECEIVED) for feed in feeds for one in feed)


async def test_only_the_range_is_replayed(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await filled(here, [new_id() for _ in range(4)])
        (fullest, end) = max(
            (await (await here.process.bus.reader(NAMES.topics.raw)).ends()).items(), key=lambda e: e[1]
        )
        await emptied(here)
        outcome = await replayed(here, Range(partition=fullest.number, first=2, end=end - 1))
        assert outcome.replayed == end - 3
        assert here.query("SELECT DISTINCT part FROM event_ids") == [(fullest.number,)]
        assert here.query("SELECT min(off), max(off) FROM event_ids") == [(2, end - 2)]


async def test_a_partition_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        with pytest.raises(InvalidInput, match=r"no partition 99; the topic has \d+, 0 to \d+") as refusal:
            await replayed(here, Range(partition=99))
        assert refusal.value.field == "partition"


class Dying(EmbeddedReader):
    """A reader that gives three polls and nothing after them, ever."""

    polls = 3

    @override
    async def poll(self, limit: int, wait: float) -> Sequence[Received]:
        self.polls -= 1
        if self.polls < 0:
            raise BusUnavailable("The client of Kafka broke down.")
        return await super().poll(limit, wait)


async def test_a_reader_that_died_is_opened_anew_at_the_same_place(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        records = await filled(here, [new_id() for _ in range(3)])
        before = tables(here)
        bus, readers = here.process.bus, list[Dying]()
        assert isinstance(bus, EmbeddedBus)

        async def dying() -> Reader:
            readers.append(Dying(bus.topic(NAMES.topics.raw)))
            return readers[-1]

        outcome = await replayed(here, Range(), opened=dying)
        assert (outcome.read, outcome.replayed) == (records, records)
        assert len(readers) > records / (3 * 7)
        assert tables(here) == before


async def test_what_was_appended_outside_the_time_is_read_past(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        records = await filled(here, [new_id()])
        assert (await replayed(here, Range(until=0)))[:2] == (records, 0)
        assert (await replayed(here, Range(since=2**50)))[:2] == (records, 0)
        assert (await replayed(here, Range(since=0, until=2**50)))[:2] == (records, records)


async def test_what_arrives_during_a_replay_is_not_waited_for(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        visitor = new_id()
        await here.publish(*(record(event(visitor=visitor)) for _ in range(10)))

        async def one_more(_: float) -> None:
            await here.publish(record(event(visitor=visitor)))

        outcome = await replayed(here, Range(), throttle=Throttle(1, SystemClock(), one_more))
        assert outcome.replayed == 10
        assert sum((await (await here.process.bus.reader(NAMES.topics.raw)).ends()).values()) > 10


async def test_the_rate_holds() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    class Still:
        def monotonic(self) -> float:
            return 100.0

        def now_ms(self) -> int:
            return 0

    throttle = Throttle(10, Still(), sleep)
    for _ in range(4):
        await throttle.take(5)
    assert slept == [0.5, 1.0]


async def test_a_replay_beside_the_live_receiver_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await filled(here, [new_id()])
        before = tables(here)
        async with running(here.process, QUICK):
            await replayed(here, Range())
            await here.drained()
        assert tables(here) == before


async def test_dead_letters_come_back_on_the_raw_topic_as_they_were(tmp_path: Path) -> None:
    async with world(tmp_path) as here, running(here.process, QUICK):
        garbage = [Outgoing(NAMES.topics.raw, b"k", b"no record %d" % n) for n in range(3)]
        whole = outgoing(record(event(visitor=new_id()), event(visitor=new_id())))
        half = whole._replace(value=whole.value.replace(b'"page-load"', b"7", 1))
        await here.process.bus.publish([*garbage, half])
        await here.drained()
        turns: list[tuple[Stage | None, int]] = [("event", 1), ("decode", 3), (None, 8)]
        for stage, expected in turns:  # what failed again is a letter again
            work = Unbury(here.process.bus, NAMES.topics.raw, stage)
            outcome = await replay(
                lambda: here.process.bus.reader(NAMES.topics.dead),
                work,
                Range(),
                throttle=Throttle(1_000, SystemClock()),
                patience=Patience(0.001, 0.01),
                chunk=10,
                told=lambda _: None,
            )
            await here.drained()
            assert (work.published, outcome.left) == (expected, 0)
        letters = await (await here.process.bus.reader(NAMES.topics.dead)).poll(100, 0)
        bodies = Counter(msgspec.json.decode(one.value, type=DeadLetter).bytes for one in letters)
        assert {body: count for body, count in bodies.items() if body.startswith(b"no")} == {
            one.value: 4 for one in garbage
        }
        assert len(bodies) == 4
