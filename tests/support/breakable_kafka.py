"""A Kafka that tests may break, and buses on it."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from footfall_common.bus import Outgoing, Partition
from footfall_common.bus.kafka import KafkaBus
from footfall_common.clock import SystemClock
from footfall_common.errors import BusUnavailable
from tests.support.kafka import settings_for
from tests.support.servers import KafkaServers, brokers, possible

DEADLINE = 2.0
OpenBus = Callable[..., Awaitable[KafkaBus]]


class Owner:
    """A listener that notes what it owns, and whose `revoked` may be held up."""

    def __init__(self) -> None:
        self.owned: set[Partition] = set()
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.leaving = asyncio.Event()

    async def assigned(self, partitions: frozenset[Partition]) -> None:
        """Note."""
        self.owned |= partitions

    async def revoked(self, partitions: frozenset[Partition]) -> None:
        """Note, once that is allowed."""
        self.leaving.set()
        await self.may_go.wait()
        self.owned -= partitions


@pytest.fixture(scope="session")
def own() -> Iterator[KafkaServers]:
    """A broker that tests may break."""
    possible()
    with brokers(share=f"broken-{os.getpid()}") as held:
        yield held


@pytest.fixture
def broker(own: KafkaServers) -> Iterator[KafkaServers]:
    """The same, running before and after each test."""
    yield own
    own.wake(0)
    own.start(0)


@pytest.fixture
async def open_bus(tmp_path: Path) -> AsyncIterator[OpenBus]:
    """Opens buses on given brokers, with changed settings; closes them all."""
    async with AsyncExitStack() as stack:

        async def opened(held: KafkaServers, **changes: Any) -> KafkaBus:
            settings = settings_for(
                held, tmp_path, **({"deadline_seconds": DEADLINE, "request_timeout_ms": 1_000} | changes)
            )
            bus = KafkaBus(settings, SystemClock())
            stack.push_async_callback(bus.close)
            await bus.open()
            return bus

        yield opened


def records(topic: str, count: int, start: int = 0) -> list[Outgoing]:
    """Records whose value is their number."""
    return [Outgoing(topic, b"key-%d" % (n % 50), b"%d" % n) for n in range(start, start + count)]


async def taken(bus: KafkaBus, sent: Sequence[Outgoing]) -> bool:
    """Whether the bus takes these now."""
    try:
        await bus.publish(sent)
    except BusUnavailable:
        return False
    return True


async def read_all(bus: KafkaBus, topic: str) -> list[bytes]:
    """Every value of a topic."""
    reader = await bus.reader(topic)
    found: list[bytes] = []
    while not await reader.caught_up():
        found += [record.value for record in await reader.poll(1_000, 0.2)]
    return found
