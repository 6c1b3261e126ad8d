"""The operator as a process, under the ServiceAccount that config/ gives it."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from footfall_common.testing import eventually
from tests.support.api import GROUP, Api
from tools.kubernetes.handle import ControlPlaneServers
from tools.servers.server import die_with

Body = dict[str, Any]

QUICK: Mapping[str, str] = {
    "FOOTFALL_OPERATOR_RESYNC_SECONDS": "10",
    "FOOTFALL_OPERATOR_LEASE_SECONDS": "15",
    "FOOTFALL_OPERATOR_PORT": "0",
}
LEASE = "/apis/coordination.k8s.io/v1/namespaces/footfall-system/leases/footfall-operator"
ACCOUNT = "/api/v1/namespaces/footfall-system/serviceaccounts/footfall-operator/token"


class OperatorProcess:
    """One replica."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, begins: int) -> None:
        self.process = process
        self._log = log
        self._begins = begins
        """Bytes of the log that one of the same name wrote before."""

    def log(self) -> str:
        """What it wrote."""
        return self._log.read_bytes()[self._begins :].decode("utf-8", "replace")

    def port(self) -> int:
        """Of health and metrics."""
        lines = [json.loads(line) for line in self.log().splitlines() if '"listening"' in line]
        return int(lines[0]["port"])

    def healthy(self, path: str) -> bool:
        """Whether /livez or /readyz says so; False too while it does not listen."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port()}{path}").is_success
        except (httpx.TransportError, IndexError):
            return False

    def leads(self) -> bool:
        """Whether it says that it holds the lease."""
        return '"event": "leading"' in self.log()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def account(api: httpx.Client, servers: ControlPlaneServers, folder: Path) -> Path:
    """What a pod of the operator would find mounted: a token of its own, and the authority."""
    asked: Any = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    answer = api.post(ACCOUNT, json=asked)
    answer.raise_for_status()
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(answer.json()["status"]["token"], "ascii")
    assert servers.ca is not None
    (folder / "ca.crt").write_bytes(servers.ca.read_bytes())
    return folder


@contextmanager
def operator(
    servers: ControlPlaneServers,
    mounted: Path,
    name: str = "one",
    *,
    through: str = "",
    module: str = "footfall_operator",
    **settings: str,
) -> Iterator[OperatorProcess]:
    """A replica while the block lasts; killed at its end if it still runs. `through` = a proxy's address."""
    url = urlsplit(through or servers.url)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FOOTFALL_", "KUBE"))}
    environ = {
        **kept,
        **QUICK,
        "KUBERNETES_SERVICE_HOST": str(url.hostname),
        "KUBERNETES_SERVICE_PORT": str(url.port),
        "FOOTFALL_OPERATOR_ACCOUNT_DIR": str(mounted),
        "FOOTFALL_OPERATOR_IDENTITY": name,
        **{f"FOOTFALL_OPERATOR_{key.upper()}": value for key, value in settings.items()},
    }
    log = mounted.parent / f"operator-{name}.log"
    begins = log.stat().st_size if log.exists() else 0
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=environ,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509 - system calls; a test that is killed leaves nothing
        )
    try:
        yield OperatorProcess(process, log, begins)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Installation(NamedTuple):
    """A control plane with an operator that acts."""

    servers: ControlPlaneServers
    api: Api
    mounted: Path
    process: OperatorProcess

    def namespace(self, *, bound: bool = True) -> str:
        """A new namespace, opened to the operator."""
        name = f"n{uuid.uuid4().hex[:12]}"
        self.servers.kubectl("create", "namespace", name)
        if bound:
            self.servers.kubectl(
                *("create", "rolebinding", "footfall-operator", "-n", name),
                *("--clusterrole=footfall-tenant-namespace", "--serviceaccount=footfall-system:footfall-operator"),
            )
        return name

    def plugin(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`kubectl footfall`, as an administrator."""
        return subprocess.run(
            [sys.executable, "-m", "footfall_operator.plugin", *arguments],
            env={**os.environ, "KUBECONFIG": str(self.servers.kubeconfig)},
            capture_output=True,
            text=True,
            check=False,
        )

    def get(self, path: str) -> Body | None:
        """What stands there; None where nothing does."""
        answer = self.api.client.get(path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        answer.raise_for_status()
        found: Body = answer.json()
        return found

    def listed(self, path: str) -> list[Body]:
        """Everything there."""
        answer = self.api.client.get(path)
        answer.raise_for_status()
        found: list[Body] = answer.json()["items"]
        return found

    async def becomes(self, tenant: Body, **wanted: str) -> Body:
        """The tenant, once its conditions have these statuses or reasons."""

        def found() -> Body:
            body = self.get(place(tenant)) or {}
            told = conditions(body)
            return body if all(value in told.get(name, ()) for name, value in wanted.items()) else {}

        try:
            return await eventually(found, 30)
        except AssertionError:
            told = conditions(self.get(place(tenant)) or {})
            raise AssertionError(f"{wanted} is not so: {told}\n{self.process.log()[-3_000:]}") from None


def holder(here: Installation) -> str:
    """Who has the lease; "" = nobody."""
    lease = here.get(LEASE) or {"spec": {}}
    found: str = lease["spec"].get("holderIdentity") or ""
    return found


def a_tenant(namespace: str, name: str = "acme", **spec: Any) -> Body:
    """A Pooled one, of an id of its own."""
    return {
        "apiVersion": "footfall.dev/v1alpha1",
        "kind": "TrackingTenant",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"tenantId": str(uuid.uuid4()), "placement": "Pooled", **spec},
    }


def place(tenant: Body) -> str:
    """Where a tenant is."""
    meta = tenant["metadata"]
    return f"{GROUP}/namespaces/{meta['namespace']}/trackingtenants/{meta['name']}"


def conditions(body: Body) -> dict[str, tuple[str, str]]:
    """Type -> status and reason."""
    return {one["type"]: (one["status"], one["reason"]) for one in body.get("status", {}).get("conditions", ())}
