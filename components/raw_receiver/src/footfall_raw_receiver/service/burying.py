"""Dead letters of a chunk, each published once however often the chunk's other steps are repeated."""

from collections.abc import Sequence
from functools import partial

from footfall_raw_receiver.models import Dead
from footfall_raw_receiver.publisher import DeadLetters
from footfall_raw_receiver.service.membership import Insist


async def bury(letters: DeadLetters, dead: Sequence[Dead], insist: Insist) -> None:
    """Returns once all are durable; a run at a time, so that partitions may leave in between."""
    for start in range(0, len(dead), letters.rate):
        run = dead[start : start + letters.rate]
        await insist(partial(letters.publish, run))
