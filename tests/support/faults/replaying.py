"""Replays the whole raw topic as a process of its own: the raw receiver's own decisions on the real adapters.

python -m tests.support.faults.replaying        (settings as the raw receiver's; prints its last progress as JSON)
"""

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import AsyncExitStack

from footfall_common.entry import storing
from footfall_common.entry.loaded import Loaded
from footfall_common.process import background
from footfall_raw_receiver.app import _raw
from footfall_raw_receiver.publisher import DeadLetters, Throttle
from footfall_raw_receiver.service.metrics import Metrics
from footfall_raw_receiver.service.replay import Patience, Progress, Range, replay
from footfall_raw_receiver.settings import RawReceiverSettings

RECORDS_A_SECOND = 100_000


async def whole(told: Callable[[Progress], None]) -> Progress:
    """From offset 0 to where the topic ends now."""
    loaded = Loaded(os.environ, (*storing.CLASSES, RawReceiverSettings))
    settings = loaded.of(RawReceiverSettings)
    process, bus, store = storing.assembled(loaded)
    async with AsyncExitStack() as stack:
        for outside in (bus, store):
            stack.push_async_callback(outside.close)
            await outside.open()
        await stack.enter_async_context(background(process.view.run()))
        await process.view.ready.wait()
        metrics = Metrics(process.registry, process.clock)
        topics = process.names.topics
        dead = DeadLetters(bus, topics.dead, settings.dead_letters_per_second, process.clock, metrics.dead)
        reader = await bus.reader(topics.raw)
        stack.push_async_callback(reader.close)
        return await replay(
            reader,
            _raw(process, settings, dead, metrics),
            Range(),
            throttle=Throttle(RECORDS_A_SECOND, process.clock),
            patience=Patience(0.1, 2.0),
            chunk=settings.chunk_records,
            told=told,
        )


if __name__ == "__main__":
    print(json.dumps(asyncio.run(whole(lambda _: None))._asdict()))  # noqa: T201 - its answer
