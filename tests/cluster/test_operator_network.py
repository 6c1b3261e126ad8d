"""The operator and an API server that is busy, slow, forgetful or silent."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from footfall_common.testing import eventually
from tests.support.api_proxy import GONE, ApiProxy, api_proxy
from tests.support.operating import Body, Installation, OperatorProcess, a_tenant, account, conditions, operator, place

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]
RESYNC = 6.0
NEVER = {"resync_seconds": "3600"}
QUICK = {"resync_seconds": str(RESYNC), "call_seconds": "3"}


class Between(NamedTuple):
    """A control plane that the operator reaches through a proxy alone."""

    here: Installation
    proxy: ApiProxy

    def tenant(self, **spec: Any) -> Body:
        """A new one, in a namespace of its own."""
        tenant = a_tenant(self.here.namespace(), **spec)
        assert self.here.api.create(tenant).is_success
        return tenant


def secret(tenant: Body) -> str:
    return f"/api/v1/namespaces/{tenant['metadata']['namespace']}/secrets/{tenant['metadata']['name']}-footfall"


@pytest.fixture
def between(common: Installation, tmp_path: Path) -> Iterator[Between]:
    mounted = account(common.api.client, common.servers, tmp_path / "account")
    with api_proxy(common.servers, mounted) as proxy:
        yield Between(common._replace(mounted=mounted), proxy)


def acts(between: Between, process: OperatorProcess) -> Between:
    return between._replace(here=between.here._replace(process=process))


def busy(request: web.Request, every: list[int]) -> web.Response | None:
    """Every second request is one too many."""
    every[0] += 1
    if every[0] % 2 or "leases" in request.path:
        return None
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 429, "reason": "TooManyRequests"}
    return web.json_response(status, status=429, headers={"Retry-After": "1"})


async def test_an_api_server_that_has_too_much_to_do_is_asked_again_and_not_at_once(between: Between) -> None:
    every = [0]
    between.proxy.fault = lambda request: busy(request, every)
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **NEVER) as process:
        between = acts(between, process)
        tenants = [between.tenant() for _ in range(3)]
        for tenant in tenants:
            await between.here.becomes(tenant, Ready="True")
        assert every[0] > 20
        assert len(between.proxy.asked) < 600


async def test_a_list_that_is_too_old_is_begun_anew(between: Between) -> None:
    left = [2]

    def too_old(request: web.Request) -> web.Response | None:
        if "trackingtenants" in request.path and "watch" not in request.query and left[0]:
            left[0] -= 1
            return web.json_response(GONE, status=410)
        return None

    between.proxy.fault = too_old
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **NEVER) as process:
        between = acts(between, process)
        await between.here.becomes(between.tenant(), Ready="True")
        assert "first_list_failed" in process.log()


async def test_watches_that_are_too_old_are_begun_anew_and_miss_nothing(between: Between) -> None:
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **NEVER) as process:
        between = acts(between, process)
        await between.here.becomes(between.tenant(), Ready="True")
        between.proxy.mute = True
        missed = between.tenant()
        await asyncio.sleep(1)  # no wait: what is not heard gives no event
        assert not conditions(between.here.get(place(missed)) or {})
        between.proxy.mute = False
        between.proxy.too_old()
        await between.here.becomes(missed, Ready="True")
        await between.here.becomes(between.tenant(), Ready="True")


async def test_a_token_that_expired_costs_no_restart(between: Between) -> None:
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **NEVER) as process:
        between = acts(between, process)
        await between.here.becomes(between.tenant(), Ready="True")
        old = between.proxy.asked[-1]
        account(between.here.api.client, between.here.servers, between.here.mounted.parent / "next")
        unauthorized = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": 401,
            "reason": "Unauthorized",
        }
        between.proxy.fault = lambda request: (
            web.json_response(unauthorized, status=401) if request.headers.get("Authorization") == old else None
        )
        between.proxy.too_old()
        tenant = between.tenant()
        await asyncio.sleep(1)  # no wait: refused meanwhile
        new = (between.here.mounted.parent / "next/token").read_text("ascii")
        (between.here.mounted / "token").write_text(new, "ascii")
        await between.here.becomes(tenant, Ready="True")
        assert process.process.poll() is None
        assert "lease_lost" not in process.log()


async def test_slow_answers_are_waited_for_and_too_slow_ones_asked_for_again(between: Between) -> None:
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **QUICK) as process:
        between = acts(between, process)
        await between.here.becomes(between.tenant(), Ready="True")
        between.proxy.delay = lambda _: 0.5
        await between.here.becomes(between.tenant(), Ready="True")
        between.proxy.delay = lambda request: 0.0 if "leases" in request.path else 5.0
        tenant = between.tenant()
        await eventually(lambda: '"outcome": "unreachable"' in process.log(), 30)
        between.proxy.delay = lambda _: 0.0
        await between.here.becomes(tenant, Ready="True")


async def test_drift_that_no_watch_tells_of_is_repaired_within_one_resync(between: Between) -> None:
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **QUICK) as process:
        here = acts(between, process).here
        tenant = acts(between, process).tenant(placement="Dedicated")
        await here.becomes(tenant, Synced="True")
        between.proxy.mute = True
        namespace = tenant["metadata"]["namespace"]
        service = f"/api/v1/namespaces/{namespace}/services/acme-receiver"
        deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/acme-report"
        patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "evil"}]
        headers = {"Content-Type": "application/json-patch+json"}
        before = here.get(deployment) or {}
        assert here.api.client.patch(deployment, content=json.dumps(patch), headers=headers).is_success
        assert here.api.client.delete(service).is_success

        def back() -> bool:
            live = here.get(deployment) or {}
            return here.get(service) is not None and live["spec"]["template"] == before["spec"]["template"]

        await eventually(back, 1.1 * RESYNC + 1)


async def test_a_secret_is_what_it_was_within_one_resync(between: Between) -> None:
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **QUICK) as process:
        here = acts(between, process).here
        tenant = acts(between, process).tenant(sites=[{"name": "shop"}])
        await here.becomes(tenant, Ready="True")
        before = here.get(secret(tenant)) or {}
        for name in before["data"]:
            change = json.dumps({"data": {name: "eA=="}})
            headers = {"Content-Type": "application/merge-patch+json"}
            assert here.api.client.patch(secret(tenant), content=change, headers=headers).is_success

        def back() -> bool:
            live = here.get(secret(tenant)) or {}
            return bool(live["data"] == before["data"])

        await eventually(back, 1.1 * RESYNC + 1)
        assert here.api.client.delete(secret(tenant)).is_success
        await eventually(lambda: here.get(secret(tenant)) is not None, 1.1 * RESYNC + 1)
