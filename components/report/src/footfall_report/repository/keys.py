"""The keys that sign cursors: one file shared by replicas, the newest key first; the one before still holds."""

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog

from footfall_common.clock import Clock
from footfall_common.errors import SettingsInvalid

_ACCEPTED = 2
_BYTES = 32
_CHECK_SECONDS = 3_600
_DAY_MS = 86_400_000
_log = structlog.get_logger(__name__)


class CursorKeys(Protocol):
    """Where the feed takes its keys from."""

    def accepted(self) -> tuple[bytes, ...]:
        """The keys that hold, the one to sign with first."""
        ...


class ProcessKeys:
    """One key that ends with the process."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._keys = (random_bytes(_BYTES),)

    def accepted(self) -> tuple[bytes, ...]:
        """The one key."""
        return self._keys


class KeyFile:
    """Keys in a file. Made where missing, read again when changed, rotated when older than `days` (0 = never)."""

    def __init__(self, path: Path, *, days: int, random_bytes: Callable[[int], bytes], clock: Clock) -> None:
        self._path = path
        self._days = days
        self._random_bytes = random_bytes
        self._clock = clock
        self._seen: tuple[int, int] | None = None
        self._keys: tuple[bytes, ...] = ()

    def open(self) -> None:
        """Make the file where it is missing, and read it; SettingsInvalid when that cannot be done."""
        try:
            if not self._path.exists():
                self._write(())
            self._seen, self._keys = self._identity(), _parse(self._path.read_text("ascii"))
        except (OSError, ValueError) as error:
            raise SettingsInvalid(
                f"{self._path} cannot serve as key file ({error}); put one key of at least 64 hex digits a line.",
                field="FOOTFALL_REPORT_CURSOR_KEY_FILE",
            ) from error

    def accepted(self) -> tuple[bytes, ...]:
        """The keys that hold, the one to sign with first; the ones before while a changed file cannot be read."""
        try:
            if (identity := self._identity()) != self._seen:
                self._keys = _parse(self._path.read_text("ascii"))
                self._seen = identity
        except (OSError, ValueError) as error:
            _log.error("cursor_keys_unreadable", path=str(self._path), error=str(error))
        return self._keys

    async def run(self) -> None:
        """Rotate when due, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.rotate_if_due)
            except OSError as error:
                _log.error("cursor_keys_not_rotated", path=str(self._path), error=str(error))
            await asyncio.sleep(_CHECK_SECONDS)

    def rotate_if_due(self) -> bool:
        """Put a new key in front when the file is older than `days`; whether that was done."""
        age = self._clock.now_ms() - int(self._path.stat().st_mtime * 1000)
        if not self._days or age < self._days * _DAY_MS:
            return False
        self._write(self.accepted()[:1])
        return True

    def _write(self, before: tuple[bytes, ...]) -> None:
        """A new key, then `before`; whole or not at all, and readable by us alone."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(f"{self._path.name}.new")
        lines = "".join(f"{key.hex()}\n" for key in (self._random_bytes(_BYTES), *before))
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(file, "w", encoding="ascii") as out:
            out.write(lines)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(self._path)

    def _identity(self) -> tuple[int, int]:
        about = self._path.stat()
        return about.st_mtime_ns, about.st_ino


def _parse(text: str) -> tuple[bytes, ...]:
    keys = tuple(bytes.fromhex(line) for line in text.split())[:_ACCEPTED]
    if not keys or min(map(len, keys)) < _BYTES:
        raise ValueError(f"a key is missing or shorter than {_BYTES} bytes")
    return keys
