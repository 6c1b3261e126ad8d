"""The service under measurement: `footfall up` in its own process, and questions to it."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.kit import processes
from bench.kit.load import Target

MANIFEST = """
apiVersion: footfall.dev/v1alpha1
kind: TrackingTenant
metadata: {name: bench}
spec:
  tenantId: bench
  placement: Pooled
  sites: [{name: shop}]
"""


@dataclass(frozen=True)
class Service:
    """A running `footfall up`."""

    pid: int
    url: str
    credentials: dict[str, Any]
    client: httpx.Client

    @property
    def target(self) -> Target:
        """Its native door."""
        urls = self.credentials["urls"]
        return Target(f"{urls['receiver']}/api/events", self.credentials["tenantId"], self.credentials["resources"][0])

    def token(self) -> str:
        """An access token for the report."""
        answer = self.client.post(
            f"{self.credentials['urls']['identity']}/connect/token",
            data={"grant_type": "client_credentials", "scope": "tracking_api"},
            auth=(self.credentials["clientId"], self.credentials["clientSecret"]),
        )
        answer.raise_for_status()
        token: str = answer.json()["access_token"]
        return token

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = self.client.get(f"{self.url}/metrics").text
        found = [line.rsplit(" ", 1)[1] for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name]
        if not found:
            raise KeyError(name)
        return sum(map(float, found))

    def event(self, visitor: uuid.UUID) -> dict[str, Any]:
        """One fresh event, now."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return {"id": str(uuid.uuid4()), "trackingId": str(visitor), "type": "PROBE", "occurred": at}

    def send(self, *events: dict[str, Any]) -> None:
        """Post events; fails unless all are accepted."""
        target = self.target
        body = {"v": 1, "tenant": target.tenant, "resource": target.resource, "events": list(events)}
        answer = self.client.post(target.url, json=body)
        answer.raise_for_status()
        statuses = {verdict["status"] for verdict in answer.json()["events"]}
        if statuses != {"accepted"}:
            raise RuntimeError(answer.text)

    def feed(self, token: str, visitors: list[uuid.UUID], count: int = 500) -> list[dict[str, Any]]:
        """The first page of the feed."""
        answer = self.client.post(
            f"{self.credentials['urls']['report']}/api/Event/feed",
            json={"offset": None, "count": count, "creatioTrackingIds": [str(visitor) for visitor in visitors]},
            headers={"authorization": f"Bearer {token}"},
        )
        answer.raise_for_status()
        events: list[dict[str, Any]] = answer.json()["events"]
        return events


@contextmanager
def footfall(folder: Path, **environ: str) -> Iterator[Service]:
    """`footfall up` on a free port with its data in `folder`, pinned to the server's core."""
    port = processes.free_port()
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "tenant.yaml"
    manifest.write_text(MANIFEST)
    data = folder / "data"
    command = [str(Path(sys.executable).parent / "footfall"), "up", "--data", str(data), "--port", str(port)]
    log = folder / "footfall.log"
    with (
        processes.running([*command, "-f", str(manifest)], log, **environ) as process,
        httpx.Client(timeout=30) as client,
    ):
        url = f"http://127.0.0.1:{port}"
        _wait_ready(client, url, process, log)
        shown = subprocess.run(
            [command[0], "credentials", "--data", str(data), "--json"], capture_output=True, text=True, check=True
        )
        yield Service(process.pid, url, json.loads(shown.stdout), client)


def _wait_ready(client: httpx.Client, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(log.read_text())
        try:
            if client.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise TimeoutError(log.read_text())
