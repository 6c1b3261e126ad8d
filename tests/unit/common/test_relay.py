"""From the directory to the settings topic, with everything that can come between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from footfall_common.bus import Outgoing
from footfall_common.errors import BusUnavailable, StoreUnavailable
from footfall_common.pipeline.relay import Relay
from footfall_common.sqlite import SqliteFile
from footfall_common.store.embedded.directory import EmbeddedDirectory
from footfall_common.store.embedded.schema import TABLES
from footfall_common.testing import eventually


class Topic:
    """A publisher that keeps what it took, is away when told to, and lets a test act before it takes a batch."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, bytes]] = []
        self.away = False
        self.refused = 0
        self.before: Callable[[], Awaitable[None]] | None = None

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.away:
            self.refused += 1
            raise BusUnavailable("The bus is away.")
        act, self.before = self.before, None
        if act is not None:
            await act()
        assert {record.topic for record in records} == {"settings"}
        self.taken += [(record.key, record.value) for record in records]


@pytest.fixture
async def directory(tmp_path: Path) -> AsyncIterator[EmbeddedDirectory]:
    file = SqliteFile(tmp_path / "store.db", TABLES, unavailable=StoreUnavailable)
    await file.open()
    yield EmbeddedDirectory(file)
    await file.close()


async def test_all_that_is_stored_is_published_once(directory: EmbeddedDirectory) -> None:
    topic = Topic()
    await asyncio.gather(*(directory.put(b"%03d" % number, b"one", 1) for number in range(250)))
    relay = Relay(directory, topic, "settings")
    await relay.flush()
    await relay.flush()
    assert sorted(topic.taken) == [(b"%03d" % number, b"one") for number in range(250)]


async def test_what_the_bus_did_not_take_is_published_by_the_sweep(directory: EmbeddedDirectory) -> None:
    topic = Topic()
    topic.away = True
    relay = Relay(directory, topic, "settings")
    await directory.put(b"k", b"one", 1)
    with pytest.raises(BusUnavailable):
        await relay.flush()
    sweeping = asyncio.create_task(relay.run(0.01))
    topic.away = False
    assert await eventually(lambda: topic.taken) == [(b"k", b"one")]
    await directory.put(b"k", b"two", 2)
    assert await eventually(lambda: topic.taken[1:]) == [(b"k", b"two")]
    sweeping.cancel()


async def test_the_sweep_outlives_an_absent_bus(directory: EmbeddedDirectory) -> None:
    topic = Topic()
    topic.away = True
    await directory.put(b"k", b"one", 1)
    sweeping = asyncio.create_task(Relay(directory, topic, "settings").run(0.001))
    await eventually(lambda: topic.refused >= 3)
    topic.away = False
    await eventually(lambda: topic.taken)
    sweeping.cancel()


async def test_the_newest_revision_comes_last_when_another_process_overtakes(directory: EmbeddedDirectory) -> None:
    topic, theirs = Topic(), Topic()
    await directory.put(b"k", b"one", 1)

    async def overtake() -> None:
        await directory.put(b"k", b"two", 2)
        await Relay(directory, theirs, "settings").flush()

    topic.before = overtake
    await Relay(directory, topic, "settings").flush()
    assert theirs.taken == [(b"k", b"two")]
    assert topic.taken == [(b"k", b"one"), (b"k", b"two")]
    assert await directory.unpublished(10) == []


async def test_two_flushes_at_once_publish_each_document_once(directory: EmbeddedDirectory) -> None:
    topic = Topic()
    await directory.put(b"k", b"one", 1)
    relay = Relay(directory, topic, "settings")
    await asyncio.gather(relay.flush(), relay.flush())
    assert topic.taken == [(b"k", b"one")]
