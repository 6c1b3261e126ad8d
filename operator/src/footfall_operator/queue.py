"""What is to be looked at: one entry a key, which worker has it, when it is due, how often it failed.

Not a list of events: ten changes of one object before anyone looked are one look. A key is never with two workers; one
that is added while it is looked at is looked at once more. Nothing is dropped, since nothing but keys is kept.

Who got no answer last time may wait as long for none again: such keys hold no more than `silent` workers at a time, so
that a webhook that answers nothing is not what all others wait for.
"""

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Generic, TypeVar

LONGEST: Final = 300.0
"""Seconds between two tries of what fails for good."""

PATIENT: Final = 5
"""Failures in a row after which a hint no longer makes a key due at once."""
HURRY: Final = 30.0
"""By how much a hint shortens the longest pause then: 1 to 10 s."""

K = TypeVar("K", bound=Hashable)


class Urgency(IntEnum):
    """Who goes first among those that are due."""

    CHANGED = 0
    RESYNC = 1


@dataclass(slots=True)
class _Entry:
    due: float
    urgency: Urgency
    token: int = 0
    running: bool = False
    dirty: bool = False
    failures: int = 0
    silent: bool = False
    not_before: float = float("-inf")


class Queue(Generic[K]):
    """Belongs to one event loop.

    `clock` gives seconds that never go back; `spread` a number between two others, so that what failed together is not
    tried again together; `silent` how many keys that got no answer last time may be with workers at once; of keys that
    are due, those of lesser `rank` go first, whatever their urgency.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        spread: Callable[[float, float], float],
        silent: int,
        rank: Callable[[K], int] = lambda _: 0,
    ) -> None:
        self._clock = clock
        self._spread = spread
        self._silent = silent
        self._rank = rank
        self._entries: dict[K, _Entry] = {}
        self._waiting: list[tuple[float, int, K]] = []
        self._ready: list[tuple[int, int, float, int, K]] = []
        self._mute: list[tuple[int, int, float, int, K]] = []
        self._held = 0
        self._moved = clock()
        self._tokens = itertools.count(1)
        self._changed = asyncio.Event()

    def add(self, key: K, *, after: float = 0.0, urgency: Urgency = Urgency.CHANGED) -> None:
        """Look at that key in `after` seconds, or as soon as it is looked at anyway."""
        entry = self._entries.get(key)
        due = max(self._clock() + after, entry.not_before if entry else float("-inf"))
        if entry is None:
            entry = self._entries[key] = _Entry(due, urgency)
        if entry.running and not entry.dirty:
            entry.dirty, entry.due, entry.urgency = True, due, urgency
        elif entry.token and due >= entry.due and urgency >= entry.urgency:
            return
        entry.due, entry.urgency = min(due, entry.due), min(urgency, entry.urgency)
        if not entry.running:
            self._push(key, entry)

    async def take(self) -> K:
        """The next key that is due: it is this worker's until `done` or `failed`."""
        while True:
            key = self._pop()
            if key is not None:
                return key
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._waiting[0][0] - self._clock() if self._waiting else None):
                    await self._changed.wait()

    def done(self, key: K, *, again: float | None = None) -> None:
        """It was looked at and all is well; look again in `again` seconds, or sooner where it was added meanwhile."""
        entry = self._let_go(key)
        del self._entries[key]
        if entry.dirty:
            self._entries[key] = _Entry(entry.due, entry.urgency)
            self._push(key, self._entries[key])
        if again is not None:
            self.add(key, after=again, urgency=Urgency.RESYNC)

    def failed(self, key: K, *, after: float = 0.0, silent: bool = False) -> None:
        """It could not be looked at, or not be mended: again after growing pauses, not before `after` seconds.

        Sooner where it is added meanwhile or later, since that may be the change that mends it; but never before
        `after`, and after many failures not at once, so that a key whose own passes cause its hints does not spin.
        `silent` = it got no answer.
        """
        entry = self._let_go(key)
        entry.failures += 1
        entry.silent = silent
        now, longest = self._clock(), min(2.0**entry.failures, LONGEST)
        entry.not_before = now + max(after, longest / HURRY if entry.failures > PATIENT else 0.0)
        if entry.dirty:
            entry.due = max(entry.due, entry.not_before)
        else:
            entry.due, entry.urgency = max(now + self._spread(0, longest), entry.not_before), Urgency.RESYNC
        entry.running = entry.dirty = False
        self._push(key, entry)

    def failures(self, key: K) -> int:
        """How often it failed since it last went well."""
        entry = self._entries.get(key)
        return entry.failures if entry else 0

    def oldest(self) -> float:
        """For how many seconds the longest-waiting key has been due and not been taken; 0 where none is."""
        now = self._clock()
        return max([0.0, *(now - entry.due for entry in self._entries.values() if not entry.running)])

    def stuck(self) -> float:
        """For how many seconds there was something to take, and no worker took or ended anything."""
        return min(self.oldest(), self._clock() - self._moved)

    def __len__(self) -> int:
        return len(self._entries)

    def _push(self, key: K, entry: _Entry) -> None:
        """An item of its own: the one from before, if any, has an old token and is passed over."""
        entry.token = next(self._tokens)
        heapq.heappush(self._waiting, (entry.due, entry.token, key))
        self._changed.set()

    def _pop(self) -> K | None:
        """The most urgent of those that are due and may be taken."""
        self._sort()
        heaps = [self._ready] if self._full() else [self._ready, self._mute]
        while any(heaps):
            *_, token, key = heapq.heappop(min(filter(None, heaps)))
            if self._stands(key, token):
                entry = self._entries[key]
                entry.running = True
                self._held += entry.silent
                self._moved = self._clock()
                return key
        return None

    def _sort(self) -> None:
        """What has become due goes to those of its sort."""
        now = self._clock()
        while self._waiting and self._waiting[0][0] <= now:
            due, token, key = heapq.heappop(self._waiting)
            if self._stands(key, token):
                entry = self._entries[key]
                heap = self._mute if entry.silent else self._ready
                heapq.heappush(heap, (self._rank(key), entry.urgency, due, token, key))

    def _full(self) -> bool:
        return self._held >= self._silent

    def _let_go(self, key: K) -> _Entry:
        """Its worker is free: one that got no answer last time leaves its place to another such."""
        entry = self._entries[key]
        self._moved = self._clock()
        if entry.silent:
            self._held -= 1
            self._changed.set()
        return entry

    def _stands(self, key: K, token: int) -> bool:
        entry = self._entries.get(key)
        return entry is not None and not entry.running and entry.token == token
