"""Runs a component that needs bus and store."""

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeVar

from footfall_common.bus import Consumer
from footfall_common.bus.kafka import KafkaBus
from footfall_common.entry import command, plain
from footfall_common.entry.loaded import Loaded
from footfall_common.entry.settings import NamesSettings, ProcessSettings
from footfall_common.entry.standing import Plan
from footfall_common.errors import SettingsInvalid
from footfall_common.pipeline.ordered import OrderedSink
from footfall_common.pipeline.view import SettingsView
from footfall_common.process import Component, StoringProcess
from footfall_common.settings import Settings
from footfall_common.store.cassandra import CassandraStore
from footfall_common.store.cassandra.settings import CassandraSettings
from footfall_common.telemetry import catalogue, counter

CLASSES: tuple[type[Settings], ...] = (*plain.CLASSES, CassandraSettings)
_LONGEST_DAYS: Final = 400
S = TypeVar("S", bound=Settings)


def run(
    name: str,
    running: Callable[[StoringProcess, S], AbstractAsyncContextManager[Component]],
    settings: type[S],
    arguments: Sequence[str] | None = None,
    *,
    reads_tokens: bool = False,
) -> command.ExitCode:
    """Run the component until it is told to stop; the exit code. One that `reads_tokens` must be told whose."""

    def plan(loaded: Loaded) -> Plan[StoringProcess]:
        if reads_tokens and not loaded.of(ProcessSettings).issuer:
            variable = "FOOTFALL_PROCESS_ISSUER"
            raise SettingsInvalid(f"{variable} is not set: say whose tokens are to be taken.", field=variable)
        process, bus, store = assembled(loaded)
        return Plan(
            name=name,
            settings=loaded.of(ProcessSettings),
            process=process,
            openings=(plain.opening("bus", bus, loaded), plain.opening("store", store, loaded)),
            running=lambda made: running(made, loaded.of(settings)),
        )

    return command.run(name, (*CLASSES, settings), plan, arguments)


def assembled(loaded: Loaded) -> tuple[StoringProcess, KafkaBus, CassandraStore]:
    """The collaborators, and those among them that are to be opened."""
    process, bus = plain.assembled(loaded)
    keyspace = loaded.of(NamesSettings).keyspace
    store = CassandraStore(
        loaded.of(CassandraSettings),
        process.clock,
        keyspace=keyspace,
        retention_days=_retention(process.view),
        expired=counter(process.registry, catalogue.STORED).labels("expired").inc,
    )

    def sink(consumer: Consumer) -> OrderedSink:
        return OrderedSink(store.writes, bus, process.names.topics.buckets, consumer)

    return (
        StoringProcess(
            clock=process.clock,
            new_id=process.new_id,
            random_bytes=process.random_bytes,
            registry=process.registry,
            bus=bus,
            names=process.names,
            view=process.view,
            verifier=process.verifier,
            admin=process.admin,
            drain=process.drain,
            store=store,
            sink=sink,
        ),
        bus,
        store,
    )


def _retention(view: SettingsView) -> Callable[[uuid.UUID], int]:
    """A tenant's days, the longest where it is unknown here: what is kept too long can still be deleted."""

    def days(tenant: uuid.UUID) -> int:
        known = view.tenant(tenant)
        return known.retention_days if known else _LONGEST_DAYS

    return days
