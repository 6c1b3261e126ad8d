"""The native door through HTTP, on a real embedded bus: what is taken, what is answered, what lies on the bus."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from footfall_common.bus.embedded import BusLimits

Door = Any
"""`tests/unit/receiver/conftest.py` has the class; a test folder is no package to import it from."""

OpenDoor = Callable[..., Awaitable[Door]]
VISITOR = uuid.UUID("44444444-4444-4444-8444-444444444444")
DAY_MS = 86_400_000


async def test_an_event_is_on_the_bus_when_the_answer_comes(door: Door) -> None:
    event = door.event(name="Shoes", cost=12.5, href="https://shop.example/a", languages=["en-US", "fr"])
    assert await door.verdicts(event, user_agent="Agent/1") == [{"id": event["id"], "status": "accepted"}]
    (record,) = await door.stored()
    assert (record.user_agent, record.address, record.received) == ("Agent/1", "203.0.113.0", door.clock.now_ms())
    (kept,) = record.events
    assert (kept.name, kept.cost, kept.href, kept.languages) == (
        "Shoes",
        12.5,
        "https://shop.example/a",
        ["en-US", "fr"],
    )


async def test_one_object_instead_of_a_list_is_one_event(door: Door) -> None:
    answer = await door.post(door.request() | {"events": door.event()})
    assert [verdict["status"] for verdict in answer.json()["events"]] == ["accepted"]


async def test_the_bus_record_carries_a_trace_from_the_start(door: Door) -> None:
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await door.verdicts(door.event(), traceparent=given)
    await door.verdicts(door.event())
    traces = [dict(record.headers)["traceparent"].decode() for record in await door.on_bus()]
    assert given in traces
    (made,) = [trace for trace in traces if trace != given]
    version, trace, span, flags = made.split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "00")


async def test_events_of_several_visitors_become_a_record_each(door: Door) -> None:
    events = [door.event(trackingId=str(uuid.UUID(int=n % 3 + 1, version=4))) for n in range(9)]
    events.append(door.event(trackingId=None))
    await door.verdicts(*events)
    records = await door.on_bus()
    assert len({record.key for record in records}) == len(records) == 4
    stored = {e.id: e.tracking_id for record in await door.stored() for e in record.events}
    assert {str(key): value and str(value) for key, value in stored.items()} == {
        e["id"]: e["trackingId"] for e in events
    }


async def test_a_visitor_whose_events_exceed_a_record_gets_several(door: Door) -> None:
    events = [door.event(properties={"note": "x" * 200, "more": "y" * 4000}) for _ in range(100)]
    assert {v["status"] for v in await door.verdicts(*events)} == {"accepted"}
    records = await door.on_bus()
    assert len(records) > 1
    assert all(len(record.value) <= 200_000 for record in records)
    assert [str(e.id) for record in await door.stored() for e in record.events] == [e["id"] for e in events]


async def test_a_repeated_event_is_a_duplicate_and_stored_once(door: Door) -> None:
    event = door.event()
    assert [v["status"] for v in await door.verdicts(event, event)] == ["accepted", "duplicate"]
    assert [v["status"] for v in await door.verdicts(event)] == ["duplicate"]
    assert sum(len(record.events) for record in await door.stored()) == 1


async def test_an_id_that_is_no_uuid_meets_itself_again(door: Door) -> None:
    event = door.event(id="order-17")
    assert await door.verdicts(event) == [{"id": "order-17", "status": "accepted"}]
    assert await door.verdicts(event) == [{"id": "order-17", "status": "duplicate"}]
    (record,) = await door.stored()
    assert record.events[0].id == uuid.uuid5(record.tenant, "order-17")


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"type": None}, "invalid_field", "type"),
        ({"type": ""}, "invalid_field", "type"),
        ({"cost": "12"}, "invalid_field", "cost"),
        ({"cost": 1e300}, "invalid_field", "cost"),
        ({"trackingId": "not-a-guid"}, "invalid_field", "trackingId"),
        ({"occurred": "2026-11-23T10:00:00"}, "invalid_field", "occurred"),
        ({"occurred": "yesterday"}, "invalid_field", "occurred"),
        ({"occurred": "99999-01-01T00:00:00Z"}, "invalid_field", "occurred"),
        ({"occurred": 1_700_000_000}, "invalid_field", "occurred"),
        ({"occurred": "0001-01-01T00:00:00+14:00"}, "too_old", "occurred"),
        ({"occurred": "1970-01-01T00:00:00Z"}, "too_old", "occurred"),
        ({"screen": {"width": -1}}, "invalid_field", "screen.width"),
        ({"screen": {"wide": 1}}, "unknown_field", "screen.wide"),
        ({"languages": ["x" * 256]}, "invalid_field", "languages[0]"),
        ({"properties": {"a": {"deep": 1}}}, "invalid_field", "properties[...]"),
        ({"colour": "red"}, "unknown_field", "colour"),
        ({"name": "a\x00b"}, "invalid_field", "name"),
        ({"title": "t" * 4097}, "invalid_field", "title"),
        ({"properties": {"note": "x" * 33_000}}, "too_large", None),
        ({"consent": "denied"}, "consent", "consent"),
        ({"consent": "perhaps"}, "invalid_field", "consent"),
        ({"seq": 1.5}, "invalid_field", "seq"),
        ({"id": ""}, "invalid_field", "id"),
        ({"id": "x" * 101}, "invalid_field", "id"),
    ],
)
async def test_a_fault_inside_an_event_rejects_that_event_alone(
    door: Door, fields: dict[str, Any], reason: str, field: str | None
) -> None:
    bad = door.event(**fields)
    good, also = door.event(), door.event()
    verdicts = await door.verdicts(good, bad, also)
    assert [v["status"] for v in verdicts] == ["accepted", "rejected", "accepted"]
    assert (verdicts[1]["reason"], verdicts[1].get("field")) == (reason, field)
    assert verdicts[1]["message"].endswith((".", ")."))
    assert [str(e.id) for record in await door.stored() for e in record.events] == [good["id"], also["id"]]


@pytest.mark.parametrize("missing", ["id", "trackingId", "type", "occurred"])
async def test_a_missing_field_is_named(door: Door, missing: str) -> None:
    event = door.event()
    del event[missing]
    (verdict,) = await door.verdicts(event)
    assert (verdict["status"], verdict["reason"], verdict["field"]) == ("rejected", "missing_field", missing)


@pytest.mark.parametrize("event", [1, "x", None, [], [[]], True])
async def test_an_event_that_is_no_object_is_rejected(door: Door, event: Any) -> None:
    verdicts = await door.verdicts(door.event(), event)
    assert [v["status"] for v in verdicts] == ["accepted", "rejected"]
    assert verdicts[1]["reason"] == "invalid_field"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"v": 2}, "invalid_field", "v"),
        ({"v": None}, "invalid_field", "v"),
        ({"tenant": "acme"}, "invalid_field", "tenant"),
        ({"resource": 7}, "invalid_field", "resource"),
        ({"events": []}, "invalid_field", "events"),
        ({"events": "none"}, "invalid_field", "events"),
        ({"sent": "now"}, "invalid_field", "sent"),
        ({"sdk": "tracker"}, "invalid_field", "sdk"),
        ({"extra": 1}, "unknown_field", "extra"),
    ],
)
async def test_a_fault_outside_the_events_is_400_and_named(
    door: Door, change: dict[str, Any], code: str, field: str
) -> None:
    answer = await door.post(door.request(door.event()) | change)
    body = answer.json()
    if change == {"events": "none"}:  # one event that is no object
        assert (answer.status_code, body["events"][0]["status"]) == (200, "rejected")
        return
    assert (answer.status_code, body["error"]["code"], body["error"]["field"]) == (400, code, field)
    assert not await door.on_bus()


async def test_more_events_than_allowed_are_refused_whole(door: Door) -> None:
    answer = await door.post(door.request(*(door.event() for _ in range(501))))
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "events")
    assert not await door.on_bus()


@pytest.mark.parametrize(
    ("tenant", "resource", "status", "code"),
    [
        ("99999999-9999-4999-8999-999999999999", "22222222-2222-4222-8222-222222222222", 401, "unknown_resource"),
        ("11111111-1111-4111-8111-111111111111", "99999999-9999-4999-8999-999999999999", 401, "unknown_resource"),
        ("11111111-1111-4111-8111-111111111111", "33333333-3333-4333-8333-333333333333", 403, "inactive_resource"),
    ],
)
async def test_a_resource_that_does_not_take_events_says_so(
    door: Door, tenant: str, resource: str, status: int, code: str
) -> None:
    answer = await door.post(door.request(door.event()) | {"tenant": tenant, "resource": resource})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (answer.headers.get("retry-after") == "5") == (status == 401)
    assert not await door.on_bus()


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://shop.example", 200),
        ("https://www.shop.example:8443", 200),
        ("https://evil.example", 403),
        ("https://notshop.example", 403),
        ("null", 403),
        ("https://[", 403),
    ],
)
async def test_only_pages_of_the_resources_domains_may_send(door: Door, origin: str, status: int) -> None:
    answer = await door.post(door.request(door.event()), origin=origin)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-expose-headers"] == "retry-after, x-request-id"


async def test_the_same_id_on_another_day_is_another_event(door: Door) -> None:
    event = door.event()
    before = event | {"occurred": "2026-11-20T00:00:00Z"}
    assert [v["status"] for v in await door.verdicts(event, before, event)] == ["accepted", "accepted", "duplicate"]


async def test_uuids_come_back_in_one_form(door: Door) -> None:
    event = door.event()
    plain = event["id"].replace("-", "").upper()
    alone = await door.verdicts(event | {"id": plain})
    beside_a_fault = await door.verdicts(event | {"id": plain}, 7)
    assert alone[0]["id"] == beside_a_fault[0]["id"] == event["id"]


async def test_gpc_is_obeyed_unless_the_visitor_granted(door: Door) -> None:
    verdicts = await door.verdicts(door.event(), door.event(consent="granted"), sec_gpc="1")
    assert [(v["status"], v.get("reason")) for v in verdicts] == [("rejected", "consent"), ("accepted", None)]


async def test_secrets_and_addresses_are_scrubbed_from_urls(door: Door) -> None:
    event = door.event(
        href="https://shop.example/a@b?utm_source=x&token=abc&q=me%40home.example#password=1",
        referrer="https://x.example/?a=b",
    )
    await door.verdicts(event)
    (record,) = await door.stored()
    assert record.events[0].href == (
        "https://shop.example/a@b?utm_source=x&token=[scrubbed]&q=[scrubbed]#password=[scrubbed]"
    )
    assert record.events[0].referrer == "https://x.example/?a=b"


async def test_a_visitor_has_a_daily_limit_and_a_new_day(open_door: OpenDoor) -> None:
    door = await open_door(visitor_daily_limit=3)
    statuses = [v.get("reason", v["status"]) for v in await door.verdicts(*(door.event() for _ in range(5)))]
    assert statuses == ["accepted"] * 3 + ["visitor_limit"] * 2
    other = door.event(trackingId=str(uuid.UUID(int=9, version=4)))
    assert [v["status"] for v in await door.verdicts(other)] == ["accepted"]
    door.clock.advance(ms=DAY_MS)
    assert [v["status"] for v in await door.verdicts(door.event())] == ["accepted"]


async def test_requests_at_once_share_a_visitors_limit(open_door: OpenDoor) -> None:
    door = await open_door(visitor_daily_limit=3)
    answers = await asyncio.gather(*(door.verdicts(door.event()) for _ in range(10)))
    assert sum(verdict["status"] == "accepted" for (verdict,) in answers) == 3


async def test_a_full_buffer_is_503_and_nothing_is_remembered(open_door: OpenDoor) -> None:
    door = await open_door(BusLimits(buffer_bytes=2000))
    big = door.event(properties={"note": "x" * 3000})
    answer = await door.post(door.request(big))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    small = big | {"properties": {}}
    assert [v["status"] for v in await door.verdicts(small)] == ["accepted"]


async def test_too_many_requests_at_once_are_503_and_may_come_again(open_door: OpenDoor) -> None:
    door = await open_door(max_in_flight=1)
    answers = await asyncio.gather(*(door.post(door.request(door.event())) for _ in range(20)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 503}
    assert len(await door.stored()) == codes.count(200)


async def test_clock_skew_is_corrected_before_an_event_is_too_old(door: Door) -> None:
    event = door.event(occurred="2020-01-01T00:00:00Z")
    answer = await door.post(door.request(event, sent="2020-01-01T00:00:05Z"))
    assert answer.json()["events"][0]["status"] == "accepted"


async def test_a_tenant_over_its_rate_is_told_when_to_come_back_and_nothing_is_taken(open_door: OpenDoor) -> None:
    door = await open_door(burst_seconds=2)
    await door.limit(tenant=5)
    assert (await door.post(door.request(*[door.event() for _ in range(10)]))).status_code == 200
    events = [door.event(), door.event()]
    answer = await door.post(door.request(*events), origin="https://shop.example")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    error = answer.json()["error"]
    assert (error["code"], error["field"]) == ("rate_limited", "tenant")
    assert "5 events a second" in error["message"]
    assert "retry-after" in answer.headers["access-control-expose-headers"]
    assert sum(len(record.events) for record in await door.stored()) == 10
    door.clock.advance(seconds=1)
    assert [verdict["status"] for verdict in await door.verdicts(*events)] == ["accepted", "accepted"]


async def test_a_resource_over_its_rate_is_named_as_such(open_door: OpenDoor) -> None:
    door = await open_door(burst_seconds=1)
    await door.limit(resource=1)
    await door.verdicts(door.event())
    answer = await door.post(door.request(door.event()))
    assert (answer.status_code, answer.json()["error"]["field"]) == (429, "resource")


async def test_one_tenant_over_its_rate_leaves_another_alone(open_door: OpenDoor) -> None:
    door = await open_door(burst_seconds=1)
    await door.limit(tenant=1)
    await door.verdicts(door.event())
    assert (await door.post(door.request(door.event()))).status_code == 429
    other = await door.another_tenant()
    answer = await door.post(door.request(door.event(), tenant=str(other)))
    assert answer.status_code == 200, answer.text


async def test_what_the_bus_refused_does_not_count_against_the_rate(open_door: OpenDoor) -> None:
    door = await open_door(BusLimits(buffer_bytes=2000), burst_seconds=1)
    await door.limit(tenant=1)
    for _ in range(3):
        assert (await door.post(door.request(door.event(title="x" * 2500)))).status_code == 503
    assert (await door.post(door.request(door.event()))).status_code == 200
    assert (await door.post(door.request(door.event()))).status_code == 429
