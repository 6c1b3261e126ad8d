"""aiokafka's log lines, fewer of them: away from its broker it writes several a retry, ten retries a second."""

import logging
from typing import Final

from typing_extensions import override

_EVERY_SECONDS: Final = 10.0
_LOGGERS: Final = (
    "aiokafka",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
)


class Sparing(logging.Filter):
    """Lets a message through once in ten seconds, with how often it was left out meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, tuple[float, int]] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        template = str(record.msg)  # before its arguments: a few dozen there are
        at, left_out = self._last.get(template, (float("-inf"), 0))
        if record.levelno < logging.WARNING:
            return True
        if record.created - at < _EVERY_SECONDS:
            self._last[template] = at, left_out + 1
            return False
        self._last[template] = record.created, 0
        if left_out:
            record.msg = f"{record.msg} (left out since the last: {left_out})"
        return True


_sparing: Final = Sparing()


def tame() -> None:
    """Put the filter on aiokafka's loggers; more than once does nothing more."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_sparing)
