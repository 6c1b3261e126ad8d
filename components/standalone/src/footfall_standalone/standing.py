"""A whole process, from open files to a drained socket."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from footfall_common.clock import from_ms
from footfall_common.entry import interpreter
from footfall_common.manifest import ManifestInvalid
from footfall_common.process import Check, Component, Drain, StoringProcess
from footfall_common.web import build_app, serve
from footfall_standalone.addresses import Addresses, below
from footfall_standalone.administration import Administration
from footfall_standalone.compose import components, process
from footfall_standalone.configuration import Configuration
from footfall_standalone.datadir import DataDir, Run
from footfall_standalone.dispatch import Dispatcher
from footfall_standalone.provision import Provisioner
from footfall_standalone.shop import demo

_ADMIN_SECONDS = 30.0


class Plan(NamedTuple):
    """What `up` was asked for: `local` is this process's base address on this machine."""

    data: DataDir
    configuration: Configuration
    manifests: Sequence[Path]
    local: str
    addresses: Addresses
    with_demo: bool


async def stand(plan: Plan, listener: socket.socket, ready: Callable[[], None]) -> ManifestInvalid | None:
    """Serve until SIGTERM or SIGINT, then let every request end; `ready` is told once the manifests act.

    Returns the fault of a manifest that the tenant service refused at the start: then nothing was served for long.
    """
    standalone = plan.configuration.standalone
    drain = Drain()
    async with AsyncExitStack() as stack:
        stack.enter_context(_stopped_by_signals(drain))
        made = await stack.enter_async_context(
            process(plan.data, plan.configuration.identity.issuer, standalone, drain)
        )
        parts = await stack.enter_async_context(components(made, plan.configuration))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=_ADMIN_SECONDS, trust_env=False))
        admin = Administration(client, below(plan.local), plan.data.read_admin_token)
        provisioner = Provisioner(plan.manifests, admin, plan.data, made.view, standalone.poll_seconds)
        app = _application(plan, made, parts, provisioner.check)
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(app, listener, drain, notice=0, grace=standalone.drain_seconds))
            plan.data.write_run(_run(plan, made))
            provisioning = group.create_task(_provision(provisioner, drain, ready))
            await drain.wait()
            provisioning.cancel()
        return None if provisioning.cancelled() else provisioning.result()


async def _provision(provisioner: Provisioner, drain: Drain, ready: Callable[[], None]) -> ManifestInvalid:
    """Follows the manifests until cancelled; a fault at the start ends the process, with its requests answered."""
    try:
        await provisioner.start()
    except ManifestInvalid as error:
        drain.begin()
        return error
    interpreter.tune()
    ready()
    return await provisioner.follow()


def _application(plan: Plan, made: StoringProcess, parts: tuple[Component, ...], manifests: Check) -> Dispatcher:
    shop = (demo(made, parts, plan.addresses, plan.data),) if plan.with_demo else ()
    root = build_app(
        "standalone",
        [],
        checks=_checks(made, parts, manifests),
        registry=made.registry,
        clock=made.clock,
        new_id=made.new_id,
        drain=made.drain,
    )
    return Dispatcher((*parts, *shop), root)


def _checks(made: StoringProcess, parts: Sequence[Component], manifests: Check) -> Mapping[str, Check]:
    """Ready = files take writes, every component can do its work, and the manifests of the start act."""
    checks: dict[str, Check] = {"bus": made.bus.check, "store": made.store.check, "manifests": manifests}
    for part in parts:
        checks |= {f"{part.name}.{name}": check for name, check in part.checks.items()}
    return checks


def _run(plan: Plan, made: StoringProcess) -> Run:
    return Run(
        pid=os.getpid(),
        started=from_ms(made.clock.now_ms()).isoformat(),
        local=plan.local,
        addresses=plan.addresses,
    )


@contextmanager
def _stopped_by_signals(drain: Drain) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, drain.begin)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
