"""The process that owns a set of servers and ends them when nobody holds them any more.

Holders are connections to a unix socket: the kernel closes those of a process that was killed. The JVMs die with this
process, however it ends, and what one left on disk is removed when the next begins.

    python -m tools.servers.supervise KIND OPTIONS FOLDER
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

from tools.servers.jvm import Jvm

LINGER = 3.0
"""Seconds without a holder after which everything ends."""
GRACE = 5.0
_KINDS = {"kafka": "tools.kafka.cluster", "cassandra": "tools.cassandra.cluster"}


class Cluster(Protocol):
    """A set of servers of one kind."""

    @property
    def jvms(self) -> Sequence[Jvm]:
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

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
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
        while True:
            await self._idle.wait()
            await asyncio.sleep(LINGER)
            if self._idle.is_set():
                return

    async def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        jvms = self._cluster.jvms
        try:
            match asked:
                case {"do": "facts"}:
                    return {"facts": self._cluster.facts()}
                case {"do": "pids"}:
                    return {"pids": [jvm.pid for jvm in jvms]}
                case {"do": "signal", "server": int(number), "signal": int(sent)}:
                    jvms[number].signal(sent)
                case {"do": "end", "server": int(number)}:
                    await asyncio.to_thread(jvms[number].end, GRACE)
                case {"do": "start", "server": int(number)}:
                    jvms[number].start()  # here: a JVM dies with the thread that started it
                    await asyncio.to_thread(self._cluster.serving, number)
                case _:
                    return {"error": f"unknown question {asked}"}
        except Exception as error:  # noqa: BLE001 - whatever it was, the holder hears of it
            return {"error": repr(error)}
        return {}


async def _serve(cluster: Cluster, socket: Path) -> None:
    desk = Desk(cluster)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    server = await asyncio.start_unix_server(desk.hold, socket)
    waits = [asyncio.create_task(desk.deserted()), asyncio.create_task(stopping.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    server.close()


def main(kind: str, options: str, folder: Path) -> int:
    """Start, serve, end, clean up; in a process of its own, so that who asked for it need not wait for its end."""
    if os.fork():
        return 0
    os.setsid()  # a Ctrl-C at the holder's terminal is the holder's to obey
    (folder / "pid").write_text(str(os.getpid()))
    data = roomy(folder)
    (folder / "data").write_text(str(data))
    code = 1
    cluster: Cluster | None = None
    try:
        cluster = importlib.import_module(_KINDS[kind]).made(json.loads(options), data)
        cluster.start()
        asyncio.run(_serve(cluster, folder / "socket"))
        code = 0
    except Exception:  # noqa: BLE001 - the holder that waits reads it from the file
        (folder / "failed").write_text(traceback.format_exc())
        print(traceback.format_exc(), file=sys.stderr)
    finally:
        for jvm in cluster.jvms if cluster else ():
            jvm.end(0)  # its data goes with it: there is nothing to save
        shutil.rmtree(data, ignore_errors=True)
    if code == 0 and _own(folder):
        shutil.rmtree(folder, ignore_errors=True)
    return code


def _own(folder: Path) -> bool:
    """Whether the folder is still ours: another may have begun while we ended."""
    try:
        return (folder / "pid").read_text() == str(os.getpid())
    except OSError:
        return False


def roomy(folder: Path) -> Path:
    """Where data lies: in memory where there is room, so that tests wait for no disk; else beside the socket."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with contextlib.suppress(OSError):
        if shutil.disk_usage(memory).free > 4 << 30:
            data = memory / f"footfall-{folder.name}-{os.getpid()}"
            data.mkdir(mode=0o700)
            return data
    data = folder / "servers"
    data.mkdir(mode=0o700)
    return data


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
