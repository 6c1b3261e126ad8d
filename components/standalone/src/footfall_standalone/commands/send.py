"""`footfall send`: events from a file or a pipe, through the native door."""

import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO
from urllib.parse import urlsplit

import httpx
import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from footfall_common.clock import SystemClock, new_id
from footfall_common.tenancy import wire_guid
from footfall_standalone.addresses import below
from footfall_standalone.choose import run_of, site_of, tenant_of
from footfall_standalone.commands.options import DEFAULT_DATA, AsJson, Data, Site, Tenant
from footfall_standalone.datadir import DataDir
from footfall_standalone.door import Door, Key
from footfall_standalone.exits import CommandFailed, ExitCode
from footfall_standalone.lines import Fault, Line, batches, completer, read
from footfall_standalone.tally import Tally, text_of

_BATCH_BYTES = 900_000  # the door takes 1 MiB a request; the rest is for what surrounds the events
_SECONDS = 30.0
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


def command(
    file: Annotated[Path | None, typer.Argument(help="Events, one JSON object a line; `-` or none = stdin.")] = None,
    data: Data = DEFAULT_DATA,
    tenant: Tenant = None,
    site: Site = None,
    receiver: Annotated[
        str | None,
        typer.Option("--receiver", metavar="URL", help="Another receiver than `footfall up`'s; --site is a GUID then."),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, max=500, help="Events a request.")] = 100,
    tries: Annotated[int, typer.Option("--tries", min=1, help="Tries a request before giving up.")] = 10,
    fill: Annotated[
        bool, typer.Option("--fill", help="Give events that lack id, occurred or trackingId a new id, now, none.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send events, one JSON object a line, and say what became of each.

    A line is an event as the native door takes it: id, trackingId (may be null), type, occurred; the rest is optional.
    Requests that the receiver cannot take now (503, 429, no answer) are sent again, as late as it asks; an event with
    an id is never counted twice, so a whole file may be sent again as well.

    Examples:

    - `footfall send visits.jsonl`

    - `echo '{"type": "LEAD", "name": "fair"}' | footfall send --fill`

    - `footfall send visits.jsonl --receiver https://track.example.com/receiver --tenant acme --site 6f2c…` (a GUID)
    """
    address, key = _target(data, tenant, site, receiver)
    tally = Tally()
    complete = completer(SystemClock(), new_id) if fill else None
    with _opened(file) as (source, size), _progress() as progress, _client(address) as client:
        task = progress.add_task("sending", total=size)
        door = Door(client, address, key, SystemClock(), _pause(progress, task), tries=tries)
        try:
            for part in batches(_sound(read(_counted(source, progress, task), complete), tally), batch, _BATCH_BYTES):
                for judged in door.send(part):
                    tally.judged(judged)
                progress.update(task, description=f"{tally.stored} stored")
        except CommandFailed as error:
            raise CommandFailed(f"{error.message} {tally.stored} before that were stored.", error.code) from error
    summary = tally.summary()
    typer.echo(msgspec.json.encode(summary).decode() if as_json else text_of(summary))
    if summary.rejected:
        raise typer.Exit(ExitCode.FAILED)


def _target(data: Path, tenant: str | None, site: str | None, receiver: str | None) -> tuple[str, Key]:
    """The receiver's address, and whose events these are."""
    if receiver is not None:
        return _web(receiver), _named(tenant, site)
    directory = DataDir(data)
    run = run_of(directory.run(), data)
    known = tenant_of(directory.tenants(), tenant, data)
    chosen = site_of(known, site)
    return below(run.local).receiver, (uuid.UUID(known.tenant), uuid.UUID(chosen.resource_id))


def _web(address: str) -> str:
    try:
        parts = urlsplit(address)
        sound = parts.scheme in {"http", "https"} and bool(httpx.URL(address).host) and parts.port != 0
    except (ValueError, httpx.InvalidURL):  # brackets, a port or an international name that are none
        sound = False
    if not sound:
        raise CommandFailed(
            f"--receiver {address} is no web address; write it like https://track.example.com/receiver.",
            ExitCode.INVALID,
        )
    return address.rstrip("/")


def _named(tenant: str | None, site: str | None) -> Key:
    try:
        return wire_guid(tenant or ""), uuid.UUID(site or "")
    except ValueError:
        raise CommandFailed(
            "With --receiver, name the tenant with --tenant and the site's GUID with --site.", ExitCode.INVALID
        ) from None


@contextmanager
def _opened(file: Path | None) -> Iterator[tuple[BinaryIO, int | None]]:
    """The lines, and how many bytes they are where that is known."""
    if file is None or str(file) == "-":
        yield sys.stdin.buffer, None
        return
    try:
        source = file.open("rb")
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read ({error.strerror}).", ExitCode.INVALID) from error
    with source:
        yield source, file.stat().st_size


def _client(address: str) -> httpx.Client:
    """A proxy of the environment is for other machines only."""
    return httpx.Client(timeout=_SECONDS, trust_env=urlsplit(address).hostname not in _LOCAL)


def _progress() -> Progress:
    """On stderr, and only where somebody looks."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


def _pause(progress: Progress, task: TaskID) -> Callable[[float, str], None]:
    def pause(seconds: float, why: str) -> None:
        progress.update(task, description=f"again in {seconds:g} s: {why}")
        time.sleep(seconds)

    return pause


def _counted(source: BinaryIO, progress: Progress, task: TaskID) -> Iterator[bytes]:
    for line in source:
        progress.advance(task, len(line))
        yield line


def _sound(lines: Iterable[Line | Fault], tally: Tally) -> Iterator[Line]:
    for line in lines:
        if isinstance(line, Fault):
            tally.fault(line)
        else:
            yield line
