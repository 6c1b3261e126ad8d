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
from tests.support.leaves import Path, alone, changed, leaves
from tests.support.operator import Body, Installation, a_tenant

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(400)]
REPAIRED_SECONDS = 5.0
SYSTEM = "footfall-system"
REFUSALS = {400, 422, 500}
"""What is wrong with a change, or what cannot change; 500 where it is no object of the kind at all."""


class Wished(NamedTuple):
    """An object, and where it is."""

    path: str
    body: Body


@pytest.fixture(scope="module")
def wished(installation: Installation) -> list[Wished]:
    """Everything that a Dedicated tenant and the platform cause, but Secrets."""
    namespace = installation.namespace()
    spec = {**documents()["TrackingTenant"]["spec"], "tenantId": f"t-{namespace}", "hosts": []}
    tenant = a_tenant(namespace, **spec)
    assert installation.api.create(tenant).is_success
    live = asyncio.run(installation.becomes(tenant, Synced="True"))
    stands = installation.get("/apis/footfall.dev/v1alpha1/trackingplatforms/default")
    assert stands is not None
    platform = TrackingPlatform.model_validate(stands)
    wishes = [
        *of_tenant(TrackingTenant.model_validate(live), reference(live), Given(platform.spec, SYSTEM, "")).objects,
        *of_platform(platform, reference(stands), SYSTEM).objects,
    ]
    return [Wished(ref_of(body).path, body) for body in wishes]


def replaced(installation: Installation, one: Wished, path: Path) -> httpx.Response:
    """By an Update, as `kubectl edit` does it; again where a controller wrote the status meanwhile."""
    for _ in range(20):
        live = installation.get(one.path)
        assert live is not None
        body = changed(live, one.body, path)
        answer = installation.api.client.put(one.path, json=body, params={"fieldManager": "intruder"})
        if answer.status_code != httpx.codes.CONFLICT:
            return answer
    raise AssertionError(f"{one.path} is never still")


def applied(installation: Installation, one: Wished, path: Path) -> httpx.Response:
    """By a forced Apply, as another operator would."""
    return installation.api.client.patch(
        one.path,
        content=json.dumps(alone(one.body, path)),
        params={"fieldManager": "intruder", "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
    )


async def whole(installation: Installation, wished: list[Wished]) -> None:
    """Until each stands as it is wished; AssertionError names what does not after the seconds that it may take."""
    deadline = time.monotonic() + REPAIRED_SECONDS
    left = list(wished)
    while left:
        left = [one for one in left if (live := installation.get(one.path)) is None or drift(live, one.body)]
        if left and time.monotonic() > deadline:
            one = left[0]
            found = drift(installation.get(one.path) or {}, one.body)
            raise AssertionError(f"{one.path}: {found}\n{installation.process.log()[-2_000:]}")


def rounds(wished: list[Wished]) -> Iterator[list[tuple[Wished, Path]]]:
    """One leaf of each object a round, so that objects are mended beside each other."""
    paths = {one.path: list(leaves(one.body)) for one in wished}
    for number in range(max(map(len, paths.values()))):
        yield [(one, paths[one.path][number]) for one in wished if number < len(paths[one.path])]


@pytest.mark.parametrize("intrude", [replaced, applied])
async def test_every_leaf_that_was_changed_is_what_it_was(
    installation: Installation,
    wished: list[Wished],
    intrude: Callable[[Installation, Wished, Path], httpx.Response],
    capsys: pytest.CaptureFixture[str],
) -> None:
    await whole(installation, wished)
    refused: dict[str, int] = {}
    tried = kept = 0
    for some in rounds(wished):
        for one, path in some:
            answer = intrude(installation, one, path)
            tried += 1
            if not answer.is_success:
                assert answer.status_code in REFUSALS, answer.text
                kept += 1
                refused[f"{kind_of(one.body).name}.{'.'.join(map(str, path))}"] = answer.status_code
        await whole(installation, [one for one, _ in some])
    with capsys.disabled():
        sys.stdout.write(f"\n{intrude.__name__}: {tried} leaves; the API server itself refused {kept}:\n")
        sys.stdout.writelines(f"  {status} {place}\n" for place, status in sorted(refused.items()))
    assert kept < tried / 4


async def test_every_child_that_was_deleted_is_back(installation: Installation, wished: list[Wished]) -> None:
    before = {one.path: uid(installation.get(one.path)) for one in wished}
    for one in wished:
        assert installation.api.client.delete(one.path, params={"propagationPolicy": "Background"}).is_success
    await whole(installation, wished)
    await eventually(lambda: all(uid(installation.get(path)) != was for path, was in before.items()), 5)


FOREIGN: Mapping[str, tuple[str, Any]] = {
    "a sidecar": ("/spec/template/spec/containers/-", {"name": "spy", "image": "spy@sha256:1"}),
    "an init container": ("/spec/template/spec/initContainers", [{"name": "spy", "image": "spy@sha256:1"}]),
    "a volume": ("/spec/template/spec/volumes/-", {"name": "spy", "emptyDir": {}}),
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
