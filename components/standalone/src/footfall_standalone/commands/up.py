"""`footfall up`: everything in one process."""

import asyncio
import os
import socket
import sys
from errno import EADDRINUSE
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from footfall_common import telemetry
from footfall_common.entry import interpreter
from footfall_common.errors import FootfallError
from footfall_common.manifest import ManifestInvalid, read_all
from footfall_common.web import listen
from footfall_standalone.addresses import below, local_base
from footfall_standalone.commands.options import DEFAULT_DATA
from footfall_standalone.configuration import load, placed
from footfall_standalone.datadir import DataDir
from footfall_standalone.exits import CommandFailed, ExitCode
from footfall_standalone.shop import MANIFEST
from footfall_standalone.standing import Plan, stand

_SHOWN = ("receiver", "tenant", "report", "identity")
_PRIVATE = 0o077  # what is kept is about people: for this user alone, whatever the directory allows


def command(
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Where everything is kept; made where it is missing.")
    ] = DEFAULT_DATA,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port to listen on; 0 takes a free one (run.json).")
    ] = 8080,
    file: Annotated[
        list[Path] | None, typer.Option("--file", "-f", metavar="FILE", help="A TrackingTenant manifest; repeatable.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Add a demo shop at /demo, on a tenant of its own.")] = False,
) -> None:
    """Serve receiver, tenant, report and identity on one port of this machine, until Ctrl+C or SIGTERM.

    Each tenant of the manifests is made (or brought up to date), and gets credentials for Creatio: see
    `footfall credentials`. Edits of the files act within two seconds; a file that cannot be used is reported as a line
    of JSON on stderr, and what stood before stays in force. A site that leaves its file becomes inactive; a tenant
    that leaves stays.

    Settings are variables named `FOOTFALL_<PART>_<NAME>`, such as `FOOTFALL_STANDALONE_HOST`; docs/settings.md lists
    them, and unknown ones are refused.

    Examples:

    - `footfall up --demo`

    - `footfall up --data /var/lib/footfall --port 8080 -f examples/tenant.yaml`
    """
    os.umask(_PRIVATE)
    interpreter.lean()
    configuration = load(os.environ)
    telemetry.configure(sys.stderr, configuration.standalone.log_level)
    manifests = (*(file or ()), *((MANIFEST,) if demo else ()))
    try:
        read_all(manifests)
    except ManifestInvalid as error:
        raise _invalid(error) from error
    directory = DataDir(data)
    host = configuration.standalone.host
    with directory.owned(), _listen(host, port) as listener:
        local = local_base(host, listener.getsockname()[1])
        addresses = below(configuration.standalone.public_url or local)
        plan = Plan(directory, placed(configuration, addresses, directory), manifests, local, addresses, demo)
        fault = _run(plan, listener)
    if fault is not None:
        raise _invalid(fault)


def _run(plan: Plan, listener: socket.socket) -> ManifestInvalid | None:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(stand(plan, listener, lambda: _announce(plan)))
    except ExceptionGroup as group:
        if (cause := _cause(group)) is not None:
            raise cause from group
        raise


def _cause(error: Exception) -> FootfallError | CommandFailed | None:
    """What a user can act upon, where that alone ended the groups of tasks that it went through."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, FootfallError | CommandFailed) else None


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        if error.errno == EADDRINUSE:
            raise CommandFailed(
                f"Port {port} of {host} is in use by another process; stop it, or name another with --port.",
                ExitCode.IN_USE,
            ) from error
        raise CommandFailed(
            f"Cannot listen on port {port} of {host} ({error.strerror}); choose others with --port and "
            "FOOTFALL_STANDALONE_HOST.",
            ExitCode.INVALID,
        ) from error


def _invalid(error: ManifestInvalid) -> CommandFailed:
    field = f"{error.field}: " if error.field else ""
    return CommandFailed(f"{error.file}:{error.line}: {field}{error.message}", ExitCode.INVALID)


def _announce(plan: Plan) -> None:
    """On stdout, for whoever started it; programs read run.json."""
    to = plan.addresses
    lines = ["Footfall is ready; Ctrl+C ends it.", *(f"  {name:<9} {getattr(to, name)}" for name in _SHOWN)]
    if plan.with_demo:
        # By another name of this machine than the receiver's, so that the shop's requests are cross-origin for real.
        lines.append(f"  {'demo':<9} {to.demo.replace('//127.0.0.1:', '//localhost:')}")
    lines.append(f"Connect Creatio with: footfall credentials --data {plan.data.path}")
    typer.echo("\n".join(lines))
