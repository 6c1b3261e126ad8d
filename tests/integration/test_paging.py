"""Creatio pages over 300 visitors while new and late events arrive at the running service."""

import asyncio
import datetime as dt
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from footfall_common.testing import eventually
from tests.support.account import Account
from tests.support.process import Up, event, manifest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

VISITORS = [str(uuid.UUID(int=number * 7919, version=4)) for number in range(1, 301)]


@pytest_asyncio.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    path = tmp_path / "acme.yaml"
    path.write_text(manifest("acme", {"name": "shop"}), encoding="utf-8")
    async with Up(tmp_path / "data", "-f", path) as running:
        yield running


def some(days: float) -> list[dict[str, Any]]:
    """An event of every visitor, that long ago."""
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    return [
        event(visitor, (moment + dt.timedelta(seconds=number)).isoformat()) for number, visitor in enumerate(VISITORS)
    ]


@pytest.mark.parametrize("until_null", [True, False])
async def test_what_was_there_comes_once_and_what_arrives_at_most_once(up: Up, *, until_null: bool) -> None:
    credentials = up.credentials()
    tenant, shop, token = credentials["tenantId"], credentials["resources"][0], await up.token(credentials)

    account = Account(up.client, credentials)

    async def send(events: list[dict[str, Any]]) -> list[str]:
        answer = await up.post_events(tenant, shop, *events)
        assert {verdict["status"] for verdict in answer.json()["events"]} == {"accepted"}
        return [one["id"] for one in events]

    before = [key for days in (0.1, 1, 35, 70) for key in await send(some(days))]

    async def all_there() -> bool:
        return len(await account.whole_feed(token, VISITORS)) == len(before)

    await eventually(all_there, 60)
    seen: Counter[str] = Counter()
    arrived: list[str] = []
    offset, pages = None, 0
    while True:
        question = {"offset": offset, "count": 50, "creatioTrackingIds": VISITORS}
        answer = await up.client.post(
            f"{up.base}/report/api/Event/feed", json=question, headers={"authorization": f"Bearer {token}"}
        )
        page = answer.json()
        assert (answer.status_code, page["errorMessage"]) == (200, "")
        seen.update(line["eventId"] for line in page["events"])
        offset, pages = page["offset"], pages + 1
        if not page["events"] or (until_null and offset is None):
            break
        if pages % 4 == 0:  # one new, one late, one between
            arrived += [key for days in (0, 50, 0.5) for key in await send(some(days))]
            await asyncio.sleep(0)
    assert {key: seen[key] for key in before} == dict.fromkeys(before, 1)
    assert max(seen.values()) == 1
    assert set(seen) <= {*before, *arrived}
    assert len(arrived) > 1000
