"""Serving over a real socket, and stopping without dropping a request."""

import asyncio
import socket

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from footfall_common.web import Drain, listen, serve


class Slow:
    """An application whose answers wait for the test."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered.set()
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})


def address(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}/"


async def test_a_request_in_flight_is_finished_after_the_drain_began() -> None:
    app, drain = Slow(), Drain()
    with listen("127.0.0.1", 0) as listening:
        serving = asyncio.create_task(serve(app, listening, drain, notice=0, grace=5))
        async with httpx.AsyncClient() as http:
            asking = asyncio.create_task(http.get(address(listening)))
            await app.entered.wait()
            drain.begin()
            app.go.set()
            assert (await asking).text == "done"
        await serving


async def test_during_the_notice_new_requests_are_still_served() -> None:
    app, drain = Slow(), Drain()
    app.go.set()
    with listen("127.0.0.1", 0) as listening:
        serving = asyncio.create_task(serve(app, listening, drain, notice=600, grace=5))
        drain.begin()
        async with httpx.AsyncClient() as http:
            assert (await http.get(address(listening))).text == "done"
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving


async def test_what_outlasts_the_grace_is_cut_off() -> None:
    app, drain = Slow(), Drain()
    with listen("127.0.0.1", 0) as listening:
        serving = asyncio.create_task(serve(app, listening, drain, notice=0, grace=1))
        async with httpx.AsyncClient() as http:
            asking = asyncio.create_task(http.get(address(listening)))
            await app.entered.wait()
            drain.begin()
            await asyncio.wait_for(serving, 10)
            assert not app.go.is_set()
            with pytest.raises(httpx.HTTPError):
                (await asking).raise_for_status()


def test_a_port_in_use_is_told_at_once() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", first.getsockname()[1])
