"""Consumer groups of one process: who owns which partition.

A change of members first revokes what moves, waits until its owner has ended its work, then assigns it: no partition
ever has two owners, which is what Kafka's groups promise too. A change reads no file: what the group committed is read
before its first member owns anything and noted at each commit, so a store that is away leaves no partition unowned.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from footfall_common.bus import Partition

Offsets = Mapping[Partition, int]
"""The next offset to read of each partition."""


class Member(Protocol):
    """A consumer as its group sees it."""

    @property
    def owned(self) -> frozenset[Partition]:
        """What it owns now."""
        ...

    async def give_up(self, partitions: frozenset[Partition]) -> None:
        """Returns once work on them has ended; it owns them no more even when this fails."""
        ...

    async def take(self, offsets: Offsets) -> None:
        """Own these too, from there on."""
        ...


def assign(partitions: Sequence[Partition], owned: Sequence[frozenset[Partition]]) -> list[frozenset[Partition]]:
    """An even split over the members that moves as little as it can.

    Args:
        partitions: all of the topic.
        owned: what each member owns now, in the order of joining.
    """
    if not owned:
        return []
    fair, extra = divmod(len(partitions), len(owned))
    quota = {index: fair + (index < extra) for index in range(len(owned))}
    kept = [frozenset(sorted(have)[: quota[index]]) for index, have in enumerate(owned)]
    free = iter(sorted(set(partitions) - frozenset().union(*kept)))
    return [have | frozenset(next(free) for _ in range(quota[index] - len(have))) for index, have in enumerate(kept)]


class Group:
    """One group on one topic. `read` gives what it has committed, for every partition."""

    def __init__(self, partitions: Sequence[Partition], read: Callable[[], Awaitable[Offsets]]) -> None:
        self._partitions = partitions
        self._read = read
        self._committed: dict[Partition, int] = {}
        self._members: list[Member] = []
        self._changing = asyncio.Lock()

    async def join(self, member: Member) -> None:
        """Let a member in. When that fails or is cancelled it is none, and the others own everything again."""
        async with self._changing:
            if not self._members:
                self._committed = dict(await self._read())
            self._members.append(member)
            try:
                await self._settle()
            except BaseException:
                await self._dismiss(member)
                raise

    async def leave(self, member: Member) -> None:
        """Let a member go, after its work has ended; what it had goes to the others even if that failed."""
        async with self._changing:
            await self._dismiss(member)

    def note(self, offsets: Offsets) -> None:
        """These are committed durably: whoever owns a partition next begins there."""
        self._committed.update(offsets)

    async def _dismiss(self, member: Member) -> None:
        self._members.remove(member)
        try:
            await member.give_up(member.owned)
        finally:
            await self._settle()

    async def _settle(self) -> None:
        plan: Mapping[int, frozenset[Partition]] = dict(
            enumerate(assign(self._partitions, [member.owned for member in self._members]))
        )
        for index, member in enumerate(self._members):
            if lost := member.owned - plan[index]:
                await member.give_up(lost)
        for index, member in enumerate(self._members):
            if gained := plan[index] - member.owned:
                await member.take({partition: self._committed[partition] for partition in sorted(gained)})
