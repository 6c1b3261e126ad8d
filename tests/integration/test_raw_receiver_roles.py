"""The raw receiver's two roles, together or apart, on the real embedded bus and store."""

from pathlib import Path

from footfall_common.clock import new_id
from footfall_common.events.times import bucket_of
from footfall_common.testing import eventually
from footfall_raw_receiver.app import running
from footfall_raw_receiver.settings import BUCKET_WORKER, RAW_RECEIVER, RawReceiverSettings
from tests.support.raw_receiver import NAMES, QUICK, RECEIVED, World, event, record, world

RAW_ONLY = QUICK.model_copy(update={"roles": (RAW_RECEIVER,)})
BUCKETS_ONLY = QUICK.model_copy(update={"roles": (BUCKET_WORKER,)})


def test_both_roles_are_played_unless_told_otherwise() -> None:
    assert RawReceiverSettings.load({}).roles == (RAW_RECEIVER, BUCKET_WORKER)
    told = RawReceiverSettings.load({"FOOTFALL_RAW_RECEIVER_ROLES": "bucket-worker"})
    assert told.roles == (BUCKET_WORKER,)


async def test_each_role_does_its_own_work_and_answers_for_itself_alone(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.publish(record(event(RECEIVED, visitor=new_id())))
        async with running(here.process, BUCKETS_ONLY) as component:
            assert set(component.checks) == {"settings", BUCKET_WORKER}
            assert await raw_lag(here) == 1
        async with running(here.process, RAW_ONLY) as component:
            assert set(component.checks) == {"settings", RAW_RECEIVER}
            await eventually(lambda: committed(here, raw=0))
            assert await bucket_lag(here) == 1
            assert not await here.heads(bucket_of(RECEIVED))
        async with running(here.process, BUCKETS_ONLY):
            await here.drained()
            assert await here.heads(bucket_of(RECEIVED))


async def raw_lag(here: World) -> int:
    return await here.process.bus.lag(NAMES.topics.raw, NAMES.groups.raw_receiver)


async def bucket_lag(here: World) -> int:
    return await here.process.bus.lag(NAMES.topics.buckets, NAMES.groups.bucket_worker)


async def committed(here: World, *, raw: int) -> bool:
    return await raw_lag(here) == raw
