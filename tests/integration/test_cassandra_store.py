"""The Cassandra adapter on real nodes that are hung, killed, not migrated or not to be logged in to."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from footfall_common.clock import SystemClock
from footfall_common.documents import NIL
from footfall_common.errors import StoreUnavailable
from footfall_common.events.times import DAY, bucket_of, day_of_bucket, month_of
from footfall_common.store import START, Edge, EventRow, Position, Segment, TenantContext, VisitorDay, past
from footfall_common.store.cassandra import CassandraSettings, CassandraStore
from footfall_common.store.cassandra.migrate import Waiting, migrate
from footfall_common.store.cassandra.migrations import packaged
from footfall_common.store.cassandra.sessions import administration
from footfall_common.testing import eventually
from tests.support.servers import CassandraServers, Credentials, nodes, possible
from tests.support.stores import Keyspace, keyspace_of, row, settings_of, tenant

pytestmark = [pytest.mark.cassandra, pytest.mark.integration, pytest.mark.timeout(180)]

RETENTION = 30
RECOVERY = 30.0
"""Seconds within which a store must work again on a busy machine; on a free one it is below 5."""


@pytest.fixture(scope="module")
def own() -> Iterator[CassandraServers]:
    """A node that no other test uses: it gets hung and killed."""
    possible()
    with nodes() as held:
        yield held


@pytest.fixture(scope="module")
def keyspace(own: CassandraServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyspace]:
    with keyspace_of(settings_of(own, tmp_path_factory.mktemp("cassandra"))) as made:
        yield made


@asynccontextmanager
async def store_on(settings: CassandraSettings, keyspace: str) -> AsyncIterator[CassandraStore]:
    store = CassandraStore(settings, SystemClock(), keyspace=keyspace, retention_days=lambda _: RETENTION)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(keyspace: Keyspace) -> AsyncIterator[CassandraStore]:
    async with store_on(keyspace.settings, keyspace.name) as opened:
        yield opened


def now() -> int:
    return SystemClock().now_ms()


def event(of: TenantContext, visitor: uuid.UUID, ts: int) -> EventRow:
    return row(of, visitor, ts=ts)._replace(appended=now())


async def works(store: CassandraStore) -> bool:
    """Whether an event can be written and read back."""
    of, visitor = tenant(), uuid.uuid4()
    try:
        await store.writes.write([event(of, visitor, now())], [])
        return visitor in await store.events.latest(of, [visitor])
    except StoreUnavailable:
        return False


class TestFaults:
    async def test_a_node_that_hangs_is_unavailable_within_the_deadline_and_works_again_by_itself(
        self, own: CassandraServers, store: CassandraStore
    ) -> None:
        assert await works(store)
        own.hang(0)
        try:
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await store.writes.write([event(tenant(), uuid.uuid4(), now())], [])
            assert time.monotonic() - began < 9
            assert "store down" in str(await store.check())
        finally:
            own.wake(0)
        await eventually(lambda: works(store), RECOVERY)
        assert await store.check() is None

    async def test_a_node_that_was_killed_and_started_again_is_used_again(
        self, own: CassandraServers, store: CassandraStore
    ) -> None:
        of, visitor = tenant(), uuid.uuid4()
        await store.writes.write([event(of, visitor, now())], [])
        own.kill(0)
        try:
            with pytest.raises(StoreUnavailable):
                await store.events.latest(of, [visitor])
            assert "store down" in str(await store.check())
        finally:
            await asyncio.to_thread(own.start, 0)
        await eventually(lambda: works(store), RECOVERY)
        assert await store.events.buckets_seen(of, [0]) == []  # what was prepared is prepared again

    async def test_requests_under_way_in_a_hang_give_their_room_back(
        self, own: CassandraServers, keyspace: Keyspace
    ) -> None:
        settings = keyspace.settings.model_copy(update={"max_in_flight": 8})
        async with store_on(settings, keyspace.name) as store:
            of = tenant()
            own.hang(0)
            try:
                asked = [store.events.latest(of, [uuid.uuid4()]) for _ in range(40)]
                outcomes = await asyncio.gather(*asked, return_exceptions=True)
                assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
            finally:
                own.wake(0)
            await eventually(lambda: works(store), RECOVERY)
            found = await asyncio.gather(*(store.events.latest(of, [uuid.uuid4()]) for _ in range(40)))
            assert found == [{}] * 40

    async def test_it_opens_later_where_nothing_answered_at_first(
        self, own: CassandraServers, keyspace: Keyspace
    ) -> None:
        own.kill(0)
        store = CassandraStore(
            keyspace.settings, SystemClock(), keyspace=keyspace.name, retention_days=lambda _: RETENTION
        )
        try:
            with pytest.raises(StoreUnavailable, match="does not answer"):
                await store.open()
            with pytest.raises(StoreUnavailable, match="not been reached"):
                await store.events.buckets_seen(tenant(), [1])
            assert "store down" in str(await store.check())
            await asyncio.to_thread(own.start, 0)
            await eventually(lambda: _unsaid(store), RECOVERY)
            assert await works(store)
        finally:
            await asyncio.to_thread(own.start, 0)
            await store.close()

    async def test_closing_on_a_node_that_hangs_is_bounded(self, own: CassandraServers, keyspace: Keyspace) -> None:
        settings = keyspace.settings.model_copy(update={"close_seconds": 1.0})
        async with store_on(settings, keyspace.name) as store:
            own.hang(0)
            try:
                asking = asyncio.create_task(store.events.latest(tenant(), [uuid.uuid4()]))
                await asyncio.sleep(0)
                began = time.monotonic()
                await store.close()
                assert time.monotonic() - began < 3
                with pytest.raises(StoreUnavailable):
                    await asking
            finally:
                own.wake(0)


async def _unsaid(store: CassandraStore) -> bool:
    return await store.check() is None


class TestOpening:
    async def test_a_wrong_password_is_said_to_be_one(self, keyspace: Keyspace, tmp_path: Path) -> None:
        password = tmp_path / "password"
        password.write_text("wrong", "utf-8")
        settings = keyspace.settings.model_copy(update={"password_file": password})
        with pytest.raises(StoreUnavailable, match=r"refused role .*password_file"):
            async with store_on(settings, keyspace.name):
                pass

    async def test_a_keyspace_without_tables_names_the_command(self, keyspace: Keyspace) -> None:
        with pytest.raises(StoreUnavailable, match="footfall migrate"):
            async with store_on(keyspace.settings, "footfall_nowhere"):
                pass

    async def test_a_keyspace_that_lacks_a_migration_names_it(self, keyspace: Keyspace) -> None:
        name = f"footfall_test_{uuid.uuid4().hex[:12]}"
        migrate(keyspace.settings, name, packaged()[:-1], Waiting())
        try:
            with pytest.raises(StoreUnavailable, match=rf"lacks {packaged()[-1].name}.*footfall migrate"):
                async with store_on(keyspace.settings, name):
                    pass
        finally:
            keyspace.admin.change(f"DROP KEYSPACE {name}")

    async def test_a_role_of_another_keyspace_is_refused(
        self, own: CassandraServers, keyspace: Keyspace, tmp_path: Path
    ) -> None:
        other = f"footfall_test_{uuid.uuid4().hex[:12]}"
        role = Credentials(other, "its-own")
        own.provision(other, role)
        password = tmp_path / "password"
        password.write_text(role.password, "utf-8")
        settings = keyspace.settings.model_copy(update={"user": role.user, "password_file": password})
        try:
            migrate(settings, other, packaged(), Waiting())  # its own keyspace is its to change
            async with store_on(settings, other) as store:
                assert await works(store)
            with pytest.raises(StoreUnavailable, match="may not"):
                async with store_on(settings, keyspace.name):
                    pass
            with administration(settings) as session:
                for statement in (
                    f"SELECT * FROM {keyspace.name}.chunks",
                    f"DELETE FROM {keyspace.name}.signing_keys WHERE shard = 0",
                ):
                    with pytest.raises(StoreUnavailable, match="may not"):
                        session.rows(statement)
        finally:
            keyspace.admin.change(f"DROP KEYSPACE {other}")
            keyspace.admin.change(f"DROP ROLE {other}")


class TestRows:
    async def test_they_live_for_what_is_left_of_the_retention(self, keyspace: Keyspace, store: CassandraStore) -> None:
        of, visitor = tenant(), uuid.uuid4()
        written = event(of, visitor, now() - 10 * DAY)
        await store.writes.write([written], [Edge(of.tenant, visitor, written.ts, written.event_id, visitor, "mail")])
        for table, column in (
            ("event_ids", "placed"),
            ("events_by_visitor", "raw"),
            ("events_by_bucket", "enriched"),
            ("visitor_latest", "last"),
        ):
            ((ttl,),) = _of_tenant(keyspace, f"TTL({column})", table, of)
            assert 0 <= 20 * 86_400 - ttl < 60, table
        ((seen,),) = _of_tenant(keyspace, "TTL(high)", "buckets_seen", of)
        assert 20 * 86_400 <= seen + 60 < 20 * 86_400 + 1_000
        ((edge,),) = _of_tenant(keyspace, "TTL(trust)", "edges", of)
        assert edge > RETENTION * 86_400

    async def test_what_came_too_late_is_counted_and_not_written(self, keyspace: Keyspace) -> None:
        of, visitor = tenant(), uuid.uuid4()
        expired: list[int] = []
        store = CassandraStore(
            keyspace.settings,
            SystemClock(),
            keyspace=keyspace.name,
            retention_days=lambda _: RETENTION,
            expired=expired.append,
        )
        await store.open()
        try:
            late = [event(of, visitor, now() - RETENTION * DAY + age) for age in (-1, 0, 3_000_000)]
            fresh = event(of, visitor, now())
            await store.writes.write([*late, fresh], [])
            rows = await store.events.visitor_month(of, visitor, month_of(fresh.ts), None, 10)
            assert [found.event_id for found in rows] == [fresh.event_id]
            assert expired == [3]
        finally:
            await store.close()

    async def test_a_deletion_as_of_now_covers_what_was_written_before_and_nothing_after(
        self, keyspace: Keyspace, store: CassandraStore
    ) -> None:
        of, visitor = tenant(), uuid.uuid4()
        before = event(of, visitor, now())._replace(appended=now() - 1_000)
        await store.writes.write([before], [])
        key = "tenant = %s AND visitor = %s AND month = %s"
        erased = f"DELETE FROM events_by_visitor USING TIMESTAMP {now() * 1_000} WHERE {key}"
        keyspace.admin.rows(erased, of.tenant, visitor, month_of(before.ts))
        await store.writes.write([before], [])  # a slow owner, once more
        assert await store.events.visitor_month(of, visitor, month_of(before.ts), None, 10) == []
        after = event(of, visitor, before.ts)._replace(appended=now() + 1_000)
        await store.writes.write([after], [])
        found = await store.events.visitor_month(of, visitor, month_of(before.ts), None, 10)
        assert [one.event_id for one in found] == [after.event_id]

    async def test_large_partitions_are_read_in_pages(self, keyspace: Keyspace) -> None:
        settings = keyspace.settings.model_copy(update={"page_rows": 10, "max_in_flight": 8})
        of, visitor, at = tenant(), uuid.uuid4(), now() - DAY
        rows = [
            event(of, visitor, at)._replace(position=Position(1, n // 3, n % 3), raw=b"x" * 2_000) for n in range(2_500)
        ]
        async with store_on(settings, keyspace.name) as store:
            await store.writes.write(rows, [])
            found = await store.events.bucket_rows(of, bucket_of(at), 1, START, None, 10_000)
            assert [one.position for one in found] == [one.position for one in rows]
            some = await store.events.bucket_rows(of, bucket_of(at), 1, past(99), 120, 10_000)
            assert [one.position.off for one in some] == [n // 3 for n in range(300, 363)]
            month = await store.events.visitor_month(of, visitor, month_of(at), None, 10_000)
            assert {one.event_id for one in month} == {one.event_id for one in rows}
            every = [one.event_id for one in rows]
            placed = await store.events.placed({VisitorDay(of.tenant, visitor, rows[0].day): every})
            assert {event_id for ids in placed.values() for event_id in ids} == {one.event_id for one in rows}

    async def test_segments_of_a_resource_that_fell_out_of_its_listing_are_listed_again(
        self, keyspace: Keyspace, store: CassandraStore
    ) -> None:
        """As after a store that was emptied, or brought back from a backup, beneath a worker that goes on."""
        of, bucket = tenant(), bucket_of(now())
        segments = [Segment(resource, bucket, 1, {0: 1}, (), 1) for resource in (uuid.uuid4(), NIL)]
        await store.segments.put(of, segments, {}, now())
        assert len(await store.segments.bucket_heads(of, bucket)) == 2
        for resource in (segments[0].resource, NIL):
            key = "tenant = %s AND day = %s AND resource = %s"
            statement = f"DELETE FROM segment_resources WHERE {key}"
            keyspace.admin.rows(statement, of.tenant, day_of_bucket(bucket), resource)
            (left,) = await store.segments.bucket_heads(of, bucket)
            assert left.resource != resource
            await store.segments.put(of, [one._replace(version=2) for one in segments], {}, now())
            assert len(await store.segments.bucket_heads(of, bucket)) == 2


def _of_tenant(keyspace: Keyspace, column: str, table: str, of: TenantContext) -> Sequence[tuple[int]]:
    rows = keyspace.admin.rows(f"SELECT tenant, {column} FROM {table} ALLOW FILTERING")
    return [(value,) for found, value in rows if found == of.tenant]


@pytest.mark.slow
async def test_with_one_of_three_nodes_hung_then_killed_every_write_is_taken(tmp_path: Path) -> None:
    possible()
    with nodes(nodes=3) as three, keyspace_of(settings_of(three, tmp_path)) as made:
        async with store_on(made.settings, made.name) as store:
            of, at = tenant(), now()
            written: list[EventRow] = []

            async def write(count: int) -> None:
                for _ in range(count):
                    some = [event(of, uuid.uuid4(), at) for _ in range(40)]
                    await store.writes.write(some, [])
                    written.extend(some)

            await write(5)
            for harm, cure in ((three.hang, three.wake), (three.kill, three.start)):
                under_way = asyncio.create_task(write(20))
                await asyncio.sleep(0)
                harm(1)
                try:
                    await under_way
                    await write(5)
                finally:
                    await asyncio.to_thread(cure, 1)
            wanted = {VisitorDay(of.tenant, one.visitor, one.day): [one.event_id] for one in written}
            placed = await store.events.placed(wanted)
            assert {key: list(ids) for key, ids in placed.items()} == wanted


async def test_over_tls(cassandra_tls: CassandraServers, tmp_path: Path) -> None:
    settings = settings_of(cassandra_tls, tmp_path)
    with keyspace_of(settings) as made:
        async with store_on(settings, made.name) as store:
            assert await works(store)
