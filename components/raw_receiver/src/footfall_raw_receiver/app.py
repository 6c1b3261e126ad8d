"""The raw receiver as a component: its roles, each a member of a group, and the page of dead letters."""

from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import structlog

from footfall_common import segments
from footfall_common.process import Check, Component, StoringProcess, background
from footfall_common.tenancy import ResourceKey
from footfall_common.web import build_app
from footfall_raw_receiver.api import dead_letters
from footfall_raw_receiver.publisher import DeadLetters
from footfall_raw_receiver.repository import DeadLetterReader
from footfall_raw_receiver.service.bucket_role import bucket_role
from footfall_raw_receiver.service.deciding import Decider
from footfall_raw_receiver.service.enriching import Enricher
from footfall_raw_receiver.service.holding import Holding, Replaying
from footfall_raw_receiver.service.housekeeping import watch_lag
from footfall_raw_receiver.service.membership import Membership, Pace
from footfall_raw_receiver.service.metrics import Metrics
from footfall_raw_receiver.service.raw import RawReceiver, SinkOf
from footfall_raw_receiver.settings import BUCKET_WORKER, RAW_RECEIVER, RawReceiverSettings

NAME = "raw_receiver"
_log = structlog.get_logger(__name__)


@asynccontextmanager
async def running(process: StoringProcess, settings: RawReceiverSettings) -> AsyncIterator[Component]:
    """Play the roles of the settings, and answer, until the context ends."""
    segments.return_memory()
    metrics = Metrics(process.registry, process.clock)
    topics, groups = process.names.topics, process.names.groups
    dead = DeadLetters(process.bus, topics.dead, settings.dead_letters_per_second, process.clock, metrics.dead)
    with ThreadPoolExecutor(1, thread_name_prefix="segments") as executor:
        roles: list[_Playing] = []
        tasks: list[Coroutine[Any, Any, None]] = []
        if RAW_RECEIVER in settings.roles:
            raw_work = _raw(process, settings, dead, metrics, process.sink)
            raw = Membership(process.bus, topics.raw, groups.raw_receiver, raw_work, _raw_pace(settings))
            roles.append(_Playing(RAW_RECEIVER, raw, topics.raw, groups.raw_receiver))
            if settings.paused:
                _log.warning("raw_receiver_paused", topic=topics.raw)
            else:
                tasks.append(_once_ready(process, raw))
        if BUCKET_WORKER in settings.roles:
            work, look = bucket_role(process, settings, dead, metrics, executor)
            buckets = Membership(process.bus, topics.buckets, groups.bucket_worker, work, _bucket_pace(settings))
            roles.append(_Playing(BUCKET_WORKER, buckets, topics.buckets, groups.bucket_worker))
            tasks += [buckets.run(), look]
        lags = {role.group: role.topic for role in roles}
        tasks.append(watch_lag(process.bus, lags, metrics, process.clock, settings.lag_seconds))
        async with background(*tasks):
            yield _component(process, roles)


def replaying(process: StoringProcess, settings: RawReceiverSettings) -> Replaying:
    """The work of a replay: the raw receiver's, in no group. What fails again is a dead letter again."""
    metrics = Metrics(process.registry, process.clock)
    rate = settings.dead_letters_per_second
    dead = DeadLetters(process.bus, process.names.topics.dead, rate, process.clock, metrics.dead)
    holding = Holding(process.sink)
    return Replaying(_raw(process, settings, dead, metrics, holding), holding, settings.replay_records)


class _Playing(NamedTuple):
    """A role of this process, under way."""

    name: str
    membership: Membership
    topic: str
    group: str

    async def check(self) -> str | None:
        """Why its work stands still, or None."""
        return self.membership.trouble


def _component(process: StoringProcess, roles: Sequence[_Playing]) -> Component:
    checks: dict[str, Check] = {"settings": process.settings_read, **{role.name: role.check for role in roles}}
    letters = DeadLetterReader(process.bus, process.names.topics.dead)
    app = build_app(
        NAME,
        [dead_letters(letters, process.admin)],
        checks={**checks, "bus": process.bus.check, "store": process.store.check},
        registry=process.registry,
        clock=process.clock,
        new_id=process.new_id,
        drain=process.drain,
    )
    return Component(name=NAME, app=app, checks=checks)


def _raw(
    process: StoringProcess, settings: RawReceiverSettings, dead: DeadLetters, metrics: Metrics, sink: SinkOf
) -> RawReceiver:
    def domains_of(key: ResourceKey) -> tuple[str, ...]:
        resource = process.view.resource(key)
        return resource.domains if resource else ()

    enricher = Enricher(user_agents=settings.user_agents, attributions=settings.attributions)
    return RawReceiver(
        process.store.events,
        sink,
        Decider(enricher, domains_of),
        dead,
        metrics,
        piece_bytes=settings.piece_bytes,
    )


def _raw_pace(settings: RawReceiverSettings) -> Pace:
    return Pace(
        settings.chunk_records,
        settings.poll_seconds,
        settings.gather_seconds,
        settings.retry_seconds,
        settings.retry_max_seconds,
        settings.longest_seconds,
    )


def _bucket_pace(settings: RawReceiverSettings) -> Pace:
    return Pace(
        settings.segment_marks,
        settings.poll_seconds,
        settings.segment_seconds,
        settings.retry_seconds,
        settings.retry_max_seconds,
        settings.longest_seconds,
        settings.segment_commit,
    )


async def _once_ready(process: StoringProcess, raw: Membership) -> None:
    """Consume once the settings are read: a resource's domains decide what counts as a referrer."""
    await process.view.ready.wait()
    await raw.run()
