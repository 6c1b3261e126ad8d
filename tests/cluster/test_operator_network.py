"""The operator and an API server that is busy, slow, forgetful or silent."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from footfall_common.testing import eventually
from tests.support.api_proxy import GONE, ApiProxy, api_proxy
from tests.support.operating import (
    Body,
    Installation,
    OperatorProcess,
    a_tenant,
    account,
    conditions,
    holder,
    operator,
    place,
)

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


def refuses(request: web.Request, path: str, status: int, reason: str, message: str) -> web.Response | None:
    """Writes there."""
    if request.method == "GET" or path not in request.path:
        return None
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "reason": reason}
    return web.json_response({**body, "message": message}, status=status)


async def test_where_it_cannot_watch_it_ends_and_not_as_if_it_was_told_to(between: Between) -> None:
    def undiscovered(request: web.Request) -> web.Response | None:
        kinds = request.path in {"/api", "/apis"}
        return web.json_response({"kind": "Status", "code": 400}, status=400) if kinds else None

    between.proxy.fault = undiscovered
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **NEVER) as process:
        assert await asyncio.to_thread(process.process.wait, 30) == 1
        assert process.leads()
    assert not holder(between.here), "the next one need not wait"


@pytest.mark.parametrize("what", ["trackingtenants", "/apis/apps/v1/deployments"])
async def test_told_to_stop_while_we_or_kopf_list_it_ends_at_once(between: Between, what: str) -> None:
    begun = []

    def slow(request: web.Request) -> float:
        if not request.path.endswith(what):
            return 0.0
        begun.append(request.path)
        return 8.0

    between.proxy.delay = slow
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **NEVER) as process:
        await eventually(lambda: begun, 20)
        began = time.monotonic()
        assert await asyncio.to_thread(process.stop) == 0
        assert time.monotonic() - began < 3
    assert not holder(between.here)


async def test_what_gets_no_answer_says_so_and_goes_on(between: Between) -> None:
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **NEVER) as process:
        between = acts(between, process)
        stood = between.tenant()
        before = await between.here.becomes(stood, Ready="True")
        down = "failed calling webhook: connection refused"
        between.proxy.fault = lambda request: refuses(request, "/secrets", 500, "InternalError", down)
        new = between.tenant()
        change = json.dumps({"spec": {"sites": [{"name": "shop"}]}})
        headers = {"Content-Type": "application/merge-patch+json"}
        assert between.here.api.client.patch(place(stood), content=change, headers=headers).is_success
        await between.here.becomes(new, Reconciling="NoAnswer", Ready="NoAnswer", Stalled="False")
        body = await between.here.becomes(stood, Reconciling="NoAnswer", Ready="True", Stalled="False")
        assert down in str(body["status"]["conditions"])
        assert before["status"]["urls"] == body["status"]["urls"]
        await eventually(lambda: process.log().count('"outcome": "unreachable"') >= 10, 60)
        assert (between.here.get(place(stood)) or {})["metadata"] == body["metadata"], "said once, not at each try"
        between.proxy.fault = lambda _: None
        for tenant in (new, stood):
            await between.here.becomes(tenant, Ready="True", Synced="True", Reconciling="False")


async def test_what_was_refused_is_tried_again_though_nobody_tells_of_it(between: Between) -> None:
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **NEVER) as process:
        between = acts(between, process)
        quota = "exceeded quota: secrets"
        between.proxy.fault = lambda request: refuses(request, "/secrets", 403, "Forbidden", quota)
        tenant = between.tenant()
        await between.here.becomes(tenant, Stalled="Refused")
        between.proxy.fault = lambda _: None
        await between.here.becomes(tenant, Ready="True", Stalled="False")


async def test_a_token_that_expires_in_the_middle_of_a_pass_stalls_nobody(between: Between) -> None:
    with operator(between.here.servers, between.here.mounted, through=between.proxy.url, **NEVER) as process:
        between = acts(between, process)
        between.proxy.fault = lambda request: refuses(request, "/secrets", 401, "Unauthorized", "Unauthorized")
        tenant = between.tenant()
        await eventually(lambda: '"outcome": "unreachable"' in process.log(), 20)
        assert "Stalled" not in conditions(between.here.get(place(tenant)) or {})
        between.proxy.fault = lambda _: None
        await between.here.becomes(tenant, Ready="True")


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


async def test_what_no_watch_tells_of_is_found_within_one_resync(between: Between) -> None:
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
        new = acts(between, process).tenant()

        def back() -> bool:
            live, found = here.get(deployment) or {}, conditions(here.get(place(new)) or {})
            return bool(here.get(service) and found and live["spec"]["template"] == before["spec"]["template"])

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
