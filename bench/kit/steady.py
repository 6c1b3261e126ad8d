"""Open loop: requests leave on schedule whether or not earlier ones were answered, as a thousand browsers would send.

A closed loop (wrk) slows down with the service and so hides how late it is.
"""

import asyncio
import contextlib
import time
import urllib.parse
import uuid
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from bench.kit.load import Outcome, Target
from footfall_common.clock import from_ms
from footfall_common.events.model import Event, EventRequest, Screen, Sdk

TICK = 0.01
IDLE = 2.0
"""Seconds for which an unused connection is kept: less than the service's, which would close it under a request."""
_USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
_encode = msgspec.json.Encoder().encode


class _Connection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: float


class Traffic:
    """Bodies of page views as the tracker sends them. `moment` dates an event: ms since the epoch, asked an event."""

    def __init__(self, target: Target, batch: int, visitors: int, moment: Callable[[], int]) -> None:
        self.batch = batch
        self._tenant, self._resource = uuid.UUID(target.tenant), uuid.UUID(target.resource)
        self._visitors = [uuid.uuid4() for _ in range(visitors)]
        self._moment = moment
        self._sent = 0

    def body(self) -> bytes:
        """One request: `batch` events of the visitor whose turn it is."""
        self._sent += 1
        visitor = self._visitors[self._sent % len(self._visitors)]
        events = [self._event(visitor, number) for number in range(self.batch)]
        request = EventRequest(v=1, tenant=self._tenant, resource=self._resource, events=events, sdk=Sdk("bench", "1"))
        return _encode(request)

    def _event(self, visitor: uuid.UUID, number: int) -> Event:
        return Event(
            id=uuid.uuid4(),
            tracking_id=visitor,
            page_view=uuid.uuid4(),
            seq=number,
            type="page-load",
            occurred=from_ms(self._moment()),
            href=f"https://shop.example/page/{(self._sent + number) % 50}",
            referrer="https://shop.example/",
            title="Page",
            language="en-US",
            languages=["en-US", "fr"],
            platform="Win32",
            screen=Screen(1920, 1080, 1920, 1040, 24, 24),
            consent="granted",
        )


class Steady:
    """Posts `rate` events a second in requests of the traffic's size, over as many connections as it takes."""

    def __init__(self, target: Target, traffic: Traffic, rate: float) -> None:
        url = urllib.parse.urlsplit(target.url)
        self._host, self._port = url.hostname or "", url.port or 80
        self._head = (
            f"POST {url.path} HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-type: application/json\r\n"
            f"user-agent: {_USER_AGENT}\r\ncontent-length: "
        ).encode()
        self._traffic = traffic
        self._per_second = rate / traffic.batch
        self._idle: list[_Connection] = []
        self._flying: set[asyncio.Task[None]] = set()
        self.accepted = self.refused = self.broken = 0
        """Requests so far."""

    async def run(self, seconds: float) -> Outcome:
        """Send for so long, then wait for the last answers."""
        began, sent = time.monotonic(), 0
        total = round(seconds * self._per_second)
        while sent < total:
            due = min(total, (time.monotonic() - began) * self._per_second)
            while sent < due:
                task = asyncio.create_task(self._post(self._traffic.body()))
                self._flying.add(task)
                task.add_done_callback(self._flying.discard)
                sent += 1
            await asyncio.sleep(TICK)
        if self._flying:
            await asyncio.wait(self._flying)
        for connection in self._idle:
            connection.writer.close()
        self._idle.clear()
        return Outcome(self.accepted, self.refused, self.broken)

    async def _post(self, body: bytes) -> None:
        try:
            async with asyncio.timeout(30):
                status = await self._exchange(body)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.broken += 1
            return
        if status == 200:
            self.accepted += 1
        else:
            self.refused += 1

    async def _exchange(self, body: bytes) -> int:
        reader, writer = await self._connected()
        try:
            writer.write(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
        except BaseException:
            with contextlib.suppress(OSError):
                writer.close()
            raise
        self._idle.append(_Connection(reader, writer, time.monotonic()))
        return int(head[9:12])

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The connection that was used last, or a new one."""
        if self._idle and self._idle[-1].used > time.monotonic() - IDLE:
            reader, writer, _ = self._idle.pop()
            return reader, writer
        for connection in self._idle:  # all of them are older
            connection.writer.close()
        self._idle.clear()
        return await asyncio.open_connection(self._host, self._port)


def _length(head: bytes) -> int:
    """The Content-Length of an answer's head; our door always names it."""
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0])
