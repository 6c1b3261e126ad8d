"""The operator for a long time: a hundred tenants left alone, then one leader after another that is lost.

Leases of 15 s, as they are by default. Idle writes are counted by the API server's audit log, leases aside. A new
leader's first write is that for a tenant which was made at the moment in which the old one was lost.
"""

import argparse
import datetime as dt
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.kit import fleet, report
from bench.kit.fleet import Audit, Fleet
from tests.support.api import GROUP
from tests.support.crds import documents
from tests.support.faults.proxy import Address, FaultProxy
from tests.support.operating import Body, Installation, OperatorProcess, a_tenant, conditions, operator
from tests.support.planes import platform, unattended

LEASE = 15.0
RESYNC = 60
POOLED, DEDICATED = 90, 10
COVERS = ("operator", "crds", "config")
LOST = 75


class Proof:
    """On one control plane."""

    def __init__(self, here: Installation) -> None:
        self._here = here
        self._fleet = Fleet(here)
        self._made = 0

    @contextmanager
    def operator(self, name: str, through: str = "") -> Iterator[OperatorProcess]:
        """One replica."""
        settings = {"lease_seconds": str(LEASE), "resync_seconds": str(RESYNC)}
        with operator(self._here.servers, self._here.mounted, name, through=through, **settings) as process:
            yield process

    def idle(self, minutes: float) -> dict[str, float]:
        """All of them stand, and nothing changes."""
        with self.operator("idle") as process:
            fleet.wait("leading", process.leads, 60)
            self._fleet.grow(POOLED)
            dedicated = [self.tenant(placement="Dedicated", **_all()) for _ in range(DEDICATED)]
            self._stands(process)
            time.sleep(2 * RESYNC)  # the autoscalers' controller has said all that it has to say
            audit, before = Audit(self._here.servers.audit_file), fleet.passes(process)
            time.sleep(minutes * 60)
            written = [entry for entry in audit.entries() if fleet.of_operator(entry)]
            for entry in written[:5]:
                print(entry["verb"], entry["objectRef"])
            return {
                "tenants": POOLED + len(dedicated),
                "idle_minutes": minutes,
                "idle_passes": fleet.passes(process) - before,
                "idle_writes": len(written),
            }

    def _stands(self, process: OperatorProcess) -> None:
        try:
            fleet.wait("tenants", lambda: fleet.tenants(process, "Synced") == POOLED + DEDICATED, 300, 1)
        except TimeoutError as error:
            waiting = [
                (body["metadata"]["name"], conditions(body))
                for body in self._here.listed(f"{GROUP}/trackingtenants")
                if conditions(body).get("Synced", ("",))[0] != "True"
            ]
            raise RuntimeError(f"{waiting}\n{process.log()[-3_000:]}") from error

    def tenant(self, **spec: Any) -> Body:
        """One more, in a namespace of its own."""
        self._made += 1
        tenant = a_tenant(self._here.namespace(), f"t{self._made}", **spec)
        self._here.api.create(tenant).raise_for_status()
        return tenant

    def lost(self, how: Callable[[OperatorProcess], None], through: str = "") -> float:
        """Seconds from the loss of a leader to the other's first write."""
        with self.operator("first", through) as first, ExitStack() as stack:
            fleet.wait("leading", first.leads, 60)
            second = stack.enter_context(self.operator("second"))
            fleet.wait("standing by", lambda: second.healthy("/readyz"), 60)
            audit = Audit(self._here.servers.audit_file)
            how(first)
            began = dt.datetime.now(dt.UTC)
            tenant = self.tenant()
            namespace = tenant["metadata"]["namespace"]
            fleet.wait("a write", lambda: _first(audit, namespace) is not None, 4 * LEASE)
            found = _first(audit, namespace)
            if first.process.poll() is None:
                time.sleep(max(0.0, 4 * LEASE - (dt.datetime.now(dt.UTC) - began).total_seconds()))
                os.kill(first.process.pid, signal.SIGCONT)
                if first.process.wait(30) != LOST:
                    raise RuntimeError(f"a leader that lost its lease goes on: {first.log()[-2_000:]}")
            if found is None or not second.leads():
                raise RuntimeError(second.log()[-2_000:])
            return (found - began).total_seconds()

    def told_to_stop(self) -> float:
        """Seconds until a leader has ended."""
        with self.operator("first") as first:
            fleet.wait("leading", first.leads, 60)
            began = time.monotonic()
            if first.stop():
                raise RuntimeError(first.log()[-2_000:])
            return time.monotonic() - began


def _first(audit: Audit, namespace: str) -> dt.datetime | None:
    for entry in audit.entries():
        if fleet.of_operator(entry) and entry["objectRef"].get("namespace") == namespace:
            return dt.datetime.fromisoformat(entry["requestReceivedTimestamp"])
    return None


def _all() -> Body:
    """Every field of a Dedicated tenant but its names."""
    kept = documents()["TrackingTenant"]["spec"]
    return {name: value for name, value in kept.items() if name not in {"tenantId", "placement", "hosts"}}


def failover(proof: Proof, here: Installation) -> dict[str, float]:
    """Each way to lose a leader."""
    figures = {
        "killed_to_write_s": proof.lost(lambda first: first.process.kill()),
        "stopped_to_write_s": proof.lost(lambda first: first.process.send_signal(signal.SIGSTOP)),
    }
    url = urlsplit(here.servers.url)
    with FaultProxy() as proxy:
        link = proxy.link(Address(str(url.hostname), int(url.port or 0)))
        figures["cut_to_write_s"] = proof.lost(lambda _: link.stall(), f"https://{link.address}")
    figures["sigterm_s"] = proof.told_to_stop()
    return {name: round(value, 2) for name, value in figures.items()}


def main() -> None:
    """Prove, print, keep."""
    parser = argparse.ArgumentParser(prog="make prove NAME=operator", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--keep", action="store_true", help="add the line to bench/results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="footfall-operator-") as folder, unattended(Path(folder)) as here:
        platform(here)
        proof = Proof(here)
        figures = proof.idle(options.minutes)
        figures |= failover(proof, here)
    used = report.versions(["kopf", "kubernetes", "pydantic"])
    report.finish("prove-operator", figures, used, keep=options.keep, covers=COVERS)
    late = max(value for name, value in figures.items() if name.endswith("_to_write_s"))
    if figures["idle_writes"] or late > LEASE + 5 or figures["sigterm_s"] > 3:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
