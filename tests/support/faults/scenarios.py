"""What breaks, when and for how long: each scenario breaks one thing while events arrive, and heals it again."""

import asyncio
import datetime as dt
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from footfall_common.testing import eventually
from tests.support.account import Account
from tests.support.faults.entry import Trip
from tests.support.faults.parts import Component, Part
from tests.support.faults.proxy import Link
from tests.support.faults.stack import BUCKET_WORKER, RAW_RECEIVER, Stack
from tests.support.sending import Sender

LATENCY = 0.5
MINUTE = 60_000
A_MINUTE = dt.timedelta(minutes=1)
_TAKEN_AFTER_SECONDS = 60.0
Fault = Callable[["Scene"], Awaitable[None]]

_PUBLISH = ("footfall_common.bus.kafka.publisher", "KafkaPublisher", "publish")
_COMMIT = ("footfall_common.bus.kafka.consumer", "KafkaConsumer", "commit")
_WRITE = ("footfall_common.store.cassandra.writes", "CassandraWrites", "write")
_PUT = ("footfall_common.store.cassandra.segments", "CassandraSegments", "put")
_JOINS = 3
_REVOKED = ("footfall_raw_receiver.service.membership", "Membership", "revoked")


@dataclass
class Scene:
    """What a fault works with. `longest` = seconds that outlast every time-out of ours."""

    stack: Stack
    account: Account
    sender: Sender
    dice: random.Random
    longest: float
    outage: float
    """Seconds that an outage lasts that is to be long."""

    async def lasts(self, seconds: float) -> None:
        """Let the fault last."""
        await asyncio.sleep(seconds)  # no wait: how long it lasts

    async def takes_more(self, requests: int = 1) -> None:
        """Return once so many more requests were answered 200: the fault is met by traffic."""
        wanted = self.sender.told.answered + requests
        await eventually(lambda: self.sender.told.answered >= wanted or self.sender.done, _TAKEN_AFTER_SECONDS)


Afterwards = Callable[["Scene"], Awaitable[None]]


ALL_SECONDS = 900.0
"""A replay comes last and marks the buckets of every scenario before it, which are some thousand."""


@dataclass(frozen=True)
class Scenario:
    """One line of the fault matrix."""

    name: str
    what: str
    fault: Fault
    seconds: float
    """About how long the fault lasts on an idle machine; the traffic is spread over it."""
    afterwards: Afterwards | None = None
    """Done once everything was counted; then every report must still be what it was."""
    brokers: int = 1
    """How many there must be."""
    nodes: int = 1
    disk: bool = False
    """Whether the first broker must lie on a disk of a fixed size."""
    ahead: dt.timedelta = dt.timedelta()
    """By how much the receiver's clock is ahead meanwhile."""
    caught_up: float = 180.0
    """Seconds within which all that was answered must be in the reports."""


async def _kill(scene: Scene, part: Part, gone: float) -> None:
    await part.kill()
    await scene.lasts(gone)
    await part.right()


async def _hang(scene: Scene, part: Part) -> None:
    await part.hang()
    await scene.lasts(scene.longest)
    await part.right()


async def _trip(scene: Scene, part: Component, *trips: Trip) -> None:
    """Let it be killed at each of these steps, one after the other."""
    await part.right()
    for trip in trips:
        await part.tripped(trip)
        await part.right()


async def broker_killed(scene: Scene) -> None:
    await _kill(scene, scene.dice.choice(scene.stack.world.brokers), 6.0)
    await scene.stack.kafka_whole()


async def leaders_killed(scene: Scene) -> None:
    for broker in await scene.stack.world.leaders():
        await _kill(scene, broker, 4.0)
        await scene.stack.kafka_whole()


async def receiver_killed(scene: Scene) -> None:
    receiver = scene.stack.receiver
    for _ in range(3):
        await scene.takes_more(scene.dice.randint(5, 20))
        await _kill(scene, receiver, 0.0)
    # Mid-request in both senses: before the bus was asked, and when it has the events but nobody was told.
    await _trip(scene, receiver, Trip(*_PUBLISH, "before", 9), Trip(*_PUBLISH, "after", 9))


async def raw_receiver_killed(scene: Scene) -> None:
    await _kill(scene, scene.stack.raw_receiver, 0.0)
    await _trip(
        scene,
        scene.stack.raw_receiver,
        Trip(*_WRITE, "before", 1),
        Trip(*_WRITE, "after", 1),
        Trip(*_PUBLISH, "after", 1),
        Trip(*_COMMIT, "after", 1),
    )


async def rebalance_killed(scene: Scene) -> None:
    first, stack = scene.stack.raw_receiver, scene.stack
    async with stack.second(RAW_RECEIVER) as second:
        await scene.lasts(scene.dice.uniform(0, 3))
        await _kill(scene, first, scene.dice.uniform(0, 2))
        await scene.lasts(scene.dice.uniform(0, 3))
        await _kill(scene, second, 0.0)

        async def comes_and_goes() -> None:
            for _ in range(_JOINS):
                if first.running:  # it may not have been a member yet
                    await second.stopped_and_right()

        # Killed at the moment that its partitions are asked back.
        await first.tripped(Trip(*_REVOKED, "before", 1), first.ready, comes_and_goes)
        await first.right()


async def bucket_worker_killed(scene: Scene) -> None:
    worker = scene.stack.bucket_worker
    await _kill(scene, worker, 0.0)
    await _trip(scene, worker, Trip(*_PUT, "before", 1), Trip(*_PUT, "after", 1), Trip(*_COMMIT, "before", 1))


async def node_killed(scene: Scene) -> None:
    await _kill(scene, scene.dice.choice(scene.stack.world.nodes), 8.0)
    await scene.stack.cassandra_whole()


async def broker_hung(scene: Scene) -> None:
    await _hang(scene, scene.dice.choice(scene.stack.world.brokers))
    await scene.stack.kafka_whole()


async def node_hung(scene: Scene) -> None:
    await _hang(scene, scene.dice.choice(scene.stack.world.nodes))
    await scene.stack.cassandra_whole()


async def receiver_hung(scene: Scene) -> None:
    await _hang(scene, scene.stack.receiver)


async def raw_receiver_hung(scene: Scene) -> None:
    """Another member takes over and goes on; the hung one wakes up with a chunk in hand that is no longer its own."""
    async with scene.stack.second(RAW_RECEIVER):
        await scene.takes_more(20)
        await _hang(scene, scene.stack.raw_receiver)


async def bucket_worker_hung(scene: Scene) -> None:
    async with scene.stack.second(BUCKET_WORKER):
        await scene.takes_more(20)
        await _hang(scene, scene.stack.bucket_worker)


async def _cut(scene: Scene, links: Sequence[Link]) -> None:
    """Connections are reset now and then; after that none is made for a long time."""
    for _ in range(3):
        for link in links:
            link.reset()
        await scene.lasts(scene.dice.uniform(0.3, 1.5))
    for link in links:
        link.cut()
    await scene.lasts(scene.longest)
    for link in links:
        link.restore()


async def kafka_cut(scene: Scene) -> None:
    await _cut(scene, scene.stack.world.kafka_links)


async def kafka_swallowed(scene: Scene) -> None:
    """Connections stand and nothing comes back; half of the time what was sent arrives in the end."""
    for fault in ("swallow", "stall"):
        for link in scene.stack.world.kafka_links:
            getattr(link, fault)()
        await scene.lasts(scene.longest)
        for link in scene.stack.world.kafka_links:
            link.restore()
        await scene.takes_more(5)


async def kafka_slow(scene: Scene) -> None:
    await _slow(scene, *scene.stack.world.kafka_links)


async def cassandra_cut(scene: Scene) -> None:
    await _cut(scene, scene.stack.world.cassandra_links)


async def cassandra_slow(scene: Scene) -> None:
    await _slow(scene, *scene.stack.world.cassandra_links)


async def _slow(scene: Scene, *links: Link) -> None:
    for link in links:
        link.slow(LATENCY)
    await scene.lasts(scene.longest)
    for link in links:
        link.restore()


async def disk_full(scene: Scene) -> None:
    disk = scene.stack.disk
    broker = scene.stack.world.brokers[0]
    disk.fill()
    await scene.lasts(scene.longest)
    assert "No space left on device" in broker.log(), "the broker met no full disk"
    disk.free()
    await broker.kill()
    await broker.right()
    await scene.stack.kafka_whole()


async def cassandra_down(scene: Scene) -> None:
    """Events keep arriving, and not one request is refused."""
    for node in scene.stack.world.nodes:
        await node.kill()
    refused = scene.sender.told.retries
    await scene.lasts(scene.outage)
    assert scene.sender.told.retries == refused, "requests were refused for want of Cassandra"
    await asyncio.gather(*(node.right() for node in scene.stack.world.nodes))
    await scene.stack.cassandra_whole()


def receiver_off(minutes: int) -> Fault:
    async def fault(scene: Scene) -> None:
        await _off(scene, scene.stack.receiver, minutes)

    return fault


async def bucket_worker_off(scene: Scene) -> None:
    for minutes in (60, -60):
        await _off(scene, scene.stack.bucket_worker, minutes)


async def _off(scene: Scene, part: Component, minutes: int) -> None:
    await part.put_off(minutes * MINUTE)
    await scene.lasts(scene.longest)
    await part.stopped_and_right()


async def replayed(scene: Scene) -> None:
    await scene.stack.replay()


async def emptied_and_replayed(scene: Scene) -> None:
    await scene.stack.empty_store()
    await scene.stack.replay()


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("broker-killed", "SIGKILL of one of three brokers", broker_killed, 12, brokers=3),
    Scenario("leaders-killed", "SIGKILL of each partition leader in turn", leaders_killed, 40, brokers=3),
    Scenario("receiver-killed", "SIGKILL of the receiver, mid-request too", receiver_killed, 15),
    Scenario("raw-receiver-killed", "SIGKILL of the raw receiver at each step of a batch", raw_receiver_killed, 20),
    Scenario("rebalance-killed", "SIGKILL of raw receivers while a second one joins", rebalance_killed, 25),
    Scenario(
        "bucket-worker-killed", "SIGKILL of the bucket worker, between put and commit too", bucket_worker_killed, 20
    ),
    Scenario("node-killed", "SIGKILL of one of three Cassandra nodes", node_killed, 20, nodes=3),
    Scenario("broker-hung", "SIGSTOP of one of three brokers, then SIGCONT", broker_hung, 18, brokers=3),
    Scenario("receiver-hung", "SIGSTOP of the receiver, then SIGCONT", receiver_hung, 18),
    Scenario("raw-receiver-hung", "SIGSTOP of one of two raw receivers, then SIGCONT", raw_receiver_hung, 25),
    Scenario("bucket-worker-hung", "SIGSTOP of one of two bucket workers, then SIGCONT", bucket_worker_hung, 25),
    Scenario("node-hung", "SIGSTOP of one of three Cassandra nodes, then SIGCONT", node_hung, 18, nodes=3),
    Scenario("kafka-cut", "connections to Kafka reset, then cut", kafka_cut, 20),
    Scenario("kafka-swallowed", "Kafka swallowed by the network, then stalled", kafka_swallowed, 36),
    Scenario("kafka-slow", "500 ms of latency to Kafka", kafka_slow, 18),
    Scenario("cassandra-cut", "connections to Cassandra reset, then cut", cassandra_cut, 20),
    Scenario("cassandra-slow", "500 ms of latency to Cassandra", cassandra_slow, 18),
    Scenario("disk-full", "a broker's disk full; freed, and the broker restarted", disk_full, 22, brokers=3, disk=True),
    Scenario("cassandra-down", "Cassandra away while events keep arriving", cassandra_down, 130),
    Scenario("receiver-ahead", "the receiver's clock 10 minutes ahead", receiver_off(10), 20, ahead=10 * A_MINUTE),
    Scenario("receiver-behind", "the receiver's clock 10 minutes behind", receiver_off(-10), 20, ahead=-10 * A_MINUTE),
    Scenario(
        "bucket-worker-off", "the bucket worker's clock an hour ahead, then an hour behind", bucket_worker_off, 40
    ),
    Scenario(
        "replay-kept",
        "full replay beside live traffic, and again",
        replayed,
        20,
        afterwards=replayed,
        caught_up=ALL_SECONDS,
    ),
    Scenario(
        "replay-emptied",
        "full replay into an emptied store",
        replayed,
        20,
        afterwards=emptied_and_replayed,
        caught_up=ALL_SECONDS,
    ),
)
