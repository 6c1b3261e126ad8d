"""How late the service is: single events, each followed until the feed, or the overview, holds it."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.kit.load import Target

PATIENCE = 60.0
"""Seconds after which an event counts as lost: then the measurement fails."""


@dataclass(frozen=True)
class Doors:
    """Where to send an event and where to ask for it. `target` is a resource of its own, which only probes send to."""

    target: Target
    report: str
    token: str
    client: httpx.AsyncClient
    moment: Callable[[], int]
    """Dates a probe's event, in ms since the epoch."""
    sent: list[uuid.UUID] = field(default_factory=list)

    async def send(self) -> uuid.UUID:
        """One event of a visitor that nobody has seen yet."""
        visitor = uuid.uuid4()
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.moment() / 1000))
        event = {"id": str(uuid.uuid4()), "trackingId": str(visitor), "type": "PROBE", "occurred": at}
        body = {"v": 1, "tenant": self.target.tenant, "resource": self.target.resource, "events": [event]}
        answer = await self.client.post(self.target.url, json=body)
        answer.raise_for_status()
        if answer.json()["events"][0]["status"] != "accepted":
            raise RuntimeError(answer.text)
        self.sent.append(visitor)
        return visitor

    async def feed(self, visitor: uuid.UUID) -> list[dict[str, Any]]:
        """The visitor's first page."""
        asked = {"offset": None, "count": 50, "creatioTrackingIds": [str(visitor)]}
        answer = await self.client.post(f"{self.report}/api/Event/feed", json=asked, headers=self._bearer())
        answer.raise_for_status()
        events: list[dict[str, Any]] = answer.json()["events"]
        return events

    async def counted(self) -> int:
        """How many probes the overview of the whole tenant counts, today and the days beside it."""
        days = [time.strftime("%Y-%m-%d", time.gmtime(self.moment() / 1000 + ahead)) for ahead in (-86_400, 86_400)]
        answer = await self.client.get(
            f"{self.report}/api/v1/overview", params={"from": days[0], "to": days[1]}, headers=self._bearer()
        )
        answer.raise_for_status()
        resources = {one["resource"]: one["events"] for one in answer.json()["resources"]}
        events: int = resources[self.target.resource]
        return events

    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


async def to_feed(doors: Doors) -> float:
    """Seconds from the moment an event is sent until the feed shows it."""
    began = time.monotonic()
    visitor = await doors.send()
    return await _until(began, 0.05, lambda: doors.feed(visitor))


async def to_overview(doors: Doors) -> float:
    """Seconds from the moment an event is sent until the overview counts it and all probes before it.

    Not asked before the feed has it: an overview takes seconds, and one that begins too early only delays the next.
    """
    began = time.monotonic()
    visitor = await doors.send()
    due = len(doors.sent)
    await _until(began, 0.05, lambda: doors.feed(visitor))

    async def counted() -> bool:
        return await doors.counted() >= due

    return await _until(began, 0.25, counted)


async def repeated(
    probe: Callable[[], Awaitable[float]], pause: float, found: list[float], over: asyncio.Event
) -> None:
    """Probe again and again, each outcome added to `found`; one that is under way when it is over is waited for."""
    while not over.is_set():
        found.append(await probe())
        await asyncio.sleep(pause)


async def _until(began: float, every: float, there: Callable[[], Awaitable[object]]) -> float:
    while not await there():
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError(f"an event is not there after {PATIENCE} s")
        await asyncio.sleep(every)
    return time.monotonic() - began
