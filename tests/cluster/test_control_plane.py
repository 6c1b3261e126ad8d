"""The control plane that this suite runs on: who may do what, what its log tells, and that it comes back."""

import asyncio
import base64
import signal
import subprocess
import sys

import httpx
import psutil
import pytest

from footfall_common.testing import eventually
from tests.support.api import Api
from tools.kubernetes.cluster import API_SERVER
from tools.kubernetes.handle import ControlPlaneServers, control_plane
from tools.servers.lease import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def test_nobody_unknown_and_nobody_without_a_role_may_read(servers: ControlPlaneServers) -> None:
    anonymous = httpx.get(f"{servers.url}/api/v1/namespaces", verify=False)
    assert anonymous.status_code == httpx.codes.FORBIDDEN
    refused = servers.kubectl("get", "tt", "--as=system:serviceaccount:default:default", check=False)
    assert "cannot list resource" in refused.stderr


def test_the_audit_log_holds_who_wrote_what_but_no_secret(servers: ControlPlaneServers, api: Api) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "audited"}, "data": {"word": base64.b64encode(b"xyzzy").decode()}}
    at = "/api/v1/namespaces/default/secrets"
    assert api.client.post(at, json=secret).is_success
    config = {"kind": "ConfigMap", "metadata": {"name": "audited"}, "data": {"word": "plugh"}}
    assert api.client.post(at.replace("secrets", "configmaps"), json=config).is_success
    written = {
        entry["objectRef"]["resource"]: entry
        for entry in servers.audit()
        if entry["objectRef"].get("name") == "audited" and entry["verb"] == "create"
    }
    assert written["configmaps"]["user"]["username"] == "admin"
    assert written["configmaps"]["requestObject"]["data"] == {"word": "plugh"}
    assert "requestObject" not in written["secrets"]


async def test_objects_of_a_namespace_that_was_deleted_go_with_it(api: Api) -> None:
    assert api.client.post("/api/v1/namespaces", json={"metadata": {"name": "short"}}).is_success
    config = {"metadata": {"name": "inside"}}
    assert api.client.post("/api/v1/namespaces/short/configmaps", json=config).is_success
    assert api.client.delete("/api/v1/namespaces/short").is_success
    await eventually(lambda: api.client.get("/api/v1/namespaces/short").status_code == httpx.codes.NOT_FOUND, 30)


def test_an_api_server_that_was_killed_comes_back_with_what_it_held() -> None:
    with control_plane() as own:
        own.kubectl("create", "configmap", "kept")
        own.kill(API_SERVER)
        assert own.kubectl("get", "configmap", "kept", check=False).returncode != 0
        own.start(API_SERVER)
        assert "kept" in own.kubectl("get", "configmap", "kept").stdout


def test_make_control_plane_says_how_to_reach_it_and_leaves_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tools.kubernetes.stand"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(4)]
            pids = [int(pid) for pid in lines[1].partition("processes ")[2].partition(";")[0].split()]
            script = "".join(lines) + "kubectl get tt -A"
            reached = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
            assert "No resources found" in reached.stderr
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    asyncio.run(eventually(lambda: not any(map(psutil.pid_exists, pids)), 20))
