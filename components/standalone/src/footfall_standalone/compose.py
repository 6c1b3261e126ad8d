"""The five components in one process on the embedded adapters: the only place where everything meets."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from footfall_common.auth import AdminToken, TokenVerifier
from footfall_common.bus import Consumer
from footfall_common.bus import embedded as embedded_bus
from footfall_common.bus.embedded import BusLimits, EmbeddedBus, topic_specs
from footfall_common.bus.embedded.consumer import EmbeddedConsumer
from footfall_common.clock import SystemClock, new_id
from footfall_common.documents import NIL
from footfall_common.errors import BusUnavailable, StoreUnavailable, Unavailable
from footfall_common.pipeline.embedded import EmbeddedSink, publish_again
from footfall_common.pipeline.relay import Relay
from footfall_common.pipeline.view import SettingsView
from footfall_common.placement import Placement, names
from footfall_common.process import Component, Drain, StoringProcess, background
from footfall_common.sqlite import SqliteFile
from footfall_common.store.embedded import EmbeddedStore, schema
from footfall_identity import app as identity
from footfall_raw_receiver import app as raw_receiver
from footfall_receiver import app as receiver
from footfall_report import app as report
from footfall_standalone.configuration import Configuration
from footfall_standalone.datadir import DataDir
from footfall_standalone.exits import CommandFailed, ExitCode
from footfall_standalone.housekeeping import Housekeeping
from footfall_standalone.settings import StandaloneSettings
from footfall_tenant import app as tenant


@asynccontextmanager
async def process(
    data: DataDir, issuer: str, settings: StandaloneSettings, drain: Drain
) -> AsyncIterator[StoringProcess]:
    """The collaborators of one process on the files of `data`, closed in the end."""
    clock = SystemClock()
    all_names = names(NIL, Placement.POOLED)
    data.admin_token(secrets.token_bytes)
    async with AsyncExitStack() as stack:
        bus_file = SqliteFile(data.bus, embedded_bus.SCHEMA, unavailable=BusUnavailable, readers=1, cache_mb=2)
        store_file = SqliteFile(
            data.store,
            (*schema.TABLES, *embedded_bus.SCHEMA),
            unavailable=StoreUnavailable,
            readers=settings.reader_threads,
        )
        for file in (bus_file, store_file):
            stack.push_async_callback(file.close)
            with _usable(file.path):
                await file.open()
        limits = BusLimits(
            buffer_bytes=settings.bus_buffer_bytes,
            deadline=settings.bus_deadline_seconds,
            linger=settings.bus_linger_seconds,
            tail_bytes=settings.bus_tail_bytes,
        )
        bus = EmbeddedBus({"bus": bus_file, "store": store_file}, topic_specs(all_names.topics), clock, limits, new_id)
        stack.push_async_callback(bus.close)
        store = EmbeddedStore(store_file)
        with _usable(data.path):
            await bus.open()
            await publish_again(store_file, Relay(store.directory, bus, all_names.topics.settings))
        view = SettingsView(bus, all_names.topics.settings)
        await stack.enter_async_context(background(view.run()))
        buckets = bus.topic(all_names.topics.buckets)
        house = Housekeeping(bus, store, view, all_names.topics, clock)
        await stack.enter_async_context(background(house.run(settings)))

        def sink(consumer: Consumer) -> EmbeddedSink:
            if not isinstance(consumer, EmbeddedConsumer):  # its offsets must be in the transaction of its effects
                raise TypeError(f"{type(consumer).__name__} is of another bus")
            return EmbeddedSink(store_file, buckets, consumer, clock)

        yield StoringProcess(
            clock=clock,
            new_id=new_id,
            random_bytes=secrets.token_bytes,
            registry=CollectorRegistry(),
            bus=bus,
            store=store,
            names=all_names,
            view=view,
            verifier=TokenVerifier(view, issuer, clock),
            admin=AdminToken(data.read_admin_token),
            drain=drain,
            sink=sink,
        )


@asynccontextmanager
async def components(process: StoringProcess, settings: Configuration) -> AsyncIterator[tuple[Component, ...]]:
    """The running components; those that feed others end first."""
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(identity.running(process, settings.identity)),
            await stack.enter_async_context(tenant.running(process, settings.tenant)),
            await stack.enter_async_context(report.running(process, settings.report)),
            await stack.enter_async_context(raw_receiver.running(process, settings.raw_receiver)),
            await stack.enter_async_context(receiver.running(process, settings.receiver)),
        )


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        raise CommandFailed(
            f"{path} cannot be used: {error.message} Make room, put a backup in its place, or name another "
            "directory with --data.",
            ExitCode.FAILED,
        ) from error
