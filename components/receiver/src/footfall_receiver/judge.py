"""Whether an event may be taken, and the records that carry those that are. Pure."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from footfall_common.clock import from_ms, to_ms
from footfall_common.events import times
from footfall_common.events.keys import bus_key
from footfall_common.events.model import VERSION, Event, RawRecord, Sdk, Verdict

_encode = msgspec.json.Encoder().encode
_FIRST = to_ms(dt.datetime.min.replace(tzinfo=dt.UTC))
_LAST = to_ms(dt.datetime.max.replace(tzinfo=dt.UTC))


class Arrival(NamedTuple):
    """What a request says beside its events. Times in ms; `address` is truncated already."""

    tenant: uuid.UUID
    resource: uuid.UUID
    received: int
    sent: int | None
    sdk: Sdk | None
    user_agent: str
    address: str
    opted_out: bool
    """`Sec-GPC: 1`: only what was explicitly granted may be taken."""


class Bounds(NamedTuple):
    """What a tenant's settings mean for the events of one request."""

    retention_days: int
    oldest: dt.datetime
    """An event that its client dates before this is too old, the skew of its clock considered."""


def bounds(arrival: Arrival, retention_days: int) -> Bounds:
    """Computed once a request, so that an event costs one comparison."""
    limit = times.oldest(arrival.received, retention_days)
    skew = 0 if arrival.sent is None else arrival.received - arrival.sent
    return Bounds(retention_days, from_ms(min(max(limit - skew, _FIRST), _LAST)))


def refusal(event: Event, arrival: Arrival, limits: Bounds) -> Verdict | None:
    """The verdict on an event that must not be taken; None when it may be."""
    if event.consent == "denied" or (arrival.opted_out and event.consent != "granted"):
        message = "The visitor has not agreed to be tracked; do not send this event again."
        return Verdict(event.id, "rejected", "consent", message, "consent")
    if event.occurred < limits.oldest:
        message = f"The event is older than this tenant keeps events ({limits.retention_days} days, less a guard of 2)."
        return Verdict(event.id, "rejected", "too_old", message, "occurred")
    return None


def record(arrival: Arrival, events: list[Event]) -> RawRecord:
    """The bus record of one visitor's events."""
    return RawRecord(
        v=VERSION,
        tenant=arrival.tenant,
        resource=arrival.resource,
        received=arrival.received,
        sent=arrival.sent,
        sdk=arrival.sdk,
        user_agent=arrival.user_agent,
        address=arrival.address,
        events=events,
    )


def visitor_of(event: Event) -> bytes:
    """What its bus record is keyed by in the tenant. Bytes: strangers can choose UUIDs whose hashes are all alike."""
    return (event.tracking_id or event.id).bytes


def keyed(arrival: Arrival, by_visitor: Mapping[bytes, list[Event]], limit: int) -> list[tuple[bytes, bytes]]:
    """(key, value) of every bus record: one a visitor, split where it would be larger than `limit` bytes."""
    return [
        (bus_key(arrival.tenant, part[0].tracking_id or part[0].id), value)
        for part in by_visitor.values()
        for value in _split(arrival, part, limit)
    ]


def _split(arrival: Arrival, events: list[Event], limit: int) -> list[bytes]:
    value = _encode(record(arrival, events))
    if len(value) <= limit or len(events) == 1:
        return [value]
    half = len(events) // 2
    return _split(arrival, events[:half], limit) + _split(arrival, events[half:], limit)


def scrub(event: Event, scrubber: Callable[[str], str]) -> None:
    """Clean the addresses of an event that is about to be taken; the only change ever made to one."""
    if event.href:
        event.href = scrubber(event.href)
    if event.referrer:
        event.referrer = scrubber(event.referrer)
