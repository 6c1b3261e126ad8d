"""Report's two doors over HTTP, on the real embedded bus and store."""

import asyncio
import datetime as dt
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from footfall_common.auth import AdminToken
from footfall_common.bus import Outgoing
from footfall_common.bus import embedded as embedded_bus
from footfall_common.bus.embedded import BusLimits, EmbeddedBus, topic_specs
from footfall_common.documents import NIL, Goal, GoalFilter, GoalRevision, ResourceDocument, key_of
from footfall_common.errors import BusUnavailable, StoreUnavailable
from footfall_common.events.model import Screen
from footfall_common.pipeline.effects import Mark
from footfall_common.pipeline.marks import mark_record
from footfall_common.pipeline.view import SettingsView
from footfall_common.placement import Placement, names
from footfall_common.process import StoringProcess
from footfall_common.sqlite import SqliteFile
from footfall_common.store.embedded import EmbeddedStore, schema
from footfall_common.telemetry.catalogue import UNREADABLE
from footfall_common.tenancy import TenantContext
from footfall_common.testing import Issuer, ManualClock, ids
from footfall_report.app import running
from footfall_report.settings import ReportSettings
from tests.support.recount import recount
from tests.support.report import BLOG, NOON, SHOP, TENANT, Shelf, days_around, plain, row_of

NAMES = names(NIL, Placement.POOLED)
ANNA, BEN = (uuid.UUID(int=number, version=4) for number in (1, 2))
OTHER = TenantContext(uuid.UUID("aaaaaaaa-0000-4000-8000-000000000002"))
CLIENT = uuid.UUID(int=77, version=4)
FEED, OVERVIEW = "/api/Event/feed", "/api/v1/overview"
DAY = {"from": "2026-11-23", "to": "2026-11-23"}
LEADS = Goal(
    id=uuid.UUID(int=9, version=4),
    name="lead",
    origin="manifest",
    revisions=(GoalRevision(since=0, active=True, filter=GoalFilter(event_type="LEAD")),),
)
SITES = [
    ResourceDocument(tenant=TENANT.tenant, resource=SHOP, revision=1, origin="manifest", goals=(LEADS,)),
    ResourceDocument(tenant=TENANT.tenant, resource=BLOG, revision=1, origin="manifest", active=False),
]


class World:
    """A running report, its callers' tokens, and the store behind it."""

    def __init__(self, process: StoringProcess, shelf: Shelf, issuer: Issuer, client: httpx.AsyncClient) -> None:
        self.process = process
        self.shelf = shelf
        self.issuer = issuer
        self.client = client

    def token(self, tenant: TenantContext = TENANT, **changes: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.issuer.token(tenant.tenant, CLIENT, **changes)}"}

    async def feed(self, tenant: TenantContext = TENANT, **body: Any) -> dict[str, Any]:
        answer = await self.client.post(FEED, json=body, headers=self.token(tenant))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        found: dict[str, Any] = answer.json()
        return found

    async def overview(self, **query: Any) -> dict[str, Any]:
        answer = await self.client.get(OVERVIEW, params=query, headers=self.token())
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def world(folder: Path, settings: ReportSettings | None = None) -> AsyncIterator[World]:
    clock = ManualClock(NOON)
    async with AsyncExitStack() as stack:
        bus_file = SqliteFile(folder / "bus.db", embedded_bus.SCHEMA, unavailable=BusUnavailable)
        store_file = SqliteFile(
            folder / "store.db", (*schema.TABLES, *embedded_bus.SCHEMA), unavailable=StoreUnavailable
        )
        for file in (bus_file, store_file):
            await file.open()
            stack.push_async_callback(file.close)
        bus = EmbeddedBus({"bus": bus_file, "store": store_file}, topic_specs(NAMES.topics), clock, BusLimits())
        await bus.open()
        stack.push_async_callback(bus.close)
        await bus.publish([Outgoing(NAMES.topics.settings, key_of(site), msgspec.json.encode(site)) for site in SITES])
        view = SettingsView(bus, NAMES.topics.settings)
        following = asyncio.create_task(view.run())
        stack.callback(following.cancel)
        await view.ready.wait()
        issuer = Issuer(clock)
        process = StoringProcess(
            clock=clock, new_id=ids(), random_bytes=lambda size: b"r" * size, registry=CollectorRegistry(), bus=bus,
            store=EmbeddedStore(store_file), names=NAMES, view=view, verifier=issuer.verifier,
            admin=AdminToken(lambda: "a" * 32), sink=lambda _: pytest.fail("report changes nothing"),
        )  # fmt: skip
        component = await stack.enter_async_context(
            running(process, settings or ReportSettings(data_dir=folder / "report"))
        )
        transport = httpx.ASGITransport(component.app)
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://report.test"))
        yield World(process, Shelf(store_file), issuer, client)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def test_an_event_has_every_field_that_creatio_reads(here: World) -> None:
    extra = {
        "href": "https://shop.example/a", "referrer": "https://r.example/", "language": "en-US", "platform": "Win32",
        "languages": ["en-US", "fr"],
        "screen": msgspec.convert(
            {"width": 1920, "height": 1080, "availWidth": 1919, "availHeight": 1040, "pixelDepth": 24}
            | {"colorDepth": 25},
            Screen,
        ),
    }  # fmt: skip
    await here.shelf.add(
        [
            plain(1, ANNA, NOON + 4_900, extra=extra, browser="Chrome", name="n", value="v", cost=12.50, type="CLICK"),
            plain(2, ANNA, NOON, browser=""),
        ]
    )
    answer = await here.feed(offset=None, count=0, creatioTrackingIds=[str(ANNA).upper(), str(ANNA)])
    assert answer["errorMessage"] == ""
    assert isinstance(answer["offset"], str)
    assert answer["events"][0] == {
        "eventId": str(uuid.UUID(int=1, version=4)), "eventType": "CLICK", "eventName": "n", "eventValue": "v",
        "eventCost": "12.5", "timestamp": "2026-11-23T12:00:04.900", "href": "https://shop.example/a",
        "referrer": "https://r.example/", "language": "en-US", "platform": "Win32", "browser": "Chrome",
        "languages": "en-US, fr", "screenWidth": 1920, "screenHeight": 1080, "screenPixelDepth": 24,
        "screenColorDepth": 25, "screenAvailWidth": 1919, "screenAvailHeight": 1040,
    }  # fmt: skip
    bare = answer["events"][1]
    assert (bare["eventCost"], bare["timestamp"], bare["screenWidth"]) == ("", "2026-11-23T12:00:00.000", 0)
    assert list(bare) == list(answer["events"][0])


async def test_names_come_in_any_case_and_the_end_is_an_empty_page(here: World) -> None:
    await here.shelf.add([plain(number, ANNA, NOON + number) for number in range(1, 4)])
    first = await here.feed(OFFSET="", Count=2, CreatioTrackingIDs=[str(ANNA)], somethingNew=1)
    second = await here.feed(Offset=first["offset"], COUNT=2, creatiotrackingids=[str(ANNA)])
    third = await here.feed(offset=second["offset"], count=2, creatioTrackingIds=[str(ANNA)])
    assert [len(page["events"]) for page in (first, second, third)] == [2, 1, 0]
    assert (second["offset"] is None, third["offset"]) == (False, None)
    assert await here.feed(creatioTrackingIds=[]) == {"offset": None, "events": [], "errorMessage": ""}
    assert await here.feed() == {"offset": None, "events": [], "errorMessage": ""}


async def test_count_has_a_default_and_a_top(here: World) -> None:
    await here.shelf.add([plain(number, ANNA, NOON + number) for number in range(1, 601)])
    for count, rows in ((None, 50), (0, 50), (1, 1), (500, 500), (501, 500), (2**40, 500)):
        assert len((await here.feed(count=count, creatioTrackingIds=[str(ANNA)]))["events"]) == rows


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"count": -1}, "count"),
        ({"count": "5"}, "count"),
        ({"count": 1.5}, "count"),
        ({"count": True}, "count"),
        ({"offset": 5}, "offset"),
        ({"offset": "made-up"}, "offset"),
        ({"offset": "x" * 500}, "offset"),
        ({"offset": "ü"}, "offset"),
        ({"creatioTrackingIds": "one"}, "creatioTrackingIds"),
        ({"creatioTrackingIds": [str(ANNA), "no-guid"]}, "creatioTrackingIds[1]"),
        ({"creatioTrackingIds": [None]}, "creatioTrackingIds[0]"),
        ({"creatioTrackingIds": [str(uuid.UUID(int=n)) for n in range(10_001)]}, "creatioTrackingIds"),
        ([], "body"),
        ("text", "body"),
    ],
)
async def test_what_is_wrong_inside_the_json_is_told_at_200(here: World, body: Any, field: str) -> None:
    answer = await here.client.post(FEED, json=body, headers=here.token())
    assert answer.status_code == 200
    found = answer.json()
    assert (found["offset"], found["events"]) == (None, [])
    assert field in found["errorMessage"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 10_000, b'{"offset": "\xff"}'])
async def test_what_is_no_json_is_400(here: World, content: bytes) -> None:
    headers = here.token() | {"content-type": "application/json; charset=utf-8"}
    answer = await here.client.post(FEED, content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


async def test_no_token_no_answer(here: World) -> None:
    for url, call in ((FEED, here.client.post), (OVERVIEW, here.client.get)):
        assert (await call(url)).status_code == 401
        assert (await call(url, headers=here.token(claims={"exp": 1}))).status_code == 401
        assert (await call(url, headers=here.token(scope="else"))).status_code == 403


async def test_a_cursor_is_for_one_tenant_and_one_set_of_visitors(here: World) -> None:
    events = [plain(number, ANNA, NOON + number) for number in range(1, 4)]
    await here.shelf.add(events)
    await here.shelf.add(events, OTHER)
    offset = (await here.feed(count=1, creatioTrackingIds=[str(ANNA)]))["offset"]
    refused = [
        await here.feed(OTHER, offset=offset, creatioTrackingIds=[str(ANNA)]),
        await here.feed(offset=offset, creatioTrackingIds=[str(ANNA), str(BEN)]),
        await here.feed(offset=offset, creatioTrackingIds=[str(BEN)]),
        await here.feed(offset=offset, creatioTrackingIds=[]),
        await here.feed(offset=offset[:-2], creatioTrackingIds=[str(ANNA)]),
        await here.feed(offset=("A" if offset[0] != "A" else "B") + offset[1:], creatioTrackingIds=[str(ANNA)]),
        await here.feed(offset=offset + "!", creatioTrackingIds=[str(ANNA)]),
    ]
    for answer in refused:
        assert (answer["events"], answer["offset"]) == ([], None)
        assert answer["errorMessage"].startswith("offset ")
    assert len((await here.feed(offset=offset, creatioTrackingIds=[str(ANNA).upper()]))["events"]) == 2


async def test_cursors_outlive_a_restart_and_one_change_of_keys(tmp_path: Path) -> None:
    ask: dict[str, Any] = {"count": 1, "creatioTrackingIds": [str(ANNA)]}
    keys = tmp_path / "report" / "cursor.keys"
    async with world(tmp_path) as here:
        await here.shelf.add([plain(number, ANNA, NOON + number) for number in range(1, 4)])
        offset = (await here.feed(**ask))["offset"]
        assert keys.stat().st_mode & 0o777 == 0o600
    async with world(tmp_path) as here:
        assert len((await here.feed(offset=offset, **ask))["events"]) == 1
        old = keys.read_text()
        keys.write_text(f"{hashlib.sha256(b'new').hexdigest()}\n{old}")
        newer = await here.feed(offset=offset, **ask)
        assert len(newer["events"]) == 1
        keys.write_text(f"{hashlib.sha256(b'newest').hexdigest()}\n{hashlib.sha256(b'new').hexdigest()}\n")
        assert "too old" in (await here.feed(offset=offset, **ask))["errorMessage"]
        assert len((await here.feed(offset=newer["offset"], **ask))["events"]) == 1
        keys.write_text("no key")  # what was read before stays in force
        assert len((await here.feed(offset=newer["offset"], **ask))["events"]) == 1


async def test_two_tenants_with_equal_ids_never_meet(here: World) -> None:
    await here.shelf.add([plain(1, ANNA, NOON, name="mine")])
    await here.shelf.add([plain(1, ANNA, NOON, name="theirs"), plain(2, ANNA, NOON)], OTHER)
    assert [event["eventName"] for event in (await here.feed(creatioTrackingIds=[str(ANNA)]))["events"]] == ["mine"]
    assert len((await here.feed(OTHER, creatioTrackingIds=[str(ANNA)]))["events"]) == 2
    assert (await here.overview(**DAY))["totals"]["events"] == 1


async def test_the_overview_has_its_shape_and_the_recount_agrees(here: World) -> None:
    events = [
        plain(1, ANNA, NOON, channel="email", source="news"),
        plain(2, ANNA, NOON + 1, type="LEAD"),
        plain(3, BEN, NOON, BLOG),
        plain(4, None, NOON),
    ]
    await here.shelf.add(events)
    await here.shelf.segment(days_around(NOON, 1), 1)
    answer = await here.overview(**DAY)
    day = dt.date(2026, 11, 23)
    assert list(answer) == [
        "from", "to", "tz", "asOf", "totals", "days", "resources", "sources", "devices", "goals",
    ]  # fmt: skip
    assert answer["asOf"] == "2026-11-23T12:00:00.000Z"
    assert answer == recount(events, SITES, day, day) | {"asOf": answer["asOf"]}
    assert answer["totals"] == {"events": 4, "pageViews": 3, "visitors": 2, "visits": 2}
    only = await here.overview(**DAY, resource=[str(SHOP)], tz="Europe/Berlin")
    assert only == recount(events, SITES, day, day, "Europe/Berlin", [str(SHOP)]) | {"asOf": only["asOf"]}
    both = await here.overview(**DAY, resource=[str(SHOP), str(BLOG).upper()])
    assert both["totals"] == answer["totals"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"to": "2026-11-23"}, "from"),
        ({"from": "2026-11-23"}, "to"),
        ({**DAY, "from": "23.11.2026"}, "from"),
        ({**DAY, "from": "2026-02-30"}, "from"),
        ({**DAY, "from": "2026-11-23T00:00:00"}, "from"),
        ({**DAY, "to": "20261123"}, "to"),
        ({**DAY, "to": "9999-12-31"}, "to"),
        ({**DAY, "from": "2026-11-24"}, "from"),
        ({**DAY, "from": "2025-10-19"}, "to"),
        ({**DAY, "tz": "Mars/Olympus"}, "tz"),
        ({**DAY, "tz": "../../etc/passwd"}, "tz"),
        ({**DAY, "tz": "America"}, "tz"),
        ({**DAY, "tz": "a\x00b"}, "tz"),
        ({**DAY, "resource": "shop"}, "resource"),
        ({**DAY, "resource": str(uuid.UUID(int=1))}, "resource"),
        ({**DAY, "ressource": str(SHOP)}, "ressource"),
        ({**DAY, "tz": ["UTC", "UTC"]}, "tz"),
    ],
)
async def test_a_wrong_parameter_is_named(here: World, query: dict[str, Any], field: str) -> None:
    answer = await here.client.get(OVERVIEW, params=query, headers=here.token())
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_four_hundred_days_are_allowed(here: World) -> None:
    answer = await here.overview(**{"from": "2025-10-20", "to": "2026-11-23"})
    assert len(answer["days"]) == 400


async def test_an_answer_is_remembered_until_something_it_rests_on_changes(here: World) -> None:
    await here.shelf.add([plain(1, ANNA, NOON)])
    assert (await here.overview(**DAY))["totals"]["events"] == 1
    await here.shelf.add([plain(2, ANNA, NOON + 1)])  # no segment yet: read straight from the store
    assert (await here.overview(**DAY))["totals"]["events"] == 2
    await here.shelf.segment(days_around(NOON, 1), 1)
    assert (await here.overview(**DAY))["totals"]["events"] == 2
    await here.shelf.run("DELETE FROM chunks")
    assert (await here.overview(**DAY))["totals"]["events"] == 2
    await here.shelf.add([plain(3, ANNA, NOON + 2)])
    await here.shelf.segment(days_around(NOON, 1), 2)
    assert (await here.overview(**DAY))["totals"]["events"] == 3


@pytest.mark.parametrize("column", ["raw", "enriched"])
async def test_a_row_that_cannot_be_read_is_left_out_and_the_others_come(here: World, column: str) -> None:
    await here.shelf.add([plain(number, ANNA, NOON + number) for number in range(1, 8)])
    await here.shelf.run(f"UPDATE events_by_bucket SET {column} = CAST('{{torn' AS BLOB) WHERE off = 4")
    first = await here.feed(creatioTrackingIds=[str(ANNA)], count=3)
    second = await here.feed(creatioTrackingIds=[str(ANNA)], count=500, offset=first["offset"])
    assert [first["errorMessage"], second["errorMessage"]] == ["", ""]
    assert len(first["events"]) + len(second["events"]) == 6
    assert here.process.registry.get_sample_value(UNREADABLE.name)
    assert (await here.overview(**DAY))["totals"]["events"] == 6


async def test_no_depth_of_nesting_takes_a_page_with_it(here: World) -> None:
    """A depth that can just be skipped where a row is read may be too much where more calls lie above the reader."""
    event = plain(2, ANNA, NOON + 2)
    await here.shelf.add([plain(1, ANNA, NOON + 1), event])
    raw, found = row_of(event, 2).raw, set()
    for depth in range(700, 1_000, 4):
        nested = b'"contexts":[{"a":' + b"[" * depth + b"]" * depth + b'}],"occurred"'
        await here.shelf.run("UPDATE events_by_bucket SET raw = ? WHERE off = 2", raw.replace(b'"occurred"', nested, 1))
        found.add(len((await here.feed(creatioTrackingIds=[str(ANNA)]))["events"]))
        await here.overview(**DAY)
    assert found == {1, 2}


async def test_segments_deleted_while_running_change_no_number(here: World) -> None:
    events = [plain(number, (ANNA, BEN, None)[number % 3], NOON + number * 200_000) for number in range(1, 60)]
    await here.shelf.add(events)
    await here.shelf.segment(days_around(NOON, 1), 1)
    before = await here.overview(**DAY)
    for damage in ("DELETE FROM chunks WHERE hex(chunk) < '8'", "DELETE FROM segment_versions WHERE bucket % 2 = 0"):
        await here.shelf.run(damage)
        assert await here.overview(**DAY) == before
    await here.shelf.run("DELETE FROM segment_versions")
    assert await here.overview(**DAY, tz="UTC") == before


async def test_as_of_stays_behind_what_is_not_counted_yet(here: World) -> None:
    clock, bus = here.process.clock, here.process.bus
    assert isinstance(clock, ManualClock)
    assert (await here.overview(**DAY))["asOf"] == "2026-11-23T12:00:00.000Z"
    clock.advance(seconds=10)
    await bus.publish([Outgoing(NAMES.topics.raw, b"key", b"{}")])
    clock.advance(seconds=10)
    assert (await here.overview(**DAY))["asOf"] == "2026-11-23T12:00:10.000Z"  # the raw record waits
    clock.advance(seconds=10)
    # The record was taken after 12:00:20 and made this mark: the bucket worker has not reached what came at 12:00:10.
    await bus.publish([mark_record(NAMES.topics.buckets, Mark(TENANT.tenant, 0, 0, 0))])
    clock.advance(seconds=10)
    assert (await here.overview(**DAY))["asOf"] == "2026-11-23T12:00:10.000Z"


async def test_ready_says_whether_the_store_answers(here: World) -> None:
    assert (await here.client.get("/readyz")).status_code == 200


async def test_without_a_folder_everything_stays_in_memory(tmp_path: Path) -> None:
    async with world(tmp_path, ReportSettings()) as here:
        await here.shelf.add([plain(number, ANNA, NOON + number) for number in range(1, 4)])
        await here.shelf.segment(days_around(NOON, 1), 1)
        assert (await here.overview(**DAY))["totals"]["events"] == 3
        offset = (await here.feed(count=1, creatioTrackingIds=[str(ANNA)]))["offset"]
        assert len((await here.feed(offset=offset, creatioTrackingIds=[str(ANNA)]))["events"]) == 2
    assert not os.path.exists(tmp_path / "report")  # noqa: ASYNC240, PTH110 - nothing else runs here any more
