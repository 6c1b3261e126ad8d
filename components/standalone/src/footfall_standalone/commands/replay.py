"""`footfall replay`: raw events, or dead letters, once more."""

import asyncio
import datetime as dt
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Literal, NamedTuple, TypeVar

import typer

from footfall_common import telemetry
from footfall_common.clock import to_ms
from footfall_common.entry import storing
from footfall_common.entry.loaded import Loaded
from footfall_common.entry.opening import open_all
from footfall_common.entry.plain import opening
from footfall_common.errors import InvalidInput
from footfall_common.process import StoringProcess, background
from footfall_common.settings import Settings
from footfall_raw_receiver.app import replaying
from footfall_raw_receiver.models import Stage
from footfall_raw_receiver.publisher import Throttle
from footfall_raw_receiver.service.replay import Patience, Progress, Range, Replayed, Unbury, replay
from footfall_raw_receiver.settings import RawReceiverSettings
from footfall_standalone.exits import CommandFailed, ExitCode

CLASSES: tuple[type[Settings], ...] = (*storing.CLASSES, RawReceiverSettings)
What = Literal["raw", "dead"]
_WHAT: Mapping[str, What] = {"raw": "raw", "dead": "dead"}
_STAGES: Mapping[str, Stage] = {"decode": "decode", "event": "event"}
_EVERY = 2.0
_OPEN_SECONDS = 60.0
_PATIENCE = Patience(0.2, 5.0)


T = TypeVar("T")


class Asked(NamedTuple):
    """What the command line says."""

    what: What
    range: Range
    stage: Stage | None
    rate: int


def command(
    what: Annotated[
        str, typer.Argument(metavar="[raw|dead]", help="raw: events as they came; dead: what could not be stored.")
    ] = "raw",
    partition: Annotated[int | None, typer.Option(min=0, help="Of this partition alone.")] = None,
    first: Annotated[int, typer.Option("--from", metavar="OFFSET", min=0, help="From this offset on.")] = 0,
    end: Annotated[
        int | None, typer.Option("--to", metavar="OFFSET", min=0, help="Up to and without this one.")
    ] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="Appended then or later: ISO 8601 with a zone.")] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="Appended before that time.")] = "",
    stage: Annotated[str, typer.Option(metavar="[decode|event]", help="dead: only what failed there.")] = "",
    rate: Annotated[int, typer.Option(min=1, help="Records a second, so that live events keep their way.")] = 2_000,
) -> None:
    """Run raw events through the raw receiver's decisions again, or put dead letters back on their way.

    Nothing is doubled: what is stored already is found by its event id. A replay of `raw` publishes no event and moves
    no group; it may run beside the live raw receivers, and again after whatever ended it. It ends where the topic ended
    when it began. Bus and store are settings, `FOOTFALL_KAFKA_*` and `FOOTFALL_CASSANDRA_*` in docs/settings.md.

    Examples:

    - `footfall replay` (everything that the topic still has)

    - `footfall replay --since 2026-11-24T10:00Z --until 2026-11-24T12:00Z --rate 500`

    - `footfall replay dead --stage event`
    """
    asked = Asked(
        _one_of(what, _WHAT, "what"),
        Range(partition, first, end, _moment(since, "since"), _moment(until, "until")),
        _one_of(stage, _STAGES, "stage") if stage else None,
        rate,
    )
    telemetry.configure(sys.stderr, "warning")
    loaded = Loaded(os.environ, CLASSES)
    outcome = asyncio.run(_run(asked, loaded, _teller()))
    typer.echo(f"{outcome.replayed} records replayed of {outcome.read} read.")


async def _run(asked: Asked, loaded: Loaded, told: Callable[[Progress], None]) -> Progress:
    async with _opened(loaded) as process:
        names = process.names.topics
        work: Replayed
        if asked.what == "dead":
            topic, work = names.dead, Unbury(process.bus, names.raw, asked.stage)
        else:
            topic, work = names.raw, replaying(process, loaded.of(RawReceiverSettings))
            await process.view.ready.wait()  # a resource's domains decide what counts as a referrer
        return await replay(
            lambda: process.bus.reader(topic),
            work,
            asked.range,
            throttle=Throttle(asked.rate, process.clock),
            patience=_PATIENCE,
            chunk=loaded.of(RawReceiverSettings).chunk_records,
            told=told,
        )


@asynccontextmanager
async def _opened(loaded: Loaded) -> AsyncIterator[StoringProcess]:
    process, bus, store = storing.assembled(loaded)
    openings = (opening("bus", bus, loaded), opening("store", store, loaded))
    async with AsyncExitStack() as stack:
        for one in openings:
            stack.push_async_callback(one.close)
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await open_all(openings)
        except TimeoutError:
            reasons = [reason for one in openings if (reason := await one.check())]
            raise CommandFailed(" ".join(reasons), ExitCode.UNREACHABLE) from None
        await stack.enter_async_context(background(process.view.run()))
        yield process


def _teller() -> Callable[[Progress], None]:
    """Says every few seconds how far it is."""
    said = time.monotonic()

    def told(progress: Progress) -> None:
        nonlocal said
        if time.monotonic() - said >= _EVERY:
            said = time.monotonic()
            typer.echo(f"{progress.replayed} replayed, {progress.read} read, at most {progress.left} left", err=True)

    return told


def _moment(text: str, name: str) -> int | None:
    """The time in ms since the epoch."""
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        message = f"--{name} {text} is no time with a zone; write it as 2026-11-24T10:00:00Z."
        raise InvalidInput(message, field=name)
    return to_ms(moment)


def _one_of(text: str, allowed: Mapping[str, T], name: str) -> T:
    try:
        return allowed[text]
    except KeyError:
        message = f"{name} {text} is none of {', '.join(allowed)}."
        raise InvalidInput(message, field=name) from None
