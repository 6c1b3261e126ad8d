"""Traffic into a `footfall up` that is killed again and again, what its sender was told, and what is in the feed."""

import asyncio
import datetime as dt
import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from footfall_common.testing import eventually
from tests.support.process import Up
from tests.support.traffic import Request

MANIFEST = """
apiVersion: footfall.dev/v1alpha1
kind: TrackingTenant
metadata: {name: acme}
spec:
  tenantId: acme
  placement: Pooled
  sites:
    - {name: shop, goals: [{name: order, event: purchase}]}
    - {name: blog, timeZone: Europe/Berlin, goals: [{name: lead, event: SEND_FORM}]}
"""
GOALS = {"shop": ("order", "purchase"), "blog": ("lead", "SEND_FORM")}
RETRY_SECONDS = 0.05
KILLS = 10


@asynccontextmanager
async def killable(folder: Path, port: int) -> AsyncIterator[Up]:
    """A `footfall up` of one tenant with two sites, on a port that stays the same over restarts."""
    manifest = folder / "tenant.yaml"
    manifest.write_text(MANIFEST)
    async with Up(folder / "data", "--port", port, "-f", manifest) as up:
        yield up


@dataclass
class Told:
    """What the sender was told, a request at a time."""

    verdicts: list[tuple[Request, list[dict[str, Any]]]] = field(default_factory=list)
    retries: int = 0


class Sender:
    """Sends requests from several connections at once, each until it is answered 200."""

    def __init__(self, up: Up, credentials: dict[str, Any]) -> None:
        self._up = up
        self._tenant = credentials["tenantId"]
        self._door = f"{credentials['urls']['receiver']}/api/events"
        self.told = Told()

    async def send(self, requests: Sequence[Request], connections: int = 8) -> None:
        """Returns once every request was answered 200."""
        queue = list(reversed(requests))

        async def worker() -> None:
            while queue:
                await self._until_answered(queue.pop())

        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(worker())

    async def _until_answered(self, request: Request) -> None:
        while True:
            body = request.body(self._tenant, dt.datetime.now(dt.UTC))
            headers = {"content-type": "text/plain", "user-agent": request.agent}
            try:
                answer = await self._up.client.post(self._door, content=body, headers=headers)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                self.told.verdicts.append((request, answer.json()["events"]))
                return
            # Killed, or just started: 401 unknown_resource until its settings are read.
            assert answer is None or answer.status_code in {401, 503}, answer.text
            self.told.retries += 1
            await asyncio.sleep(RETRY_SECONDS)  # no wait: the pause of a client that tries again


async def kill_at_random(up: Up, sender: Sender, total: int, seed: int) -> int:
    """Ten times, once a random number of requests was answered: SIGKILL a moment later, and start again.

    Returns how often it was killed. The moments are spread over the whole traffic.
    """
    dice = random.Random(seed)
    kills = 0
    for mark in sorted(dice.sample(range(total // 20, total - total // 20), KILLS)):
        await eventually(lambda: len(sender.told.verdicts) >= mark, 300)  # noqa: B023 - awaited at once
        await asyncio.sleep(dice.random() * 0.05)  # no wait: a random moment
        await up.restart(signal.SIGKILL)
        kills += 1
    return kills


async def overview(up: Up, token: str, **query: Any) -> dict[str, Any]:
    """The report's overview."""
    headers = {"authorization": f"Bearer {token}"}
    answer = await up.client.get(f"{up.base}/report/api/v1/overview", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def caught_up(up: Up, token: str, day: str, seconds: float = 120) -> None:
    """Returns once the overview includes everything that was answered before this call."""
    asked = dt.datetime.fromtimestamp(time.time(), dt.UTC)

    async def included() -> bool:
        as_of = (await overview(up, token, **{"from": day, "to": day}))["asOf"]
        return dt.datetime.fromisoformat(as_of) >= asked

    await eventually(included, seconds)


async def whole_feed(up: Up, token: str, visitors: Sequence[str]) -> list[dict[str, Any]]:
    """Every event of these visitors, paged until a page is empty, 300 visitors a question."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(visitors), 300):
        offset = None
        while True:
            question = {"offset": offset, "count": 500, "creatioTrackingIds": list(visitors[start : start + 300])}
            answer = await up.client.post(
                f"{up.base}/report/api/Event/feed", json=question, headers={"authorization": f"Bearer {token}"}
            )
            page = answer.json()
            assert (answer.status_code, page["errorMessage"]) == (200, ""), page
            if not page["events"]:
                break
            found += page["events"]
            offset = page["offset"]
    return found
