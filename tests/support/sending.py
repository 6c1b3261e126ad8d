"""A sender that gives nothing up: each request again and again until it is answered 200, and what it was told."""

import asyncio
import datetime as dt
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.account import Account
from tests.support.traffic import Request

RETRY_SECONDS = 0.05
AWAITED = {401, 503}
"""401 = just started, its settings not read yet; 503 = the bus does not take it."""


@dataclass
class Told:
    """What the sender was told, a request at a time."""

    verdicts: list[tuple[Request, list[dict[str, Any]]]] = field(default_factory=list)
    answered: int = 0
    """Requests, each once."""
    retries: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Answers other than 200 by their status, and failures of the connection by their name."""
    slowest: float = 0.0
    """Seconds that the slowest answer took, whatever it was."""


class Pace:
    """Slows down as it goes on: two thirds of the requests in `seconds`, and some are left however long it lasts.

    So a fault that takes longer than it should still meets traffic. `free` lets the rest go.
    """

    def __init__(self, requests: int, seconds: float) -> None:
        self._left = requests
        self._seconds = seconds
        self._next = 0.0
        self._freed = asyncio.Event()

    def free(self) -> None:
        """As fast as may be from now on."""
        self._freed.set()

    async def take(self) -> None:
        """Return when it is a request's turn."""
        turn = max(asyncio.get_running_loop().time(), self._next)
        self._next = turn + self._seconds / max(1, self._left)
        self._left -= 1
        try:
            async with asyncio.timeout_at(turn):
                await self._freed.wait()
        except TimeoutError:
            return


class Sender:
    """Sends requests from several connections at once.

    `again` = each once more after its 200, as a client does that lost the answer; its events must be told the same.
    """

    def __init__(self, account: Account, *, again: bool = False, pace: Pace | None = None) -> None:
        self.told = Told()
        self.done = False
        """Whether every request was answered 200."""
        self._account = account
        self._again = again
        self._pace = pace

    async def send(self, requests: Sequence[Request], connections: int = 8) -> None:
        """Returns once every request was answered 200."""
        queue = list(reversed(requests))

        async def worker() -> None:
            while queue:
                if self._pace is not None:
                    await self._pace.take()
                if queue:  # others may have had their turn meanwhile
                    await self._whole(queue.pop())

        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(worker())
        self.done = True

    async def _whole(self, request: Request) -> None:
        await self._until_answered(request)
        self.told.answered += 1
        if self._again:
            await self._until_answered(request)

    async def _until_answered(self, request: Request) -> None:
        while True:
            answer = await self._once(request)
            if isinstance(answer, httpx.Response):
                if answer.status_code == 200:
                    self.told.verdicts.append((request, answer.json()["events"]))
                    return
                assert answer.status_code in AWAITED, answer.text
                self.told.refusals[str(answer.status_code)] += 1
            else:
                self.told.refusals[type(answer).__name__] += 1
            self.told.retries += 1
            await asyncio.sleep(RETRY_SECONDS)  # no wait: the pause of a client that tries again

    async def _once(self, request: Request) -> httpx.Response | httpx.TransportError:
        body = request.body(self._account.tenant, dt.datetime.now(dt.UTC))
        headers = {"content-type": "text/plain", "user-agent": request.agent}
        began = time.monotonic()
        try:
            return await self._account.client.post(self._account.door, content=body, headers=headers)
        except httpx.TransportError as error:
            return error
        finally:
            self.told.slowest = max(self.told.slowest, time.monotonic() - began)
