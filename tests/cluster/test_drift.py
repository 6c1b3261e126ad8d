"""Drift: every leaf of everything that is wished, changed behind the operator's back, is what it was within seconds."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from footfall_common.testing import eventually
from footfall_operator.drift import drift
from tests.support.api_proxy import api_proxy
from tests.support.intruding import (
    REPAIRED_SECONDS,
    Intrusion,
    Wished,
    applied,
    causes_of,
    each_leaf,
    replaced,
    settled,
    whole,
)
from tests.support.operating import Body, Installation, account, operator

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(400)]
RESYNC = 2.0
AT_ONCE = 6
"""Leaves of one object that are changed at once: its labels or its owner, not both, since it is nobody's then."""


@pytest.fixture(scope="module")
def causes(installation: Installation) -> list[Body]:
    """What is wished."""
    return asyncio.run(causes_of(installation))


@pytest.fixture
def wished(causes: list[Body], installation: Installation) -> list[Wished]:
    """All of it, once it stands."""
    return asyncio.run(settled(installation, causes))


@pytest.mark.parametrize("intrude", [replaced, applied])
async def test_every_leaf_that_was_changed_is_what_it_was(
    installation: Installation,
    wished: list[Wished],
    intrude: Intrusion,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried, refused = await each_leaf(installation, wished, intrude, AT_ONCE, REPAIRED_SECONDS)
    with capsys.disabled():
        sys.stdout.write(f"\n{intrude.__name__}: {tried} leaves; the API server itself refused {len(refused)}:\n")
        sys.stdout.writelines(f"  {status} {place}\n" for place, status in sorted(refused.items()))
    assert len(refused) < tried / 4


async def test_every_leaf_is_what_it_was_within_one_resync_where_no_watch_tells_of_it(
    common: Installation, tmp_path: Path
) -> None:
    mounted = account(common.api.client, common.servers, tmp_path / "account")
    settings = {"resync_seconds": str(RESYNC), "lease_seconds": "15"}
    with (
        api_proxy(common.servers, mounted) as proxy,
        operator(common.servers, mounted, through=proxy.url, **settings) as process,
    ):
        here = common._replace(process=process)
        wished = await settled(here, await causes_of(here))
        proxy.mute = True
        tried, refused = await each_leaf(here, wished, applied, AT_ONCE, 1.1 * RESYNC + 2)
        assert len(refused) < tried / 4


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
    "a gate": ("/spec/template/spec/schedulingGates", [{"name": "example.com/never"}]),
    "a stop": ("/spec/paused", True),
    "a variable": ("/spec/template/spec/containers/0/env/-", {"name": "LD_PRELOAD", "value": "/tmp/spy.so"}),
}


@pytest.mark.parametrize("what", FOREIGN)
async def test_what_was_slipped_into_a_pod_is_taken_out(
    installation: Installation, wished: list[Wished], what: str
) -> None:
    pointer, value = FOREIGN[what]
    deployments = [one for one in wished if one.body["kind"] == "Deployment"]
    before = refusals(installation, deployments)
    for one in deployments:
        assert added(installation, one, pointer, value).is_success
    await whole(installation, deployments)
    assert refusals(installation, deployments) == before, "a controller that writes meanwhile is nobody's fault"


def refusals(installation: Installation, wished: list[Wished]) -> set[str]:
    """Names of the events that tell somebody to change something."""
    namespaces = {one.body["metadata"]["namespace"] for one in wished}
    events = [one for name in namespaces for one in installation.listed(f"/api/v1/namespaces/{name}/events")]
    return {one["metadata"]["name"] for one in events if one["reason"] == "Refused"}


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
