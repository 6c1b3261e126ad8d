"""What one receiver process remembers of recent events: two bounded hints, never needed for correctness."""

from collections.abc import Hashable
from typing import Literal


class Recent:
    """Remembers at least the newest `size` keys and at most twice as many, at one dict look-up a question."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[Hashable, None] = {}
        self._old: dict[Hashable, None] = {}

    def __contains__(self, key: Hashable) -> bool:
        """Whether the key was added lately."""
        return key in self._young or key in self._old

    def add(self, key: Hashable) -> None:
        """Remember a key."""
        self._young[key] = None
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}


class DailyCounts:
    """Counts per key and day; forgets the keys not seen for longest when there are too many."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._day = -1
        self._young: dict[Hashable, int] = {}
        self._old: dict[Hashable, int] = {}

    def count(self, key: Hashable, day: int) -> int:
        """How many were added under the key on that day."""
        if day != self._day:
            return 0
        return self._young.get(key) or self._old.get(key, 0)

    def add(self, key: Hashable, day: int, events: int = 1) -> None:
        """Count more events."""
        if day != self._day:
            self._day, self._young, self._old = day, {}, {}
        self._young[key] = self.count(key, day) + events
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}

    def take_back(self, key: Hashable, day: int, events: int) -> None:
        """Count fewer again; a day that has ended meanwhile stays forgotten."""
        if day == self._day:
            self._young[key] = self.count(key, day) - events


Look = Literal["fresh", "duplicate", "visitor_limit"]
EventKey = tuple[bytes, bytes, bytes, int]
"""Tenant, visitor (the event id where there is none), event id, day of `occurred`: what the store knows an event by.

Bytes, whose hashes nobody outside can choose.
"""


class Guards:
    """Both hints of a process. Ask through a `Tally` a request; remember it once the bus has acknowledged."""

    def __init__(self, *, duplicates: int, visitors: int, daily_limit: int) -> None:
        self.seen = Recent(duplicates)
        self.counts = DailyCounts(visitors)
        self.daily_limit = daily_limit

    def tally(self, tenant: bytes, day: int) -> "Tally":
        """For one request of a tenant, that arrived on that day."""
        return Tally(self, tenant, day)


class Tally:
    """What one request adds: `reserve` before it is published, then `remember` or `release`."""

    def __init__(self, guards: Guards, tenant: bytes, day: int) -> None:
        self._guards = guards
        self._tenant = tenant
        self._day = day
        self._keys: dict[EventKey, None] = {}
        self._visitors: dict[tuple[bytes, bytes], int] = {}

    def look(self, visitor: bytes, event: bytes, day: int, *, anonymous: bool) -> Look:
        """Judge one event and count it as taken when it is fresh."""
        key = (self._tenant, visitor, event, day)
        if key in self._keys or key in self._guards.seen:
            return "duplicate"
        if not anonymous:
            who = (self._tenant, visitor)
            added = self._visitors.get(who, 0)
            if self._guards.counts.count(who, self._day) + added >= self._guards.daily_limit:
                return "visitor_limit"
            self._visitors[who] = added + 1
        self._keys[key] = None
        return "fresh"

    def reserve(self) -> None:
        """Count the visitors' events before the bus has them, so that requests at the same time see each other."""
        for visitor, events in self._visitors.items():
            self._guards.counts.add(visitor, self._day, events)

    def release(self) -> None:
        """The bus did not take them."""
        for visitor, events in self._visitors.items():
            self._guards.counts.take_back(visitor, self._day, events)

    def remember(self) -> None:
        """The bus holds what was fresh."""
        for key in self._keys:
            self._guards.seen.add(key)
