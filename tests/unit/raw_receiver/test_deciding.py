"""Which copies are stored, with which time and place; and that a crash anywhere changes nothing of it."""

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.bus import Partition, Received
from footfall_common.clock import from_ms
from footfall_common.events.model import Enrichment, Event, RawRecord, StoredEvent
from footfall_common.events.times import BUCKET, DAY, bucket_of
from footfall_common.pipeline.effects import Effects
from footfall_common.store import Edge, EventRow, Placed, Position, VisitorDay
from footfall_common.tenancy import ResourceKey
from footfall_raw_receiver.models import Decision
from footfall_raw_receiver.service.deciding import Decider, effects_of
from footfall_raw_receiver.service.enriching import Enricher
from footfall_raw_receiver.service.reading import ids_of, read

MakeEvent = Callable[..., Event]
MakeReceived = Callable[..., Received]
TENANT = uuid.UUID(int=0xA, version=4)
RESOURCE = uuid.UUID(int=0xB, version=4)
VISITOR = uuid.UUID(int=0xC, version=4)
RECEIVED = 1_795_428_000_000
Fate = Callable[[], int | None]


def decide_alone(decider: Decider, *records: Received) -> Decision:
    piece = read(records)
    return decider.decide(piece, {day: {} for day in ids_of([piece])})


def test_a_new_event_gets_time_and_place_from_its_record(
    decider: Decider, make_event: MakeEvent, make_received: MakeReceived
) -> None:
    event = make_event(1, at=RECEIVED - 60_000, href="https://shop.example/a?utm_source=google&utm_medium=cpc")
    received = make_received(event, offset=12, part=2, sent=RECEIVED - 10_000, address="203.0.113.0")
    (row,) = decide_alone(decider, received).rows
    assert (row.ts, row.position, row.anonymous) == (RECEIVED - 50_000, Position(2, 12, 0), False)
    stored = msgspec.json.decode(row.raw, type=StoredEvent)
    assert stored == StoredEvent(
        event=event,
        resource=RESOURCE,
        received=RECEIVED,
        ts=RECEIVED - 50_000,
        sent=RECEIVED - 10_000,
        address="203.0.113.0",
    )
    enriched = msgspec.json.decode(row.enriched, type=Enrichment)
    assert (enriched.v, enriched.channel, enriched.source) == (1, "paid search", "Google")


def test_a_time_far_ahead_is_clamped_and_flagged(
    decider: Decider, make_event: MakeEvent, make_received: MakeReceived
) -> None:
    (row,) = decide_alone(decider, make_received(make_event(1, at=RECEIVED + DAY))).rows
    stored = msgspec.json.decode(row.raw, type=StoredEvent)
    assert (row.ts, stored.clamped) == (RECEIVED, True)


def test_the_resources_own_domains_are_no_referrer(
    decider: Decider, make_event: MakeEvent, make_received: MakeReceived
) -> None:
    event = make_event(1, href="https://pay.example/", referrer="https://shop.example/cart")
    (row,) = decide_alone(decider, make_received(event)).rows
    assert msgspec.json.decode(row.enriched, type=Enrichment).channel == "direct"


def test_an_event_says_its_own_user_agent(decider: Decider, make_event: MakeEvent, make_received: MakeReceived) -> None:
    (own, other) = decide_alone(
        decider, make_received(make_event(1, user_agent="curl/8"), make_event(2), user_agent="python-requests/2.32")
    ).rows
    browsers = [msgspec.json.decode(row.enriched, type=Enrichment).browser for row in (own, other)]
    assert browsers == ["curl", "Python Requests"]


def test_copies_write_nothing_but_the_one_at_the_stored_place(
    decider: Decider, make_event: MakeEvent, make_received: MakeReceived
) -> None:
    event = make_event(1)
    day = VisitorDay(TENANT, VISITOR, RECEIVED // DAY)
    placed = Placed(RECEIVED - 77, Position(0, 5, 0))
    piece = read(
        [make_received(event, offset=4), make_received(event, offset=5), make_received(event, event, offset=6)]
    )
    decision = decider.decide(piece, {day: {event.id: placed}})
    assert [(row.position.off, row.ts) for row in decision.rows] == [(5, RECEIVED - 77)]
    assert decision.duplicates == 3
    assert not any(decision.fresh.values())


def test_the_same_id_on_another_day_or_of_another_visitor_is_another_event(
    decider: Decider, make_event: MakeEvent, make_received: MakeReceived
) -> None:
    other = uuid.UUID(int=0xD, version=4)
    decision = decide_alone(
        decider,
        make_received(make_event(1), make_event(1, at=RECEIVED - DAY)),
        make_received(make_event(1, tracking_id=other), offset=1),
        make_received(make_event(1), tenant=uuid.UUID(int=0xE, version=4), offset=2),
    )
    assert len(decision.rows) == 4


CONTACT = uuid.UUID(int=0x1C, version=4)


@pytest.mark.parametrize(
    ("fields", "trust"),
    [
        ({"type": "identify", "contact_id": CONTACT}, "unsigned"),
        ({"type": "Identify", "contact_id": CONTACT, "bulk_email_recipient_id": VISITOR}, "mail"),
        ({"type": "identify", "contact_id": CONTACT, "signature": "00"}, "unsigned"),
        ({"type": "LEAD", "contact_id": CONTACT}, "unsigned"),
        ({"type": "page-load", "contact_id": CONTACT, "bulk_email_recipient_id": VISITOR}, "unsigned"),
    ],
)
def test_an_event_with_a_contact_makes_an_edge(
    fields: dict[str, object], trust: str, decider: Decider, make_event: MakeEvent, make_received: MakeReceived
) -> None:
    decision = decide_alone(decider, make_received(make_event(1, **fields)))
    event_id = uuid.UUID(int=1, version=4)
    assert list(decision.edges) == [Edge(TENANT, VISITOR, RECEIVED, event_id, CONTACT, trust)]


@pytest.mark.parametrize("fields", [{"type": "identify"}, {"contact_id": CONTACT, "tracking_id": None}])
def test_no_contact_or_no_visitor_makes_no_edge(
    fields: dict[str, object], decider: Decider, make_event: MakeEvent, make_received: MakeReceived
) -> None:
    decision = decide_alone(decider, make_received(make_event(1, **fields)))
    assert (len(decision.rows), list(decision.edges)) == (1, [])


def test_an_event_whose_time_no_date_holds_is_a_dead_letter(
    decider: Decider, make_event: MakeEvent, make_received: MakeReceived
) -> None:
    decision = decide_alone(decider, make_received(make_event(1), make_event(2), sent=2**52))
    assert list(decision.rows) == []
    assert [(one.code, one.letter.index) for one in decision.dead] == [("bad_time", 0), ("bad_time", 1)]
    assert [len(ids) for ids in decision.fresh.values()] == [0]
    alone = msgspec.json.decode(decision.dead[1].letter.bytes, type=RawRecord)
    assert [event.id.int & 0xFF for event in alone.events] == [2]


def test_an_event_that_enrichment_trips_over_does_not_stop_the_others(
    make_event: MakeEvent, make_received: MakeReceived
) -> None:
    def domains_of(key: ResourceKey) -> tuple[str, ...]:
        if key.resource != RESOURCE:
            raise KeyError(key)
        return ()

    decider = Decider(Enricher(user_agents=1, attributions=1), domains_of)
    decision = decide_alone(
        decider, make_received(make_event(1), resource=TENANT), make_received(make_event(2), offset=1)
    )
    assert [row.position.off for row in decision.rows] == [1]
    assert [(one.code, one.letter.offset) for one in decision.dead] == [("enrichment", 0)]


def test_a_chunk_marks_each_bucket_and_part_once_up_to_its_last_record(
    decider: Decider, make_event: MakeEvent, make_received: MakeReceived, make_broken: MakeReceived
) -> None:
    records = [
        make_received(make_event(1), make_event(2, at=RECEIVED - 1), make_event(3, at=RECEIVED - 2)),
        make_received(make_event(4), offset=7, part=1),
        make_broken(b"no record", offset=3),
    ]
    effects = effects_of(records, [decide_alone(decider, *records[:1]), decide_alone(decider, *records[1:])])
    late, early = bucket_of(RECEIVED), bucket_of(RECEIVED) - 1
    assert sorted(mark[1:] for mark in effects.marks) == [(early, 0, 3), (late, 0, 3), (late, 1, 7)]
    assert effects.commit == {Partition("raw", 0): 4, Partition("raw", 1): 8}


# --- crashes anywhere ---


class Crash(Exception):
    """The process ends here."""


class Tables:
    """The store's tables, written one row at a time in the order of effects, until a crash."""

    def __init__(self, complete: Mapping[tuple[int, int], set[Position]]) -> None:
        self.ids: dict[VisitorDay, dict[uuid.UUID, Placed]] = {}
        self.rows: dict[tuple[int, Position], EventRow] = {}
        self.marked: dict[tuple[int, int], int] = {}
        self.committed = 0
        self._complete = complete

    def steps(self, effects: Effects) -> Iterator[None]:
        for row in effects.rows:
            day = VisitorDay(row.tenant, row.visitor, row.day)
            self.ids.setdefault(day, {}).setdefault(row.event_id, Placed(row.ts, row.position))
            yield
        for row in effects.rows:
            self.rows[bucket_of(row.ts), row.position] = row
            yield
        for mark in effects.marks:
            bucket_part = mark.bucket, mark.part
            below = {position for position in self._complete[bucket_part] if position.off <= mark.high}
            assert below <= {position for bucket, position in self.rows if bucket == mark.bucket}, "marked too early"
            self.marked[bucket_part] = max(mark.high, self.marked.get(bucket_part, -1))
            yield
        for offset in effects.commit.values():
            self.committed = offset
            yield


def reference(records: Sequence[Received]) -> dict[tuple[VisitorDay, uuid.UUID], Placed]:
    """Time and place of each event: those of its first copy on the bus."""
    first: dict[tuple[VisitorDay, uuid.UUID], Placed] = {}
    for received in records:
        record = msgspec.json.decode(received.value, type=RawRecord)
        for index, event in enumerate(record.events):
            occurred = int(event.occurred.timestamp() * 1000)
            day = VisitorDay(record.tenant, event.tracking_id or event.id, occurred // DAY)
            assert record.sent is not None
            ts = record.received - (record.sent - occurred)
            first.setdefault((day, event.id), Placed(ts, Position(0, received.offset, index)))
    return first


@st.composite
def streams(draw: st.DrawFn) -> list[Received]:
    """Records of few visitors and events, so that copies are many; a retry has another sent time."""
    records = []
    for offset in range(draw(st.integers(1, 14))):
        visitor = draw(st.sampled_from([None, VISITOR, TENANT]))
        events = [
            Event(
                id=uuid.UUID(int=number, version=4),
                tracking_id=visitor,
                type="page-load",
                occurred=from_ms(RECEIVED - number * BUCKET // 2),
            )
            for number in draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
        ]
        sent = RECEIVED + draw(st.sampled_from([0, 1_000, BUCKET]))
        raw = RawRecord(v=1, tenant=TENANT, resource=RESOURCE, received=RECEIVED, sent=sent, events=events)
        records.append(Received(Partition("raw", 0), offset, b"", msgspec.json.encode(raw), (), RECEIVED))
    return records


def live(tables: Tables, records: Sequence[Received], decider: Decider, data: st.DataObject, *, fate: Fate) -> None:
    """One life of the process: chunk after chunk from the committed offset, until the end or a crash.

    `fate` says of each chunk after how many of its steps the process crashes, None = not in this chunk.
    """
    while tables.committed < len(records):
        size = data.draw(st.integers(1, 6), "chunk")
        chunk = records[tables.committed : tables.committed + size]
        decisions = []
        halves = [read(run) for run in (chunk[: size // 2], chunk[size // 2 :])]
        known = {day: dict(tables.ids.get(day, {})) for day in ids_of(halves)}
        for piece in halves:
            decisions.append(decider.decide(piece, known))
            for day, ids in decisions[-1].fresh.items():
                known[day].update(ids)
        left = fate()
        for done, _ in enumerate(tables.steps(effects_of(chunk, decisions)), start=1):
            if done == left:
                raise Crash


@given(streams(), st.data())
def test_any_chunks_copies_and_crashes_store_what_the_first_copies_say(
    decider: Decider, records: list[Received], data: st.DataObject
) -> None:
    wanted = reference(records)
    complete: dict[tuple[int, int], set[Position]] = {}
    for placed in wanted.values():
        complete.setdefault((bucket_of(placed.ts), 0), set()).add(placed.position)
    tables = Tables(complete)
    steps = st.one_of(st.none(), st.integers(1, 12))
    for _ in range(data.draw(st.integers(0, 5), "crashes")):
        with contextlib.suppress(Crash):
            live(tables, records, decider, data, fate=lambda: data.draw(steps, "steps until the crash"))
    live(tables, records, decider, data, fate=lambda: None)
    assert {(day, event_id): placed for day, ids in tables.ids.items() for event_id, placed in ids.items()} == wanted
    assert {(bucket_of(row.ts), row.position) for row in tables.rows.values()} == {
        (bucket_of(placed.ts), placed.position) for placed in wanted.values()
    }
    assert len(tables.rows) == len(wanted)
    for bucket, position in tables.rows:
        assert tables.marked[bucket, 0] >= position.off, "a row that no mark tells of"
