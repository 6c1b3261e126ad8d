"""The fault proxy does what its scenarios rest on: bytes pass intact, and each fault is one."""

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.support.faults.proxy import Address, FaultProxy, Link

pytestmark = pytest.mark.integration


@pytest.fixture
async def echo() -> AsyncIterator[Address]:
    """A server that sends back what it gets."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield Address(*server.sockets[0].getsockname())
    server.close()


@pytest.fixture
def link(echo: Address) -> Iterator[Link]:
    with FaultProxy() as proxy:
        yield proxy.link(echo)


@asynccontextmanager
async def connected(link: Link) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*link.address)
    yield reader, writer
    writer.close()


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    writer.write(text)
    return await reader.readexactly(len(text))


async def test_bytes_pass_intact_both_ways_and_so_does_the_end(link: Link) -> None:
    body = random.Random(1).randbytes(3_000_000)

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(body)
        await writer.drain()
        writer.write_eof()

    async with connected(link) as (reader, writer):
        _, got = await asyncio.gather(write(writer), reader.read(-1))
    assert hashlib.sha256(got).digest() == hashlib.sha256(body).digest()
    assert link.accepted == 1


@pytest.mark.parametrize("round_trip", [0.2, 0.5])
async def test_latency_delays_each_answer_and_keeps_the_order(link: Link, round_trip: float) -> None:
    async with connected(link) as (reader, writer):
        assert await asked(reader, writer, b"quick") == b"quick"
        link.slow(round_trip)
        began = time.monotonic()
        assert await asked(reader, writer, b"slow") == b"slow"
        assert time.monotonic() - began >= round_trip
        writer.write(b"a" * 10)
        await writer.drain()
        writer.write(b"b" * 10)
        link.restore()
        assert await reader.readexactly(20) == b"a" * 10 + b"b" * 10


async def test_a_cut_resets_what_is_connected_and_refuses_what_comes(link: Link) -> None:
    async with connected(link) as (reader, writer):
        await asked(reader, writer, b"x")
        link.cut()
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*link.address)
    link.restore()
    async with connected(link) as (reader, writer):
        assert await asked(reader, writer, b"again") == b"again"


async def test_a_reset_ends_connections_and_takes_new_ones(link: Link) -> None:
    async with connected(link) as (reader, writer):
        await asked(reader, writer, b"x")
        link.reset()
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
    async with connected(link) as (reader, writer):
        assert await asked(reader, writer, b"again") == b"again"


async def test_a_stall_holds_bytes_back_and_lets_them_go_on(link: Link) -> None:
    async with connected(link) as (reader, writer):
        await asked(reader, writer, b"x")
        link.stall()
        answer = asyncio.ensure_future(asked(reader, writer, b"later"))
        done, _ = await asyncio.wait([answer], timeout=0.2)
        assert not done
        link.restore()
        assert await answer == b"later"


async def test_a_swallowing_link_accepts_and_answers_nothing_and_is_reset_in_the_end(link: Link) -> None:
    async with connected(link) as (before, first):
        await asked(before, first, b"x")
        link.swallow()
        async with connected(link) as (during, second):
            answers = [
                asyncio.ensure_future(asked(before, first, b"lost")),
                asyncio.ensure_future(asked(during, second, b"lost")),
            ]
            done, _ = await asyncio.wait(answers, timeout=0.2)
            assert not done
            link.restore()
            for answer in answers:
                with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                    await answer
    async with connected(link) as (reader, writer):
        assert await asked(reader, writer, b"again") == b"again"


async def test_a_server_that_is_away_resets_its_clients_and_may_come_later(unused_port: int) -> None:
    with FaultProxy() as proxy:
        link = proxy.link(Address("127.0.0.1", unused_port))
        with pytest.raises(ConnectionResetError):
            async with connected(link) as (reader, _):
                await reader.readexactly(1)
