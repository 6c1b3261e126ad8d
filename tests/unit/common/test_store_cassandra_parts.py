"""The parts of the Cassandra adapter that need no cluster."""

import asyncio
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.errors import InvalidInput, SettingsInvalid
from footfall_common.events.times import DAY
from footfall_common.store.cassandra import CassandraSettings, statements
from footfall_common.store.cassandra.calls import Calls, Slots
from footfall_common.store.cassandra.drafts import Batch, Draft, Limits, heads_of
from footfall_common.store.cassandra.encoding import composite
from footfall_common.store.cassandra.migrations import parse
from footfall_common.store.cassandra.remembered import Listed, Remembered
from footfall_common.store.cassandra.sessions import cluster_of
from footfall_common.store.cassandra.stamps import EARLIEST_WINS, LEAST_SECONDS, MOST_SECONDS, FirstStands, Lifetimes
from footfall_common.testing import ManualClock
from tests.support.stores import NOON, row, tenant

HEADS = heads_of({text: b"%16d" % n for n, text in enumerate(statements.ALL)})
YEAR = 365 * DAY
LIMITS = Limits(50, 65_536)


def drafted(rows: int, *, raw: bytes = b"{}", limits: Limits = LIMITS, left: int = YEAR - NOON) -> Draft:
    of, visitor = tenant(), uuid.uuid4()
    draft = Draft(HEADS, lambda *_: left, limits)
    draft.take([row(of, visitor, ts=NOON, raw=raw) for _ in range(rows)], EARLIEST_WINS)
    return draft


def counts(batches: list[Batch]) -> list[int]:
    return [count for _, count, _ in batches]


class TestDrafts:
    @given(st.integers(1, 130), st.integers(1, 50))
    def test_no_batch_has_more_rows_than_allowed_and_none_is_lost(self, rows: int, most: int) -> None:
        ids = counts(drafted(rows, limits=Limits(most, 65_536)).first()[:-1])
        assert sum(ids) == rows
        assert max(ids) <= most

    @pytest.mark.parametrize("size", [10, 20_000, 70_000])
    def test_no_batch_is_larger_than_allowed_unless_one_row_is(self, size: int) -> None:
        draft = drafted(12, raw=b"x" * size)
        batches = draft.rest(draft.months)
        assert all(len(body) <= 65_536 or count == 1 for _, count, body in batches)
        assert sum(counts(batches)) == 12 + 12 + 1 + 2  # by visitor, by bucket, visitors, latest with its month

    def test_what_would_live_less_than_an_hour_is_not_written(self) -> None:
        for left, expired in ((LEAST_SECONDS * 1_000, 0), (LEAST_SECONDS * 1_000 - 1, 3)):
            draft = drafted(3, left=left - NOON)
            assert draft.expired == expired
            assert bool(draft.first()) is not bool(expired)

    def test_a_visitors_month_is_told_once(self) -> None:
        draft = drafted(3)
        assert len(list(draft.months)) == 1
        assert len(draft.rest([])) == len(draft.rest(draft.months)) - 1


class TestStamps:
    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=20))
    def test_the_first_of_any_writes_has_the_highest(self, writes: list[tuple[int, int]]) -> None:
        clock = ManualClock(NOON)
        stamps = FirstStands(clock)
        taken: list[int] = []
        for wait, count in writes:
            clock.advance(ms=wait)
            first = stamps.take(count)
            taken += range(first, first - count, -1)
        assert taken == sorted(set(taken), reverse=True)
        assert all(0 < stamp < NOON * 1_000 for stamp in taken)

    def test_a_lifetime_is_what_is_left_of_the_retention(self) -> None:
        lifetimes = Lifetimes(ManualClock(NOON), lambda _: 30)
        assert lifetimes.seconds(uuid.uuid4(), NOON - 10 * DAY) == 20 * 86_400
        assert lifetimes.seconds(uuid.uuid4(), NOON - 31 * DAY) < 0
        assert Lifetimes(ManualClock(NOON), lambda _: 10**6).seconds(uuid.uuid4(), NOON) == MOST_SECONDS


class TestRemembered:
    def test_what_was_met_last_stays(self) -> None:
        remembered = Remembered(2)
        remembered.note("ab")
        assert "a" in remembered
        remembered.note("c")
        assert ["a" in remembered, "b" in remembered, "c" in remembered] == [True, False, True]
        remembered.clear()
        assert "a" not in remembered

    def test_none_may_be_remembered(self) -> None:
        remembered = Remembered(0)
        remembered.note("a")
        assert "a" not in remembered


class TestListed:
    A, B, C = (uuid.UUID(int=n) for n in (1, 2, 3))

    def test_a_reading_forgets_what_it_does_not_find_on_its_day_and_teaches_nothing(self) -> None:
        listed = Listed(10)
        listed.written(1, [self.A])
        listed.written(1, [self.B])
        listed.written(2, [self.A])
        assert (listed.of(1), listed.of(2), listed.of(3)) == ({self.A, self.B}, {self.A}, set())
        listed.read(1, [self.B, self.C])
        listed.read(3, [self.A])
        assert (listed.of(1), listed.of(2), listed.of(3)) == ({self.B}, {self.A}, set())
        listed.read(1, [])
        assert (listed.of(1), listed.of(2)) == (set(), {self.A})

    def test_the_days_met_last_stay_within_the_limit(self) -> None:
        listed = Listed(3)
        for day in (1, 2):
            listed.written(day, [self.A])
            listed.written(day, [self.A])  # counted once
        listed.written(1, [self.A, self.B])
        listed.written(3, [self.A])
        assert (listed.of(1), listed.of(2), listed.of(3)) == ({self.A, self.B}, set(), {self.A})

    def test_days_without_any_take_no_room(self) -> None:
        listed = Listed(3)
        for day in range(1_000):
            listed.written(day, [self.A])
            listed.read(day, [])
        assert (listed._days, listed._size) == ({}, 0)


class TestSlots:
    async def test_room_is_given_in_the_order_of_asking(self) -> None:
        slots = Slots(4)
        await slots.take(3)
        order: list[str] = []

        async def ask(name: str, wanted: int) -> None:
            await slots.take(wanted)
            order.append(name)

        asking = [asyncio.create_task(ask(name, wanted)) for name, wanted in (("large", 3), ("small", 1))]
        await asyncio.sleep(0)
        slots.give(1)
        await asyncio.sleep(0)
        assert order == []  # the small one would have had room all along
        slots.give(2)
        await asyncio.gather(*asking)
        assert order == ["large", "small"]

    async def test_who_gives_up_waiting_takes_nothing(self) -> None:
        slots = Slots(1)
        await slots.take(1)
        waiting = asyncio.create_task(slots.take(1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        slots.give(1)
        await asyncio.wait_for(slots.take(1), 1)

    async def test_who_gives_up_with_its_turn_in_hand_gives_it_back(self) -> None:
        slots = Slots(1)
        await slots.take(1)
        waiting = asyncio.create_task(slots.take(1))
        await asyncio.sleep(0)
        slots.give(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        await asyncio.wait_for(slots.take(1), 1)


class TestMigrationFiles:
    def test_comments_do_not_count(self) -> None:
        one = parse("0007_x.cql", "-- why\nCREATE TABLE a\n  (b int);\n\nCREATE TABLE c (d int);\n")
        assert (one.number, one.name, list(one.statements)) == (
            7,
            "0007_x",
            ["CREATE TABLE a (b int)", "CREATE TABLE c (d int)"],
        )
        assert parse("0007_x.cql", "CREATE TABLE a (b int); CREATE TABLE c (d int)").checksum == one.checksum
        assert parse("0007_x.cql", "CREATE TABLE a (b int)").checksum != one.checksum

    @pytest.mark.parametrize("name", ["1_x.cql", "0001.cql", "0001_X.cql", "0001_x.sql"])
    def test_a_name_without_a_number_is_refused(self, name: str) -> None:
        with pytest.raises(InvalidInput, match=name):
            parse(name, "")


class TestSettings:
    def test_a_user_needs_a_password(self) -> None:
        with pytest.raises(SettingsInvalid, match="PASSWORD_FILE is not"):
            cluster_of(CassandraSettings(user="footfall"))

    def test_files_that_are_not_there_are_named(self) -> None:
        missing = "/nonexistent/footfall"
        with pytest.raises(SettingsInvalid, match="PASSWORD_FILE cannot be read"):
            cluster_of(
                CassandraSettings.load({"FOOTFALL_CASSANDRA_USER": "a", "FOOTFALL_CASSANDRA_PASSWORD_FILE": missing})
            )
        with pytest.raises(SettingsInvalid, match="CA_FILE"):
            cluster_of(CassandraSettings(ca_file=Path(missing)))


def test_a_routing_key_is_what_the_cluster_computes_tokens_of() -> None:
    assert composite(b"ab", b"") == b"\x00\x02ab\x00\x00\x00\x00"


class Refusing:
    """A sender that raises, though it must not."""

    def send(self, requests: object, outcomes: object) -> None:
        raise RuntimeError("no way out")


async def test_requests_that_could_not_be_sent_give_their_room_back() -> None:
    calls = Calls.__new__(Calls)  # its other parts need a cluster
    calls._slots = Slots(2)
    calls._sender = Refusing()  # type: ignore[assignment] # likewise
    for _ in range(3):
        with pytest.raises(RuntimeError, match="no way out"):
            await calls._send([None, None])  # type: ignore[list-item] # what it would send does not matter
        await asyncio.sleep(0)  # no wait: the room is given back by the loop's next turn
    async with asyncio.timeout(5):
        await calls._slots.take(2)
