"""What was lately written and need not be written again."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable


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
