"""A whole process, from a bound socket to a drained one."""

import asyncio
import faulthandler
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from starlette.types import ASGIApp

from footfall_common.entry import interpreter
from footfall_common.entry.opening import Opening, open_all
from footfall_common.entry.settings import ProcessSettings
from footfall_common.process import Component, Drain, Process, background
from footfall_common.web import serve
from footfall_common.web.front import Front, waiting_app

P = TypeVar("P", bound=Process)
_STOPPING = (signal.SIGTERM, signal.SIGINT)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan(Generic[P]):
    """What is to run: `openings` first, then `running` on the process they make up."""

    name: str
    settings: ProcessSettings
    process: P
    openings: Sequence[Opening]
    running: Callable[[P], AbstractAsyncContextManager[Component]]


async def stand(plan: Plan[P], listener: socket.socket) -> None:
    """Serve from now on, work as soon as everything is open, until SIGTERM or SIGINT; then end in order.

    A task of the component that dies raises out of here: a process that has lost one must not look alive.
    """
    settings, process = plan.settings, plan.process
    front = Front(_waiting(plan))
    with _stopped_by_signals(process.drain):
        host, port = listener.getsockname()[:2]
        _log.info("listening", component=plan.name, host=host, port=port)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(
                serve(front, listener, process.drain, notice=settings.notice_seconds, grace=settings.drain_seconds)
            )
            await _work(plan, front, serving)
    faulthandler.cancel_dump_traceback_later()


async def _work(plan: Plan[P], front: Front, serving: "asyncio.Task[None]") -> None:
    async with AsyncExitStack() as stack:
        for one in plan.openings:
            stack.push_async_callback(one.close)
        try:
            if not await _before(serving, open_all(plan.openings)):
                return
            await stack.enter_async_context(background(plan.process.view.run()))
            front.show(await stack.enter_async_context(plan.running(plan.process)))
            interpreter.tune()
            _log.info("running", component=plan.name)
            await asyncio.wait((serving,))
        finally:
            # What hangs from here on, even with the loop itself, is written down and ended by a thread of its own.
            faulthandler.dump_traceback_later(plan.settings.stop_seconds, exit=True)


async def _before(serving: "asyncio.Task[None]", work: Coroutine[Any, Any, None]) -> bool:
    """Whether the work was done before the process is to end; it is given up otherwise."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        await asyncio.wait((serving, task), return_when=asyncio.FIRST_COMPLETED)
        done = task.done()
        task.cancel()
    return done


def _waiting(plan: Plan[P]) -> ASGIApp:
    process = plan.process
    return waiting_app(
        plan.name,
        checks={one.name: one.check for one in plan.openings},
        registry=process.registry,
        clock=process.clock,
        new_id=process.new_id,
        drain=process.drain,
    )


@contextmanager
def _stopped_by_signals(drain: Drain) -> Iterator[None]:
    """The first signal begins the drain; one more ends the process at once, whatever the loop is busy with."""
    loop = asyncio.get_running_loop()

    def leave_alone() -> None:
        for number in _STOPPING:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    def stop(number: signal.Signals) -> None:
        _log.info("stopping", signal=number.name)
        leave_alone()
        drain.begin()

    for number in _STOPPING:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        leave_alone()
