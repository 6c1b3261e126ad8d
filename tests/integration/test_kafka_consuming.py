"""Consuming from brokers that hang, with members that come, go and hang."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from footfall_common.bus import Consumer, Reader, Received
from footfall_common.errors import BusUnavailable, Conflict
from footfall_common.testing import eventually
from tests.support.breakable_kafka import OpenBus, Owner, records, taken
from tests.support.kafka import fresh_topic
from tests.support.servers import KafkaServers

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

BACK = 5.0
"""Seconds after Kafka's return until publishing must succeed again."""


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
    await asyncio.sleep(3)  # no wait: the join is asked for again and again meanwhile: a request may take one second
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
    with pytest.raises(BusUnavailable, match="broke down"):
        await poll_for_ever(consumer)
    await bus.publish(records(topic, 20))
    met: set[int] = set()

    async def all_met() -> bool:
        await take(consumer, met)
        return met == set(range(20))

    await eventually(all_met, 20)


async def test_a_reader_whose_metadata_task_died_says_so(kafka: KafkaServers, open_bus: OpenBus) -> None:
    """It would go on as long as no partition gets another leader."""
    topic = await fresh_topic(kafka)
    reader = await (await open_bus(kafka)).reader(topic)
    reader._client._client._sync_task.cancel()
    with pytest.raises(BusUnavailable, match="broke down"):
        await poll_for_ever(reader)


async def poll_for_ever(polling: Consumer | Reader) -> None:
    """Until it raises."""
    while True:
        await polling.poll(100, 0.2)


async def test_the_oldest_pending_record_is_the_first_that_retention_left(
    kafka: KafkaServers, open_bus: OpenBus
) -> None:
    topic = await fresh_topic(kafka, 1)
    bus = await open_bus(kafka, deadline_seconds=8)
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
