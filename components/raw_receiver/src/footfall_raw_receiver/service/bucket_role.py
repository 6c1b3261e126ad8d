"""The bucket worker's parts, put together."""

from collections.abc import Coroutine
from concurrent.futures import Executor
from typing import Any, Final, NamedTuple

from footfall_common.process import StoringProcess
from footfall_raw_receiver.publisher import DeadLetters
from footfall_raw_receiver.service import buckets
from footfall_raw_receiver.service.drafting import Drafter
from footfall_raw_receiver.service.folding import Folder
from footfall_raw_receiver.service.looking import Look, Sweeps, Times
from footfall_raw_receiver.service.merging import Merger, Sizes
from footfall_raw_receiver.service.metrics import Metrics
from footfall_raw_receiver.service.writing import Limits, Marks, Writer
from footfall_raw_receiver.settings import RawReceiverSettings

_SECOND: Final = 1_000


class BucketRole(NamedTuple):
    """The work of the group, and what runs beside it until cancelled."""

    work: buckets.BucketWorker
    look: Coroutine[Any, Any, None]


def bucket_role(
    process: StoringProcess, settings: RawReceiverSettings, dead: DeadLetters, metrics: Metrics, executor: Executor
) -> BucketRole:
    """The bucket worker of a process. What is heavy runs in `executor`."""
    topic, segments, clock = process.names.topics.buckets, process.store.segments, process.clock
    times = Times(_ms(settings.close_seconds), _ms(settings.sweep_seconds), settings.look_days)
    sizes = Sizes(settings.segment_rows, settings.chunk_bytes, settings.merge_below_bytes, settings.merge_chunks)
    merger, sweeps = Merger(segments, executor, sizes), Sweeps(clock, times.keep)
    limits = Limits(settings.flush_bytes, times.close)
    writer = Writer(segments, Marks(process.bus, topic), sweeps, metrics, clock, limits)
    drafter = Drafter(process.store, merger, settings.segment_rows)
    folder = Folder(segments, merger, settings.fold_bytes)
    at_a_time = buckets.Sizes(settings.segment_buckets, settings.segment_commit)
    work = buckets.BucketWorker(drafter, folder, writer, dead, metrics, at_a_time)
    look = Look(process.view, segments, process.bus, topic, sweeps, clock, times)
    # Workers that start together do not look together: what the first one closed, the others find closed.
    first = settings.look_seconds * int.from_bytes(process.random_bytes(2)) / 2**16
    return BucketRole(work, _looking(process, look, settings.look_seconds, first))


async def _looking(process: StoringProcess, look: Look, every: float, first: float) -> None:
    await process.view.ready.wait()
    await look.run(every, first)


def _ms(seconds: float) -> int:
    return round(seconds * _SECOND)
