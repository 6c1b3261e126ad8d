"""Takes a decoded request to the bus and answers with one verdict an event."""

import ipaddress
import uuid
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from prometheus_client import CollectorRegistry

from footfall_common.bus import Headers, Outgoing, Publisher
from footfall_common.clock import Clock
from footfall_common.documents import ResourceDocument, TenantDocument
from footfall_common.errors import Forbidden, TooMany, Unauthenticated, Unavailable
from footfall_common.events import times
from footfall_common.events.model import Event, Verdict
from footfall_common.pipeline.view import SettingsView
from footfall_common.telemetry import catalogue, counter
from footfall_common.tenancy import ResourceKey
from footfall_receiver import judge, origins
from footfall_receiver.decode import Batch, decode
from footfall_receiver.memory import Guards, Tally
from footfall_receiver.rates import Limit, Rates, Refusal, limits_of, whole_seconds
from footfall_receiver.scrub import address_truncator, client_address, url_scrubber
from footfall_receiver.settings import ReceiverSettings


class Answer(msgspec.Struct):
    """The body of a 200: verdicts in the request's order."""

    events: list[Verdict]


class Caller(NamedTuple):
    """What the HTTP request says about its sender."""

    origin: str = ""
    user_agent: str = ""
    peer: str = ""
    forwarded: str = ""
    opted_out: bool = False
    headers: Headers = ()
    """Headers of the bus records: the trace."""


class Receiver:
    """One receiver process. Returns from `accept` only when the bus holds what was accepted."""

    def __init__(
        self,
        publisher: Publisher,
        view: SettingsView,
        settings: ReceiverSettings,
        *,
        topic: str,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._publisher = publisher
        self._topic = topic
        self._view = view
        self._clock = clock
        self._settings = settings
        self._scrub = url_scrubber(settings.scrubbed_parameters)
        self._truncate = address_truncator(settings.ipv4_prefix, settings.ipv6_prefix)
        self._proxies = [ipaddress.ip_network(network) for network in settings.trusted_proxies]
        self._guards = Guards(
            duplicates=settings.duplicates_watched,
            visitors=settings.visitors_watched,
            daily_limit=settings.visitor_daily_limit,
        )
        self._rates = Rates(burst=settings.burst_seconds, replicas=settings.replicas)
        self._in_flight = 0
        self._verdicts = counter(registry, catalogue.EVENTS)
        self._accepted = self._verdicts.labels("accepted", "")

    async def accept(self, body: bytes, caller: Caller) -> Answer:
        """Judge and publish a body; FootfallError when the request as a whole is refused or the bus cannot take it."""
        batch = decode(body, max_events=self._settings.max_events, max_event_bytes=self._settings.max_event_bytes)
        tenant, resource = self._authority(batch, caller.origin)
        rates = self._within_rates(limits_of(tenant, resource), len(batch.events))
        try:
            verdicts = await self._taken(batch, caller, tenant.retention_days)
        except BaseException:
            self._rates.give_back(rates, len(batch.events))
            raise
        return Answer(self._counted_and_named(verdicts, batch.ids))

    async def _taken(self, batch: Batch, caller: Caller, retention_days: int) -> list[Verdict]:
        arrival = self._arrival(batch, caller)
        tally = self._guards.tally(arrival.tenant.bytes, times.day_of(arrival.received))
        verdicts, taken = self._judge(batch, arrival, judge.bounds(arrival, retention_days), tally)
        if taken:
            await self._publish(arrival, taken, caller.headers, tally)
        return verdicts

    def _within_rates(self, limits: tuple[Limit, ...], events: int) -> tuple[Limit, ...]:
        """Every event counts, refused and repeated ones too: they cost this process the same."""
        if limits and (refusal := self._rates.take(limits, events, self._clock.monotonic())):
            raise _rate_limited(refusal)
        return limits

    def _authority(self, batch: Batch, origin: str) -> tuple[TenantDocument, ResourceDocument]:
        resource = self._view.resource(ResourceKey(batch.tenant, batch.resource))
        tenant = self._view.tenant(batch.tenant)
        if resource is None or tenant is None:
            message = "No such tenant and resource; check both, or wait a few seconds where they are new."
            raise Unauthenticated(message, code="unknown_resource", field="resource")
        if not (resource.active and tenant.active):
            message = "This resource takes no events: it is inactive."
            raise Forbidden(message, code="inactive_resource", field="resource")
        _origin_allowed(resource, origin)
        return tenant, resource

    def _arrival(self, batch: Batch, caller: Caller) -> judge.Arrival:
        address = client_address(caller.peer, caller.forwarded, self._proxies) if self._proxies else caller.peer
        return judge.Arrival(
            batch.tenant,
            batch.resource,
            self._clock.now_ms(),
            batch.sent,
            batch.sdk,
            caller.user_agent,
            self._truncate(address),
            caller.opted_out,
        )

    def _judge(
        self, batch: Batch, arrival: judge.Arrival, limits: judge.Bounds, tally: Tally
    ) -> tuple[list[Verdict], dict[bytes, list[Event]]]:
        """A verdict an event, and the events to be taken by their visitor."""
        verdicts: list[Verdict] = []
        taken: dict[bytes, list[Event]] = {}
        for event in batch.events:
            if isinstance(event, Verdict):
                verdicts.append(event)
                continue
            visitor = judge.visitor_of(event)
            verdict = judge.refusal(event, arrival, limits) or self._guarded(event, visitor, tally)
            verdicts.append(verdict)
            if verdict.status == "accepted":
                judge.scrub(event, self._scrub)
                taken.setdefault(visitor, []).append(event)
        return verdicts, taken

    def _guarded(self, event: Event, visitor: bytes, tally: Tally) -> Verdict:
        day = times.day_of_moment(event.occurred)
        match tally.look(visitor, event.id.bytes, day, anonymous=event.tracking_id is None):
            case "fresh":
                return Verdict(event.id, "accepted")
            case "duplicate":
                return Verdict(event.id, "duplicate")
            case "visitor_limit":
                message = f"A visitor may send {self._settings.visitor_daily_limit} events a day."
                return Verdict(event.id, "rejected", "visitor_limit", message, "trackingId")

    async def _publish(
        self, arrival: judge.Arrival, taken: Mapping[bytes, list[Event]], headers: Headers, tally: Tally
    ) -> None:
        if self._in_flight >= self._settings.max_in_flight:
            message = "Too many requests wait for the bus; try again."
            raise Unavailable(message, retry_after=1, code="overloaded")
        self._in_flight += 1
        tally.reserve()
        try:
            await self._publisher.publish(
                [
                    Outgoing(self._topic, key, value, headers)
                    for key, value in judge.keyed(arrival, taken, self._settings.max_record_bytes)
                ]
            )
        except BaseException:
            tally.release()
            raise
        finally:
            self._in_flight -= 1
        tally.remember()

    def _counted_and_named(self, verdicts: list[Verdict], ids: Mapping[uuid.UUID, str]) -> list[Verdict]:
        accepted = 0
        for verdict in verdicts:
            if verdict.status == "accepted":
                accepted += 1
            else:
                self._verdicts.labels(verdict.status, verdict.reason or "").inc()
        self._accepted.inc(accepted)
        if not ids:
            return verdicts
        return [
            msgspec.structs.replace(verdict, id=ids.get(verdict.id, verdict.id))
            if isinstance(verdict.id, uuid.UUID)
            else verdict
            for verdict in verdicts
        ]


def _rate_limited(refusal: Refusal) -> TooMany:
    limit = refusal.limit
    whose = "tenant" if limit.resource is None else "resource"
    message = (
        f"This {whose} may send {limit.per_second} events a second (limits.eventsPerSecond); nothing of this request "
        "was taken, send it again later."
    )
    return TooMany(message, retry_after=whole_seconds(refusal), code="rate_limited", field=whose)


def _origin_allowed(resource: ResourceDocument, origin: str) -> None:
    if resource.domains and origin and not origins.allowed(origin, resource.domains):
        message = f"Pages of {origin} may not send events to this resource; add its domain to the site."
        raise Forbidden(message, code="origin_refused", field="origin")
