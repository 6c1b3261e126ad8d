"""The memory of lately stored events is bounded, and never half of a day."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.store import Placed, Position, VisitorDay
from footfall_raw_receiver.service.known import KnownIds

TENANT = uuid.UUID(int=1)


def day(number: int) -> VisitorDay:
    return VisitorDay(TENANT, TENANT, number)


def ids(*numbers: int) -> dict[uuid.UUID, Placed]:
    return {uuid.UUID(int=number): Placed(number, Position(0, number, 0)) for number in numbers}


def test_the_longest_unused_days_leave_first() -> None:
    known = KnownIds(4)
    known.learn({day(1): ids(1), day(2): ids(2)})
    assert known.missing([day(1), day(3), day(3)]) == [day(3)]
    known.learn({day(3): ids(3)})
    known.trim()
    assert set(known) == {day(1), day(3)}


def test_learning_more_of_a_day_keeps_what_was_known() -> None:
    known = KnownIds(10)
    known.learn({day(1): ids(1, 2)})
    known.learn({day(1): ids(2, 3)})
    assert known[day(1)] == ids(1, 2, 3)


def test_after_clearing_nothing_is_known() -> None:
    known = KnownIds(10)
    known.learn({day(1): {}})
    assert known.missing([day(1)]) == []
    known.clear()
    assert (len(known), known.missing([day(1)])) == (0, [day(1)])
    with pytest.raises(KeyError):
        known[day(1)]


@given(st.lists(st.tuples(st.integers(0, 5), st.sets(st.integers(0, 20), max_size=6)), max_size=30), st.integers(0, 12))
def test_it_never_holds_more_than_its_limit_nor_part_of_a_day(lessons: list[tuple[int, set[int]]], limit: int) -> None:
    known = KnownIds(limit)
    taught: dict[VisitorDay, dict[uuid.UUID, Placed]] = {}
    for number, numbers in lessons:
        lesson = ids(*numbers)
        if known.missing([day(number)]):
            known.learn({day(number): dict(taught.get(day(number), {}))})
        known.learn({day(number): lesson})
        taught.setdefault(day(number), {}).update(lesson)
        known.trim()
        assert sum(len(held) for held in known.values()) + len(known) <= limit
        assert all(held == taught[of] for of, held in known.items())
