"""What was lately written and need not be written again."""

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable
from uuid import UUID


class Remembered:
    """The `limit` keys that were noted or met last. Forgetting one costs a write that changes nothing."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._keys: OrderedDict[Hashable, None] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        if key not in self._keys:
            return False
        self._keys.move_to_end(key)
        return True

    def note(self, keys: Iterable[Hashable]) -> None:
        """These are written and acknowledged."""
        for key in keys:
            self._keys[key] = None
            self._keys.move_to_end(key)
        while len(self._keys) > self._limit:
            self._keys.popitem(last=False)

    def clear(self) -> None:
        """Know nothing any more."""
        self._keys.clear()


class Listed:
    """Which resources were put on a day's listing by this process; `limit` resources in all.

    A reading that does not find one forgets it, so that what was deleted in the meantime is listed again. It teaches
    nothing: how long a row that others wrote will live is not known.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._days: OrderedDict[Hashable, set[UUID]] = OrderedDict()

    def of(self, day: Hashable) -> Collection[UUID]:
        """The resources that need not be listed again."""
        return self._days.get(day, frozenset())

    def read(self, day: Hashable, resources: Iterable[UUID]) -> None:
        """The listing names these, and no others."""
        held = self._days.get(day)
        if held is None:
            return
        self._size -= len(held)
        held.intersection_update(resources)
        self._size += len(held)
        if not held:
            del self._days[day]

    def written(self, day: Hashable, resources: Iterable[UUID]) -> None:
        """The listing names these besides; it is one at least."""
        held = self._days.pop(day, set())
        self._size -= len(held)
        held.update(resources)
        self._days[day] = held
        self._size += len(held)
        while self._size > self._limit:
            self._size -= len(self._days.popitem(last=False)[1])
