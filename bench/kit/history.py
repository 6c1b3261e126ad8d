"""A year of events of known visitors, as the store keeps them."""

import random
import uuid
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from footfall_common.clock import from_ms
from footfall_common.events.model import Enrichment, Event, Screen, Sdk, StoredEvent
from footfall_common.events.times import DAY, day_of
from footfall_common.store import EventRow, Position

YEAR = 365 * DAY
_encode = msgspec.json.Encoder().encode
_USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)


class Crowd(NamedTuple):
    """So many visitors with so many events each."""

    visitors: int
    events: int


CREATIO = (Crowd(290, 200), Crowd(9, 5_000), Crowd(1, 100_000))
"""What a contact with three hundred tracking ids brings in a year: most rarely seen, one a robot."""


class Person(NamedTuple):
    """A visitor and how many events stand for it."""

    visitor: uuid.UUID
    events: int


def people(crowds: Sequence[Crowd], scale: float, seed: int) -> list[Person]:
    """The visitors of all crowds with `scale` of their events, at least one each; the same for the same seed."""
    chance = random.Random(seed)
    return [
        Person(uuid.UUID(int=chance.getrandbits(128), version=4), max(1, round(crowd.events * scale)))
        for crowd in crowds
        for _ in range(crowd.visitors)
    ]


def rows(tenant: uuid.UUID, resource: uuid.UUID, person: Person, until: int, offset: int) -> Iterator[EventRow]:
    """One person's events, oldest first, spread evenly over the year before `until` (ms); `offset`: the first's."""
    chance = random.Random(person.visitor.int)
    step = YEAR / person.events
    for number in range(person.events):
        ts = until - YEAR + int((number + chance.random()) * step)
        event = _event(uuid.UUID(int=chance.getrandbits(128), version=4), person.visitor, ts, number)
        stored = StoredEvent(
            event=event, resource=resource, received=ts, ts=ts, sdk=Sdk("bench", "1"), user_agent=_USER_AGENT
        )
        enriched = Enrichment(v=1, device="desktop", os="Windows", browser="Chrome", channel="direct")
        yield EventRow(
            tenant=tenant,
            visitor=person.visitor,
            anonymous=False,
            event_id=event.id,
            day=day_of(ts),
            ts=ts,
            position=Position(0, offset + number, 0),
            raw=_encode(stored),
            enriched=_encode(enriched),
            appended=ts,
        )


def _event(event_id: uuid.UUID, visitor: uuid.UUID, ts: int, number: int) -> Event:
    return Event(
        id=event_id,
        tracking_id=visitor,
        page_view=event_id,
        seq=number % 100,
        type="page-load",
        occurred=from_ms(ts),
        href=f"https://shop.example/products/{number % 500}?utm_source=google&utm_medium=cpc",
        referrer="https://www.google.com/",
        title="Running shoes - Shop",
        language="en-US",
        languages=["en-US", "fr"],
        platform="Win32",
        screen=Screen(1920, 1080, 1920, 1040, 24, 24),
        consent="granted",
    )
