"""The open-loop load: it must neither slow down with the service nor call a refusal an answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from bench.kit.load import Outcome, Target
from bench.kit.steady import Steady, Traffic
from footfall_common.events.model import EventRequest

TENANT = "10000000-0000-4000-8000-000000000001"
RESOURCE = "20000000-0000-4000-8000-000000000002"
Answer = Callable[[bytes], Awaitable[bytes]]


@asynccontextmanager
async def door(answer: Answer) -> AsyncIterator[Target]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                writer.write(await answer(await reader.readexactly(length)))
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield Target(f"http://127.0.0.1:{port}/api/events", TENANT, RESOURCE)


def steady(target: Target, rate: float, batch: int = 5) -> Steady:
    return Steady(target, Traffic(target, batch, 7, lambda: 1_795_428_000_000), rate)


async def test_it_sends_on_while_nothing_is_answered() -> None:
    come, enough = 0, asyncio.Event()

    async def late(_: bytes) -> bytes:
        nonlocal come
        come += 1
        if come == 20:
            enough.set()
        await enough.wait()
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    async with door(late) as target, asyncio.timeout(20):
        assert await steady(target, rate=1_000).run(0.1) == Outcome(20, 0, 0)


async def test_what_is_not_200_is_no_answer() -> None:
    async def full(_: bytes) -> bytes:
        return b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"

    async with door(full) as target:
        assert await steady(target, rate=500).run(0.1) == Outcome(0, 10, 0)


async def test_a_cut_connection_is_broken_and_the_next_request_takes_another() -> None:
    cut = False

    async def first_cut(_: bytes) -> bytes:
        nonlocal cut
        if not cut:
            cut = True
            raise asyncio.IncompleteReadError(b"", None)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    async with door(first_cut) as target:
        assert await steady(target, rate=500).run(0.1) == Outcome(9, 0, 1)


async def test_every_event_is_another_one_and_visitors_take_turns() -> None:
    target = Target("http://127.0.0.1/api/events", TENANT, RESOURCE)
    traffic = Traffic(target, 5, 7, lambda: 1_795_428_000_000)
    requests = [msgspec.json.decode(traffic.body(), type=EventRequest) for _ in range(14)]
    events = [event for request in requests for event in request.events]  # type: ignore[union-attr] # always a list here
    assert len({event.id for event in events}) == 70
    assert len({event.tracking_id for event in events}) == 7
    assert all(len({event.tracking_id for event in request.events}) == 1 for request in requests)  # type: ignore[union-attr] # likewise
