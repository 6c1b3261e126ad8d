"""Bodies that strangers send: what is no JSON, too deep, too large, packed, or in characters that are none."""

import gzip
import json
import uuid
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Door = Any
"""`tests/unit/receiver/conftest.py` has the class; a test folder is no package to import it from."""

OpenDoor = Callable[..., Awaitable[Door]]
VISITOR = uuid.UUID("44444444-4444-4444-8444-444444444444")
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        b"{",
        b"[]",
        b'"x"',
        b"\xff\xfe{}",
        b'{"v":1,"tenant":"\xff"}',
        b"[" * 10_000,
        b'{"events":' * 10_000,
    ],
)
async def test_what_is_not_json_is_400(door: Door, body: bytes) -> None:
    answer = await door.post(body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {"invalid_json", "invalid_field"}


def nested(levels: int) -> list[Any]:
    """A list that nests that deep."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [33, 500, 900, 952, 967, 972, 10_000])
async def test_nesting_past_the_bound_is_never_taken(door: Door, levels: int) -> None:
    good, deep = door.event(), door.event()
    text = json.dumps(door.request(good, deep))
    deep_text = "[" * levels + "]" * levels
    text = text.replace(f'"{deep["id"]}"', f'"{deep["id"]}", "contexts": [{{"a": {deep_text}}}]')
    answer = await door.post(text.encode())
    # Past the interpreter's own bound, which moves with the stack that is in use, the body cannot be taken apart.
    assert answer.status_code == 200 or (answer.status_code == 400 and levels >= 900)
    if answer.status_code == 200:
        assert [v["status"] for v in answer.json()["events"]] == ["accepted", "rejected"]
    stored = [str(e.id) for record in await door.stored() for e in record.events]
    assert stored == ([good["id"]] if answer.status_code == 200 else [])


async def test_nesting_up_to_the_bound_is_stored_as_sent(door: Door) -> None:
    event = door.event(contexts=[{"a": nested(30)}], properties={"n": 1, "t": True, "f": 1.5, "z": None})
    assert [v["status"] for v in await door.verdicts(event)] == ["accepted"]
    (record,) = await door.stored()
    assert record.events[0].contexts == event["contexts"]


@pytest.mark.parametrize(
    ("field", "broken"),
    [
        ("name", b'"\xff\xfe"'),
        ("contexts", b'[{"a": "\xff"}]'),
        ("contexts", b'[{"a": "\\u0000 \xff"}]'),
        ("name", b'"Sale \\ud83d"'),
        ("contexts", b'[{"a": "\\u0000"}]'),
    ],
)
async def test_characters_that_are_none_are_that_events_fault(door: Door, field: str, broken: bytes) -> None:
    good, bad = door.event(), door.event() | {field: "BROKEN"}
    body = json.dumps(door.request(good, bad)).encode().replace(b'"BROKEN"', broken)
    answer = await door.post(body)
    assert answer.status_code == 200, answer.text
    verdicts = answer.json()["events"]
    assert [(v["id"], v["status"]) for v in verdicts] == [(good["id"], "accepted"), (bad["id"], "rejected")]
    assert verdicts[1]["reason"] == "invalid_field"
    records = await door.on_bus()
    assert len(records) == 1
    records[0].value.decode()


async def test_a_text_about_nul_is_no_nul(door: Door) -> None:
    event = door.event(title="C:\\u0000 explained")
    assert "\\u0000" in json.dumps(event)
    assert [v["status"] for v in await door.verdicts(event)] == ["accepted"]


async def test_large_bodies_of_small_events_are_taken_whole(door: Door) -> None:
    events = [door.event(properties={"note": "x" * 1000}) for _ in range(100)]
    assert {v["status"] for v in await door.verdicts(*events)} == {"accepted"}
    events = [door.event(properties={"note": "x" * 1000}) for _ in range(50)]
    events.append(door.event(properties={"note": "x" * 40_000}))
    assert [v.get("reason") for v in await door.verdicts(*events)] == [None] * 50 + ["too_large"]


async def test_a_gzip_body_is_read(door: Door) -> None:
    body = gzip.compress(json.dumps(door.request(door.event())).encode())
    answer = await door.post(body, content_encoding="gzip", content_type="application/json")
    assert answer.json()["events"][0]["status"] == "accepted"


async def test_a_gzip_bomb_is_413_and_inflated_no_further_than_the_limit(door: Door) -> None:
    bomb = zlib.compressobj(9, wbits=31)
    packed = b"".join(bomb.compress(b" " * 2**20) for _ in range(200)) + bomb.flush()
    answer = await door.post(packed, content_encoding="gzip")
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"


@pytest.mark.parametrize(
    "broken", [b"not gzip", gzip.compress(b"{}", mtime=0)[:-3], gzip.compress(b"{}", mtime=0) + b"tail"]
)
async def test_broken_gzip_is_400(door: Door, broken: bytes) -> None:
    answer = await door.post(broken, content_encoding="gzip")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_gzip")


async def test_an_oversized_body_is_413_whether_announced_or_not(door: Door) -> None:
    announced = await door.post(b" " * (1024 * 1024 + 1))

    async def chunks() -> Any:
        for _ in range(20):
            yield b" " * 65_536

    streamed = await door.client.post("/api/events", content=chunks(), headers={"content-type": "text/plain"})
    assert announced.status_code == streamed.status_code == 413


@pytest.mark.parametrize(
    "headers", [{"content_type": "application/x-www-form-urlencoded"}, {"content_encoding": "br"}, {"content_type": ""}]
)
async def test_other_media_are_415(door: Door, headers: dict[str, str]) -> None:
    assert (await door.post(door.request(door.event()), **headers)).status_code == 415
