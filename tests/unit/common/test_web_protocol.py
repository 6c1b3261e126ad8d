"""Answers leave in one piece where they can, and no piece waits for one that does not come."""

import asyncio
from collections.abc import Iterable

from starlette.types import Receive, Scope, Send
from typing_extensions import override

from footfall_common.web import Drain, listen, serve
from footfall_common.web.protocol import Joining


class Noting(asyncio.Transport):
    """Notes each call of the kernel that a transport would make."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes] = []
        self.closing = False

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closing, "written after its end"
        self.calls.append(bytes(data))

    @override
    def writelines(self, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
        self.calls.append(b"".join(pieces))

    @override
    def close(self) -> None:
        self.closing = True

    @override
    def is_closing(self) -> bool:
        return self.closing


async def test_two_pieces_leave_in_one_call_whatever_their_size() -> None:
    for body in (b"body", b"b" * 200_000):
        noting = Noting()
        joining = Joining(noting, asyncio.get_running_loop())
        joining.write(b"head ")
        joining.write(body)
        assert noting.calls == [b"head " + body]
        await asyncio.sleep(0)
        assert len(noting.calls) == 1


async def test_a_piece_alone_leaves_with_the_next_iteration_and_keeps_its_place() -> None:
    noting = Noting()
    joining = Joining(noting, asyncio.get_running_loop())
    joining.write(b"1")
    await asyncio.sleep(0)
    joining.write(b"2")
    joining.write(b"3")
    joining.write(b"4")
    await asyncio.sleep(0)
    joining.write(b"")
    assert noting.calls == [b"1", b"23", b"4"]


async def test_what_is_kept_leaves_before_the_end_and_nothing_after_it() -> None:
    noting = Noting()
    joining = Joining(noting, asyncio.get_running_loop())
    joining.write(b"last")
    joining.close()
    assert (noting.calls, joining.is_closing()) == ([b"last"], True)
    joining.write(b"too late")
    await asyncio.sleep(0)
    assert noting.calls == [b"last"]


class InTwo:
    """Sends its head, and its body only once told."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await self.go.wait()
        await send({"type": "http.response.body", "body": b"done"})


async def test_a_client_sees_the_head_of_an_answer_whose_body_takes_its_time() -> None:
    app = InTwo()
    with listen("127.0.0.1", 0) as listening:
        drain = Drain()
        serving = asyncio.create_task(serve(app, listening, drain, notice=0, grace=5))
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"HTTP/1.1 200")
        app.go.set()
        assert await asyncio.wait_for(reader.readexactly(4), 10) == b"done"
        writer.close()
        drain.begin()
        await serving
