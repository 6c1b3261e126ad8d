"""What can be broken: our processes and the servers they stand on, by the same words."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

from tests.support.components import Alone
from tests.support.faults.entry import CLOCK, TRIP, Trip
from tools.servers.handle import Servers

TRIPPED_SECONDS = 90.0


class Part(Protocol):
    """A process that can be killed, hung and made right again at the same addresses, on the same data."""

    async def kill(self) -> None:
        """SIGKILL; returns once it has ended."""
        ...

    async def hang(self) -> None:
        """SIGSTOP."""
        ...

    async def right(self) -> None:
        """Wake it where it hangs, start it where it has ended, and return once it serves."""
        ...


class Server:
    """One broker or node. `servers` is a handle that no other part asks, for it answers one question at a time."""

    def __init__(self, servers: Servers, number: int) -> None:
        self.number = number
        self._servers = servers

    def log(self) -> str:
        """All that it wrote."""
        return self._servers.log(self.number)

    async def kill(self) -> None:
        await asyncio.to_thread(self._servers.kill, self.number)

    async def hang(self) -> None:
        await asyncio.to_thread(self._servers.hang, self.number)

    async def right(self) -> None:
        await asyncio.to_thread(self._servers.wake, self.number)
        await asyncio.to_thread(self._servers.start, self.number)


class Component(Alone):
    """A component that can be started wrong: to be killed at a step of its own code, or with a clock that is off."""

    def __init__(self, name: str, module: str, folder: Path, environ: Mapping[str, str]) -> None:
        unmeasured = {"COVERAGE_PROCESS_CONFIG": ""}  # which would double what everything takes
        command = ("-m", "tests.support.faults.entry", module)
        super().__init__(name, folder, {**environ, **unmeasured}, command=command)

    @property
    def running(self) -> bool:
        """Whether there is a process, hung ones included."""
        return self._process is not None and self._process.poll() is None

    async def kill(self) -> None:
        await self.stopped(signal.SIGKILL)

    async def hang(self) -> None:
        self.send(signal.SIGSTOP)

    async def right(self) -> None:
        self._set_up("", 0)
        if self.running:
            self.send(signal.SIGCONT)
        else:
            await self.start()
        await self.ready()

    async def tripped(self, trip: Trip, *causes: Callable[[], Awaitable[object]]) -> None:
        """End it in order, start it so that it is killed at that step, and return once it was.

        `causes` are done meanwhile, one after the other, where its own work does not lead it there.
        """
        await self.stopped()
        self._set_up(str(trip), 0)
        self.spawn()
        for cause in causes:
            await cause()
        code = await asyncio.to_thread(self.process.wait, TRIPPED_SECONDS)
        assert code == -signal.SIGKILL, f"{self.name} ended with {code} before {trip}: {self.output()[-2000:]}"

    async def put_off(self, milliseconds: int) -> None:
        """Start it anew with its clock ahead by so much; behind, where below 0."""
        await self.stopped()
        self._set_up("", milliseconds)
        await self.start()
        await self.ready()

    async def stopped_and_right(self) -> None:
        """End it in order and start it as it should be."""
        await self.stopped()
        await self.right()

    def _set_up(self, trip: str, clock: int) -> None:
        self.environ |= {TRIP: trip, CLOCK: str(clock or "")}
