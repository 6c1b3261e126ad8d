"""Reads dead letters back from their topic."""

from collections.abc import Mapping

import msgspec

from footfall_common.bus import Bus, Received
from footfall_common.errors import UNREADABLE, InvalidInput
from footfall_raw_receiver.models import DeadLetter

_POLL = 1_000
_decode = msgspec.json.Decoder(DeadLetter).decode


class DeadPage(msgspec.Struct, frozen=True):
    """Letters in the topic's order, and where the next page begins; None = there was no more."""

    letters: list[DeadLetter]
    after: str | None


class DeadLetterReader:
    """Pages through the dead topic. Each call reads from the topic's beginning: it is for people, not for programs."""

    def __init__(self, bus: Bus, topic: str) -> None:
        self._bus = bus
        self._topic = topic

    async def page(self, after: str, limit: int) -> DeadPage:
        """At most `limit` letters behind `after` (a former page's, empty = from the beginning)."""
        read = parse_after(after)
        letters: list[DeadLetter] = []
        reader = await self._bus.reader(self._topic)
        try:
            while not await reader.caught_up():
                for record in await reader.poll(_POLL, 0):
                    if record.offset <= read.get(record.partition.number, -1):
                        continue
                    if len(letters) == limit:
                        return DeadPage(letters, format_after(read))
                    letters.append(_letter(record))
                    read[record.partition.number] = record.offset
        finally:
            await reader.close()
        return DeadPage(letters, None)


def parse_after(after: str) -> dict[int, int]:
    """`0-17.1-4` = partition 0 was read up to offset 17, partition 1 up to 4; InvalidInput for anything else."""
    try:
        pairs = (item.split("-") for item in after.split(".") if item)
        return {int(partition): int(offset) for partition, offset in pairs}
    except ValueError:
        raise InvalidInput("after is none that a page of dead letters gave; leave it out.", field="after") from None


def format_after(read: Mapping[int, int]) -> str:
    """The text of what was read."""
    return ".".join(f"{partition}-{offset}" for partition, offset in sorted(read.items()))


def _letter(record: Received) -> DeadLetter:
    """The letter; bytes that are none are shown as they are, since a person should see them too."""
    try:
        return _decode(record.value)
    except UNREADABLE as error:
        return DeadLetter("decode", f"no dead letter: {error}", record.partition.number, record.offset, 0, record.value)
