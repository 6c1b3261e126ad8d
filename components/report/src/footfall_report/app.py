"""Report as a component: feed and overview over a process's store, bus and settings view."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from footfall_common import segments
from footfall_common.errors import SettingsInvalid
from footfall_common.process import Component, StoringProcess
from footfall_common.telemetry import catalogue, counter
from footfall_common.web import build_app
from footfall_report.api import feed as feed_api
from footfall_report.api import overview as overview_api
from footfall_report.repository.chunks import ChunkCache, DiskChunks, MemoryChunks
from footfall_report.repository.engine import Bounds, Engine
from footfall_report.repository.keys import CursorKeys, KeyFile, ProcessKeys
from footfall_report.repository.segments import SegmentRows
from footfall_report.repository.visitors import Visitors
from footfall_report.service.feed import Feed
from footfall_report.service.overview import Overviews
from footfall_report.service.progress import Progress
from footfall_report.settings import ReportSettings

_MEMORY_CACHE_MB = 16


@asynccontextmanager
async def running(process: StoringProcess, settings: ReportSettings) -> AsyncIterator[Component]:
    """The component, working until the block ends. SettingsInvalid when its folder or key file cannot be used."""
    segments.return_memory()
    keys, cache = _keys(process, settings), _cache(settings)
    engine = _engine(settings)
    progress = Progress(process.bus, process.names, process.clock)
    rows = SegmentRows(process.store, cache, settings.chunk_reads)
    overviews = Overviews(rows, engine, process.view, progress, settings.answers_kept)
    visitors = Visitors(process.store.events, counter(process.registry, catalogue.UNREADABLE))
    feed = Feed(visitors, keys, settings.feed_reads)
    checks = {"store": process.store.check, "settings": process.settings_read}
    app = build_app(
        "report",
        [feed_api.router(feed, process.verifier, settings), overview_api.router(overviews, process.verifier, settings)],
        checks=checks,
        registry=process.registry,
        clock=process.clock,
        new_id=process.new_id,
        drain=process.drain,
    )
    try:
        async with asyncio.TaskGroup() as group:  # a task that fails ends the process rather than itself alone
            tasks = [group.create_task(progress.run())]
            if isinstance(keys, KeyFile):
                tasks.append(group.create_task(keys.run()))
            yield Component(name="report", app=app, checks=checks)
            for task in tasks:
                task.cancel()
    finally:
        engine.close()


def _keys(process: StoringProcess, settings: ReportSettings) -> CursorKeys:
    path = settings.cursor_key_file
    if path is None and settings.data_dir is not None:
        path = settings.data_dir / "cursor.keys"
    if path is None:
        return ProcessKeys(process.random_bytes)
    keys = KeyFile(path, days=settings.cursor_key_days, random_bytes=process.random_bytes, clock=process.clock)
    keys.open()
    return keys


def _cache(settings: ReportSettings) -> ChunkCache:
    megabytes = settings.chunk_cache_mb
    if settings.data_dir is None:
        return MemoryChunks(min(megabytes, _MEMORY_CACHE_MB) * 1_000_000)
    cache = DiskChunks(settings.data_dir / "chunks", megabytes * 1_000_000)
    try:
        cache.open()
    except OSError as error:
        raise _unusable(settings.data_dir, error) from error
    return cache


def _engine(settings: ReportSettings) -> Engine:
    spill = settings.data_dir / "spill" if settings.data_dir else None
    if spill is not None:
        try:
            shutil.rmtree(spill, ignore_errors=True)  # what a killed process left there
            spill.mkdir(parents=True)
        except OSError as error:
            raise _unusable(spill, error) from error
    bounds = Bounds(settings.duckdb_memory_mb, settings.duckdb_threads, spill, settings.duckdb_spill_mb)
    return Engine(bounds, at_once=settings.queries, waiting=settings.queries_waiting, seconds=settings.query_seconds)


def _unusable(folder: Path, error: OSError) -> SettingsInvalid:
    return SettingsInvalid(
        f"{folder} cannot be used ({error}); name a folder that can be written.", field="FOOTFALL_REPORT_DATA_DIR"
    )
