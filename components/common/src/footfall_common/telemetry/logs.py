"""One JSON object a line on stderr, from our own events and from the libraries' alike."""

import logging
import logging.config
from collections.abc import Sequence
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

_SECRETS = ("authorization", "secret", "token", "password", "cookie")


def configure(stream: TextIO, level: str) -> None:
    """Send every log line of this process to `stream`, from `level` (debug, info, warning, error) on.

    Lines hold `timestamp` (UTC, ISO 8601), `level`, `event`, whatever was bound (request id, component), and for an
    error its traceback under `exception`.
    """
    shared: Sequence[structlog.typing.Processor] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("authlib", "asyncio", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide what must never be written down, whoever logs it."""
    return {name: "[hidden]" if _is_secret(name) else value for name, value in event.items()}


def _is_secret(name: Any) -> bool:
    return isinstance(name, str) and any(word in name.lower() for word in _SECRETS)
