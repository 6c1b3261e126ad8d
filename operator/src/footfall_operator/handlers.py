"""kopf's edge: what it is told by watches becomes keys in the queue, and nothing else."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import kopf

from footfall_operator.resources import (
    CLAIM,
    GROUP,
    MANAGED,
    PLATFORM,
    PLATFORM_NAME,
    TENANT,
    TENANTS,
    VERSION,
    WATCHED,
    Kind,
    Ref,
)

Tell = Callable[[Iterable[Ref], Mapping[str, Any]], None]
"""The owners, and the object that a watch told of."""
_OWNERS = {PLATFORM.name: PLATFORM, TENANTS.name: TENANTS}


def register(registry: kopf.OperatorRegistry, tell: Tell) -> None:
    """Watch our resources, and the children that bear our label."""
    for kind in (PLATFORM, TENANTS):
        _resource(registry, kind, tell)
    for kind in (CLAIM, *WATCHED):
        _child(registry, kind, tell)


def _resource(registry: kopf.OperatorRegistry, kind: Kind, tell: Tell) -> None:
    @kopf.on.event(GROUP, VERSION, kind.plural, registry=registry)
    async def seen(name: str, namespace: str | None, body: Mapping[str, Any], **_: Any) -> None:
        tell([Ref(kind, namespace, name)], body)


def _child(registry: kopf.OperatorRegistry, kind: Kind, tell: Tell) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, labels={MANAGED: "true"}, registry=registry)
    async def seen(body: Mapping[str, Any], **_: Any) -> None:
        tell(owners_of(body), body)


def owners_of(body: Mapping[str, Any]) -> set[Ref]:
    """Whose child it is, by its owner references and by its labels: either may have been changed behind our back."""
    meta = body["metadata"]
    if body.get("kind") == CLAIM.name:
        holder = body["spec"]["holder"]
        return {Ref(TENANTS, holder["namespace"], holder["name"])}
    named = [(one.get("kind"), one.get("name")) for one in meta.get("ownerReferences", ())]
    labels = meta.get("labels", {})
    named += [(TENANTS.name, labels.get(TENANT)), (PLATFORM.name, PLATFORM_NAME if TENANT not in labels else None)]
    return {
        Ref(_OWNERS[kind], meta["namespace"] if _OWNERS[kind].namespaced else None, name)
        for kind, name in named
        if kind in _OWNERS and name
    }


def configure(settings: kopf.OperatorSettings, watch_seconds: int) -> None:
    """What of kopf's own defaults does not suit an operator that only listens."""
    logging.getLogger("kopf").setLevel(logging.WARNING)  # a line a hint is noise; passes write their own
    settings.peering.standalone = True  # the lease decides, before kopf begins
    settings.posting.enabled = False  # we post our own events
    settings.scanning.disabled = True  # kinds are known; needs no right on namespaces and CRDs
    settings.persistence.finalizer = f"{GROUP}/kopf-unused"  # kopf takes this string away wherever it sees it
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    settings.networking.request_timeout = 10.0
    settings.networking.connect_timeout = 5.0
    settings.watching.server_timeout = watch_seconds  # an integer: the API server reads no other
    settings.watching.client_timeout = watch_seconds + 30
    settings.watching.chunk_size = 500
    settings.queueing.idle_timeout = settings.queueing.exit_timeout = 0.5  # a hint is handed over at once
    for kind in WATCHED:
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = f"{MANAGED}=true"
