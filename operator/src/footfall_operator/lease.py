"""Who leads: one process at a time, as far as that can be known, and never two that write knowingly.

A `Lease` object names the leader. Its length L decides all times: tried every 2/15 L, each call cut off after 2/15 L,
given up 8/15 L after the start of the last renewal that succeeded, and no write is begun from 10/15 L on. Others take
over when they have seen no renewal for L by their own clock, so clocks need not agree.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

import structlog

_CALL: Final = 2 / 15
_GIVE_UP: Final = 8 / 15
_FENCE: Final = 10 / 15
RELEASED: Final = 1.0
"""Seconds that a lease without holder lasts when it was left in order."""
_log = structlog.stdlib.get_logger(__name__)


class Fenced(RuntimeError):
    """The lease may no longer be ours: this write must not begin."""


class Unreachable(Exception):
    """The lease could not be read or written in time."""


class Conflict(Exception):
    """Somebody else wrote it first."""


@dataclass(frozen=True, slots=True)
class Record:
    """A Lease as it stands. `version` = its resourceVersion; `renewals` differs after each renewal."""

    holder: str
    seconds: float
    renewals: str
    version: str
    transitions: int = 0


class Leases(Protocol):
    """Where the Lease is; each call ends within the time that it was told when made."""

    def read(self) -> Record | None:
        """None where there is none. Raises Unreachable."""
        ...

    def write(self, holder: str, seconds: float, seen: Record | None) -> None:
        """Only if it still stands as `seen`. Raises Conflict or Unreachable."""
        ...


class Fence:
    """Asked before each write; may be asked from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = float("-inf")

    def extend(self, until: float) -> None:
        """Writes may begin before this moment of the clock."""
        self._until = until

    def check(self) -> None:
        """Raises Fenced."""
        if self._clock() >= self._until:
            raise Fenced("the lease was not renewed in time")


class Step(Enum):
    """What to do about a lease."""

    TAKE = auto()
    WAIT = auto()


def decide(seen: Record | None, had: float, unchanged: float, *, ours: bool) -> Step:
    """Pure: `unchanged` = seconds for which we have seen the record stand as it does.

    `ours` = it names us and we lead; one that names us while we do not is of another process of our name, or was given
    us by somebody who is not its holder. `had` = for how many seconds somebody else was last seen to hold it: a record
    that was deleted, or whose holder was blanked by another's hand, is held until then, since its holder does not know
    yet. Who leaves says so by RELEASED.
    """
    if seen is None:
        free = unchanged >= had
    else:
        free = ours or unchanged >= seen.seconds or (seen.holder == "" and seen.seconds <= RELEASED)
    return Step.TAKE if free else Step.WAIT


class Election:
    """Runs in a thread of its own, so that a busy event loop costs no lease; `run` returns when it was lost or left."""

    def __init__(self, leases: Leases, me: str, seconds: float, clock: Callable[[], float], fence: Fence) -> None:
        self.elected = threading.Event()
        self._leases = leases
        self._me = me
        self._seconds = seconds
        self._clock = clock
        self._fence = fence
        self._leaving = threading.Event()
        self._trying = threading.Lock()
        self._seen: Record | None = None
        self._had = 0.0
        self._since = self._renewed = self._looked = clock()

    @property
    def silent(self) -> float:
        """Seconds since the lease was last read or written successfully."""
        return self._clock() - self._looked

    def run(self, won: Callable[[], None], lost: Callable[[], None]) -> None:
        """Try to lead, then to keep leading; calls `won` when it leads, and `lost` when it can no longer be sure.

        What nobody foresaw is a loss too: a process whose thread has ended would lead for ever without renewing.
        """
        told = False
        try:
            while not self._leaving.is_set() and self.step():
                if self.elected.is_set() and not told:
                    told = True
                    won()
                self._leaving.wait(self._seconds * _CALL)
        except Exception:  # noqa: BLE001 - whatever it was, nobody renews any more
            _log.exception("election_broken")
            self._fence.extend(float("-inf"))
            lost()
            return
        if not self._leaving.is_set():
            lost()

    def step(self) -> bool:
        """One try. False once the lease that we had is lost: no write begins from then on."""
        with self._trying:
            return self._leaving.is_set() or self._kept()

    def _kept(self) -> bool:
        try:
            kept = self._try()
        except (Unreachable, Conflict) as error:
            _log.warning("lease_not_renewed", reason=str(error), leading=self.elected.is_set())
            kept = True
        if self.elected.is_set() and not (kept and self._clock() - self._renewed < self._seconds * _GIVE_UP):
            self._fence.extend(float("-inf"))
            return False
        return True

    def leave(self) -> None:
        """For when all writes have ended: stop trying, and if we lead, clear the holder, so that nobody has to wait."""
        self._leaving.set()
        with self._trying:
            self._fence.extend(float("-inf"))
            if self.elected.is_set():
                self._clear()

    def _clear(self) -> None:
        try:
            seen = self._leases.read()
            if seen is not None and seen.holder == self._me:
                self._leases.write("", RELEASED, seen)
        except (Unreachable, Conflict) as error:
            _log.warning("lease_not_cleared", reason=str(error))

    def _try(self) -> bool:
        """False where we led and somebody else does."""
        began = self._clock()
        seen = self._leases.read()
        self._looked = self._clock()
        if seen != self._seen:
            self._seen, self._since = seen, self._looked
        if seen is not None:
            ours = seen.holder == self._me and self.elected.is_set()
            self._had = 0.0 if ours or seen.holder == "" else seen.seconds
        ours = seen is not None and seen.holder == self._me and self.elected.is_set()
        if decide(seen, self._had, self._looked - self._since, ours=ours) is Step.WAIT:
            return not self.elected.is_set()
        self._leases.write(self._me, self._seconds, seen)
        self._renewed = began
        self._fence.extend(began + self._seconds * _FENCE)
        self.elected.set()
        return True
