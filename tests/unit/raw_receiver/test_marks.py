"""Marks are taken together a bucket."""

import uuid

import msgspec

from footfall_common.bus import Partition, Received
from footfall_common.pipeline.effects import Mark
from footfall_raw_receiver.service.marks import Due, coalesce

ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


def received(offset: int, mark: Mark | bytes) -> Received:
    value = mark if isinstance(mark, bytes) else msgspec.json.encode(mark)
    return Received(Partition("buckets", 0), offset, b"key", value, (), 0)


def test_the_highest_marks_count_and_the_last_offset_is_the_version() -> None:
    dues, dead = coalesce(
        [
            received(4, Mark(ONE, 9, 0, 100)),
            received(5, Mark(OTHER, 9, 0, 7)),
            received(6, Mark(ONE, 9, 1, 3)),
            received(7, Mark(ONE, 9, 0, 90)),
            received(8, Mark(ONE, 10, 0, 1)),
        ]
    )
    assert dues == [Due(ONE, 9, 7, {0: 100, 1: 3}), Due(OTHER, 9, 5, {0: 7}), Due(ONE, 10, 8, {0: 1})]
    assert dead == []


def test_what_is_no_mark_is_a_dead_letter() -> None:
    dues, dead = coalesce([received(1, b"{}"), received(2, Mark(ONE, 9, 0, 1)), received(3, b"\xff")])
    assert [due.version for due in dues] == [2]
    assert [(one.letter.stage, one.letter.offset, one.letter.bytes) for one in dead] == [
        ("mark", 1, b"{}"),
        ("mark", 3, b"\xff"),
    ]
