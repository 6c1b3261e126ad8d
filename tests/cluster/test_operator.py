"""The operator against a real API server: what it makes, and that it keeps it so."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from footfall_common.testing import eventually
from tests.support.api import GROUP, Api
from tests.support.crds import ROOT
from tests.support.operator import OperatorProcess, account, operator
from tools.kubernetes.handle import ControlPlaneServers

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def running(
    servers: ControlPlaneServers, api: Api, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """The operator, a platform, and the example's tenant."""
    folder: Path = tmp_path_factory.mktemp("operator")
    mounted = account(api.client, servers, folder / "account")
    servers.kubectl("apply", "--server-side", "-f", str(ROOT / "examples/platform.yaml"))
    servers.kubectl("apply", "--server-side", "-f", str(ROOT / "examples/tenant.yaml"))
    with operator(servers, mounted) as process:
        yield process


def conditions(body: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Type -> status and reason."""
    return {one["type"]: (one["status"], one["reason"]) for one in body.get("status", {}).get("conditions", ())}


def reads(api: Api, path: str) -> Callable[[], Any]:
    """Reads an object until it is there."""

    def read() -> Any:
        answer = api.client.get(path)
        return answer.json() if answer.is_success else None

    return read


async def test_the_example_stands_and_says_so(running: OperatorProcess, api: Api) -> None:
    tenant = f"{GROUP}/namespaces/team-a/trackingtenants/acme"
    await eventually(lambda: conditions(api.client.get(tenant).json()).get("Ready") == ("True", "Ready"), 30)
    body = api.client.get(tenant).json()
    assert conditions(body)["Claimed"] == ("True", "Claimed")
    assert conditions(body)["Stalled"] == ("False", "NotStalled")
    assert body["status"]["observedGeneration"] == body["metadata"]["generation"]
    secret = api.client.get(f"/api/v1/namespaces/team-a/secrets/{body['status']['secret']}")
    assert secret.is_success
    claim = api.client.get(f"{GROUP}/trackingclaims/{body['status']['claim']}").json()
    assert claim["spec"]["holder"] == {"namespace": "team-a", "name": "acme"}
    assert claim["status"]["state"] == "Bound"


async def test_a_workload_of_the_platform_that_was_deleted_is_back(running: OperatorProcess, api: Api) -> None:
    at = "/apis/apps/v1/namespaces/footfall-system/deployments/footfall-receiver"
    first = await eventually(reads(api, at), 30)
    assert api.client.delete(at).is_success
    await eventually(lambda: (reads(api, at)() or first)["metadata"]["uid"] != first["metadata"]["uid"], 10)
