"""Puts the operator together, in the order in which it comes up: health, the lease, our own list, workers, watches."""

import asyncio
import datetime as dt
import os
import signal
import threading
import uuid
from collections.abc import Callable, Mapping
from secrets import SystemRandom
from typing import Any, Final

import kopf
import structlog
from prometheus_client import CollectorRegistry

from footfall_common.clock import SystemClock, from_ms
from footfall_common.snippet import template
from footfall_operator import handlers
from footfall_operator.access import access, for_asyncio, for_threads
from footfall_operator.cluster import Cluster
from footfall_operator.lease import Election, Fence
from footfall_operator.leases import KubernetesLeases, Place
from footfall_operator.metrics import Metrics
from footfall_operator.queue import Queue
from footfall_operator.reconcile.children import Children
from footfall_operator.reconcile.claims import Claims
from footfall_operator.reconcile.deletion import Deletion
from footfall_operator.reconcile.hints import Hints
from footfall_operator.reconcile.known import Known
from footfall_operator.reconcile.listing import Listing
from footfall_operator.reconcile.passes import Passes
from footfall_operator.reconcile.platforms import Platforms
from footfall_operator.reconcile.report import Reporter
from footfall_operator.reconcile.tenants import Tenants
from footfall_operator.reconcile.workers import Workers
from footfall_operator.resources import CLAIM, PLATFORM, TENANTS, WATCHED, Ref
from footfall_operator.settings import OperatorSettings
from footfall_operator.site import Site
from footfall_operator.watches import Watches

VERSION: Final = "0.1.0"
DONE: Final = 0
DRAIN_SECONDS: Final = 1.0
"""For passes that are under way when it is told to stop: a request that is cut may still be carried out."""
LOST: Final = 75
"""Exit code where the lease was lost: start again and stand by."""
_CALLS: Final = 2 / 15
_log = structlog.stdlib.get_logger(__name__)


class Operator:
    """One process. `exit` ends it at once, without any of Python's ways to stop that."""

    def __init__(self, settings: OperatorSettings, environ: Mapping[str, str], leave: Callable[[int], None]) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._dice = SystemRandom()
        self._access = access(environ, settings.account_dir)
        self._fence = Fence(self._clock.monotonic)
        half = max(1, settings.workers // 2)
        self._queue: Queue[Ref] = Queue(self._clock.monotonic, self._dice.uniform, half, _rank)
        self._known = Known()
        self._hints = Hints(self._queue, self._known, settings.resync_seconds, self._dice.uniform)
        self._leave = leave
        self._election = self._an_election()
        kinds = (PLATFORM, TENANTS, CLAIM, *WATCHED)
        self._watches = Watches(kinds, settings.watch_seconds, self._clock.monotonic)
        registry = CollectorRegistry()
        self._metrics = Metrics(registry)
        self._metrics.queued.set_function(self._queue.__len__)
        self._metrics.oldest.set_function(self._queue.oldest)
        self._metrics.leading.set_function(self._election.elected.is_set)
        self._site = Site(
            registry,
            {"queue": self._queue_stuck, "lease": self._lease_silent, "watches": self._watches.deaf},
            {"lease": self._lease_silent},
        )
        self._workers: Workers | None = None
        self._ending: asyncio.Task[None] | None = None
        self._client: Any = None

    def register(self, registry: kopf.OperatorRegistry) -> None:
        """Hand kopf what it is to call."""
        kopf.on.login(registry=registry)(self._login)
        # What cannot begin ends: kopf would try again every minute, and lead meanwhile.
        kopf.on.startup(registry=registry, errors=kopf.ErrorsMode.PERMANENT)(self._start)
        kopf.on.cleanup(registry=registry)(self._stop)
        handlers.register(registry, self._hints.told)

    async def _start(self, settings: kopf.OperatorSettings, **_: Any) -> None:
        """Kopf begins to watch when this returns: after the lease is won and everything was listed."""
        handlers.configure(settings, self._settings.watch_seconds)
        port = await self._site.start(self._settings.host, self._settings.port)
        for number in (signal.SIGINT, signal.SIGTERM):  # by now kopf has set its own, and they are no longer asked
            asyncio.get_running_loop().add_signal_handler(number, self._told)
        _log.info("listening", port=port)
        await self._elected()
        _log.info("leading")
        self._client = for_asyncio(self._access, 2 * self._settings.workers)
        cluster = Cluster(self._client, self._access, self._fence, self._settings.call_seconds, self._metrics.wrote)
        passes = await self._listed(cluster)
        self._watches.expect()
        self._workers = Workers(self._queue, passes.look, self._metrics)
        self._workers.begin(self._settings.workers)

    async def _elected(self) -> None:
        """Until we lead. The thread is nobody's to wait for: it must not keep a process that is told to stop."""
        loop, won = asyncio.get_running_loop(), asyncio.Event()
        wins = [lambda: loop.call_soon_threadsafe(won.set), self._lost]
        threading.Thread(target=self._election.run, args=wins, name="lease", daemon=True).start()
        await won.wait()

    def _told(self) -> None:
        """To stop. Whatever else ends kopf is a failure, and kopf's to tell."""
        self._ending = self._ending or asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        """At once, and not by way of kopf, which takes five seconds where it is still listing."""
        try:
            await self._stop()
            await asyncio.to_thread(self.leave)
        finally:
            self._leave(DONE)

    async def _stop(self, **_: Any) -> None:
        if self._workers:
            await self._workers.end(DRAIN_SECONDS)
        if self._client is not None:
            await self._client.close()
        await self._site.stop()

    def leave(self) -> None:
        """For when all has ended: the next one need not wait."""
        self._election.leave()

    async def _login(self, **_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=self._access.server, aiohttp_session=self._watches.session(self._access))

    def _an_election(self) -> Election:
        settings = self._settings
        leases = KubernetesLeases(
            for_threads(self._access),
            self._access,
            Place(settings.namespace, settings.lease),
            settings.lease_seconds * _CALLS,
            self._now,
        )
        me = settings.identity or f"{os.uname().nodename}_{uuid.UUID(int=self._dice.getrandbits(128)).hex[:8]}"
        return Election(leases, me, settings.lease_seconds, self._clock.monotonic, self._fence)

    async def _listed(self, cluster: Cluster) -> Passes:
        """Who works, once everything was listed."""
        system, known = self._settings.namespace, self._known
        children = Children(cluster)
        claims = Claims(cluster, self._stamp, known.looked_at)
        reporter = Reporter(cluster, self._metrics, self._stamp, lambda: f"{self._dice.getrandbits(64):016x}")
        tenants = Tenants(cluster, children, claims, reporter, known, system, template())
        platforms = Platforms(children, reporter, lambda: len(known.tenants), system, VERSION)
        listing = Listing(cluster, self._hints, tenants, self._clock.monotonic)
        await listing.first()
        deletion = Deletion(cluster, claims, self._now)
        return Passes(cluster, self._hints, listing, platforms, tenants, deletion, self._metrics, self._queue.failures)

    def _now(self) -> dt.datetime:
        return from_ms(self._clock.now_ms())

    def _stamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _lost(self) -> None:
        _log.error("lease_lost")
        self._leave(LOST)

    def _queue_stuck(self) -> str:
        seconds = self._queue.stuck() if self._workers else 0.0
        said = f"resources are due, and for {seconds:.0f} s none was looked at"
        return said if seconds > self._settings.stuck_seconds else ""

    def _lease_silent(self) -> str:
        seconds = self._election.silent
        limit = max(self._settings.stuck_seconds, 2 * self._settings.lease_seconds)
        return f"the lease was not looked at for {seconds:.0f} s" if seconds > limit else ""


def _rank(key: Ref) -> int:
    """The platform first: what tenants stand on is not to wait for ten thousand of them."""
    return 0 if key.kind is PLATFORM else 1
