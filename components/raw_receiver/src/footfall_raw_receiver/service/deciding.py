"""What is stored of each event, and which copies write nothing. Pure: the same records and knowledge, the same answer.

The first stored copy of an event decides its time and position. A copy met again at exactly that position is written
again, since a crash may have cut its first writing short; any other copy writes nothing.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
import structlog

from footfall_common.bus import Partition, Received
from footfall_common.events.model import IDENTIFY, Event, RawRecord, StoredEvent
from footfall_common.events.times import bucket_of, corrected
from footfall_common.pipeline.effects import Effects, Mark, part_of
from footfall_common.store import Edge, EventRow, Placed, VisitorDay
from footfall_common.tenancy import ResourceKey
from footfall_raw_receiver.models import Arrival, Code, Dead, DeadLetter, Decision, Piece
from footfall_raw_receiver.service.enriching import Enricher
from footfall_raw_receiver.service.reading import alone

_EARLIEST: Final = -62_135_596_800_000
"""First moment of the year 1, in ms: what comes before has no date in the feed."""

_NUMBER: Final = 0xFFFF
"""The bits of a `part` that are the partition's number, see `part_of`."""

_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)

Knowledge = Mapping[VisitorDay, Mapping[uuid.UUID, Placed]]
DomainsOf = Callable[[ResourceKey], tuple[str, ...]]


class Decider:
    """Decides with one set of enrichment rules. `domains_of` tells a resource's own hosts."""

    def __init__(self, enricher: Enricher, domains_of: DomainsOf) -> None:
        self._enricher = enricher
        self._domains_of = domains_of

    def decide(self, piece: Piece, known: Knowledge) -> Decision:
        """Decide about every event of the piece, in order.

        Args:
            piece: what was read.
            known: all ids of each visitor and day that the piece names (KeyError otherwise).
        """
        rows: list[EventRow] = []
        edges: list[Edge] = []
        dead = list(piece.dead)
        fresh: dict[VisitorDay, dict[uuid.UUID, Placed]] = {}
        duplicates = 0
        day: VisitorDay | None = None
        before: Mapping[uuid.UUID, Placed] = {}
        within: dict[uuid.UUID, Placed] = {}
        for arrival in piece.arrivals:
            if arrival.day is not day:  # events of one visitor and day come in runs and share the object
                day = arrival.day
                before, within = known[day], fresh.setdefault(day, {})
            placed = before.get(arrival.event.id) or within.get(arrival.event.id)
            if placed is not None and placed.position != arrival.position:
                duplicates += 1
                continue
            row = self._row(arrival, placed)
            if isinstance(row, Dead):
                dead.append(row)
                continue
            if placed is None:
                within[arrival.event.id] = Placed(row.ts, row.position)
            rows.append(row)
            edges += edges_of(arrival, row.ts)
        return Decision(rows, edges, dead, fresh, duplicates)

    def _row(self, arrival: Arrival, placed: Placed | None) -> EventRow | Dead:
        """The event's row, or a dead letter when it cannot be stored: one event must not stop a whole partition."""
        event, record = arrival.event, arrival.record
        ts, clamped = corrected(arrival.occurred, record.sent, record.received)
        ts = ts if placed is None else placed.ts
        if ts < _EARLIEST:
            return _refused(arrival, "bad_time", f"the corrected time {ts} lies before the year 1")
        try:
            domains = self._domains_of(ResourceKey(record.tenant, record.resource))
            enriched = self._enricher.enrich(event, record.user_agent, domains)
        except Exception as error:  # noqa: BLE001 - whatever an event trips over, the others behind it must go on
            _log.exception("event_not_enriched", offset=arrival.position.off, index=arrival.position.idx)
            return _refused(arrival, "enrichment", f"enrichment failed: {type(error).__name__}")
        return EventRow(
            record.tenant,
            arrival.day.visitor,
            event.tracking_id is None,
            event.id,
            arrival.day.day,
            ts,
            arrival.position,
            _encode(_stored(event, record, ts, clamped=clamped)),
            enriched,
            arrival.appended,
        )


def edges_of(arrival: Arrival, ts: int) -> Sequence[Edge]:
    """The edge that the event makes from its visitor to a contact, if any.

    Trust: `mail` for an identify that came by a bulk mail's link, `unsigned` for any other. Signatures are not judged
    here yet, since no settings document carries a resource's identify secret.
    """
    event = arrival.event
    if event.contact_id is None or event.tracking_id is None:
        return ()
    mailed = event.bulk_email_recipient_id is not None and event.type.lower() == IDENTIFY
    trust = "mail" if mailed else "unsigned"
    return (Edge(arrival.record.tenant, event.tracking_id, ts, event.id, event.contact_id, trust),)


def effects_of(records: Sequence[Received], decisions: Iterable[Decision]) -> Effects:
    """What the whole chunk changes: one mark a bucket and part, up to the chunk's last record of that part."""
    commit: dict[Partition, int] = {}
    for received in records:
        commit[received.partition] = max(received.offset + 1, commit.get(received.partition, 0))
    high = {part_of(partition): offset - 1 for partition, offset in commit.items()}
    decided = list(decisions)
    rows = [row for decision in decided for row in decision.rows]
    touched = dict.fromkeys((row.tenant, bucket_of(row.ts), row.position.part) for row in rows)
    return Effects(
        rows=rows,
        edges=[edge for decision in decided for edge in decision.edges],
        marks=[Mark(tenant, bucket, part, high[part]) for tenant, bucket, part in touched],
        commit=commit,
    )


def _stored(event: Event, record: RawRecord, ts: int, *, clamped: bool) -> StoredEvent:
    return StoredEvent(
        event=event,
        resource=record.resource,
        received=record.received,
        ts=ts,
        clamped=clamped,
        sent=record.sent,
        sdk=record.sdk,
        user_agent=record.user_agent,
        address=record.address,
    )


def _refused(arrival: Arrival, code: Code, reason: str) -> Dead:
    part, off, idx = arrival.position
    letter = DeadLetter("event", reason, part & _NUMBER, off, idx, alone(arrival.record, arrival.event))
    return Dead(arrival.bus_key, code, letter)
