"""Raw records and a decider for the raw receiver's tests."""

import uuid
from collections.abc import Callable

import msgspec
import pytest

from footfall_common.bus import Partition, Received
from footfall_common.clock import from_ms
from footfall_common.events.keys import bus_key
from footfall_common.events.model import Event, RawRecord
from footfall_raw_receiver.service.deciding import Decider
from footfall_raw_receiver.service.enriching import Enricher

TENANT = uuid.UUID(int=0xA, version=4)
RESOURCE = uuid.UUID(int=0xB, version=4)
VISITOR = uuid.UUID(int=0xC, version=4)
RECEIVED = 1_795_428_000_000  # 2026-11-23T10:00:00Z

MakeEvent = Callable[..., Event]
MakeReceived = Callable[..., Received]


@pytest.fixture(scope="session")
def decider() -> Decider:
    """Decides for resources whose only domain is shop.example."""
    return Decider(Enricher(user_agents=100, attributions=100), lambda _: ("shop.example",))


@pytest.fixture
def make_event() -> MakeEvent:
    """`make_event(number, at=ms, **fields)`: an event whose id is made of the number."""

    def make(number: int = 1, *, at: int = RECEIVED, **fields: object) -> Event:
        given: dict[str, object] = {"type": "page-load", "tracking_id": VISITOR, "occurred": from_ms(at)}
        return Event(id=uuid.UUID(int=number, version=4), **(given | fields))  # type: ignore[arg-type] # any field

    return make


@pytest.fixture
def make_received() -> MakeReceived:
    """`make_received(*events, offset=0, part=0, **fields)`: their raw record as a consumer meets it."""

    def make(*events: Event, offset: int = 0, part: int = 0, **fields: object) -> Received:
        given: dict[str, object] = {"v": 1, "tenant": TENANT, "resource": RESOURCE, "received": RECEIVED}
        record = RawRecord(events=list(events), **(given | fields))  # type: ignore[arg-type] # any field
        return as_received(msgspec.json.encode(record), offset=offset, part=part)

    return make


def as_received(value: bytes, *, offset: int = 0, part: int = 0) -> Received:
    """These bytes as a consumer of topic `raw` meets them."""
    return Received(Partition("raw", part), offset, bus_key(TENANT, VISITOR), value, (), RECEIVED)


@pytest.fixture
def make_broken() -> MakeReceived:
    """`make_broken(bytes, offset=0, part=0)`: any bytes as a record."""
    return as_received
