"""The five components, each in a process of its own, on real Kafka and real Cassandra."""

import asyncio
import datetime as dt
import signal
import time
import uuid
from pathlib import Path

import pytest

from footfall_common.manifest import TrackingTenant, read, resource_of
from footfall_common.placement import Names, Placement, names
from footfall_common.testing import eventually
from tests.support.components import Together, cassandra_environ, kafka_environ, together
from tests.support.process import event, manifest
from tests.support.servers import CassandraServers, KafkaServers, nodes

pytestmark = [pytest.mark.kafka, pytest.mark.cassandra, pytest.mark.timeout(300)]

CAUGHT_UP_SECONDS = 60


def own_names() -> Names:
    """Names that no other test has."""
    return names(uuid.uuid4(), Placement.DEDICATED)


def acme(folder: Path) -> TrackingTenant:
    """A tenant with one site and one goal."""
    path = folder / "tenant.yaml"
    path.write_text(manifest("acme", {"name": "shop", "goals": [{"name": "order", "event": "purchase"}]}))
    (tenant,) = read(path)
    return tenant


class Sender:
    """Sends events of one visitor to the tenant's site, each until it is answered 200."""

    def __init__(self, five: Together, tenant: TrackingTenant) -> None:
        self._five = five
        self._tenant = str(tenant.guid)
        self._resource = str(resource_of(tenant.guid, tenant.spec.sites[0]))
        self.visitor = str(uuid.uuid4())
        self.ids: list[str] = []

    async def send(self, count: int = 1) -> None:
        for _ in range(count):
            one = event(self.visitor, now().isoformat(), type="purchase")
            await eventually(lambda: self._accepted(one), 30)  # noqa: B023 - awaited at once
            self.ids.append(one["id"])

    async def _accepted(self, one: dict[str, object]) -> bool:
        answer = await self._five.post(self._tenant, self._resource, one)
        assert answer.status_code in {200, 401, 503}, answer.text
        return answer.status_code == 200 and answer.json()["events"][0]["status"] in {"accepted", "duplicate"}


def now() -> dt.datetime:
    return dt.datetime.fromtimestamp(time.time(), dt.UTC)


async def arrived(five: Together, token: str, sender: Sender) -> None:
    """Return once every event that was sent is in the feed once, and counted in the overview."""
    today = now().date()
    days = {"from": str(today - dt.timedelta(days=1)), "to": str(today)}

    async def in_feed() -> bool:
        return len(await five.feed(token, sender.visitor)) >= len(sender.ids)

    async def counted() -> bool:
        events: int = (await five.overview(token, **days))["totals"]["events"]
        return events >= len(sender.ids)

    await eventually(in_feed, CAUGHT_UP_SECONDS)
    await eventually(counted, CAUGHT_UP_SECONDS)
    assert len(await five.feed(token, sender.visitor)) == len(sender.ids)
    assert (await five.overview(token, **days))["totals"]["events"] == len(sender.ids)


async def test_an_event_goes_in_at_the_receiver_and_comes_out_in_feed_and_overview(
    kafka: KafkaServers, cassandra: CassandraServers, tmp_path: Path
) -> None:
    named = own_names()
    environ = await asyncio.to_thread(
        lambda: kafka_environ(kafka, named, tmp_path) | cassandra_environ(cassandra, named, tmp_path)
    )
    async with together(tmp_path, environ) as five:
        tenant = acme(tmp_path)
        credentials = await five.provision(tenant)
        sender = Sender(five, tenant)
        await sender.send(3)
        token = await five.token(credentials)
        await arrived(five, token, sender)
        for one in five.all:
            await one.restart()
        await sender.send(2)
        await arrived(five, token, sender)
        assert five.receiver.rss_mb < 120
        assert five.raw_receiver.rss_mb < 250
        assert [await one.stopped() for one in five.all] == [0] * 5
        assert not [line for one in five.all for line in one.lines("failed")]


async def test_the_receiver_keeps_taking_events_with_all_the_others_and_the_store_down(
    kafka: KafkaServers, tmp_path: Path
) -> None:
    named = own_names()
    with nodes() as cassandra:  # its own, for it is killed
        environ = await asyncio.to_thread(
            lambda: kafka_environ(kafka, named, tmp_path) | cassandra_environ(cassandra, named, tmp_path)
        )
        async with together(tmp_path, environ) as five:
            tenant = acme(tmp_path)
            token = await five.token(await five.provision(tenant))
            sender = Sender(five, tenant)
            await sender.send(2)
            others = [one for one in five.all if one is not five.receiver]
            for one in others:
                assert await one.stopped(signal.SIGKILL) == -signal.SIGKILL
            await asyncio.to_thread(cassandra.kill, 0)
            await sender.send(5)
            await five.receiver.restart(signal.SIGKILL)
            await sender.send(5)
            assert await five.receiver.readiness() == (200, {})
            for one in others:
                await one.start()
            for one in others:
                status, failing = await one.readiness()
                assert (status, set(failing)) == (503, {"store"} | ({"bus"} & set(failing)))
            await sender.send(1)
            await asyncio.to_thread(cassandra.start, 0)
            await asyncio.gather(*(one.ready() for one in others))
            await arrived(five, token, sender)
