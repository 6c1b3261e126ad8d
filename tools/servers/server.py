"""One server: a process that is started, signalled, ended, and started again on the data that it left."""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STOPPING = 5.0
_libc = ctypes.CDLL(None)


def die_with(parent: int) -> None:
    """Called in a child before it becomes what it is to run: it then dies with that parent, however that ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked, so no signal will come
        os._exit(1)


class Server:
    """Started from the main thread alone: it dies with the thread that started it."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.log = folder / "output"
        self._command = command
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """0 while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    def start(self) -> None:
        """Start, unless it runs."""
        if self.pid:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509 - system calls that take no lock
            )

    def signal(self, number: int) -> None:
        """Send a signal; after SIGKILL, wait for the end; after SIGSTOP, until none of its threads runs any more."""
        pid = self.pid
        if not pid:
            return
        os.kill(pid, number)
        if number == signal.SIGKILL and self._process is not None:
            self._process.wait()
        deadline = time.monotonic() + _STOPPING
        while number == signal.SIGSTOP and any(map(_awake, Path(f"/proc/{pid}/task").iterdir())):
            until(deadline, f"stopping process {pid}")

    def end(self, grace: float) -> None:
        """Ask it to stop, then kill it."""
        if self._process is None or not self.pid:
            return
        if grace:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        self._process.kill()
        self._process.wait()

    def alive(self) -> None:
        """RuntimeError with the end of its log where it has ended."""
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"{self._command[-1]} ended with code {self._process.returncode}:\n{self.said()}")

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-3_000:] if self.log.exists() else ""


def told_to_end() -> threading.Event:
    """Set by Ctrl-C, and by whoever ends this process or its terminal."""
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: told.set())
    return told


def awake(pid: int) -> bool:
    """Whether that process runs, and was not told to hang. False for 0, which is none."""
    return _awake(Path(f"/proc/{pid}"))


def _awake(task: Path) -> bool:
    try:
        status = (task / "stat").read_text("utf-8")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in {"T", "Z"}


def until(deadline: float, what: str) -> None:
    """A short pause; TimeoutError once the monotonic time `deadline` is over."""
    if time.monotonic() > deadline:
        raise TimeoutError(f"{what}: not in time")
    time.sleep(0.1)
