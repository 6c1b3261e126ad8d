"""The command line of a component that runs alone, and how its process ends."""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import structlog
import uvloop

from footfall_common import telemetry
from footfall_common.entry import interpreter
from footfall_common.entry.loaded import Loaded, listing
from footfall_common.entry.settings import ProcessSettings
from footfall_common.entry.standing import Plan, stand
from footfall_common.errors import SettingsInvalid
from footfall_common.settings import Settings
from footfall_common.web import listen

_PRIVATE = 0o077  # what it writes is about people: for this user alone
_log = structlog.get_logger(__name__)


class ExitCode(IntEnum):
    """How the process of a component ends."""

    OK = 0
    FAILED = 1
    INVALID = 2


_EXITS = "Exit codes: 0 = stopped in order; 1 = a part of it failed, see the log; 2 = a setting or option is wrong."


def run(
    name: str,
    classes: Sequence[type[Settings]],
    plan: Callable[[Loaded], Plan[Any]],
    arguments: Sequence[str] | None = None,
) -> ExitCode:
    """Run the component until it is told to stop. `plan` puts its process together; nothing is opened yet."""
    options = _parser(name, classes).parse_args(arguments)
    os.umask(_PRIVATE)
    try:
        loaded = Loaded(os.environ, classes)
        settings = loaded.of(ProcessSettings)
        telemetry.configure(sys.stderr, settings.log_level)
        if options.check_settings:
            plan(loaded)
            return ExitCode.OK
        interpreter.lean()
        with _listen(settings) as listener:
            return _served(name, plan(loaded), listener)
    except SettingsInvalid as error:
        sys.stderr.write(f"footfall {name}: {error.message}\n")
        return ExitCode.INVALID


def _served(name: str, plan: Plan[Any], listener: socket.socket) -> ExitCode:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(stand(plan, listener))
    except Exception as error:
        if (wrong := _settings_alone(error)) is not None:
            raise wrong from error
        _log.exception("failed", component=name)
        return ExitCode.FAILED
    _log.info("stopped", component=name)
    return ExitCode.OK


def _settings_alone(error: Exception) -> SettingsInvalid | None:
    """A setting that turned out to be wrong only once it was used, where that alone ended the groups of tasks."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, SettingsInvalid) else None


def _listen(settings: ProcessSettings) -> socket.socket:
    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        raise SettingsInvalid(
            f"Cannot listen on port {settings.port} of {settings.host} ({error.strerror or error}); choose others with "
            "FOOTFALL_PROCESS_HOST and FOOTFALL_PROCESS_PORT.",
            field="FOOTFALL_PROCESS_PORT",
        ) from error


def _parser(name: str, classes: Sequence[type[Settings]]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m footfall_{name}",
        description=f"Footfall's {name.replace('_', ' ')} in a process of its own, until SIGTERM or SIGINT.",
        epilog=f"Settings are environment variables; docs/settings.md says what each means.\n\n{listing(classes)}\n\n"
        f"{_EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check-settings", action="store_true", help="judge the settings and end; nothing is started")
    return parser
