"""What the native door keeps of HTTP: methods, preflights, headers, refusals."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Door = Any
"""`tests/unit/receiver/conftest.py` has the class; a test folder is no package to import it from."""

OpenDoor = Callable[..., Awaitable[Door]]
VISITOR = uuid.UUID("44444444-4444-4444-8444-444444444444")
DAY_MS = 86_400_000


async def test_a_preflight_is_answered(door: Door) -> None:
    answer = await door.client.options("/api/events", headers={"origin": "https://shop.example"})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert "content-type" in answer.headers["access-control-allow-headers"]


async def test_other_methods_are_405(door: Door) -> None:
    answer = await door.client.get("/api/events", headers={"origin": "https://shop.example"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


async def test_a_refusal_is_counted_and_has_a_request_id(door: Door) -> None:
    answer = await door.post(b"nothing")
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    refused = {"status": "400", "code": "invalid_json"}
    assert door.registry.get_sample_value("footfall_receiver_refused_total", refused) == 1


async def test_a_fault_of_ours_is_500_in_the_one_format(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_records: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(door.bus, "publish", broken)
    answer = await door.post(door.request(door.event()))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert answer.headers["x-request-id"] in answer.json()["error"]["message"]


async def test_a_length_of_many_digits_is_413(door: Door) -> None:
    answer = await door.post(door.request(door.event()), content_length="9" * 5000)
    assert answer.status_code == 413


async def test_a_trace_that_is_none_goes_no_further(door: Door) -> None:
    await door.verdicts(door.event(), traceparent="x" * 100_000, user_agent="u" * 5000)
    (record,) = await door.on_bus()
    assert len(dict(record.headers)["traceparent"]) == 55
    assert len((await door.stored())[0].user_agent) == 1024
