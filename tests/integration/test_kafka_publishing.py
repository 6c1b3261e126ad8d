"""Publishing on brokers that hang, die and refuse."""

import asyncio
import time
from pathlib import Path

import pytest
import uvloop
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from footfall_common.bus import Outgoing
from footfall_common.bus.kafka import KafkaBus
from footfall_common.clock import SystemClock
from footfall_common.errors import BusUnavailable, TooLarge
from footfall_common.testing import eventually
from tests.support.breakable_kafka import DEADLINE, OpenBus, Owner, read_all, records, taken
from tests.support.kafka import fresh_topic, settings_for
from tests.support.servers import Credentials, KafkaServers

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

BACK = 5.0
"""Seconds after Kafka's return until publishing must succeed again."""


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
    await asyncio.sleep(seconds)  # no wait: how long it is away
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
    await asyncio.sleep(seconds)  # no wait: how long it is away
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


async def test_a_producer_in_the_place_of_another_knows_the_topics_of_before(
    kafka: KafkaServers, open_bus: OpenBus
) -> None:
    before, after = await fresh_topic(kafka), await fresh_topic(kafka)
    bus = await open_bus(kafka)
    await bus.publish(records(before, 10))
    assert bus._publisher is not None
    await bus._publisher.link.producer.stop()
    await eventually(lambda: taken(bus, records(before, 10, 10)), BACK)
    await eventually(lambda: taken(bus, records(after, 10)), BACK)  # what it is told of now must not be all it knows
    await eventually(lambda: taken(bus, records(before, 10, 20)), BACK)
    assert {b"%d" % n for n in range(30)} <= set(await read_all(bus, before))


async def test_a_closed_producer_is_replaced(kafka: KafkaServers, open_bus: OpenBus) -> None:
    """Its sender can die of an error in aiokafka; from then on it takes nothing."""
    topic = await fresh_topic(kafka)
    bus = await open_bus(kafka)
    await bus.publish(records(topic, 10))
    assert bus._publisher is not None
    await bus._publisher.link.producer.stop()
    await bus.publish(records(topic, 10, 10))
    assert sorted(map(int, await read_all(bus, topic))) == list(range(20))


async def test_a_producer_whose_metadata_task_died_is_replaced(kafka: KafkaServers, open_bus: OpenBus) -> None:
    """A process that only reads would never notice: it asks this client alone which partitions a topic has."""
    topic = await fresh_topic(kafka)
    bus = await open_bus(kafka)
    assert bus._publisher is not None
    await bus.publish(records(await fresh_topic(kafka), 1))
    client = bus._publisher.link.producer.client
    assert any(connection.connected() for connection in client._conns.values())
    client._sync_task.cancel()
    client._sync_task = asyncio.create_task(dying())
    await asyncio.sleep(0)
    with pytest.raises(BusUnavailable, match="another one takes its place"):
        await bus.reader(topic)

    async def reads() -> bool:
        try:
            return await (await bus.reader(topic)).caught_up()
        except BusUnavailable:
            return False

    await eventually(reads, 5)
    await eventually(lambda: not any(connection.connected() for connection in client._conns.values()), 5)


async def dying() -> None:
    """A task of aiokafka's that met what it does not expect."""
    raise RuntimeError("the handler is closed")


def test_what_is_written_to_a_connection_that_was_just_reset_is_an_error_that_aiokafka_knows(
    kafka: KafkaServers, tmp_path: Path
) -> None:
    """With uvloop, which the components run on, it was a RuntimeError, and ended the task that wrote."""
    settings = settings_for(kafka, tmp_path)

    async def written_after_its_end() -> None:
        bus = KafkaBus(settings, SystemClock())
        await bus.open()
        try:
            assert bus._publisher is not None
            client = bus._publisher.link.producer.client
            connection = await client._get_conn(client.get_random_node())
            connection._writer.transport.abort()
            await asyncio.sleep(0)
            with pytest.raises(KafkaConnectionError, match="broken") as told:
                await connection.send(MetadataRequest([]))
            assert type(told.value.__cause__) is RuntimeError
            assert await bus.check() is None
        finally:
            await bus.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(written_after_its_end())


async def test_a_full_buffer_refuses_at_once_and_takes_again_later(broker: KafkaServers, open_bus: OpenBus) -> None:
    topic = await fresh_topic(broker)
    bus = await open_bus(broker, buffer_bytes=1024 * 1024, deadline_seconds=3.0)
    await bus.publish(records(topic, 10))
    broker.hang(0)
    filling = asyncio.create_task(taken(bus, [Outgoing(topic, b"%d" % n, b"x" * 100_000) for n in range(10)]))
    await asyncio.sleep(0)  # no wait: the task's turn
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
    await asyncio.sleep(0)  # no wait: the task's turn
    began = time.monotonic()
    await bus.close()
    assert time.monotonic() - began < 8
    assert not await waiting
