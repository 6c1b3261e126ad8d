"""The proof that nothing acknowledged is lost and nothing counted twice: traffic, kills, and an independent recount."""

import asyncio
import contextlib
import datetime as dt
import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.support.account import Account
from tests.support.killing import KILLS, kill_at_random, killable
from tests.support.process import Up
from tests.support.reckoning import good_ids, overview_differences, read_feed, verdicts_hold
from tests.support.sending import Sender
from tests.support.traffic import Plan, requests


class Proof(NamedTuple):
    """What was proved, in numbers."""

    sent: int
    accepted: int
    rejected: int
    repeated: int
    retries: int
    kills: int
    lost: int
    double: int


async def prove(folder: Path, port: int, plan: Plan) -> Proof:
    """Run the whole of it. What was lost or came twice is counted; AssertionError names anything else that is wrong.

    The overview is compared before and after all segments were deleted, once the feed is right.
    """
    async with killable(folder, port) as up:
        account = Account(up.client, up.credentials())
        traffic = requests(plan, account.resources, dt.datetime.now(dt.UTC))
        sender = Sender(account)
        sending = asyncio.create_task(sender.send(traffic))
        kills = await kill_at_random(up, sender, len(traffic), plan.seed)
        await sending
        token = await account.token()
        await account.caught_up(token)
        accepted = verdicts_hold(sender.told.verdicts)
        feed = await read_feed(account, token, accepted)
        if not feed.lost and not feed.double:
            assert not await overview_differences(account, token, accepted, feed.times)
            await delete_segments(up)
            assert not await overview_differences(account, token, accepted, feed.times)
        return Proof(
            sent=sum(len(request.items) for request in traffic),
            accepted=len(accepted),
            rejected=sum(item.reason is not None for request in traffic for item in request.items),
            repeated=sum(n - 1 for n in Counter(good_ids(traffic)).values()),
            retries=sender.told.retries,
            kills=kills,
            lost=len(feed.lost),
            double=len(feed.double),
        )


async def delete_segments(up: Up) -> None:
    """Take away all segments and chunks, in the data file and in the report's own cache, while the process runs."""

    def work() -> None:
        with contextlib.closing(sqlite3.connect(up.data / "store.db", timeout=30)) as connection, connection:
            for table in ("segment_versions", "chunks"):
                connection.execute(f"DELETE FROM {table}")
        for chunk in (up.data / "report" / "chunks").iterdir():
            chunk.unlink()

    await asyncio.to_thread(work)


def a_seed() -> int:
    """A seed to print, so that a failing run can be run again."""
    return random.SystemRandom().randrange(2**31)


__all__ = ["KILLS", "Proof", "a_seed", "prove"]
