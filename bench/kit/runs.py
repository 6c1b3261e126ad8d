"""Turn by turn: drive a process, and charge its CPU to the requests it answered."""

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.kit import load, processes


class Run(NamedTuple):
    """CPU microseconds a request, requests a second, and the part of one core that the process used meanwhile."""

    micros: float
    rate: float
    busy: float = 0.0


def measured(pids: Sequence[int], drive: Callable[[], load.Outcome], settle: Callable[[], None] = lambda: None) -> Run:
    """Drive, wait until settled, and charge the CPU of all those processes to the requests; any non-2xx is an error."""
    before, began = processes.cpu_seconds(*pids), time.monotonic()
    outcome = drive()
    took, used = time.monotonic() - began, processes.cpu_seconds(*pids) - before
    settle()
    if outcome.refused or outcome.broken:
        raise RuntimeError(f"not every request was answered 2xx: {outcome}")
    return Run((processes.cpu_seconds(*pids) - before) * 1e6 / outcome.requests, outcome.requests / took, used / took)


def median(runs: Sequence[Run]) -> Run:
    """The run of median cost."""
    return sorted(runs)[len(runs) // 2]


def p95(found: Sequence[float]) -> float:
    """The 95th percentile."""
    return percentile(found, 0.95)


def percentile(found: Sequence[float], part: float) -> float:
    """By nearest rank: a value that was measured."""
    if not found:
        raise ValueError("nothing was measured")
    return sorted(found)[math.ceil(part * len(found)) - 1]


class Seeds:
    """A fresh seed a run, so that no two runs share an event id."""

    def __init__(self) -> None:
        self._next = int(time.time()) & 0xFFFFFF

    def __call__(self) -> int:
        self._next += 1
        return self._next
