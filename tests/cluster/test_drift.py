"""Drift: every leaf of everything that is wished, changed behind the operator's back, is what it was within seconds."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import pytest

from footfall_common.manifest.platform import TrackingPlatform
from footfall_common.manifest.tenant import TrackingTenant
from footfall_common.testing import eventually
from footfall_operator.desired.owner import reference
from footfall_operator.desired.wishes import Given, of_platform, of_tenant
from footfall_operator.drift import drift
from footfall_operator.resources import kind_of, ref_of
from tests.support.crds import documents
from tests.support.leaves import Path, alone, changed, in_order, leaves
from tests.support.operating import Body, Installation, a_tenant

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(400)]
REPAIRED_SECONDS = 5.0
SYSTEM = "footfall-system"
REFUSALS = {400, 422, 500}
"""What is wrong with a change, or what cannot change; 500 where it is no object of the kind at all."""


AT_ONCE = 4
"""Leaves of one object that are changed one after another before anybody looks."""
_LIVES = {"resourceVersion", "generation", "managedFields", "uid", "creationTimestamp"}
"""Another uid, too: what names an owner that is not there is collected, and made anew."""
_GIVEN = {"replicas", "clusterIP", "clusterIPs"}
"""What others set by right: the autoscaler, and the API server at each creation."""
_REVISION = "deployment.kubernetes.io/revision"


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


@pytest.fixture
def wished(causes: list[Body], installation: Installation) -> list[Wished]:
    """Everything that a Dedicated tenant and the platform cause, but Secrets, once all of it stands."""
    places = [ref_of(one).path for one in causes]
    seen: list[Body] = []

    async def settled() -> bool:
        await asyncio.sleep(1)  # no wait: what does not happen gives no event
        before, seen[:] = seen[:], [still(installation.get(path)) for path in places]
        return before == seen and not any(map(drift, seen, causes))

    asyncio.run(eventually(settled, 30))
    return list(map(Wished, places, causes, seen))


@pytest.fixture(scope="module")
def causes(installation: Installation) -> list[Body]:
    """What is wished of them."""
    namespace = installation.namespace()
    spec = {**documents()["TrackingTenant"]["spec"], "tenantId": f"t-{namespace}", "hosts": []}
    tenant = a_tenant(namespace, **spec)
    assert installation.api.create(tenant).is_success
    live = asyncio.run(installation.becomes(tenant, Synced="True"))
    stands = installation.get("/apis/footfall.dev/v1alpha1/trackingplatforms/default")
    assert stands is not None
    platform = TrackingPlatform.model_validate(stands)
    return [
        *of_tenant(TrackingTenant.model_validate(live), reference(live), Given(platform.spec, SYSTEM, "")).objects,
        *of_platform(platform, reference(stands), SYSTEM).objects,
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


async def whole(installation: Installation, wished: list[Wished]) -> None:
    """Until each is what it was; AssertionError names what is not after the seconds that it may take."""
    deadline = time.monotonic() + REPAIRED_SECONDS
    left = list(wished)
    while left:
        left = [one for one in left if still(installation.get(one.path)) != one.stood]
        if left and time.monotonic() > deadline:
            one = left[0]
            log = installation.process.log()[-2_000:]
            assert still(installation.get(one.path)) == one.stood, f"{one.path}\n{log}"


def rounds(wished: list[Wished]) -> Iterator[list[tuple[Wished, Path]]]:
    """A few leaves of each object a round, so that objects are mended beside each other."""
    paths = {one.path: list(leaves(one.body)) for one in wished}
    for first in range(0, max(map(len, paths.values())), AT_ONCE):
        yield [(one, path) for one in wished for path in paths[one.path][first : first + AT_ONCE]]


@pytest.mark.parametrize("intrude", [replaced, applied])
async def test_every_leaf_that_was_changed_is_what_it_was(
    installation: Installation,
    wished: list[Wished],
    intrude: Callable[[Installation, Wished, Path, int], httpx.Response],
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused: dict[str, int] = {}
    tried = kept = 0
    for some in rounds(wished):
        for number, (one, path) in enumerate(some):
            answer = intrude(installation, one, path, number % AT_ONCE)
            tried += 1
            if not answer.is_success:
                assert answer.status_code in REFUSALS, answer.text
                kept += 1
                refused[f"{kind_of(one.body).name}.{'.'.join(map(str, path))}"] = answer.status_code
        await whole(installation, list({one.path: one for one, _ in some}.values()))
    with capsys.disabled():
        sys.stdout.write(f"\n{intrude.__name__}: {tried} leaves; the API server itself refused {kept}:\n")
        sys.stdout.writelines(f"  {status} {place}\n" for place, status in sorted(refused.items()))
    assert kept < tried / 4


async def test_every_child_that_was_deleted_is_back(installation: Installation, wished: list[Wished]) -> None:
    before = {one.path: uid(installation.get(one.path)) for one in wished}
    for one in wished:
        assert installation.api.client.delete(one.path, params={"propagationPolicy": "Background"}).is_success
    await eventually(lambda: all(uid(installation.get(path)) not in {was, ""} for path, was in before.items()), 5)
    assert not any(drift(installation.get(one.path) or {}, one.body) for one in wished)


FOREIGN: Mapping[str, tuple[str, Any]] = {
    "a sidecar": ("/spec/template/spec/containers/-", {"name": "spy", "image": "spy@sha256:1"}),
    "an init container": ("/spec/template/spec/initContainers", [{"name": "spy", "image": "spy@sha256:1"}]),
    "a volume": ("/spec/template/spec/volumes/-", {"name": "spy", "emptyDir": {}}),
    "a wall less": ("/spec/template/spec/hostNetwork", True),
    "a node": ("/spec/template/spec/nodeName", "theirs"),
    "a capability": ("/spec/template/spec/containers/0/securityContext/capabilities/add", ["NET_RAW"]),
    "another start": ("/spec/template/spec/containers/0/args", ["-c", "import spy"]),
    "a stop": ("/spec/paused", True),
    "a variable": ("/spec/template/spec/containers/0/env/-", {"name": "LD_PRELOAD", "value": "/tmp/spy.so"}),
}


@pytest.mark.parametrize("what", FOREIGN)
async def test_what_was_slipped_into_a_pod_is_taken_out(
    installation: Installation, wished: list[Wished], what: str
) -> None:
    pointer, value = FOREIGN[what]
    deployments = [one for one in wished if one.body["kind"] == "Deployment"]
    for one in deployments:
        assert added(installation, one, pointer, value).is_success
    await whole(installation, deployments)


async def test_a_foreign_port_of_a_service_is_closed(installation: Installation, wished: list[Wished]) -> None:
    services = [one for one in wished if one.body["kind"] == "Service"]
    for one in services:
        assert added(installation, one, "/spec/ports/-", {"name": "spy", "port": 1, "protocol": "TCP"}).is_success
    await whole(installation, services)


async def test_a_service_that_asks_its_pods_for_more_finds_them_again(
    installation: Installation, wished: list[Wished]
) -> None:
    services = [one for one in wished if one.body["kind"] == "Service"]
    for one in services:
        assert added(installation, one, "/spec/selector/spy", "yes").is_success
    await whole(installation, services)


async def test_a_foreign_rule_of_a_policy_is_taken_out(installation: Installation, wished: list[Wished]) -> None:
    policies = [one for one in wished if one.body["kind"] == "NetworkPolicy"]
    for one in policies:
        for direction in ("ingress", "egress"):
            assert added(installation, one, f"/spec/{direction}/-", {}).is_success
    await whole(installation, policies)


def added(installation: Installation, one: Wished, pointer: str, value: Any) -> httpx.Response:
    return installation.api.client.patch(
        one.path,
        content=json.dumps([{"op": "add", "path": pointer, "value": value}]),
        params={"fieldManager": "intruder"},
        headers={"Content-Type": "application/json-patch+json"},
    )


def uid(body: Body | None) -> str:
    return body["metadata"]["uid"] if body else ""
