"""Serving an application over a socket until told to stop, and stopping without dropping a request."""

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from footfall_common.process import Drain
from footfall_common.web.protocol import Protocol

_BACKLOG = 2048


class _Server(uvicorn.Server):
    """uvicorn, which leaves signals to the entry point: one process may serve more than this."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that its port (0 = any that is free) is known before anything is served. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


async def serve(app: ASGIApp, listening: socket.socket, drain: Drain, *, notice: float, grace: int) -> None:
    """Serve until `drain` begins; then answer on for `notice` seconds as draining, then end within `grace` seconds.

    `notice` is the time that balancers need to read /readyz (0 where none stands in front). Requests in flight are
    finished; those that outlast `grace` are cut off.
    """
    config = uvicorn.Config(
        app,
        loop="none",  # the caller's, which is running
        http=Protocol,
        ws="none",
        lifespan="off",  # components are started and ended by their `running`
        log_config=None,
        access_log=False,  # ours is in the middleware
        server_header=False,
        proxy_headers=False,  # whose X-Forwarded-For is believed is a setting of the receiver's
        timeout_graceful_shutdown=grace,
    )
    server = _Server(config)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve([listening]))
        draining = tasks.create_task(drain.wait())
        await asyncio.wait((serving, draining), return_when=asyncio.FIRST_COMPLETED)
        if notice:
            await asyncio.wait((serving,), timeout=notice)
        server.should_exit = True
        draining.cancel()
