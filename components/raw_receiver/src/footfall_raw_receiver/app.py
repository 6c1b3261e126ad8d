"""The raw receiver as a component: two members of two groups, and the page of dead letters."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import structlog

from footfall_common.process import Component, Process
from footfall_common.tenancy import ResourceKey
from footfall_common.web import build_app
from footfall_raw_receiver.api import dead_letters
from footfall_raw_receiver.publisher import DeadLetters
from footfall_raw_receiver.repository import DeadLetterReader
from footfall_raw_receiver.service.buckets import BucketWorker
from footfall_raw_receiver.service.deciding import Decider
from footfall_raw_receiver.service.drafting import Drafter, Sizes
from footfall_raw_receiver.service.enriching import Enricher
from footfall_raw_receiver.service.housekeeping import sweep, watch_lag
from footfall_raw_receiver.service.membership import Membership, Pace
from footfall_raw_receiver.service.metrics import Metrics
from footfall_raw_receiver.service.raw import RawReceiver
from footfall_raw_receiver.settings import RawReceiverSettings

NAME = "raw_receiver"
_log = structlog.get_logger(__name__)


@asynccontextmanager
async def running(process: Process, settings: RawReceiverSettings) -> AsyncIterator[Component]:
    """Consume, make segments, and answer, until the context ends."""
    metrics = Metrics(process.registry, process.clock)
    topics, groups = process.names.topics, process.names.groups
    dead = DeadLetters(process.bus, topics.dead, settings.dead_letters_per_second, process.clock, metrics.dead)
    with ThreadPoolExecutor(1, thread_name_prefix="segments") as executor:
        raw = Membership(
            process.bus, topics.raw, groups.raw_receiver, _raw(process, settings, dead, metrics), _raw_pace(settings)
        )
        buckets = Membership(
            process.bus,
            topics.buckets,
            groups.bucket_worker,
            _buckets(process, settings, dead, metrics, executor),
            _bucket_pace(settings),
        )
        lags = {groups.raw_receiver: topics.raw, groups.bucket_worker: topics.buckets}
        tasks = [
            buckets.run(),
            watch_lag(process.bus, lags, metrics, process.clock, settings.lag_seconds),
            sweep(process.store.segments, process.clock, settings.sweep_seconds),
        ]
        if settings.paused:
            _log.warning("raw_receiver_paused", topic=topics.raw)
        else:
            tasks.append(_once_ready(process, raw))
        async with _background(tasks):
            yield _component(process, raw, buckets)


def _component(process: Process, raw: Membership, buckets: Membership) -> Component:
    async def consuming() -> str | None:
        return raw.trouble or buckets.trouble

    checks = {"consuming": consuming}
    letters = DeadLetterReader(process.bus, process.names.topics.dead)
    app = build_app(
        NAME,
        [dead_letters(letters, process.admin)],
        checks=checks,
        registry=process.registry,
        clock=process.clock,
        new_id=process.new_id,
    )
    return Component(name=NAME, app=app, checks=checks)


def _raw(process: Process, settings: RawReceiverSettings, dead: DeadLetters, metrics: Metrics) -> RawReceiver:
    def domains_of(key: ResourceKey) -> tuple[str, ...]:
        resource = process.view.resource(key)
        return resource.domains if resource else ()

    enricher = Enricher(user_agents=settings.user_agents, attributions=settings.attributions)
    return RawReceiver(
        process.store.events,
        process.sink,
        Decider(enricher, domains_of),
        dead,
        metrics,
        known_ids=settings.known_ids,
        piece_bytes=settings.piece_bytes,
    )


def _buckets(
    process: Process, settings: RawReceiverSettings, dead: DeadLetters, metrics: Metrics, executor: Executor
) -> BucketWorker:
    sizes = Sizes(settings.segment_rows, settings.chunk_bytes, settings.merge_below_bytes, settings.merge_chunks)
    return BucketWorker(
        process.store.segments,
        Drafter(process.store, executor, sizes),
        dead,
        metrics,
        process.clock,
        flush_bytes=settings.flush_bytes,
    )


def _raw_pace(settings: RawReceiverSettings) -> Pace:
    return Pace(
        settings.chunk_records,
        settings.poll_seconds,
        settings.gather_seconds,
        settings.retry_seconds,
        settings.retry_max_seconds,
    )


def _bucket_pace(settings: RawReceiverSettings) -> Pace:
    return Pace(
        settings.segment_marks,
        settings.poll_seconds,
        settings.segment_seconds,
        settings.retry_seconds,
        settings.retry_max_seconds,
    )


async def _once_ready(process: Process, raw: Membership) -> None:
    """Consume once the settings are read: a resource's domains decide what counts as a referrer."""
    await process.view.ready.wait()
    await raw.run()


@asynccontextmanager
async def _background(tasks: Sequence[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run the tasks beside the body; one that fails ends the body, for a worker that is dead must not look alive."""
    async with asyncio.TaskGroup() as group:
        running_tasks = [group.create_task(task) for task in tasks]
        yield
        for task in running_tasks:
            task.cancel()
