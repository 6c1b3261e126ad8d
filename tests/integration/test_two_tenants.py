"""Two tenants that share every identifier they can choose never see each other's events."""

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

from footfall_common.testing import eventually
from tests.support.account import Account
from tests.support.process import Up, manifest

RESOURCE = "7f0c1f8e-2c40-4c4e-9a53-0d9f3f1f0a11"
VISITOR = "5d2c4a8e-0000-4000-8000-00000000000a"
EVENTS = [str(uuid.UUID(int=number, version=4)) for number in range(1, 6)]


def events_of(tenant: str) -> list[dict[str, Any]]:
    """The same ids for both tenants, and what tells them apart."""
    now = dt.datetime.now(dt.UTC).isoformat()
    return [
        {"id": one, "trackingId": VISITOR, "type": "page-load", "occurred": now, "name": tenant, "cost": number}
        for number, one in enumerate(EVENTS)
    ]


async def test_shared_identifiers_share_no_events(tmp_path: Path) -> None:
    for name in ("acme", "bolt"):
        (tmp_path / f"{name}.yaml").write_text(manifest(name, {"name": "shop", "resourceId": RESOURCE}))
    async with Up(tmp_path / "data", "-f", tmp_path / "acme.yaml", "-f", tmp_path / "bolt.yaml") as up:
        credentials = {name: up.credentials(name) for name in ("acme", "bolt")}
        accounts = {name: Account(up.client, of) for name, of in credentials.items()}
        tokens = {name: await up.token(of) for name, of in credentials.items()}
        assert {of["resources"][0] for of in credentials.values()} == {RESOURCE}

        # bolt sends three of the five: what acme sent before must neither show nor count as a duplicate
        for name, count in (("acme", 5), ("bolt", 3)):
            answer = await up.post_events(credentials[name]["tenantId"], RESOURCE, *events_of(name)[:count])
            assert {verdict["status"] for verdict in answer.json()["events"]} == {"accepted"}

        for name, count in (("acme", 5), ("bolt", 3)):

            async def shown() -> list[dict[str, Any]] | None:
                found = await up.feed(tokens[name], VISITOR)  # noqa: B023 - awaited at once
                return found if len(found) >= count else None  # noqa: B023 - awaited at once

            lines = await eventually(shown, 20)
            assert lines is not None
            assert {line["eventName"] for line in lines} == {name}
            assert sorted(line["eventId"] for line in lines) == sorted(EVENTS[:count])

            day = dt.datetime.now(dt.UTC).date()
            query = {"from": (day - dt.timedelta(days=1)).isoformat(), "to": day.isoformat()}

            async def counted() -> bool:
                found = await accounts[name].overview(tokens[name], **query)  # noqa: B023 - awaited at once
                totals: dict[str, int] = found["totals"]
                return totals == {"events": count, "pageViews": count, "visitors": 1, "visits": 1}  # noqa: B023 - awaited at once

            assert await eventually(counted, 20)

        foreign = await up.client.post(
            f"{up.base}/report/api/Event/feed",
            json={"offset": None, "count": 5, "creatioTrackingIds": [VISITOR]},
            headers={"authorization": f"Bearer {tokens['bolt']}x"},
        )
        assert foreign.status_code == 401
