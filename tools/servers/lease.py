"""Holding a set of servers: started by the first holder, shared by all, ended after the last."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tools.servers.cache import Missing
from tools.servers.server import until

ROOT = Path(__file__).parents[2]
SUPERVISOR = "tools.servers.supervise"
START_SECONDS = 180.0
_DIGITS = 12
_OLD = 86_400.0


def base() -> Path:
    """Where this user's sets of servers are found."""
    folder = Path(tempfile.gettempdir()) / f"footfall-servers-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


class Lease:
    """A connection to the supervisor of one set. `share` tells sets of equal options apart: who shares, shares all."""

    def __init__(self, kind: str, options: Mapping[str, Any], share: str, linger: float) -> None:
        text = json.dumps(options, sort_keys=True)
        digest = hashlib.sha256(f"{kind} {text} {share}".encode()).hexdigest()[:_DIGITS]
        self._kind, self._options, self._linger = kind, text, str(linger)
        self._folder = base() / f"{kind}-{digest}"
        self._socket = socket.socket(socket.AF_UNIX)
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        with self._folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._connected():
                self._spawn()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, **asked: Any) -> dict[str, Any]:
        """One question; RuntimeError where it could not be done."""
        self._socket.sendall(json.dumps(asked).encode() + b"\n")
        line = self._lines.readline()
        if not line:
            raise RuntimeError(f"the supervisor of {self._folder.name} has ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    @property
    def supervisor(self) -> int:
        """Its process id."""
        return int((self._folder / "pid").read_text())

    def _connected(self) -> bool:
        try:
            self._socket.connect(str(self._folder / "socket"))
            self.ask(do="pids")
        except (OSError, RuntimeError):
            self._lines.close()
            self._socket.close()
            self._socket = socket.socket(socket.AF_UNIX)
            self._lines = self._socket.makefile("rb")
            return False
        return True

    def _spawn(self) -> None:
        remove_stale()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700)
        with (self._folder / "log").open("wb") as log:
            subprocess.run(
                [sys.executable, "-m", SUPERVISOR, self._kind, self._options, str(self._folder), self._linger],
                cwd=ROOT,
                env={key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._connected():
            self._refuse_failure()
            try:
                until(deadline, f"starting {self._kind}")
            except TimeoutError:
                os.kill(self.supervisor, signal.SIGKILL)
                raise

    def _refuse_failure(self) -> None:
        # In this order: one that fails says why before it ends.
        ended = (self._folder / "pid").exists() and not _supervises(self.supervisor)
        failed = self._folder / "failed"
        if failed.exists():
            raise Missing(failed.read_text("utf-8"))
        if ended:
            raise Missing(f"the supervisor of {self._kind} was killed while it started")


def remove_stale() -> None:
    """Remove what supervisors that were killed left behind, and locks of long ago."""
    for lock in base().glob("*.lock"):
        if lock.stat().st_mtime < time.time() - _OLD:
            lock.unlink(missing_ok=True)
    for folder in base().iterdir():
        try:
            ended = not _supervises(int((folder / "pid").read_text()))
        except OSError:
            continue
        if ended:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree((folder / "data").read_text(), ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)


def _supervises(pid: int) -> bool:
    """Whether that process is a supervisor that runs: not one that nobody has reaped yet, nor another one's pid."""
    try:
        return SUPERVISOR.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
