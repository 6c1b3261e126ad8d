"""A replay's marks wait and are one a bucket; everything else is applied as it comes."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import pytest

from footfall_common.bus import Consumer, Partition, Received
from footfall_common.errors import BusUnavailable
from footfall_common.pipeline.effects import Effects, Mark
from footfall_raw_receiver.service.holding import Holding, Replaying
from footfall_raw_receiver.service.raw import RawReceiver

T = TypeVar("T")
ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
RAW = Partition("raw", 0)
NOBODY = cast("Consumer", None)


class Sink:
    """Keeps what it was given; fails when told."""

    def __init__(self) -> None:
        self.applied: list[Effects] = []
        self.away = False

    async def apply(self, effects: Effects) -> None:
        if self.away:
            raise BusUnavailable("away")
        self.applied.append(effects)

    @property
    def marks(self) -> list[Mark]:
        return [mark for effects in self.applied for mark in effects.marks]


class Inner:
    """In a raw receiver's place: one mark for the first record's bucket, and rows that are never looked at."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding

    async def joined(self, consumer: Consumer) -> None:
        self._holding(consumer)

    def forget(self) -> None:
        raise AssertionError("nobody asks")

    async def handle(self, records: Sequence[Received], insist: Any) -> None:
        effects = Effects(marks=[Mark(ONE, records[0].offset % 3, 0, records[-1].offset)], commit={RAW: 1})
        await insist(lambda: self._holding.apply(effects))


async def insist(step: Callable[[], Awaitable[T]]) -> T:
    return await step()


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def holding(sink: Sink) -> Holding:
    found = Holding(lambda _: sink)
    found(NOBODY)
    return found


async def test_marks_wait_and_the_highest_of_a_bucket_and_part_is_left(sink: Sink, holding: Holding) -> None:
    await holding.apply(Effects(marks=[Mark(ONE, 9, 0, 5), Mark(ONE, 9, 1, 1)], commit={RAW: 6}))
    await holding.apply(Effects(marks=[Mark(ONE, 9, 0, 3), Mark(OTHER, 9, 0, 8)]))
    assert sink.applied == [Effects(commit={RAW: 6}), Effects()]
    await holding.let_go()
    assert sorted(sink.marks) == [Mark(ONE, 9, 0, 5), Mark(ONE, 9, 1, 1), Mark(OTHER, 9, 0, 8)]
    await holding.let_go()
    assert len(sink.marks) == 3


async def test_what_could_not_be_marked_is_still_held(sink: Sink, holding: Holding) -> None:
    await holding.apply(Effects(marks=[Mark(ONE, bucket, 0, 5) for bucket in range(1_200)]))
    sink.away = True
    with pytest.raises(BusUnavailable):
        await holding.let_go()
    sink.away = False
    await holding.let_go()
    assert {mark.bucket for mark in sink.marks} == set(range(1_200))
    assert len(sink.marks) == 1_200
    assert max(len(effects.marks) for effects in sink.applied) == 500


async def test_a_replay_marks_after_so_many_records_and_at_its_end(sink: Sink) -> None:
    holding = Holding(lambda _: sink)
    work = Replaying(cast("RawReceiver", Inner(holding)), holding, every=100)
    await work.joined(NOBODY)
    for first in range(0, 250, 10):
        records = [Received(RAW, offset, b"", b"", (), 0) for offset in range(first, first + 10)]
        await work.handle(records, insist)
    assert len(sink.marks) == 2 * 3, "two times a hundred records, three buckets"
    await work.settle(insist)
    assert len(sink.marks) == 3 * 3
    assert max(mark.high for mark in sink.marks) == 249
