"""Marks of topic `buckets`, taken together a bucket."""

import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from footfall_common.bus import Received
from footfall_common.errors import UNREADABLE
from footfall_common.pipeline.effects import Mark
from footfall_raw_receiver.models import Dead
from footfall_raw_receiver.service.reading import unreadable

_decode = msgspec.json.Decoder(Mark).decode


class Due(NamedTuple):
    """What the marks of a bucket ask for: rows up to `highs` (part -> offset), in version `version`."""

    tenant: uuid.UUID
    bucket: int
    version: int
    highs: Mapping[int, int]


def coalesce(records: Sequence[Received]) -> tuple[Sequence[Due], Sequence[Dead]]:
    """One Due a bucket, in the order of their first marks; a dead letter for what is no mark.

    The highest mark's offset is the version: all marks of a bucket lie in one partition, so it only grows.
    """
    due: dict[tuple[uuid.UUID, int], Due] = {}
    dead: list[Dead] = []
    for received in records:
        try:
            mark = _decode(received.value)
        except UNREADABLE as error:
            dead.append(unreadable(received, "mark", error))
            continue
        held = due.get((mark.tenant, mark.bucket)) or Due(mark.tenant, mark.bucket, 0, {})
        highs = {**held.highs, mark.part: max(mark.high, held.highs.get(mark.part, -1))}
        due[mark.tenant, mark.bucket] = held._replace(version=max(held.version, received.offset), highs=highs)
    return list(due.values()), dead
