"""Many Pooled tenants on a real control plane, and what the audit log says of them."""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.api import GROUP, OPERATOR
from tests.support.operating import Body, Installation, OperatorProcess, a_tenant, place
from tests.support.webhook import configuration

NAMESPACES = 10
CHUNK = 500
SENDERS = 8
LISTED = ("trackingclaims", "trackingtenants")
"""What the operator lists before it acts."""
CONDITIONS = "footfall_operator_resources"
PASSES = "footfall_operator_passes_total"


class Fleet:
    """The tenants that were made, in the order in which they were."""

    def __init__(self, installation: Installation) -> None:
        self._here = installation
        self._namespaces = [installation.namespace() for _ in range(NAMESPACES)]
        self.tenants: list[Body] = []

    def grow(self, count: int) -> None:
        """So many tenants more."""
        first = len(self.tenants)
        more = [
            a_tenant(self._namespaces[number % NAMESPACES], f"t{number}", sites=[{"name": "shop"}])
            for number in range(first, first + count)
        ]
        with ThreadPoolExecutor(SENDERS) as senders:
            for answer in senders.map(self._here.api.create, more):
                answer.raise_for_status()
        self.tenants += more

    def change(self, number: int, name: str) -> None:
        """Another site: the tenant's Secret and status are other ones then."""
        tenant = self.tenants[number % len(self.tenants)]
        answer = self._here.api.client.patch(
            place(tenant),
            content=json.dumps({"spec": {"sites": [{"name": name}]}}),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        answer.raise_for_status()

    @contextmanager
    def failing(self, count: int) -> Iterator[None]:
        """So many more tenants, whose Secrets wait for an admission webhook that never answers."""
        namespace = self._here.namespace()
        tenants = [a_tenant(namespace, f"broken{number}") for number in range(count)]
        with socket.create_server(("127.0.0.1", 0)) as hole:
            port: int = hole.getsockname()[1]
            client = {"url": f"https://127.0.0.1:{port}/"}
            asked = configuration("ValidatingWebhookConfiguration", namespace, ("", "secrets"), client, 5)
            self._here.servers.kubectl("create", "-f", "-", body=json.dumps(asked))
            for tenant in tenants:
                self._here.api.create(tenant).raise_for_status()
            try:
                yield
            finally:
                for tenant in tenants:
                    self._here.api.delete(tenant).raise_for_status()
                self._here.servers.kubectl("delete", "validatingwebhookconfiguration", namespace)


def bare_list(client: httpx.Client) -> float:
    """Seconds to list and decode what the operator lists before it acts, and to do nothing with it."""
    began = time.perf_counter()
    for plural in LISTED:
        token = ""
        while True:
            query = {"limit": str(CHUNK), **({"continue": token} if token else {})}
            page = json.loads(client.get(f"{GROUP}/{plural}", params=query).raise_for_status().content)
            if not (token := page["metadata"].get("continue", "")):
                break
    return time.perf_counter() - began


class Audit:
    """What was written from now on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._from = file.stat().st_size

    def entries(self) -> Iterator[Mapping[str, Any]]:
        """Oldest first."""
        with self._file.open("rb") as lines:
            lines.seek(self._from)
            for line in lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)


def of_operator(entry: Mapping[str, Any]) -> bool:
    """Whether the operator wrote it, its lease aside."""
    return bool(entry["user"]["username"] == OPERATOR and entry["objectRef"]["resource"] != "leases")


def metric(process: OperatorProcess, name: str, *labels: str) -> float:
    """Sum of the samples with all these labels, as Prometheus writes them."""
    page = httpx.get(f"http://127.0.0.1:{process.port()}/metrics").text
    lines = [line for line in page.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in labels))


def tenants(process: OperatorProcess, condition: str) -> float:
    """Of how many the operator says that the condition is True."""
    return metric(process, CONDITIONS, 'kind="TrackingTenant"', f'type="{condition}"', 'status="True"')


def passes(process: OperatorProcess) -> float:
    """How many passes over tenants went well."""
    return metric(process, PASSES, 'kind="TrackingTenant"', 'outcome="done"')


def late(process: OperatorProcess) -> float:
    """Seconds since when the longest-waiting key has been due."""
    return metric(process, "footfall_operator_queue_oldest_seconds")


def wait(what: str, so: Callable[[], bool], seconds: float, every: float = 0.2) -> None:
    """Until it is so; TimeoutError says what was not."""
    end = time.monotonic() + seconds
    while not so():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(every)


def lines(process: OperatorProcess, event: str) -> Sequence[Mapping[str, Any]]:
    """What the operator said under that name."""
    said = [json.loads(line) for line in process.log().splitlines() if f'"event": "{event}"' in line]
    return [line for line in said if line["event"] == event]
