"""A tenant as its owner meets it: a door for events, a feed, an overview. The same for every way to run Footfall."""

import base64
import datetime as dt
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from footfall_common.testing import eventually

READING_SECONDS = 60.0
"""A report may take longer than whoever sends events waits: just after an outage, where all servers share a machine."""


class Account:
    """What a tenant is reached with. `credentials` as `footfall credentials --json` prints them."""

    def __init__(self, client: httpx.AsyncClient, credentials: Mapping[str, Any]) -> None:
        self.client = client
        self.tenant: str = credentials["tenantId"]
        self.resources: Sequence[str] = credentials["resources"]
        self.urls: Mapping[str, str] = credentials["urls"]
        self.door = f"{self.urls['receiver']}/api/events"
        self._basic = f"{credentials['clientId']}:{credentials['clientSecret']}".encode()

    async def token(self) -> str:
        """A fresh one, as soon as identity gives any: store or bus may be only just back."""
        answer = await eventually(self._token_answer, 30)
        assert answer is not None
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def overview(self, token: str, **query: Any) -> dict[str, Any]:
        """The report's overview."""
        answer = await self._ask_overview(token, query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def caught_up(self, token: str, seconds: float = 120) -> None:
        """Returns once the overview includes everything that was answered before this call."""
        asked = dt.datetime.fromtimestamp(time.time(), dt.UTC)
        day = today()

        async def included() -> bool:
            answer = await self._ask_overview(token, {"from": day, "to": day})
            # 503: bus or store are only just back.
            assert answer.status_code in {200, 503}, answer.text
            return answer.status_code == 200 and dt.datetime.fromisoformat(answer.json()["asOf"]) >= asked

        await eventually(included, seconds)

    async def whole_feed(self, token: str, visitors: Sequence[str]) -> list[dict[str, Any]]:
        """Every event of these visitors, paged until a page is empty, 300 visitors a question."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(visitors), 300):
            offset = None
            while True:
                question = {"offset": offset, "count": 500, "creatioTrackingIds": list(visitors[start : start + 300])}
                answer = await self.client.post(
                    f"{self.urls['report']}/api/Event/feed",
                    json=question,
                    headers={"authorization": f"Bearer {token}"},
                    timeout=READING_SECONDS,
                )
                page = answer.json()
                assert (answer.status_code, page["errorMessage"]) == (200, ""), page
                if not page["events"]:
                    break
                found += page["events"]
                offset = page["offset"]
        return found

    async def _token_answer(self) -> httpx.Response | None:
        """The first answer that is not 503."""
        answer = await self.client.post(
            f"{self.urls['identity']}/connect/token",
            data={"grant_type": "client_credentials", "scope": "tracking_api"},
            headers={"authorization": f"Basic {base64.b64encode(self._basic).decode()}"},
        )
        return None if answer.status_code == 503 else answer

    async def _ask_overview(self, token: str, query: Mapping[str, Any]) -> httpx.Response:
        return await self.client.get(
            f"{self.urls['report']}/api/v1/overview",
            params=dict(query),
            headers={"authorization": f"Bearer {token}"},
            timeout=READING_SECONDS,
        )


def today() -> str:
    """UTC's date."""
    return dt.datetime.now(dt.UTC).date().isoformat()
