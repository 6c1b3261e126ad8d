"""What every adapter of the bus port keeps."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import pytest

from footfall_common.bus import Consumer, Outgoing, Partition, Received
from footfall_common.errors import Conflict
from footfall_common.testing import eventually
from tests.contract.bus.conftest import Rig

_JOINING = 20.0
"""Seconds that a group may take to agree; adapters decide in the background who owns what."""


class Owner:
    """A listener that notes what it owns."""

    def __init__(self) -> None:
        self.owned: set[Partition] = set()
        self.busy = asyncio.Lock()
        self.leaving = asyncio.Event()

    async def assigned(self, partitions: frozenset[Partition]) -> None:
        """Note."""
        self.owned |= partitions

    async def revoked(self, partitions: frozenset[Partition]) -> None:
        """Note, once work has ended."""
        self.leaving.set()
        async with self.busy:
            self.owned -= partitions


def records(topic: str, count: int, *, keys: int = 7) -> list[Outgoing]:
    """Records whose value is their number."""
    return [Outgoing(topic, b"key-%d" % (n % keys), b"%d" % n, (("trace", b"t%d" % n),)) for n in range(count)]


async def drain(consumer: Consumer, count: int, *, limit: int = 100) -> list[Received]:
    """Poll until `count` records came; fails by the test's time-out otherwise."""
    found: list[Received] = []
    while len(found) < count:
        found += await consumer.poll(limit, 5)
    return found


async def agreed(rig: Rig, *owners: Owner) -> None:
    """Wait until every partition has exactly one owner."""
    all_of_them = [Partition(rig.raw, n) for n in range(4)]
    await eventually(lambda: sorted(p for owner in owners for p in owner.owned) == all_of_them, _JOINING)


def by_key(found: Sequence[Received]) -> dict[bytes, list[int]]:
    """Values by key, in the order met."""
    sorted_out: dict[bytes, list[int]] = defaultdict(list)
    for record in found:
        sorted_out[record.key].append(int(record.value))
    return dict(sorted_out)


async def test_everything_published_comes_once_and_in_order_of_its_key(rig: Rig) -> None:
    bus = await rig.open()
    sent = records(rig.raw, 500)
    await asyncio.gather(*(bus.publish(sent[n : n + 5]) for n in range(0, 500, 5)))
    found = await drain(await bus.consumer(rig.raw, rig.group, Owner()), 500, limit=37)
    assert len({(r.partition, r.offset) for r in found}) == 500
    assert {int(r.value) for r in found} == set(range(500))
    assert all(values == sorted(values) for values in by_key(found).values())
    assert found[0].headers == (("trace", b"t" + found[0].value),)


async def test_records_of_one_key_share_a_partition_and_offsets_have_no_holes(rig: Rig) -> None:
    bus = await rig.open()
    await bus.publish(records(rig.raw, 200))
    found = await drain(await bus.consumer(rig.raw, rig.group, Owner()), 200)
    homes = defaultdict(set)
    offsets = defaultdict(list)
    for record in found:
        homes[record.key].add(record.partition)
        offsets[record.partition].append(record.offset)
    assert all(len(partitions) == 1 for partitions in homes.values())
    assert all(at == list(range(len(at))) for at in offsets.values())


async def test_what_was_published_is_there_after_a_restart(rig: Rig) -> None:
    bus = await rig.open()
    await bus.publish(records(rig.raw, 50))
    bus = await rig.open()
    await bus.publish(records(rig.raw, 50))
    found = await drain(await bus.consumer(rig.raw, rig.group, Owner()), 100)
    assert sorted(int(r.value) for r in found) == sorted([*range(50), *range(50)])


async def test_a_group_goes_on_from_its_commit_after_a_restart(rig: Rig) -> None:
    bus = await rig.open()
    await bus.publish(records(rig.raw, 100))
    consumer = await bus.consumer(rig.raw, rig.group, Owner())
    first = await drain(consumer, 40, limit=40)
    ends = {record.partition: record.offset + 1 for record in first}
    await consumer.commit(ends)
    bus = await rig.open()
    again = await drain(await bus.consumer(rig.raw, rig.group, Owner()), 100 - len(first))
    assert {(r.partition, r.offset) for r in first}.isdisjoint({(r.partition, r.offset) for r in again})
    assert await bus.lag(rig.raw, rig.group) == 100 - len(first)


async def test_uncommitted_records_come_again(rig: Rig) -> None:
    bus = await rig.open()
    await bus.publish(records(rig.raw, 30))
    await drain(await bus.consumer(rig.raw, rig.group, Owner()), 30)
    bus = await rig.open()
    assert len(await drain(await bus.consumer(rig.raw, rig.group, Owner()), 30)) == 30


async def test_groups_do_not_know_each_other(rig: Rig) -> None:
    bus = await rig.open()
    await bus.publish(records(rig.raw, 20))
    one, two = (
        await bus.consumer(rig.raw, f"{rig.group}-one", Owner()),
        await bus.consumer(rig.raw, f"{rig.group}-two", Owner()),
    )
    assert len(await drain(one, 20)) == len(await drain(two, 20)) == 20


@pytest.mark.parametrize("members", [2, 3, 4, 6])
async def test_members_split_the_partitions_and_nothing_is_lost_or_read_twice(rig: Rig, members: int) -> None:
    bus = await rig.open()
    await bus.publish(records(rig.raw, 300))
    owners = [Owner() for _ in range(members)]
    consumers = [await bus.consumer(rig.raw, rig.group, owner) for owner in owners]
    await agreed(rig, *owners)
    found: list[Received] = []
    while len(found) < 300:
        for consumer in consumers:
            found += await consumer.poll(50, 0)
    assert sorted(int(r.value) for r in found) == list(range(300))


async def test_a_partition_moves_only_after_its_owner_has_ended_its_work(rig: Rig) -> None:
    bus = await rig.open()
    first = Owner()
    await bus.consumer(rig.raw, rig.group, first)
    second = Owner()
    async with first.busy:
        joining = asyncio.create_task(bus.consumer(rig.raw, rig.group, second))
        await first.leaving.wait()
        assert len(first.owned) == 4
        assert not second.owned
    await joining
    await agreed(rig, first, second)
    assert len(first.owned) == len(second.owned) == 2


async def test_who_leaves_hands_over_from_its_commit(rig: Rig) -> None:
    bus = await rig.open()
    await bus.publish(records(rig.raw, 60))
    leaving, staying = Owner(), Owner()
    leaver = await bus.consumer(rig.raw, rig.group, leaving)
    stayer = await bus.consumer(rig.raw, rig.group, staying)
    await agreed(rig, leaving, staying)
    done = await leaver.poll(10, 5)
    await leaver.commit({record.partition: record.offset + 1 for record in done})
    await leaver.close()
    await agreed(rig, staying)
    found = await drain(stayer, 60 - len(done))
    assert sorted(int(r.value) for r in [*done, *found]) == list(range(60))


async def test_a_commit_for_a_lost_partition_is_refused(rig: Rig) -> None:
    bus = await rig.open()
    first = Owner()
    consumer = await bus.consumer(rig.raw, rig.group, first)
    before = set(first.owned)
    second = Owner()
    await bus.consumer(rig.raw, rig.group, second)
    await agreed(rig, first, second)
    lost = min(before - first.owned)
    with pytest.raises(Conflict, match="not owned"):
        await consumer.commit({lost: 1})


async def test_seek_reads_again_and_pause_leaves_out(rig: Rig) -> None:
    bus = await rig.open()
    await bus.publish(records(rig.raw, 40))
    owner = Owner()
    consumer = await bus.consumer(rig.raw, rig.group, owner)
    found = await drain(consumer, 40)
    partition = found[0].partition
    consumer.seek(partition, 0)
    again = await drain(consumer, 1)
    assert again[0] == found[0]
    consumer.pause(frozenset(owner.owned))
    await bus.publish(records(rig.raw, 5))
    assert not await consumer.poll(100, 0.3)
    consumer.resume(frozenset(owner.owned))
    assert await consumer.poll(100, 5)


async def test_poll_wakes_when_something_arrives(rig: Rig) -> None:
    bus = await rig.open()
    consumer = await bus.consumer(rig.raw, rig.group, Owner())
    waiting = asyncio.create_task(consumer.poll(10, 30))
    await bus.publish(records(rig.raw, 1))
    assert [r.value for r in await waiting] == [b"0"]


async def test_a_reader_sees_the_newest_of_every_key_and_knows_when_it_has_all(rig: Rig) -> None:
    bus = await rig.open()
    for turn in range(3):
        await bus.publish([Outgoing(rig.settings, b"k%d" % n, b"%d-%d" % (n, turn)) for n in range(20)])
    bus = await rig.open()  # compaction happens whenever the adapter likes; the newest must survive it
    await bus.publish([Outgoing(rig.settings, b"k0", b"0-3")])
    reader = await bus.reader(rig.settings)
    held: dict[bytes, bytes] = {}
    while not await reader.caught_up():
        held |= {record.key: record.value for record in await reader.poll(7, 5)}
    assert held == {b"k0": b"0-3"} | {b"k%d" % n: b"%d-2" % n for n in range(1, 20)}


async def test_lag_and_oldest_pending_follow_the_commit(rig: Rig) -> None:
    bus = await rig.open()
    assert await bus.oldest_pending(rig.raw, rig.group) is None
    await bus.publish(records(rig.raw, 10))
    consumer = await bus.consumer(rig.raw, rig.group, Owner())
    found = await drain(consumer, 10)
    assert await bus.lag(rig.raw, rig.group) == 10
    assert await bus.oldest_pending(rig.raw, rig.group) == min(record.appended for record in found)
    await consumer.commit({record.partition: record.offset + 1 for record in found})
    assert await bus.lag(rig.raw, rig.group) == 0
    assert await bus.oldest_pending(rig.raw, rig.group) is None


async def test_large_and_empty_values_come_back_whole(rig: Rig) -> None:
    bus = await rig.open()
    sent = [
        Outgoing(rig.raw, b"", b""),
        Outgoing(rig.raw, b"k", b"\x00\xff" * 100_000),
        Outgoing(rig.raw, b"k", b"", ()),
    ]
    await bus.publish(sent)
    await bus.publish([])
    found = await drain(await bus.consumer(rig.raw, rig.group, Owner()), 3)
    assert sorted((r.key, r.value) for r in found) == sorted((r.key, r.value) for r in sent)


async def test_both_homes_of_topics_serve_the_same_way(rig: Rig) -> None:
    bus = await rig.open()
    await bus.publish([*records(rig.raw, 10), *records(rig.buckets, 10)])
    for topic in (rig.raw, rig.buckets):
        found = await drain(await bus.consumer(topic, f"{rig.group}-{topic}", Owner()), 10)
        assert {r.partition.topic for r in found} == {topic}


async def test_a_reader_reads_on_from_where_it_is_put_and_knows_the_ends(rig: Rig) -> None:
    bus = await rig.open()
    await bus.publish(records(rig.raw, 60))
    reader = await bus.reader(rig.raw)
    ends = await reader.ends()
    assert sum(ends.values()) == 60
    assert set(ends) == {Partition(rig.raw, number) for number in range(4)}
    for partition, end in ends.items():
        reader.seek(partition, max(0, end - 2))
    found: list[Received] = []
    while not await reader.caught_up():
        found += await reader.poll(100, 5)
    assert sorted((r.partition, r.offset) for r in found) == sorted(
        (partition, at) for partition, end in ends.items() for at in range(max(0, end - 2), end)
    )
