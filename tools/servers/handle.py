"""What holders of a set of servers see of it."""

import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tools.servers.lease import Lease

LINGER = 3.0
"""Seconds that a shared set without a holder waits for the next one."""


class Credentials(NamedTuple):
    """A user and its password."""

    user: str
    password: str


class Servers:
    """A held set; servers are numbered from 0."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._facts: Mapping[str, Any] = lease.ask(do="facts")["facts"]

    @property
    def admin(self) -> Credentials:
        """Who may do everything."""
        return Credentials(self._facts["user"], self._facts["password"])

    @property
    def ca(self) -> Path | None:
        """The authority that signed the servers' certificates; None without TLS."""
        return Path(self._facts["ca"]) if self._facts["ca"] else None

    @property
    def versions(self) -> Mapping[str, str]:
        """Of the servers, by name."""
        return dict(self._facts["versions"])

    @property
    def supervisor(self) -> int:
        """The process that owns the servers."""
        return self._lease.supervisor

    @property
    def folder(self) -> Path:
        """The set's own folder, for this user alone: what a holder leaves in it goes when the set ends."""
        return Path(self._facts["folder"])

    def pids(self) -> list[int]:
        """A process id a server, 0 where it does not run."""
        return list(self._lease.ask(do="pids")["pids"])

    def data(self, number: int) -> Path:
        """The folder of its data."""
        return Path(self._facts["data"][number])

    def log(self, number: int) -> str:
        """What it wrote to its log."""
        return Path(self._facts["logs"][number]).read_text("utf-8", "replace")

    def kill(self, number: int) -> None:
        """SIGKILL; returns once it has ended."""
        self._lease.ask(do="signal", server=number, signal=int(signal.SIGKILL))

    def end(self, number: int) -> None:
        """SIGTERM; returns once it has ended."""
        self._lease.ask(do="end", server=number)

    def hang(self, number: int) -> None:
        """SIGSTOP."""
        self._lease.ask(do="signal", server=number, signal=int(signal.SIGSTOP))

    def wake(self, number: int) -> None:
        """SIGCONT, if it runs."""
        self._lease.ask(do="signal", server=number, signal=int(signal.SIGCONT))

    def start(self, number: int, *, wait: bool = True) -> None:
        """Start it on its data, if it does not run; returns once it serves, or at once."""
        self._lease.ask(do="start", server=number, wait=wait)


@contextmanager
def held(kind: str, options: Mapping[str, Any], share: str | None) -> Iterator[Lease]:
    """A lease while the block lasts. `share` = who takes part in one set; None = nobody but this block."""
    linger = LINGER if share else 0.0
    with Lease(kind, options, share or secrets.token_hex(8), linger) as lease:
        yield lease
