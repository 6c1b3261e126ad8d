"""An intruder: changes every leaf of what the operator wishes, and looks whether it is what it was."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import httpx

from footfall_common.manifest.platform import TrackingPlatform
from footfall_common.manifest.tenant import TrackingTenant
from footfall_common.testing import eventually
from footfall_operator.desired.owner import reference
from footfall_operator.desired.parts import Part
from footfall_operator.desired.wishes import Given, of_platform, of_tenant
from footfall_operator.drift import drift
from footfall_operator.resources import PART, ref_of
from tests.support.crds import documents
from tests.support.leaves import Path, alone, changed, in_order, leaves
from tests.support.operating import Body, Installation, a_tenant

REPAIRED_SECONDS = 5.0
SYSTEM = "footfall-system"
REFUSALS = {400, 422, 500}
"""What is wrong with a change, or what cannot change; 500 where it is no object of the kind at all."""


_LIVES = {"resourceVersion", "generation", "managedFields", "uid", "creationTimestamp"}
"""Another uid, too: what names an owner that is not there is collected, and made anew."""
_GIVEN = {"replicas", "clusterIP", "clusterIPs"}
"""What others set by right: the autoscaler, and the API server at each creation."""
_REVISION = "deployment.kubernetes.io/revision"


Intrusion = Callable[["Installation", "Wished", Path, int], httpx.Response]
"""Changes a leaf, as one of a few intruders."""


class Wished(NamedTuple):
    """An object as the operator wishes it, where it is, and as it stood before anybody touched it."""

    path: str
    body: Body
    stood: Body


def still(live: Body | None) -> Body:
    """Of an object what nobody changes but by intent."""
    if live is None:
        return {}
    spec = {name: value for name, value in live.get("spec", {}).items() if name not in _GIVEN}
    meta = {name: value for name, value in live["metadata"].items() if name not in _LIVES}
    meta["annotations"] = {name: text for name, text in meta.get("annotations", {}).items() if name != _REVISION}
    kept = {name: value for name, value in live.items() if name != "status"}
    found: Body = in_order({**kept, "metadata": meta, "spec": spec})
    return found


async def settled(installation: Installation, causes: list[Body]) -> list[Wished]:
    """All of that, once it stands."""
    places = [ref_of(one).path for one in causes]
    seen: list[Body] = []

    async def stands() -> bool:
        await asyncio.sleep(1)  # no wait: what does not happen gives no event
        before, seen[:] = seen[:], [still(installation.get(path)) for path in places]
        return before == seen and not any(map(drift, seen, causes))

    await eventually(stands, 30)
    return list(map(Wished, places, causes, seen))


async def causes_of(installation: Installation) -> list[Body]:
    """What a new Dedicated tenant and the platform cause, but Secrets; every path of every kind is among it."""
    namespace = installation.namespace()
    spec = {**documents()["TrackingTenant"]["spec"], "tenantId": f"t-{namespace}", "hosts": []}
    tenant = a_tenant(namespace, **spec)
    assert installation.api.create(tenant).is_success
    live = await installation.becomes(tenant, Synced="True")
    stands = installation.get("/apis/footfall.dev/v1alpha1/trackingplatforms/default")
    assert stands is not None
    platform = TrackingPlatform.model_validate(stands)
    shared = of_platform(platform, reference(stands), SYSTEM).objects
    return [
        *of_tenant(TrackingTenant.model_validate(live), reference(live), Given(platform.spec, SYSTEM, "")).objects,
        # Of the parts that both have, a tenant's: they are made by the same hands.
        *(one for one in shared if one["metadata"]["labels"].get(PART) in {Part.IDENTITY.value, None}),
    ]


def replaced(installation: Installation, one: Wished, path: Path, number: int) -> httpx.Response:
    """By an Update, as `kubectl edit` does it; again where it was written meanwhile, or is not mended yet."""
    for _ in range(100):
        try:
            body = changed(installation.get(one.path) or {}, one.body, path)
        except LookupError:
            time.sleep(0.05)  # no wait: until the leaf before is mended
            continue
        answer = installation.api.client.put(one.path, json=body, params={"fieldManager": f"intruder-{number}"})
        if answer.status_code != httpx.codes.CONFLICT:
            return answer
    raise AssertionError(f"{one.path} is never still")


def applied(installation: Installation, one: Wished, path: Path, number: int) -> httpx.Response:
    """By a forced Apply, as other operators would: what one of them no longer applies is taken away."""
    return installation.api.client.patch(
        one.path,
        content=json.dumps(alone(one.body, path)),
        params={"fieldManager": f"intruder-{number}", "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
    )


async def whole(installation: Installation, wished: list[Wished], seconds: float = REPAIRED_SECONDS) -> None:
    """Until each is what it was; AssertionError names what is not after the seconds that it may take."""
    deadline = time.monotonic() + seconds
    left = list(wished)
    while left:
        left = [one for one in left if still(installation.get(one.path)) != one.stood]
        if left and time.monotonic() > deadline:
            one = left[0]
            log = installation.process.log()[-2_000:]
            assert still(installation.get(one.path)) == one.stood, f"{one.path}\n{log}"


def rounds(wished: list[Wished], at_once: int) -> Iterator[list[tuple[Wished, Path]]]:
    """A few leaves of each object a round, so that objects are mended beside each other."""
    paths = {one.path: list(leaves(one.body)) for one in wished}
    for first in range(0, max(map(len, paths.values())), at_once):
        yield [(one, path) for one in wished for path in paths[one.path][first : first + at_once]]


async def each_leaf(
    installation: Installation, wished: list[Wished], intrude: Intrusion, at_once: int, seconds: float
) -> tuple[int, dict[str, int]]:
    """Change them, some at once, and wait each time; how many there were, and which the API server itself refused."""
    refused: dict[str, int] = {}
    tried = 0
    for some in rounds(wished, at_once):
        for number, (one, path) in enumerate(some):
            answer = intrude(installation, one, path, number % at_once)
            tried += 1
            if not answer.is_success:
                assert answer.status_code in REFUSALS, answer.text
                refused[f"{one.path}.{'.'.join(map(str, path))}"] = answer.status_code
        await whole(installation, list({one.path: one for one, _ in some}.values()), seconds)
    return tried, refused
