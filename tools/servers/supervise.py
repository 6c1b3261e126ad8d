"""The process that owns a set of servers and ends them when nobody holds them any more.

Holders are connections to a unix socket: the kernel closes those of a process that was killed. The servers die with
this process, however it ends, and what one left on disk is removed when the next begins.

    python -m tools.servers.supervise KIND OPTIONS FOLDER [LINGER]

LINGER = seconds without a holder after which everything ends; 3 where it is not given.
"""

import asyncio
import contextlib
import importlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tools.servers.cache import Missing
from tools.servers.server import Server

FIRST = 5.0
"""Seconds that servers which have just started wait for the holder that asked for them."""
GRACE = 5.0
ROOM = 4 << 30
"""Free bytes without which nothing is laid into memory."""
_KINDS = {kind: f"tools.{kind}.cluster" for kind in ("cassandra", "kafka", "kubernetes")}


class Cluster(Protocol):
    """A set of servers of one kind."""

    @property
    def servers(self) -> Sequence[Server]:
        """In the order of their numbers."""
        ...

    def start(self) -> None:
        """Start all and return once they serve."""
        ...

    def serving(self, number: int) -> None:
        """Return once server `number` (from 0) serves again after a start."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """What holders need to know, as JSON."""
        ...


class Desk:
    """Answers holders, one JSON line a question."""

    def __init__(self, cluster: Cluster, facts: Mapping[str, Any], linger: float) -> None:
        self._cluster = cluster
        self._facts = facts
        self._linger = linger
        self._holders = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One holder, until its connection ends."""
        self._holders += 1
        self._idle.clear()
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(json.loads(line))).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # it was killed
        finally:
            writer.close()
            self._holders -= 1
            if not self._holders:
                self._idle.set()

    async def deserted(self) -> None:
        """Return once nobody has held anything for a while."""
        linger = FIRST
        while True:
            await self._idle.wait()
            await asyncio.sleep(linger)
            if self._idle.is_set():
                return
            linger = self._linger

    async def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        servers = self._cluster.servers
        try:
            match asked:
                case {"do": "facts"}:
                    return {"facts": self._facts}
                case {"do": "pids"}:
                    return {"pids": [server.pid for server in servers]}
                case {"do": "signal", "server": int(number), "signal": int(sent)}:
                    servers[number].signal(sent)
                case {"do": "end", "server": int(number)}:
                    await asyncio.to_thread(servers[number].end, GRACE)
                case {"do": "start", "server": int(number), **rest}:
                    servers[number].start()  # here: a server dies with the thread that started it
                    if rest.get("wait", True):
                        await asyncio.to_thread(self._cluster.serving, number)
                case _:
                    return {"error": f"unknown question {asked}"}
        except Exception as error:  # noqa: BLE001 - whatever it was, the holder hears of it
            return {"error": repr(error)}
        return {}


async def _serve(cluster: Cluster, desk: Desk, socket: Path) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    server = await asyncio.start_unix_server(desk.hold, socket)
    waits = [asyncio.create_task(desk.deserted()), asyncio.create_task(stopping.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    server.close()
    _end(cluster)  # now: a thread that waits until one of them serves gives up


def _end(cluster: Cluster) -> None:
    for server in cluster.servers:
        server.end(0)  # its data goes with it: there is nothing to save


def main(kind: str, options: str, folder: Path, linger: float = 3.0) -> int:
    """Start, serve, end, clean up; in a process of its own, so that who asked for it need not wait for its end."""
    if os.fork():
        return 0
    os.setsid()  # a Ctrl-C at the holder's terminal is the holder's to obey
    _record(folder, "pid", str(os.getpid()))
    code = 1
    cluster: Cluster | None = None
    data: Path | None = None
    try:
        data = roomy(folder)
        _record(folder, "data", str(data))
        cluster = importlib.import_module(_KINDS[kind]).made(json.loads(options), data)
        cluster.start()
        desk = Desk(cluster, {**cluster.facts(), "folder": str(data)}, linger)
        asyncio.run(_serve(cluster, desk, folder / "socket"))
        code = 0
    except Missing as error:
        _record(folder, "failed", str(error))
    except Exception:  # noqa: BLE001 - the holder that waits reads it from the file
        logs = [f"{server.log}:\n{server.said()}" for server in cluster.servers] if cluster else []
        _record(folder, "failed", "\n".join([traceback.format_exc(), *logs]))
        print(traceback.format_exc(), file=sys.stderr)
    finally:
        if cluster:
            _end(cluster)
        if data:
            shutil.rmtree(data, ignore_errors=True)
    if code == 0 and _own(folder):
        shutil.rmtree(folder, ignore_errors=True)
    return code


def _record(folder: Path, name: str, text: str) -> None:
    """Whole or not at all: others read it, also after we were killed."""
    part = folder / f"{name}.part"
    part.write_text(text, "utf-8")
    part.rename(folder / name)


def _own(folder: Path) -> bool:
    """Whether the folder is still ours: another may have begun while we ended."""
    try:
        return (folder / "pid").read_text() == str(os.getpid())
    except OSError:
        return False


def roomy(folder: Path) -> Path:
    """A new folder for data: in SERVERS_DIR; else in memory where there is room, so that tests wait for no disk."""
    home, memory = folder, Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with contextlib.suppress(OSError):
        if shutil.disk_usage(memory).free > ROOM:
            home = memory
    given = Path(os.environ.get("SERVERS_DIR") or home).resolve()
    if not given.is_dir():
        raise Missing(f"SERVERS_DIR={given} is no folder")
    data = given / f"footfall-{folder.name}-{os.getpid()}"
    data.mkdir(mode=0o700)
    return data


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *map(float, sys.argv[4:])))
