"""The positions of lately stored events, a whole visitor and day at a time, so that copies cost no read."""

import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping

from typing_extensions import override

from footfall_common.store import Placed, VisitorDay

_Ids = dict[uuid.UUID, Placed]


class KnownIds(Mapping[VisitorDay, Mapping[uuid.UUID, Placed]]):
    """A bounded memory; what leaves it is read from the store again.

    It is right as long as nobody else writes those visitors: `clear` it whenever a partition comes or goes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._days: OrderedDict[VisitorDay, _Ids] = OrderedDict()
        self._size = 0

    def missing(self, days: Iterable[VisitorDay]) -> list[VisitorDay]:
        """Those that must be read from the store. The others count as used just now."""
        unknown: dict[VisitorDay, None] = {}
        for day in days:
            if day in self._days:
                self._days.move_to_end(day)
            else:
                unknown[day] = None
        return list(unknown)

    def learn(self, days: Mapping[VisitorDay, Mapping[uuid.UUID, Placed]]) -> None:
        """Take in what the store holds, or what was decided: ids join those already known of their day."""
        for day, ids in days.items():
            held = self._days.setdefault(day, {})
            before = len(held)
            held.update(ids)
            self._size += len(held) - before

    def trim(self) -> None:
        """Drop the longest unused until within the limit; a visitor and day counts as one id more than it has."""
        while self._size + len(self._days) > self._limit and self._days:
            _, ids = self._days.popitem(last=False)
            self._size -= len(ids)

    def clear(self) -> None:
        """Know nothing any more."""
        self._days.clear()
        self._size = 0

    @override
    def __getitem__(self, day: VisitorDay) -> Mapping[uuid.UUID, Placed]:
        return self._days[day]

    @override
    def __iter__(self) -> Iterator[VisitorDay]:
        return iter(self._days)

    @override
    def __len__(self) -> int:
        return len(self._days)
