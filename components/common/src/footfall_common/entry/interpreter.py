"""What the C library and CPython are told about a process with few threads and a bounded memory."""

import gc
import sys

from footfall_common import libc

_SWITCH_INTERVAL = 0.001
_GC_THRESHOLDS = (50_000, 20, 100)
_ARENAS = 2


def lean() -> None:
    """Call before the first thread starts."""
    # glibc gives each of our dozen threads a heap of its own and returns none of it: 40 MB under load, measured.
    libc.limit_arenas(_ARENAS)


def tune() -> None:
    """Call once everything that lives as long as the process has been made."""
    # The loop and SQLite's writer threads share the interpreter lock. A thread that comes back from a sync waits one
    # switch interval for it while the loop is busy, once a statement: 5 ms (the default) would be added to every
    # group commit, and so to every answer.
    sys.setswitchinterval(_SWITCH_INTERVAL)
    # Hundreds of requests that wait for a sync make every collection expensive: -16 % CPU a request, measured.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
