"""Dead letters: what stands on the topic, and how fast they may come."""

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import pytest
from prometheus_client import CollectorRegistry

from footfall_common.bus import Outgoing
from footfall_common.errors import BusUnavailable, InvalidInput
from footfall_common.telemetry import catalogue, counter
from footfall_common.testing import ManualClock
from footfall_raw_receiver.models import Dead, DeadLetter
from footfall_raw_receiver.publisher import DeadLetters
from footfall_raw_receiver.repository import format_after, parse_after
from footfall_raw_receiver.service.burying import bury

T = TypeVar("T")


class Shelf:
    """A publisher that keeps what it takes, and refuses the first `failures` times."""

    def __init__(self, failures: int = 0) -> None:
        self.records: list[Outgoing] = []
        self.sizes: list[int] = []
        self._failures = failures

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self._failures:
            self._failures -= 1
            raise BusUnavailable("The bus is away; try again.")
        self.records += records
        self.sizes.append(len(records))


class Timed:
    """A clock whose sleep moves it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.slept = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.clock.advance(seconds=seconds)


def dead(number: int) -> Dead:
    return Dead(b"key", "unreadable", DeadLetter("decode", "no record", 2, number, 0, b"\xff\x00"))


def letters(shelf: Shelf, timed: Timed, rate: int) -> tuple[DeadLetters, CollectorRegistry]:
    registry = CollectorRegistry()
    count = counter(registry, catalogue.DEAD_LETTERS)
    return DeadLetters(shelf, "dead", rate, timed.clock, count, timed.sleep), registry


async def again_and_again(step: Callable[[], Awaitable[T]]) -> T:
    """An Insist without pauses."""
    while True:
        try:
            return await step()
        except BusUnavailable:
            continue


async def test_a_letter_says_where_it_comes_from_and_keeps_the_bytes() -> None:
    shelf = Shelf()
    publisher, registry = letters(shelf, Timed(), 10)
    await publisher.publish([dead(7)])
    (record,) = shelf.records
    content = json.loads(record.value)
    assert (record.topic, record.key) == ("dead", b"key")
    assert base64.b64decode(content.pop("bytes")) == b"\xff\x00"
    assert content == {"stage": "decode", "reason": "no record", "partition": 2, "offset": 7, "index": 0}
    labels = {"stage": "decode", "reason": "unreadable"}
    assert registry.get_sample_value("footfall_dead_letters_total", labels) == 1


async def test_more_letters_than_the_rate_wait() -> None:
    shelf, timed = Shelf(), Timed()
    publisher, _ = letters(shelf, timed, 10)
    await bury(publisher, [dead(number) for number in range(35)], again_and_again)
    assert shelf.sizes == [10, 10, 10, 5]
    assert timed.slept == pytest.approx(2.5)  # the first second's worth comes at once
    assert [json.loads(record.value)["offset"] for record in shelf.records] == list(range(35))


async def test_a_failing_bus_loses_and_doubles_none() -> None:
    shelf = Shelf(failures=3)
    publisher, registry = letters(shelf, Timed(), 4)
    await bury(publisher, [dead(number) for number in range(6)], again_and_again)
    assert [json.loads(record.value)["offset"] for record in shelf.records] == list(range(6))
    labels = {"stage": "decode", "reason": "unreadable"}
    assert registry.get_sample_value("footfall_dead_letters_total", labels) == 6


def test_a_place_in_the_topic_is_read_as_it_was_written() -> None:
    assert parse_after(format_after({0: 17, 3: 4})) == {0: 17, 3: 4}
    assert parse_after("") == {}


@pytest.mark.parametrize("after", ["x", "1", "1-2-3", "0-", "é-1"])
def test_another_place_is_refused_by_name(after: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_after(after)
    assert caught.value.field == "after"
