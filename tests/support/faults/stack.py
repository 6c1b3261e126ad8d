"""The whole data plane on real servers: every component in a process of its own, every server behind a fault proxy."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
from typing_extensions import override

from footfall_common.manifest import read, resource_of
from footfall_common.testing import eventually
from tests.support.account import Account
from tests.support.components import Alone, Together
from tests.support.faults.disk import Disk
from tests.support.faults.parts import Component, Part
from tests.support.faults.servers import Wanted, World, world
from tests.support.process import COMMAND
from tests.support.reckoning import MANIFEST

SENDER_SECONDS = 12.0
"""After so long the sender gives a request up and sends it anew: later than the receiver's own deadline."""
KNOWN_SECONDS = 30
RAW_RECEIVER, BUCKET_WORKER = "raw-receiver", "bucket-worker"
ROLES = "FOOTFALL_RAW_RECEIVER_ROLES"
COMMIT = "FOOTFALL_RAW_RECEIVER_SEGMENT_COMMIT"
"""Fewer at once than by default: the traffic lies in 288 buckets, and work must end within the short poll interval."""
EVENT_TABLES = (
    "event_ids",
    "events_by_visitor",
    "events_by_bucket",
    "buckets_seen",
    "visitor_latest",
    "visitors",
    "edges",
    "segments",
    "segment_resources",
    "chunks",
)
QUICK = {
    # Every time-out of ours below Times.longest, so that a hang outlasts all of them within seconds.
    "FOOTFALL_KAFKA_SESSION_TIMEOUT_MS": "6000",
    "FOOTFALL_KAFKA_HEARTBEAT_MS": "500",
    "FOOTFALL_KAFKA_MAX_POLL_INTERVAL_MS": "15000",
}


class Stack(Together):
    """The components on a World. Every part may be broken; `heal` makes all of it whole again."""

    def __init__(self, on: World, folder: Path) -> None:
        super().__init__(folder, {**on.environ, **QUICK})
        self.world = on
        self.folder = folder
        self._storing = self.raw_receiver.environ
        self._replaying = {**on.environ, **QUICK}
        self.tenant: Component = Component("tenant", "footfall_tenant", folder, self.tenant.environ)
        self.raw_receiver: Component = self._part("raw_receiver", RAW_RECEIVER)
        self.bucket_worker = self._part("bucket_worker", BUCKET_WORKER)
        self.receiver: Component = Component("receiver", "footfall_receiver", folder, self.receiver.environ)
        self.sending = httpx.AsyncClient(trust_env=False, timeout=SENDER_SECONDS)

    @override
    async def start(self) -> None:
        await asyncio.gather(super().start(), self.bucket_worker.right())

    @property
    def disk(self) -> Disk:
        """The disk of the first broker."""
        assert self.world.disk is not None, "this stack's brokers have no sized disk"
        return self.world.disk

    async def heal(self) -> None:
        """Restore the network and the disk, wake what hangs, start what has ended, wait until everything is ready."""
        for link in (*self.world.kafka_links, *self.world.cassandra_links):
            link.restore()
        if self.world.disk is not None:
            self.world.disk.free()
        await asyncio.gather(*(server.right() for server in (*self.world.brokers, *self.world.nodes)))
        await self.kafka_whole()
        await self.cassandra_whole()
        await asyncio.gather(*(part.right() for part in self._parts))
        await asyncio.gather(*(one.ready() for one in self.all))

    async def kafka_whole(self) -> None:
        """Return once every partition has all of its replicas in step."""
        await eventually(self.world.kafka_in_step, 90)

    async def cassandra_whole(self) -> None:
        """Return once every node sees every other one up."""
        await eventually(self.world.cassandra_in_step, 120)

    @asynccontextmanager
    async def second(self, role: str) -> AsyncIterator[Component]:
        """Another raw receiver or bucket worker in the same group, ready; it leaves with the block."""
        one = self._part(f"second_{role}", role)
        try:
            await one.start()
            await one.ready()
            yield one
        finally:
            await one.end()

    async def replay(self) -> None:
        """`footfall replay` of all that the raw topic holds, to its end."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
        with (self.folder / "replay.log").open("ab") as log:
            running = await asyncio.create_subprocess_exec(
                *(*COMMAND, "replay", "--rate", "100000"), env={**kept, **self._replaying}, stdout=log, stderr=log
            )
        assert await running.wait() == 0, (self.folder / "replay.log").read_text()[-2000:]

    async def empty_store(self) -> None:
        """Delete all that came of events, while everything runs; settings stay."""
        await asyncio.to_thread(self.world.empty, EVENT_TABLES)

    async def account(self, name: str, *, age: int = 0) -> Account:
        """A new tenant of two sites with its credentials, once receiver and report know it.

        `age` = milliseconds that its settings are to be older than now: an event counts for a goal that stood when the
        receiver's clock says that it came.
        """
        if age:
            await self.tenant.put_off(-age)
        account = await self._made(name)
        if age:
            await self.tenant.stopped_and_right()
        return account

    async def _made(self, name: str) -> Account:
        manifest = self.folder / f"{name}.yaml"
        manifest.write_text(MANIFEST.replace("acme", name))
        tenant = read(manifest)[0]
        issued = await self.provision(tenant)
        account = Account(
            self.sending,
            {
                "tenantId": str(tenant.guid),
                "clientId": issued.client_id,
                "clientSecret": issued.client_secret,
                "resources": [str(resource_of(tenant.guid, site)) for site in tenant.spec.sites],
                "urls": {name: one.base for name, one in self._doors.items()},
            },
        )
        unknown = ""

        async def known() -> bool:
            nonlocal unknown
            unknown = await self._unknown(account)
            return not unknown

        try:
            await eventually(known, KNOWN_SECONDS)
        except AssertionError as error:
            message = f"{name} is not known after {KNOWN_SECONDS} s: {unknown}; logs in {self.folder}"
            raise AssertionError(message) from error
        return account

    @property
    def _doors(self) -> dict[str, Alone]:
        return {"receiver": self.receiver, "report": self.report, "identity": self.identity, "tenant": self.tenant}

    @property
    def _parts(self) -> Sequence[Part]:
        return (self.bucket_worker, self.raw_receiver, self.receiver)

    async def _unknown(self, account: Account) -> str:
        """What receiver or report answer while they lack its settings; what is asked stores nothing."""
        for resource in account.resources:
            body = {"v": 1, "tenant": account.tenant, "resource": resource, "events": [{}]}
            answer = await account.client.post(account.door, json=body)
            if answer.status_code != 200:
                return f"the receiver answers {answer.status_code} {answer.text}"
        token = await account.token()
        answer = await account.client.post(
            f"{account.urls['report']}/api/Event/feed",
            json={"offset": None, "count": 1, "creatioTrackingIds": [account.tenant]},
            headers={"authorization": f"Bearer {token}"},
        )
        return "" if answer.status_code == 200 else f"the report answers {answer.status_code} {answer.text}"

    def _part(self, name: str, role: str) -> Component:
        return Component(name, "footfall_raw_receiver", self.folder, {**self._storing, ROLES: role, COMMIT: "100"})


@asynccontextmanager
async def a_stack(folder: Path, wanted: Wanted) -> AsyncIterator[Stack]:
    """A running stack; its logs are in `folder`."""
    # Here and not in a thread: a process that is told to end with its parent ends with the thread that started it.
    with world(folder, wanted) as on:
        async with AsyncExitStack() as ending:
            stack = Stack(on, folder)
            ending.push_async_callback(stack.client.aclose)
            ending.push_async_callback(stack.sending.aclose)
            for one in (*stack.all, stack.bucket_worker):
                ending.push_async_callback(one.end)
            await stack.start()
            yield stack
