"""Every adapter of the bus port, each as a factory that opens the same bus again (a restart)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from footfall_common.bus import Bus
from footfall_common.bus.embedded import SCHEMA, BusLimits, EmbeddedBus
from footfall_common.bus.embedded.topic import TopicSpec
from footfall_common.clock import SystemClock
from footfall_common.errors import BusUnavailable
from footfall_common.sqlite import SqliteFile

OpenBus = Callable[[], Awaitable[Bus]]

TOPICS = (TopicSpec("raw", 4), TopicSpec("settings", 1, compacted=True), TopicSpec("buckets", 4, home="store"))


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[EmbeddedBus]:
    """A bus on two files in a folder."""
    async with AsyncExitStack() as stack:
        bus_file = SqliteFile(folder / "bus.db", SCHEMA, unavailable=BusUnavailable)
        store_file = SqliteFile(folder / "store.db", SCHEMA, unavailable=BusUnavailable)
        stack.push_async_callback(bus_file.close)
        stack.push_async_callback(store_file.close)
        bus = EmbeddedBus({"bus": bus_file, "store": store_file}, TOPICS, SystemClock(), BusLimits(tail_bytes=4096))
        await bus.open()
        stack.push_async_callback(bus.close)
        yield bus


@pytest.fixture(params=["embedded"])
async def open_bus(tmp_path: Path) -> AsyncIterator[OpenBus]:
    """Opens the bus; a further call opens what the former one left on disk."""
    async with AsyncExitStack() as stack:

        async def again() -> Bus:
            await stack.aclose()
            return await stack.enter_async_context(embedded(tmp_path))

        yield again
