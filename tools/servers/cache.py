"""What is downloaded or built once a machine: in the user's cache folder, whole or not at all."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class Missing(RuntimeError):
    """This machine cannot run the servers; the message says what it lacks."""


def cache() -> Path:
    """Footfall's folder in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "footfall"


def once(folder: Path, make: Callable[[Path, int], None]) -> Path:
    """The folder, made where it is not there yet. Two processes may ask at once; one that is torn is no folder.

    `make` fills the folder that it is given, or raises. Its second argument is the file descriptor of the lock:
    where we are killed, a child that was given it keeps whoever comes next waiting.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            beside = folder.with_suffix(".part")
            make(beside, lock.fileno())
            beside.rename(folder)
    return folder


def offered(make: Callable[[], object], what: str) -> int:
    """Make it, or say in one sentence why it cannot be had here: which only in CI is a failure. The exit code."""
    try:
        make()
    except Missing as error:
        print(f"no {what} here: {error}", file=sys.stderr)
        return 1 if os.environ.get("CI") == "true" else 0
    return 0


def made_by(
    command: Sequence[str],
    failure: str,
    seconds: float,
    lock: int,
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Run what makes a folder. Raises `Missing` with `failure` and the end of what it said, or that it took too long.

    It holds `lock` too: where we are killed, whoever comes next waits for it.
    """
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environ,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            pass_fds=(lock,),
        )
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{failure}: it took more than {seconds:.0f} seconds") from error
    if done.returncode:
        raise Missing(f"{failure}:\n{done.stdout[-2_000:]}")
