"""The raw receiver on the real embedded bus and store."""

import base64
from itertools import chain
from pathlib import Path

import httpx
import msgspec

from footfall_common.bus import Outgoing
from footfall_common.clock import new_id
from footfall_common.documents import ResourceDocument, key_of
from footfall_common.events.times import bucket_of, month_of
from footfall_common.testing import eventually
from footfall_raw_receiver.app import running
from tests.support.raw_receiver import (
    ADMIN,
    NAMES,
    QUICK,
    RECEIVED,
    SHOP,
    TENANT,
    buckets_of,
    event,
    record,
    segment_rows,
    world,
)


async def test_events_come_out_in_feed_edges_and_segments(tmp_path: Path) -> None:
    visitor, contact = new_id(), new_id()
    first = event(RECEIVED - 1_000, visitor=visitor, referrer="https://www.google.de/search")
    second = event(RECEIVED - 500, visitor=visitor, type="identify", contact_id=contact)
    nobody = event(RECEIVED)
    async with world(tmp_path) as here, running(here.process, QUICK):
        await here.publish(record(first, second), record(nobody), record(first))  # the last one is a copy
        await here.drained()
        feed = await here.feed(visitor, month_of(RECEIVED))
        assert [stored.event for stored in feed] == [second, first]
        assert [stored.ts for stored in feed] == [RECEIVED - 500, RECEIVED - 1_000]
        assert here.query("SELECT at, contact, trust FROM edges") == [(RECEIVED - 500, contact.bytes, "unsigned")]
        rows = [
            row
            for bucket in {bucket_of(RECEIVED), bucket_of(RECEIVED - 1_000)}
            for resource, segment in (await here.heads(bucket)).items()
            if resource == SHOP
            for row in await here.rows(segment)
        ]
        by_id = {row["event_id"]: row for row in rows}
        assert len(rows) == 3
        assert by_id.keys() == {first.id.bytes, second.id.bytes, nobody.id.bytes}
        found = by_id[first.id.bytes]
        assert (found["channel"], found["source"], found["browser"], found["device"]) == (
            "organic search",
            "Google",
            "Chrome",
            "desktop",
        )
        assert by_id[nobody.id.bytes]["tracking_id"] is None


async def test_a_store_that_is_away_loses_nothing_and_recovers_by_itself(tmp_path: Path) -> None:
    visitor = new_id()
    async with world(tmp_path) as here, running(here.process, QUICK) as component:
        await eventually(lambda: here.outages)
        here.outages[0].on = True
        events = [event(RECEIVED - number, visitor=visitor) for number in range(20)]
        for one in events:
            await here.publish(record(one))
        await eventually(lambda: here.outages[0].refused > 2)
        assert "away" in str(await component.checks["raw-receiver"]())
        assert here.query("SELECT count(*) FROM event_ids") == [(0,)]
        here.outages[0].on = False
        await here.drained()
        assert [stored.event for stored in await here.feed(visitor, month_of(RECEIVED))] == events
        assert await component.checks["raw-receiver"]() is None


async def test_after_a_restart_at_any_place_each_event_is_stored_once(tmp_path: Path) -> None:
    visitors = [new_id() for _ in range(5)]
    events = [event(RECEIVED - number * 60_000, visitor=visitors[number % 5]) for number in range(100)]
    sent = 0
    for _ in range(5):
        async with world(tmp_path) as here, running(here.process, QUICK):
            for one in events[sent : sent + 20]:
                await here.publish(record(one), record(one, received=RECEIVED + 5_000))
            sent += 20  # and it ends here, whatever is in flight
    async with world(tmp_path) as here, running(here.process, QUICK):
        await here.drained()
        feeds = [await here.feed(visitor, month_of(RECEIVED)) for visitor in visitors]
        assert {stored.event.id for feed in feeds for stored in feed} == {one.id for one in events}
        assert sum(map(len, feeds)) == len(events)
        # a new bucket's chunks may hold a row twice, which readers take once
        found = {row["event_id"] for bucket in buckets_of(events) for row in await segment_rows(here, bucket)}
        assert found == {one.id.bytes for one in events}


async def test_dead_letters_can_be_read_by_the_administrator_alone(tmp_path: Path) -> None:
    good = event()
    async with world(tmp_path) as here, running(here.process, QUICK) as component:
        await here.process.bus.publish([Outgoing(NAMES.topics.raw, b"k", b"no record %d" % n) for n in range(5)])
        await here.publish(record(good))
        await here.drained()
        transport = httpx.ASGITransport(app=component.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.get("/admin/v1/dead")).status_code == 401
            client.headers["authorization"] = f"Bearer {ADMIN}"
            first = (await client.get("/admin/v1/dead", params={"limit": 3})).json()
            second = (await client.get("/admin/v1/dead", params={"limit": 3, "after": first["after"]})).json()
            wrong = await client.get("/admin/v1/dead", params={"after": "elsewhere"})
            none = await client.get("/admin/v1/dead", params={"limit": 0})
        letters = first["letters"] + second["letters"]
        assert [base64.b64decode(letter["bytes"]) for letter in letters] == [b"no record %d" % n for n in range(5)]
        assert {(letter["stage"], letter["index"]) for letter in letters} == {("decode", 0)}
        assert sorted(letter["offset"] for letter in letters) == list(range(5))
        assert (first["after"] is None, second["after"]) == (False, None)
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "after")
        assert none.status_code in {400, 422}
        assert here.query("SELECT count(*) FROM event_ids") == [(1,)]


async def test_a_paused_receiver_consumes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        async with running(here.process, QUICK.model_copy(update={"paused": True})):
            await here.publish(record(event()))
            gauge = "footfall_consumer_lag_records", {"group": NAMES.groups.raw_receiver}
            await eventually(lambda: here.process.registry.get_sample_value(*gauge) == 1)
            assert here.query("SELECT count(*) FROM event_ids") == [(0,)]
        async with running(here.process, QUICK):
            await here.drained()
            assert here.query("SELECT count(*) FROM event_ids") == [(1,)]


async def test_the_resources_domains_are_no_referrers(tmp_path: Path) -> None:
    document = ResourceDocument(
        tenant=TENANT, resource=SHOP, revision=1, origin="manifest", domains=("shop.example", "pay.example")
    )
    one = event(visitor=new_id(), referrer="https://pay.example/done")
    async with world(tmp_path) as here:
        await here.process.bus.publish(
            [Outgoing(NAMES.topics.settings, key_of(document), msgspec.json.encode(document))]
        )
        async with running(here.process, QUICK):
            await here.publish(record(one))
            await here.drained()
            (row,) = await segment_rows(here, bucket_of(RECEIVED))
            assert (row["channel"], row["source"]) == ("direct", "")


async def test_members_that_come_and_go_share_the_work_and_store_each_event_once(tmp_path: Path) -> None:
    visitors = [new_id() for _ in range(8)]
    rounds = [[event(RECEIVED - number * 1_000, visitor=visitor) for visitor in visitors] for number in range(9)]
    async with world(tmp_path) as here, running(here.process, QUICK):
        await here.publish(*map(record, chain(*rounds[:3])))
        async with running(here.process, QUICK):
            await eventually(lambda: len(here.outages) == 2)
            await here.publish(*map(record, chain(*rounds[3:6])), *map(record, rounds[0]))
            await here.drained()
            await here.publish(*map(record, chain(*rounds[6:])))  # and one leaves with these in flight
        await here.drained()
        assert all(outage.applied for outage in here.outages), "one of the members did nothing"
        for at, visitor in enumerate(visitors):
            feed = await here.feed(visitor, month_of(RECEIVED))
            assert [stored.event for stored in feed] == [some[at] for some in rounds]
