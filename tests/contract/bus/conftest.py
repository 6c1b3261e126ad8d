"""Every adapter of the bus port, each as a factory that opens the same bus again (a restart)."""

import functools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from footfall_common.bus import Bus
from footfall_common.bus.embedded import SCHEMA, BusLimits, EmbeddedBus
from footfall_common.bus.embedded.topic import TopicSpec
from footfall_common.bus.kafka import KafkaBus, KafkaSettings
from footfall_common.clock import SystemClock
from footfall_common.errors import BusUnavailable
from footfall_common.sqlite import SqliteFile
from tests.support.kafka import make_topics, settings_for
from tests.support.servers import KafkaServers
from tools.kafka.handle import COMPACTED

OpenedBus = AbstractAsyncContextManager[EmbeddedBus] | AbstractAsyncContextManager[KafkaBus]


@dataclass(frozen=True)
class Rig:
    """A bus to open, and names that nobody else uses on it: `raw` and `buckets` have four partitions, `settings` one.

    A further `open` opens what the former one left.
    """

    open: Callable[[], Awaitable[Bus]]
    raw: str
    settings: str
    buckets: str
    group: str


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[EmbeddedBus]:
    """A bus on two files in a folder."""
    topics = (TopicSpec("raw", 4), TopicSpec("settings", 1, compacted=True), TopicSpec("buckets", 4, home="store"))
    async with AsyncExitStack() as stack:
        bus_file = SqliteFile(folder / "bus.db", SCHEMA, unavailable=BusUnavailable)
        store_file = SqliteFile(folder / "store.db", SCHEMA, unavailable=BusUnavailable)
        stack.push_async_callback(bus_file.close)
        stack.push_async_callback(store_file.close)
        bus = EmbeddedBus({"bus": bus_file, "store": store_file}, topics, SystemClock(), BusLimits(tail_bytes=4096))
        await bus.open()
        stack.push_async_callback(bus.close)
        yield bus


@asynccontextmanager
async def on_kafka(settings: KafkaSettings) -> AsyncIterator[KafkaBus]:
    """A bus on real brokers."""
    bus = KafkaBus(settings, SystemClock())
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


async def kafka_rig(request: pytest.FixtureRequest, folder: Path) -> tuple[Callable[[], OpenedBus], str]:
    """How to open it, and a prefix under which its topics stand."""
    kafka: KafkaServers = request.getfixturevalue("kafka")
    prefix = f"{uuid.uuid4().hex[:8]}."
    eager = {**COMPACTED, "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    await make_topics(kafka, {f"{prefix}raw": 4, f"{prefix}buckets": 4})
    await make_topics(kafka, {f"{prefix}settings": 1}, eager)
    settings = settings_for(kafka, folder)
    return functools.partial(on_kafka, settings), prefix


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """Each adapter in turn."""
    opening: Callable[[], OpenedBus]
    if request.param == "kafka":
        opening, prefix = await kafka_rig(request, tmp_path)
    else:
        opening, prefix = functools.partial(embedded, tmp_path), ""
    async with AsyncExitStack() as stack:

        async def again() -> Bus:
            await stack.aclose()
            return await stack.enter_async_context(opening())

        yield Rig(again, f"{prefix}raw", f"{prefix}settings", f"{prefix}buckets", f"{prefix}g")
