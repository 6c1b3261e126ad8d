"""Marks are read in every form that was ever written, and taken together a bucket and a day."""

import uuid

import msgspec
import pytest

from footfall_common.bus import Partition, Received
from footfall_common.pipeline.effects import Mark
from footfall_common.pipeline.marks import AnyMark, Close, Fold, Rebuild, mark_record, read_mark
from footfall_raw_receiver.service.marks import DayDue, Due, coalesce, groups

ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


def received(offset: int, mark: AnyMark | bytes) -> Received:
    value = mark if isinstance(mark, bytes) else mark_record("buckets", mark).value
    return Received(Partition("buckets", 0), offset, b"key", value, (), 0)


def test_the_highest_marks_count_and_the_last_offset_is_the_version() -> None:
    dues, days, dead = coalesce(
        [
            received(4, Mark(ONE, 9, 0, 100)),
            received(5, Mark(OTHER, 9, 0, 7)),
            received(6, Mark(ONE, 9, 1, 3)),
            received(7, Mark(ONE, 9, 0, 90)),
            received(8, Mark(ONE, 10, 0, 1)),
        ]
    )
    assert dues == [Due(ONE, 9, 7, {0: 100, 1: 3}), Due(OTHER, 9, 5, {0: 7}), Due(ONE, 10, 8, {0: 1})]
    assert (days, dead) == ([], [])


def test_other_kinds_join_the_data_of_their_bucket_or_day() -> None:
    dues, days, _ = coalesce(
        [
            received(1, Mark(ONE, 9, 0, 100)),
            received(2, Fold(ONE, 0)),
            received(3, Close(ONE, 9)),
            received(4, Rebuild(OTHER, 9, {2: 8})),
            received(5, Fold(ONE, 0)),
            received(6, Mark(ONE, 9, 0, 101)),
        ]
    )
    assert dues == [Due(ONE, 9, 6, {0: 101}, close=True), Due(OTHER, 9, 4, {2: 8}, close=True, rebuild=True)]
    assert days == [DayDue(ONE, 0, 5)]


def test_what_is_no_mark_is_a_dead_letter() -> None:
    unknown = b'{"kind":"later","tenant":"00000000-0000-0000-0000-000000000001","bucket":1}'
    found = coalesce([received(1, b"{}"), received(2, Mark(ONE, 9, 0, 1)), received(3, b"\xff"), received(4, unknown)])
    assert [due.version for due in found.buckets] == [2]
    assert [(one.letter.stage, one.letter.offset, one.letter.bytes) for one in found.dead] == [
        ("mark", 1, b"{}"),
        ("mark", 3, b"\xff"),
        ("mark", 4, unknown),
    ]


@pytest.mark.parametrize("mark", [Mark(ONE, -9, 65_537, 2**40), Close(ONE, 9), Fold(ONE, -1), Rebuild(ONE, 9, {1: 2})])
def test_a_mark_comes_back(mark: AnyMark) -> None:
    assert read_mark(mark_record("buckets", mark).value) == mark


def test_a_mark_of_an_earlier_release_is_a_data_mark() -> None:
    assert read_mark(msgspec.json.encode([str(ONE), 9, 0, 100])) == Mark(ONE, 9, 0, 100)


def test_marks_of_one_bucket_share_a_key_that_no_day_has() -> None:
    of_bucket = {mark_record("buckets", mark).key for mark in (Mark(ONE, 9, 0, 1), Close(ONE, 9), Rebuild(ONE, 9))}
    others: list[AnyMark] = [Close(OTHER, 9), Close(ONE, 8), Fold(ONE, 9), Fold(ONE, 8), Fold(OTHER, 9)]
    assert len(of_bucket) == 1
    assert len(of_bucket | {mark_record("buckets", mark).key for mark in others}) == 1 + len(others)


def keyed(offset: int, key: bytes) -> Received:
    return received(offset, b"")._replace(key=key)


def test_however_many_marks_a_bucket_has_they_count_once() -> None:
    records = [keyed(offset, b"ab"[offset % 2 : offset % 2 + 1]) for offset in range(1_000)]
    assert list(groups(records, 2)) == [records]


def test_a_part_ends_before_one_bucket_too_many_and_the_order_stays() -> None:
    records = [keyed(offset, key) for offset, key in enumerate([b"a", b"b", b"a", b"c", b"a", b"d", b"d"])]
    assert list(groups(records, 2)) == [records[:3], records[3:5], records[5:]]
    assert list(groups([], 2)) == []
