"""The operator as a process, under the ServiceAccount that config/ gives it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tools.kubernetes.handle import ControlPlaneServers

QUICK: Mapping[str, str] = {
    "FOOTFALL_OPERATOR_RESYNC_SECONDS": "10",
    "FOOTFALL_OPERATOR_LEASE_SECONDS": "3",
    "FOOTFALL_OPERATOR_PORT": "0",
}
ACCOUNT = "/api/v1/namespaces/footfall-system/serviceaccounts/footfall-operator/token"


class OperatorProcess:
    """One replica."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text("utf-8", "replace")

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
    servers: ControlPlaneServers, mounted: Path, name: str = "one", **settings: str
) -> Iterator[OperatorProcess]:
    """A replica while the block lasts; killed at its end if it still runs."""
    url = urlsplit(servers.url)
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
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "footfall_operator"], env=environ, stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
    try:
        yield OperatorProcess(process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
