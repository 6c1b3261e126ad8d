"""A `footfall up` that is killed again and again while a sender sends."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from footfall_common.testing import eventually
from tests.support.process import Up
from tests.support.reckoning import MANIFEST
from tests.support.sending import Sender

KILLS = 10


@asynccontextmanager
async def killable(folder: Path, port: int) -> AsyncIterator[Up]:
    """A `footfall up` of one tenant with two sites, on a port that stays the same over restarts."""
    manifest = folder / "tenant.yaml"
    manifest.write_text(MANIFEST)
    async with Up(folder / "data", "--port", port, "-f", manifest) as up:
        yield up


async def kill_at_random(up: Up, sender: Sender, total: int, seed: int) -> int:
    """Ten times, once a random number of requests was answered: SIGKILL a moment later, and start again.

    Returns how often it was killed. The moments are spread over the whole traffic.
    """
    dice = random.Random(seed)
    kills = 0
    for mark in sorted(dice.sample(range(total // 20, total - total // 20), KILLS)):
        await eventually(lambda: sender.told.answered >= mark, 300)  # noqa: B023 - awaited at once
        await asyncio.sleep(dice.random() * 0.05)  # no wait: a random moment
        await up.restart(signal.SIGKILL)
        kills += 1
    return kills
