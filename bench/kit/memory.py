"""Resident memory of processes over time."""

import threading
import time
from collections.abc import Mapping
from typing import Self

from typing_extensions import override

from bench.kit import processes


class Memory(threading.Thread):
    """Samples the resident memory of named processes while its block lasts; `samples` holds (seconds, MB)."""

    def __init__(self, pids: Mapping[str, int], every: float = 0.5) -> None:
        super().__init__(daemon=True)
        self._pids = dict(pids)
        self._every = every
        self._stopping = threading.Event()
        self._failure: OSError | None = None
        self.samples: dict[str, list[tuple[float, float]]] = {name: [] for name in pids}

    @override
    def run(self) -> None:
        """Until stopped, or until one of the processes is gone."""
        try:
            while not self._stopping.wait(self._every):
                for name, pid in self._pids.items():
                    self.samples[name].append((time.monotonic(), processes.rss_mb(pid)))
        except OSError as error:
            self._failure = error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.join()
        if self._failure is not None:
            raise RuntimeError(f"a process ended while it was measured: {self._pids}") from self._failure

    def peak(self, name: str) -> float:
        """The most that was seen."""
        return max(megabytes for _, megabytes in self.samples[name])
