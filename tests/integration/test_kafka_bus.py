"""The Kafka adapter against brokers that hang, die, refuse and move partitions."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from footfall_common.bus import Consumer, Outgoing, Partition, Reader, Received
from footfall_common.bus.kafka import KafkaBus
from footfall_common.clock import SystemClock
from footfall_common.errors import BusUnavailable, Conflict, TooLarge
from footfall_common.testing import eventually
from tests.support.kafka import fresh_topic, settings_for
from tests.support.servers import Credentials, KafkaServers, brokers, possible

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

BACK = 5.0
"""Seconds after Kafka's return until publishing must succeed again."""
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


@pytest.mark.parametrize("seconds", [0.5, 6.0])
async def test_a_hung_broker_is_unavailable_within_the_deadline_and_back_within_five_seconds(
    broker: KafkaServers, open_bus: OpenBus, seconds: float
) -> None:
    topic = await fresh_topic(broker)
    bus = await open_bus(broker)
    await bus.publish(records(topic, 10))
    broker.hang(0)
    began = time.monotonic()
    answers = await asyncio.gather(*(taken(bus, records(topic, 5, 10 + 5 * n)) for n in range(20)))
    assert not any(answers)
    assert time.monotonic() - began < DEADLINE + 1
    assert await bus.check() is not None
    await asyncio.sleep(seconds)
    broker.wake(0)
    back = time.monotonic()
    await eventually(lambda: taken(bus, records(topic, 10, 1_000)), 30)
    took = time.monotonic() - back
    assert took < BACK
    await eventually(lambda: cleared(bus), BACK)
    stored = await read_all(bus, topic)
    assert {b"%d" % n for n in [*range(10), *range(1_000, 1_010)]} <= set(stored)


async def cleared(bus: KafkaBus) -> bool:
    """Whether nothing stands in the way any more."""
    return await bus.check() is None


@pytest.mark.parametrize("seconds", [0.0, 8.0])
async def test_a_killed_broker_is_unavailable_and_back_within_five_seconds_of_its_return(
    broker: KafkaServers, open_bus: OpenBus, seconds: float
) -> None:
    topic = await fresh_topic(broker)
    bus = await open_bus(broker)
    await bus.publish(records(topic, 10))
    broker.kill(0)
    assert not await taken(bus, records(topic, 10, 10))
    reason = await bus.check()
    assert reason is not None
    await asyncio.sleep(seconds)
    await asyncio.to_thread(broker.start, 0)
    back = time.monotonic()
    await eventually(lambda: taken(bus, records(topic, 10, 1_000)), 30)
    assert time.monotonic() - back < BACK + DEADLINE
    await eventually(lambda: cleared(bus), BACK)


async def test_what_was_acknowledged_around_a_kill_is_stored(broker: KafkaServers, open_bus: OpenBus) -> None:
    topic = await fresh_topic(broker)
    bus = await open_bus(broker)
    acknowledged: list[int] = []
    ended = asyncio.Event()

    async def keep_sending(first: int) -> None:
        for number in range(first, first + 1_000_000):
            if ended.is_set():
                return
            if await taken(bus, records(topic, 1, number)):
                acknowledged.append(number)

    async with asyncio.TaskGroup() as group:
        for sender in range(20):
            group.create_task(keep_sending(sender * 1_000_000))
        await eventually(lambda: len(acknowledged) > 1_000, 20)
        broker.kill(0)
        await asyncio.to_thread(broker.start, 0)
        before = len(acknowledged)
        await eventually(lambda: len(acknowledged) > before + 1_000, 30)
        ended.set()
    assert {b"%d" % number for number in acknowledged} <= set(await read_all(bus, topic))


async def test_a_closed_producer_is_replaced(kafka: KafkaServers, open_bus: OpenBus) -> None:
    """Its sender can die of an error in aiokafka; from then on it takes nothing."""
    topic = await fresh_topic(kafka)
    bus = await open_bus(kafka)
    await bus.publish(records(topic, 10))
    assert bus._publisher is not None
    await bus._publisher.link.producer.stop()
    await bus.publish(records(topic, 10, 10))
    assert sorted(map(int, await read_all(bus, topic))) == list(range(20))


async def test_a_full_buffer_refuses_at_once_and_takes_again_later(broker: KafkaServers, open_bus: OpenBus) -> None:
    topic = await fresh_topic(broker)
    bus = await open_bus(broker, buffer_bytes=1024 * 1024, deadline_seconds=3.0)
    await bus.publish(records(topic, 10))
    broker.hang(0)
    filling = asyncio.create_task(taken(bus, [Outgoing(topic, b"%d" % n, b"x" * 100_000) for n in range(10)]))
    await asyncio.sleep(0)
    began = time.monotonic()
    with pytest.raises(BusUnavailable, match="buffer"):
        await bus.publish([Outgoing(topic, b"k", b"x" * 100_000)])
    assert time.monotonic() - began < 1
    broker.wake(0)
    assert await filling
    await bus.publish([Outgoing(topic, b"k", b"x" * 100_000)])


async def test_the_buffer_is_empty_again_after_records_were_given_up(broker: KafkaServers, open_bus: OpenBus) -> None:
    topic = await fresh_topic(broker)
    bus = await open_bus(broker, buffer_bytes=1024 * 1024, deadline_seconds=1.0)
    await bus.publish(records(topic, 10))
    broker.hang(0)
    for _ in range(4):  # of which the buffer holds two at once
        assert not await taken(bus, [Outgoing(topic, b"%d" % n, b"x" * 50_000) for n in range(10)])
    broker.wake(0)
    whole = [Outgoing(topic, b"%d" % n, b"x" * 100_000) for n in range(10)]
    await eventually(lambda: taken(bus, whole), 10)


async def test_a_record_beyond_a_batch_is_refused_by_its_size(kafka: KafkaServers, open_bus: OpenBus) -> None:
    topic = await fresh_topic(kafka)
    bus = await open_bus(kafka)
    with pytest.raises(TooLarge, match="600"):
        await bus.publish([Outgoing(topic, b"k", b"x" * 600_000)])
    await bus.publish(records(topic, 1))


async def test_batches_over_the_limit_of_one_go_out_in_several(kafka: KafkaServers, open_bus: OpenBus) -> None:
    topic = await fresh_topic(kafka, 1)
    bus = await open_bus(kafka)
    await bus.publish([Outgoing(topic, b"k", b"%d" % n + b"x" * 200_000) for n in range(12)])
    assert [int(value.split(b"x")[0]) for value in await read_all(bus, topic)] == list(range(12))


async def test_a_missing_topic_is_named_with_the_way_out(kafka: KafkaServers, open_bus: OpenBus) -> None:
    bus = await open_bus(kafka)
    for use in (
        bus.publish([Outgoing("nowhere", b"", b"")]),
        bus.reader("nowhere"),
        bus.consumer("nowhere", "g", Owner()),
        bus.lag("nowhere", "g"),
    ):
        with pytest.raises(BusUnavailable, match=r"no topic nowhere.*make stack"):
            await use


async def test_a_wrong_password_is_said_with_the_user(kafka: KafkaServers, open_bus: OpenBus) -> None:
    with pytest.raises(BusUnavailable, match=rf"(?s)invalid credentials.*user {kafka.admin.user}"):
        await open_bus(kafka, user=Credentials(kafka.admin.user, "wrong"))


async def test_a_missing_right_is_said_with_user_and_topic(kafka: KafkaServers, open_bus: OpenBus) -> None:
    topic, other = await fresh_topic(kafka), await fresh_topic(kafka)
    user = Credentials(f"u-{topic}", "secret-of-a-test")
    await asyncio.to_thread(kafka.user, user)
    await asyncio.to_thread(kafka.grant, user.user, [topic], [f"{topic}-g"])
    bus = await open_bus(kafka, user=user)
    await eventually(lambda: taken(bus, records(topic, 1)), 10)  # rights reach brokers a moment late
    await bus.consumer(topic, f"{topic}-g", Owner())
    for use in (bus.publish(records(other, 1)), bus.reader(other)):
        with pytest.raises(BusUnavailable, match=rf"user {user.user} may not use topic {other}"):
            await use
    with pytest.raises(BusUnavailable, match=rf"user {user.user} may not use group {topic}-h"):
        await bus.consumer(topic, f"{topic}-h", Owner())
    with pytest.raises(BusUnavailable, match=rf"user {user.user} may not use group {topic}-h"):
        await bus.lag(topic, f"{topic}-h")


async def test_records_travel_over_tls_and_a_foreign_authority_is_refused(
    kafka_tls: KafkaServers, open_bus: OpenBus
) -> None:
    topic = await fresh_topic(kafka_tls)
    bus = await open_bus(kafka_tls)
    await bus.publish(records(topic, 20))
    assert sorted(map(int, await read_all(bus, topic))) == list(range(20))
    assert await bus.lag(topic, f"{topic}-g") == 20
    with pytest.raises(BusUnavailable, match=r"(?i)certificate verify failed"):
        await open_bus(kafka_tls, ca_file=None)


async def test_nobody_there_is_said_with_the_address(kafka: KafkaServers, open_bus: OpenBus, unused_port: int) -> None:
    with pytest.raises(BusUnavailable, match=f"127.0.0.1:{unused_port}"):
        await open_bus(kafka, servers=(f"127.0.0.1:{unused_port}",))


async def test_closing_is_bounded_while_the_broker_hangs(broker: KafkaServers, open_bus: OpenBus) -> None:
    topic = await fresh_topic(broker)
    bus = await open_bus(broker, close_seconds=1.0)
    await bus.consumer(topic, f"{topic}-g", Owner())
    await bus.reader(topic)
    await bus.lag(topic, f"{topic}-g")
    await bus.publish(records(topic, 10))
    broker.hang(0)
    waiting = asyncio.create_task(taken(bus, records(topic, 10)))
    await asyncio.sleep(0)
    began = time.monotonic()
    await bus.close()
    assert time.monotonic() - began < 8
    assert not await waiting


async def test_members_come_and_go_while_records_flow_and_nothing_is_lost(
    kafka: KafkaServers, open_bus: OpenBus
) -> None:
    topic = await fresh_topic(kafka)
    bus = await open_bus(kafka)
    met: set[int] = set()

    async def work(ended: asyncio.Event) -> None:
        consumer = await bus.consumer(topic, f"{topic}-g", Owner())
        while not ended.is_set():
            await take(consumer, met)
        await consumer.close()

    ends = [asyncio.Event() for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        for number, ended in enumerate(ends):
            group.create_task(work(ended))
            await bus.publish(records(topic, 500, 500 * number))
        await eventually(lambda: len(met) > 500, 20)
        ends[0].set()
        await bus.publish(records(topic, 500, 2_000))
        ends[1].set()
        await bus.publish(records(topic, 500, 2_500))
        await eventually(lambda: met == set(range(3_000)), 30)
        for ended in ends:
            ended.set()
    assert await bus.lag(topic, f"{topic}-g") == 0
    assert await bus.oldest_pending(topic, f"{topic}-g") is None


async def take(consumer: Consumer, met: set[int]) -> None:
    """Meet one chunk and commit it, as far as it is still owned."""
    found: Sequence[Received] = await consumer.poll(50, 0.2)
    ends = {record.partition: record.offset + 1 for record in found}
    try:
        await consumer.commit(ends)
    except Conflict:
        return  # it comes again, here or elsewhere
    met.update(int(record.value) for record in found)


async def test_revoked_holds_the_partitions_back_longer_than_a_request_may_take(
    kafka: KafkaServers, open_bus: OpenBus
) -> None:
    topic = await fresh_topic(kafka)
    bus = await open_bus(kafka)
    first, second = Owner(), Owner()
    consumer = await bus.consumer(topic, f"{topic}-g", first)
    first.may_go.clear()
    joining = asyncio.create_task(bus.consumer(topic, f"{topic}-g", second))
    await first.leaving.wait()
    await asyncio.sleep(3)  # the join is asked for again and again meanwhile: a request may take one second
    assert not second.owned
    await consumer.commit({min(first.owned): 0})  # the end of work still counts
    first.may_go.set()
    await joining
    await eventually(lambda: len(first.owned) == len(second.owned) == 2, 20)


async def test_a_member_whose_revoked_takes_too_long_is_put_out_and_comes_back(
    kafka: KafkaServers, open_bus: OpenBus
) -> None:
    topic = await fresh_topic(kafka)
    bus = await open_bus(kafka, max_poll_interval_ms=5_000)
    first, second = Owner(), Owner()
    consumer = await bus.consumer(topic, f"{topic}-g", first)
    first.may_go.clear()
    joining = asyncio.create_task(bus.consumer(topic, f"{topic}-g", second))
    other = await asyncio.wait_for(joining, 25)
    await eventually(lambda: len(second.owned) == 4, 20)
    with pytest.raises(Conflict, match="not owned"):
        await consumer.commit({min(first.owned): 7})
    await other.commit(dict.fromkeys(second.owned, 0))
    first.may_go.set()

    async def both() -> bool:
        await consumer.poll(10, 0)
        await other.poll(10, 0)
        return len(first.owned) == len(second.owned) == 2

    await eventually(both, 20)


async def test_a_member_that_does_not_poll_loses_its_partitions_and_rejoins_without_loss(
    kafka: KafkaServers, open_bus: OpenBus
) -> None:
    topic = await fresh_topic(kafka)
    bus = await open_bus(kafka, max_poll_interval_ms=5_000)
    first, second = Owner(), Owner()
    hung = await bus.consumer(topic, f"{topic}-g", first)
    await bus.publish(records(topic, 100))
    in_hand = await hung.poll(10, 5)
    active = await bus.consumer(topic, f"{topic}-g", second)
    met: set[int] = set()

    async def all_met() -> bool:
        await take(active, met)
        return met == set(range(100))

    await eventually(all_met, 30)
    assert not first.owned
    with pytest.raises(Conflict):
        await hung.commit({record.partition: record.offset + 1 for record in in_hand})

    async def rejoined() -> bool:
        await take(hung, met)
        await take(active, met)
        return len(first.owned) == len(second.owned) == 2

    await eventually(rejoined, 20)
    assert await bus.lag(topic, f"{topic}-g") == 0


async def test_polls_tell_that_a_broker_is_silent_and_go_on_afterwards(broker: KafkaServers, open_bus: OpenBus) -> None:
    topic = await fresh_topic(broker)
    bus = await open_bus(broker)
    owner = Owner()
    consumer = await bus.consumer(topic, f"{topic}-g", owner)
    reader = await bus.reader(topic)
    broker.hang(0)
    for polling in (consumer, reader):
        with pytest.raises(BusUnavailable, match="not answered"):
            await poll_for_ever(polling)
    with pytest.raises(BusUnavailable):
        await bus.lag(topic, f"{topic}-g")
    broker.wake(0)
    await eventually(lambda: taken(bus, records(topic, 20)), 10)
    met: set[int] = set()

    async def all_met() -> bool:
        try:
            await take(consumer, met)
        except BusUnavailable:
            return False
        return met == set(range(20))

    await eventually(all_met, 30)


async def test_a_member_whose_fetching_died_joins_again(kafka: KafkaServers, open_bus: OpenBus) -> None:
    """An error in aiokafka can end the task that fetches; nothing else says so."""
    topic = await fresh_topic(kafka)
    bus = await open_bus(kafka)
    consumer = await bus.consumer(topic, f"{topic}-g", Owner())
    assert consumer._client is not None
    consumer._client._fetcher._fetch_task.cancel()
    with pytest.raises(BusUnavailable, match="not answered"):
        await poll_for_ever(consumer)
    await bus.publish(records(topic, 20))
    met: set[int] = set()

    async def all_met() -> bool:
        await take(consumer, met)
        return met == set(range(20))

    await eventually(all_met, 20)


async def poll_for_ever(polling: Consumer | Reader) -> None:
    """Until it raises."""
    while True:
        await polling.poll(100, 0.2)


async def test_the_oldest_pending_record_is_the_first_that_retention_left(
    kafka: KafkaServers, open_bus: OpenBus
) -> None:
    topic = await fresh_topic(kafka, 1)
    bus = await open_bus(kafka)
    for number in range(3):
        await bus.publish(records(topic, 1, number))
    await delete_before(kafka, topic, 2)
    reader = await bus.reader(topic)
    left = [record async for record in polled(reader)]
    assert await bus.lag(topic, f"{topic}-g") == 1
    assert await bus.oldest_pending(topic, f"{topic}-g") == left[0].appended
    await delete_before(kafka, topic, 3)
    assert await bus.lag(topic, f"{topic}-g") == 0
    assert await bus.oldest_pending(topic, f"{topic}-g") is None


async def polled(reader: Any) -> AsyncIterator[Received]:
    """Everything up to the end."""
    while not await reader.caught_up():
        for record in await reader.poll(10, 0.2):
            yield record


async def delete_before(kafka: KafkaServers, topic: str, offset: int) -> None:
    """What retention does."""

    def work() -> None:
        client = kafka.client()
        for future in client.delete_records([TopicPartition(topic, 0, offset)]).values():
            future.result(timeout=30)

    await asyncio.to_thread(work)
