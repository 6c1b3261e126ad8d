"""Runs a component that needs the bus only. Imports no store's driver: the process keeps to its memory."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

import structlog
from prometheus_client import CollectorRegistry

from footfall_common.auth import AdminToken, TokenVerifier
from footfall_common.bus.kafka import KafkaBus, KafkaSettings
from footfall_common.clock import SystemClock, new_id
from footfall_common.entry import command
from footfall_common.entry.loaded import Loaded
from footfall_common.entry.opening import Opening, Outside
from footfall_common.entry.settings import NamesSettings, ProcessSettings
from footfall_common.entry.standing import Plan
from footfall_common.errors import SettingsInvalid, Unavailable
from footfall_common.pipeline.view import SettingsView
from footfall_common.process import Component, Process
from footfall_common.settings import Settings

CLASSES: tuple[type[Settings], ...] = (ProcessSettings, NamesSettings, KafkaSettings)
S = TypeVar("S", bound=Settings)
_log = structlog.get_logger(__name__)


def run(
    name: str,
    running: Callable[[Process, S], AbstractAsyncContextManager[Component]],
    settings: type[S],
    arguments: Sequence[str] | None = None,
) -> command.ExitCode:
    """Run the component until it is told to stop; the exit code."""

    def plan(loaded: Loaded) -> Plan[Process]:
        process, bus = assembled(loaded)
        return Plan(
            name=name,
            settings=loaded.of(ProcessSettings),
            process=process,
            openings=(opening("bus", bus, loaded),),
            running=lambda made: running(made, loaded.of(settings)),
        )

    return command.run(name, (*CLASSES, settings), plan, arguments)


def assembled(loaded: Loaded) -> tuple[Process, KafkaBus]:
    """The collaborators, and the bus among them that is to be opened."""
    settings, names = loaded.of(ProcessSettings), loaded.of(NamesSettings).names()
    clock = SystemClock()
    bus = KafkaBus(loaded.of(KafkaSettings), clock)
    view = SettingsView(bus, names.topics.settings)
    process = Process(
        clock=clock,
        new_id=new_id,
        random_bytes=secrets.token_bytes,
        registry=CollectorRegistry(),
        bus=bus,
        names=names,
        view=view,
        verifier=TokenVerifier(view, settings.issuer, clock),
        admin=AdminToken(_admin_token(settings.admin_token_file)),
    )
    return process, bus


def opening(name: str, outside: Outside, loaded: Loaded) -> Opening:
    """How long to wait between tries is the process's setting."""
    settings = loaded.of(ProcessSettings)
    return Opening(name, outside, retry=settings.retry_seconds, retry_max=settings.retry_max_seconds)


def _admin_token(path: Path | None) -> Callable[[], str]:
    """Reads the token; "" matches nothing. SettingsInvalid where there is no such file at the start."""
    if path is None:
        return str

    def read() -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            _log.error("admin_token_unreadable", reason=str(error))
            message = "The administrator's token cannot be read here; the log says why."
            raise Unavailable(message, retry_after=5) from error

    try:
        read()
    except Unavailable as error:
        raise SettingsInvalid(
            f"FOOTFALL_PROCESS_ADMIN_TOKEN_FILE is {str(path)!r}: {error.__cause__}; name a file that can be read.",
            field="FOOTFALL_PROCESS_ADMIN_TOKEN_FILE",
        ) from error
    return read
