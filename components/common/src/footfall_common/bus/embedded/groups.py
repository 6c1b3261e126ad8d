"""Consumer groups of one process: who owns which partition.

A change of members first revokes what moves, waits until its owner has ended its work, then assigns it: no partition
ever has two owners, which is what Kafka's groups promise too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from footfall_common.bus import Partition


class Member(Protocol):
    """A consumer as its group sees it."""

    @property
    def owned(self) -> frozenset[Partition]:
        """What it owns now."""
        ...

    async def give_up(self, partitions: frozenset[Partition]) -> None:
        """Returns once work on them has ended."""
        ...

    async def take(self, partitions: frozenset[Partition]) -> None:
        """Own these too, from their committed offsets on."""
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
    """One group on one topic."""

    def __init__(self, partitions: Sequence[Partition]) -> None:
        self._partitions = partitions
        self._members: list[Member] = []
        self._changing = asyncio.Lock()

    async def join(self, member: Member) -> None:
        """Let a member in."""
        async with self._changing:
            self._members.append(member)
            await self._settle()

    async def leave(self, member: Member) -> None:
        """Let a member go, after its work has ended."""
        async with self._changing:
            self._members.remove(member)
            await member.give_up(member.owned)
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
                await member.take(gained)
