"""A TCP proxy on loopback that cuts, stalls, swallows and delays: the network between clients and one server.

It runs an event loop in a thread of its own, so that a test that computes does not slow the network down.
"""

import asyncio
import contextlib
import enum
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from typing_extensions import override

T = TypeVar("T")
_CHUNK = 65_536
_CHUNKS = 64
"""Chunks on their way in one direction of one connection; more wait in the sender's socket."""
_CALL_SECONDS = 10.0
_BACKLOG = 128
_RESET = struct.pack("ii", 1, 0)


class Address(NamedTuple):
    """Where something listens."""

    host: str
    port: int

    @override
    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Way(enum.Enum):
    """What the network does with what passes."""

    OPEN = "passes"
    CUT = "connections are reset, new ones refused"
    STALLED = "nothing passes, and goes on afterwards, as over a network that loses packets for a while"
    SWALLOWED = "taken and lost: connections are accepted and never answered, and reset afterwards"


class _Connection:
    """A client's connection and the one it goes on to; closing either closes both."""

    def __init__(self, link: "Link", accepted: socket.socket) -> None:
        self.spoilt = False
        """Bytes of it were lost, so it must not go on."""
        self._link = link
        self._accepted = accepted
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self._beyond: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Carry both ways until both have ended or one broke."""
        try:
            self._reader, self._writer = await asyncio.open_connection(sock=self._accepted)
            if self._link.way is Way.SWALLOWED:
                self.spoilt = True
                while await self._reader.read(_CHUNK):
                    pass
                return
            await self._link.flows()
            reader, self._beyond = await asyncio.open_connection(*self._link.target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(self._reader, self._beyond))
                both.create_task(self._carry(reader, self._writer))
        except* OSError:
            self.reset()

    def close(self) -> None:
        """Once it has run, or was cancelled before it could begin."""
        if self._writer is None:
            self._accepted.close()
        for writer in (self._writer, self._beyond):
            if writer is not None:
                writer.close()

    def reset(self) -> None:
        """End both halves with a RST."""
        if self._writer is None:
            self._accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)  # `close` does the rest
        for writer in (self._writer, self._beyond):
            if writer is not None and (peer := writer.get_extra_info("socket")) is not None:
                with contextlib.suppress(OSError):  # it is closed already
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take(reader, under_way))
            group.create_task(self._give(under_way, writer))

    async def _take(self, reader: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]]) -> None:
        """Note when each chunk is to arrive; b"" is the end."""
        clock = asyncio.get_running_loop().time
        while True:
            data = await reader.read(_CHUNK)
            if self._link.way is Way.SWALLOWED:
                self.spoilt = True
                if data:
                    continue
            await under_way.put((clock() + self._link.delay, data))
            if not data:
                return

    async def _give(self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due, data = await under_way.get()
            if (wait := due - clock()) > 0:
                await asyncio.sleep(wait)  # no wait: the latency
            await self._link.flows()
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()


class Link:
    """One address that leads to one server. Its methods may be called from any thread and act before they return."""

    def __init__(self, call: Callable[[Coroutine[Any, Any, T]], T], target: Address, host: str, port: int) -> None:
        self.target = target
        self.delay = 0.0
        """Seconds that each direction takes."""
        self.way = Way.OPEN
        self.accepted = 0
        """Connections so far."""
        self._call: Callable[[Coroutine[Any, Any, None]], None] = call  # type: ignore[assignment] # always None here
        self._flowing: asyncio.Event | None = None
        self._listener: socket.socket | None = None
        self._connections: dict[_Connection, asyncio.Task[None]] = {}
        # Bound and never listening: it keeps the port while the link refuses, so that nothing else can take it.
        self._holder = _bound(host, port)
        self.address = Address(*self._holder.getsockname()[:2])

    def cut(self) -> None:
        """Reset what is connected, refuse what wants to connect, until `restore`."""
        self._call(self._go(Way.CUT))

    def stall(self) -> None:
        """Let nothing pass; what was sent meanwhile arrives after `restore`."""
        self._call(self._go(Way.STALLED))

    def swallow(self) -> None:
        """Take everything and answer nothing; what was connected meanwhile is reset by `restore`."""
        self._call(self._go(Way.SWALLOWED))

    def slow(self, round_trip: float) -> None:
        """Let a question and its answer take so many seconds longer, half of them each way."""
        self.delay = round_trip / 2

    def restore(self) -> None:
        """As at the beginning."""
        self.delay = 0.0
        self._call(self._go(Way.OPEN))

    def reset(self) -> None:
        """Reset what is connected, once; new connections pass."""
        self._call(self._reset(lambda _: True))

    async def open(self) -> None:
        """Listen. In the proxy's loop, like all that follows."""
        if self._flowing is None:
            self._flowing = asyncio.Event()
            self._flowing.set()
        listener = self._listener = _bound(*self.address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    async def close(self) -> None:
        """End all of it."""
        self._refuse()
        await self._reset(lambda _: True)
        await asyncio.gather(*self._connections.values(), return_exceptions=True)
        self._holder.close()

    async def flows(self) -> None:
        """Return once bytes may pass."""
        if self._flowing is not None:
            await self._flowing.wait()

    async def _go(self, way: Way) -> None:
        was, self.way = self.way, way
        if self._flowing is not None:
            (self._flowing.clear if way is Way.STALLED else self._flowing.set)()
        if way is Way.CUT:
            self._refuse()
            await self._reset(lambda _: True)
        elif was is Way.CUT:
            await self.open()
        if way is Way.OPEN:
            await self._reset(lambda connection: connection.spoilt)

    def _refuse(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def _reset(self, which: Callable[[_Connection], bool]) -> None:
        for connection, task in [*self._connections.items()]:
            if which(connection):
                connection.reset()
                task.cancel()

    def _accept(self, listener: socket.socket) -> None:
        """In one step, so that nobody can be accepted and forgotten, as asyncio's own server and `sock_accept` do."""
        with contextlib.suppress(BlockingIOError, ConnectionError):  # whoever came has gone again
            accepted, _ = listener.accept()
            self.accepted += 1
            connection = _Connection(self, accepted)
            task = asyncio.create_task(connection.run())
            self._connections[connection] = task
            task.add_done_callback(partial(self._ended, connection))

    def _ended(self, connection: _Connection, task: "asyncio.Task[None]") -> None:
        self._connections.pop(connection, None)
        connection.close()
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error  # to the loop's log: a proxy that errs must not do so in silence


class FaultProxy:
    """Makes links; leaving the block ends them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._links: list[Link] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for link in self._links:
            self._call(link.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_SECONDS)
        self._loop.close()

    def link(self, target: Address, *, host: str = "127.0.0.1", port: int = 0) -> Link:
        """An address that leads to the target, which need not be there yet. 0 = a free port."""
        link = Link(self._call, target, host, port)
        self._links.append(link)
        self._call(link.open())
        return link

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_SECONDS)


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((host, port))
    return bound
