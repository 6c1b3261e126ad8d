"""Consumer groups of one process: who owns which partition.

A change of members first revokes what moves, waits until its owner has ended its work, then assigns it: no partition
ever has two owners, which is what Kafka's groups promise too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog

from footfall_common.bus import Partition
from footfall_common.errors import Unavailable

logger = structlog.get_logger(__name__)
_RETRY_SECONDS = 0.2


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
        """Let a member in; returns once it owns its share, however long the offsets cannot be read."""
        async with self._changing:
            self._members.append(member)
            try:
                await self._settle()
            except BaseException:
                self._members.remove(member)  # or it would own partitions that nobody polls
                raise

    async def leave(self, member: Member) -> None:
        """Let a member go, after its work has ended; what it had goes to the others even if that failed."""
        async with self._changing:
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
                await _insist(member, gained)


async def _insist(member: Member, partitions: frozenset[Partition]) -> None:
    """Hand partitions over. They belong to nobody while the offsets cannot be read, so it is tried until they can."""
    while True:
        try:
            return await member.take(partitions)
        except Unavailable as error:
            logger.warning("partitions wait for an owner", partitions=len(partitions), error=error.message)
            await asyncio.sleep(_RETRY_SECONDS)
