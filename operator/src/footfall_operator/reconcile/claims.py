"""Who holds an id or a host: an atomic create, which outlives the tenant that was deleted with Retain."""

import hashlib
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

from footfall_common.placement import Names
from footfall_operator.cluster import Body, Changed, Cluster
from footfall_operator.resources import CLAIM, MANAGED, Ref

_HOST: Final = "host-"
_HOST_DIGITS: Final = 20


class Held(Exception):
    """Somebody else holds it; str() says who, and the way out."""


class Claims:
    """`now` gives the time as the API server writes it; `seen` is told of each that is held, as it stands."""

    def __init__(self, cluster: Cluster, now: Callable[[], str], seen: Callable[[Body], None]) -> None:
        self._cluster = cluster
        self._now = now
        self._seen = seen

    async def hold(self, guid: uuid.UUID, namespace: str, name: str, names: Names | None) -> None:
        """The tenant's id is its own from here on. Raises Held."""
        await self._hold(str(guid), namespace, name, outside(names) if names else {}, f"the tenant id {guid}")

    async def hold_hosts(self, hosts: Iterable[str], namespace: str, name: str, held: set[str]) -> None:
        """Likewise each host; those that it held and no longer wishes are free. Raises Held.

        `held` = the names of all claims that are known to be its own; kept up to date. The old ones are let go first,
        so that two tenants can swap hosts.
        """
        wished = {of_host(host): host for host in hosts}
        for claim in [one for one in held if _of_a_host(one) and one not in wished]:
            await self._gone(claim, namespace, name)
            held.discard(claim)
        for claim, host in wished.items():
            await self._hold(claim, namespace, name, {}, f"the host {host}")
            held.add(claim)

    async def retain(self, guid: uuid.UUID, namespace: str, name: str) -> None:
        """The tenant is gone, what it holds outside is not: it waits for a tenant of the same namespace and name."""
        claim = await self._own(str(guid), namespace, name)
        if claim is not None and claim.get("status", {}).get("state") != "Retained":
            await self._state(claim, "Retained")

    async def abandoned(self, namespace: str, name: str, held: set[str]) -> None:
        """The tenant is gone without having said so, by a restore or another's hand: as if deleted with Retain."""
        for claim in [one for one in held if not _of_a_host(one)]:
            await self.retain(uuid.UUID(claim), namespace, name)
        await self.hold_hosts((), namespace, name, held)

    async def release(self, guid: uuid.UUID, namespace: str, name: str, held: set[str], *, purge: bool) -> None:
        """Hosts are free for others at once; with `purge` the id is too, once nothing outside is left of it."""
        await self.hold_hosts((), namespace, name, held)
        if purge:
            await self._gone(str(guid), namespace, name)

    async def _hold(self, claim: str, namespace: str, name: str, names: Body, what: str) -> None:
        holder = {"namespace": namespace, "name": name}
        found = await self._cluster.get(Ref(CLAIM, None, claim))
        if found is None:
            found = await self._create(claim, holder)
        state = found.get("status", {}).get("state")
        if found["spec"]["holder"] != holder:
            if found["spec"].get("releaseTo") != holder or state != "Retained":
                raise Held(_refusal(what, claim, found["spec"], holder, retained=state == "Retained"))
            found = await self._take(found, holder)
        elif state != "Bound" and found["spec"].get("releaseTo"):  # it came back first: the offer is over
            found = await self._take(found, holder)
        if found.get("status", {}).get("state") != "Bound":
            found = await self._state(found, "Bound", names)
        self._seen(found)

    async def _create(self, claim: str, holder: Body) -> Body:
        body = {
            "apiVersion": CLAIM.api_version,
            "kind": CLAIM.name,
            "metadata": {"name": claim, "labels": {MANAGED: "true"}},
            "spec": {"holder": holder},
        }
        try:
            return await self._cluster.create(body)
        except Changed:  # another tenant was quicker: look who
            found = await self._cluster.get(Ref(CLAIM, None, claim))
            if found is None:
                raise
            return found

    async def _take(self, found: Body, holder: Body) -> Body:
        body: Body = {
            "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
            "spec": {"holder": holder, "releaseTo": None},
        }
        return await self._cluster.merge(Ref(CLAIM, None, found["metadata"]["name"]), body)

    async def _state(self, claim: Body, state: str, names: Body | None = None) -> Body:
        before = claim.get("status", {})
        status: dict[str, Any] = {
            **before,
            "state": state,
            "since": self._now(),
            "observedGeneration": claim["metadata"]["generation"],
            **({"names": names} if names else {}),
        }
        return await self._cluster.replace_status({**claim, "status": status})

    async def _own(self, claim: str, namespace: str, name: str) -> Body | None:
        found = await self._cluster.get(Ref(CLAIM, None, claim))
        return found if found and found["spec"]["holder"] == {"namespace": namespace, "name": name} else None

    async def _gone(self, claim: str, namespace: str, name: str) -> None:
        if found := await self._own(claim, namespace, name):
            meta = found["metadata"]
            await self._cluster.delete(Ref(CLAIM, None, claim), meta["uid"], meta["resourceVersion"])


def _refusal(what: str, claim: str, spec: Body, wanted: Body, *, retained: bool) -> str:
    """Who holds it, and the way out: one that a tenant still stands on is not passed on beneath it."""
    holder = f"{spec['holder']['namespace']}/{spec['holder']['name']}"
    command = f"kubectl footfall release {claim} --to {wanted['namespace']}/{wanted['name']}"
    if retained:
        return f"{what} is held by {holder}, which was deleted; a platform engineer can pass it on: {command}"
    return f"{what} is held by {holder}; once that is deleted, a platform engineer can pass it on: {command}"


def _of_a_host(claim: str) -> bool:
    return claim.startswith(_HOST)


def of_host(host: str) -> str:
    """The name of a host's claim: hosts are longer than names of objects may be."""
    return f"{_HOST}{hashlib.sha256(host.encode()).hexdigest()[:_HOST_DIGITS]}"


def outside(names: Names) -> Body:
    """What belongs to a tenant outside Kubernetes, as its claim records it."""
    topics, groups = names.topics, names.groups
    return {
        "topics": [topics.raw, topics.dead, topics.buckets, topics.settings],
        "groups": [groups.raw_receiver, groups.bucket_worker],
        "keyspace": names.keyspace,
        "kafkaUser": names.kafka_user,
        "role": names.role,
    }
