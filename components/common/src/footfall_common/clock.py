"""Time and identifiers as arguments, so that every decision can be replayed in a test."""

import datetime as dt
import time
import uuid
from collections.abc import Callable
from typing import Protocol

NewId = Callable[[], uuid.UUID]
"""Makes one random identifier (UUID version 4 in production)."""

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)


class Clock(Protocol):
    """Wall clock and monotonic clock of one process."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""
        return time.monotonic()


def new_id() -> uuid.UUID:
    """One random identifier."""
    return uuid.uuid4()


def to_ms(moment: dt.datetime) -> int:
    """Milliseconds since the epoch of an aware moment; exact, also for years before 1970."""
    return (moment - EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> dt.datetime:
    """The aware UTC moment of milliseconds since the epoch."""
    return EPOCH + dt.timedelta(milliseconds=milliseconds)
