"""What of the Kafka adapter needs no broker: partitions, windows, errors in words, settings, log lines."""

import asyncio
import logging
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import errors as kafka
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as aiokafkas_murmur2
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.bus import Partition
from footfall_common.bus.kafka import errors
from footfall_common.bus.kafka.logs import Sparing
from footfall_common.bus.kafka.partitioning import murmur2, partition_of
from footfall_common.bus.kafka.settings import KafkaSettings
from footfall_common.bus.kafka.windows import Ack, Batch, Window
from footfall_common.errors import BusUnavailable, SettingsInvalid

LINGER = 5.0


class Builder:
    """Takes anything."""

    def append(self, *, timestamp: int, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> object | None:
        """Not full."""
        return (timestamp, key, value, headers)


def late() -> BusUnavailable:
    """What a late one is told."""
    return BusUnavailable("late")


def ack_of(records: int, due: float) -> Ack:
    """A publish of so many records."""
    ack = Ack(loop=asyncio.get_running_loop())
    ack.left, ack.due = records, due
    return ack


def batch_of(*acks: Ack, born: float = 0.0) -> Batch:
    """A batch with a record of each."""
    batch = Batch(Builder(), born)
    batch.acks += acks
    return batch


@given(st.binary(max_size=80))
def test_keys_are_hashed_as_other_clients_do(key: bytes) -> None:
    assert murmur2(key) == aiokafkas_murmur2(key)


@given(st.binary(max_size=80), st.integers(1, 200))
def test_keys_find_the_partition_that_other_clients_give_them(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == DefaultPartitioner()(key, list(range(partitions)), [])


async def test_a_window_waits_for_company_and_has_one_batch_on_its_way() -> None:
    window = Window(Partition("t", 0))
    window.open = first = batch_of(ack_of(1, 8), born=10)
    assert window.next(12, LINGER) is None
    assert window.due(LINGER) == 15
    assert window.next(15, LINGER) is first
    window.open = batch_of(ack_of(1, 30), born=15)
    assert window.next(100, LINGER) is None
    assert window.due(LINGER) is None
    window.sending = None
    assert window.next(100, LINGER) is not None


async def test_full_batches_go_at_once_and_before_the_one_that_fills() -> None:
    window = Window(Partition("t", 0))
    full, filling = batch_of(ack_of(1, 8), born=10), batch_of(ack_of(1, 8), born=10.1)
    window.ready.append(full)
    window.open = filling
    assert window.next(10.2, LINGER) is full
    window.sending = None
    assert window.next(10.3, LINGER) is None
    assert list(window.batches()) == [filling]


async def test_a_batch_that_failed_goes_first_and_after_a_pause() -> None:
    window = Window(Partition("t", 0))
    failed = batch_of(ack_of(1, 30), born=10)
    window.open = failed
    window.next(20, LINGER)
    window.ready.append(batch_of(ack_of(1, 30), born=11))
    window.again(failed, 20.5)
    assert window.due(LINGER) == 20.5
    assert window.next(20.4, LINGER) is None
    assert window.next(20.5, LINGER) is failed


async def test_a_publish_is_done_with_the_last_of_its_records() -> None:
    ack = ack_of(3, 8)
    one, two = batch_of(ack, ack), batch_of(ack)
    one.acknowledge()
    assert not ack.done()
    two.acknowledge()
    assert ack.done()
    assert ack.exception() is None


async def test_one_failed_record_fails_the_publish_whatever_the_others_do() -> None:
    ack = ack_of(2, 8)
    one, two = batch_of(ack), batch_of(ack)
    one.fail(late)
    two.acknowledge()
    assert isinstance(ack.exception(), BusUnavailable)


async def test_only_those_who_waited_too_long_are_told_so() -> None:
    old, young, gone = ack_of(1, 8), ack_of(1, 9), ack_of(1, 8)
    gone.cancel()
    batch = batch_of(gone, old, young)
    assert batch.expire(8.5, late)
    assert isinstance(old.exception(), BusUnavailable)
    assert not young.done()
    assert not batch.expire(9, late)
    assert isinstance(young.exception(), BusUnavailable)


async def test_what_nobody_waits_for_is_dropped_from_a_window() -> None:
    window = Window(Partition("t", 0))
    kept, dead, filling = (batch_of(ack_of(1, 8)) for _ in range(3))
    window.ready.extend([dead, kept])
    window.open = filling
    window.drop([dead, filling])
    assert list(window.batches()) == [kept]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (kafka.TopicAuthorizationFailedError("t"), "user alice may not use topic t"),
        (kafka.GroupAuthorizationFailedError("g"), "user alice may not use group g"),
        (kafka.UnknownTopicOrPartitionError(), "no topic t.*make stack"),
        (kafka.MessageSizeTooLargeError(), "max.message.bytes"),
        (kafka.NotEnoughReplicasError(), "NotEnoughReplicas"),
        (kafka.NodeNotReadyError(), "not reached"),
        (kafka.LeaderNotAvailableError(), "no leader"),
        (kafka.RequestTimedOutError(), "in time"),
        (TimeoutError(), "in time"),
        (None, "in time"),
    ],
)
def test_errors_name_the_cause_and_the_way_out(error: Exception | None, words: str) -> None:
    told = errors.unavailable(error, topic="t", user="alice", group="g")
    with pytest.raises(BusUnavailable, match=words):
        raise told
    assert told.retry_after >= 1


@pytest.mark.parametrize(
    ("error", "refused", "fatal"),
    [
        (kafka.TopicAuthorizationFailedError(), True, False),
        (kafka.MessageSizeTooLargeError(), True, False),
        (kafka.NotEnoughReplicasError(), False, False),
        (kafka.KafkaConnectionError(), False, False),
        (kafka.ProducerClosed(), False, True),
        (kafka.KafkaError("Unexpected error during batch delivery"), False, True),
    ],
)
def test_what_is_sent_again_and_by_whom(error: Exception, *, refused: bool, fatal: bool) -> None:
    assert errors.refused(error) is refused
    assert errors.fatal(error) is fatal


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "FOOTFALL_KAFKA_SERVERS is not set"),
        ({"SERVERS": "a:1"}, "FOOTFALL_KAFKA_USER"),
        ({"SERVERS": "a:1", "SECURITY": "SSL", "CERTIFICATE_FILE": "/c"}, "CERTIFICATE_KEY_FILE"),
        ({"SERVERS": "a:1", "SECURITY": "SSL", "HEARTBEAT_MS": "5000"}, "HEARTBEAT_MS"),
        ({"SERVERS": "a:1", "SECURITY": "SSL", "DEADLINE_SECONDS": "1"}, "REQUEST_TIMEOUT_MS"),
        ({"SERVERS": "a:1", "SECURITY": "SSL", "COMPRESSION": "lz4"}, "COMPRESSION"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        KafkaSettings.load({f"FOOTFALL_KAFKA_{name}": value for name, value in environ.items()})


def test_settings_are_read_from_the_environment(tmp_path: Path) -> None:
    settings = KafkaSettings.load(
        {
            "FOOTFALL_KAFKA_SERVERS": "a:9092, b:9092",
            "FOOTFALL_KAFKA_USER": "alice",
            "FOOTFALL_KAFKA_PASSWORD_FILE": str(tmp_path / "password"),
        }
    )
    assert settings.servers == ("a:9092", "b:9092")
    assert settings.security == "SASL_SSL"


@pytest.fixture
def line() -> Callable[[float, int], logging.LogRecord]:
    """Makes a log line of a moment and a level, always of the same template."""
    template = f"{uuid.uuid4()} %s"

    def make(at: float, level: int) -> logging.LogRecord:
        record = logging.LogRecord("aiokafka", level, "", 0, template, ("x",), None)
        record.created = at
        return record

    return make


def test_log_lines_of_a_kind_come_every_ten_seconds_with_their_number(
    line: Callable[[float, int], logging.LogRecord],
) -> None:
    sparing = Sparing()
    passed = [at for at in range(25) if sparing.filter(line(at, logging.ERROR))]
    assert passed == [0, 10, 20]
    again = line(40, logging.ERROR)
    assert sparing.filter(again)
    assert again.getMessage().endswith("x (left out since the last: 4)")


def test_ordinary_log_lines_all_pass(line: Callable[[float, int], logging.LogRecord]) -> None:
    sparing = Sparing()
    assert all(sparing.filter(line(at, logging.INFO)) for at in range(5))
