"""The operator on a real control plane: many tenants that change, and very many that do not.

First `changing` tenants with a change at a time, while as many as `failing` others fail for good and resyncs go on: how
late the operator's first write after a change begins, by the API server's audit log. Then `tenants` of them, unchanged:
a new leader's first pass against a bare chunked LIST of the same objects, turn by turn; what it writes until every one
was looked at in the resync after it, and its memory.
"""

import argparse
import datetime as dt
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.kit import fleet, report
from bench.kit.fleet import Audit, Fleet
from bench.kit.memory import Memory
from bench.kit.runs import percentile
from bench.kit.slope import growth
from tests.support.operating import Installation, OperatorProcess, account, operator
from tests.support.planes import platform, unattended

PATIENCE = 3_600.0


class Plan(NamedTuple):
    """How many, how often, how long."""

    changing: int
    failing: int
    changes: int
    """A second."""
    seconds: int
    tenants: int
    rounds: int
    resync: int


PLAN = Plan(changing=1_000, failing=20, changes=5, seconds=600, tenants=10_000, rounds=3, resync=300)
QUICK = Plan(changing=50, failing=14, changes=5, seconds=12, tenants=500, rounds=1, resync=6)


class Bench:
    """One control plane and its tenants."""

    def __init__(self, here: Installation, plan: Plan) -> None:
        self._here = here
        self._plan = plan
        self._fleet = Fleet(here)

    @contextmanager
    def _operator(self) -> Iterator[OperatorProcess]:
        """One that leads, with a log of its own."""
        with tempfile.TemporaryDirectory(prefix="footfall-operator-") as folder:
            mounted = account(self._here.api.client, self._here.servers, Path(folder) / "account")
            with operator(self._here.servers, mounted, resync_seconds=str(self._plan.resync)) as process:
                fleet.wait("leading", process.leads, 60)
                yield process
                if process.stop():
                    raise RuntimeError(process.log()[-3_000:])

    def changes(self) -> dict[str, float]:
        """Tenants that change beside tenants that fail."""
        plan = self._plan
        with self._operator() as process, self._fleet.failing(plan.failing):
            self._grow(process, plan.changing)
            audit = Audit(self._here.servers.audit_file)
            with Memory({"operator": process.process.pid}, every=1.0) as memory:
                self._change(plan.changes * plan.seconds, 1 / plan.changes)
            time.sleep(5)
        late = delays(audit)
        if len(late) != plan.changes * plan.seconds:
            raise RuntimeError(f"{len(late)} of {plan.changes * plan.seconds} changes were followed by a write")
        return {
            "changes": len(late),
            "change_to_write_p50_s": round(median(late), 3),
            "change_to_write_p99_s": round(percentile(late, 0.99), 3),
            "change_to_write_max_s": round(max(late), 3),
            "rss_slope_mb_per_10min": round(growth(memory.samples["operator"]), 2),
        }

    def unchanged(self) -> dict[str, float]:
        """Tenants that do not."""
        with self._operator() as process:
            began, before = time.monotonic(), len(self._fleet.tenants)
            self._grow(process, self._plan.tenants - before)
            grown = (self._plan.tenants - before) / (time.monotonic() - began)
            fleet.wait("quiet", lambda: fleet.late(process) < 1, 60)
        audit = Audit(self._here.servers.audit_file)
        bare, first, warm, peaks = [], [], [], []
        for number in range(self._plan.rounds):
            bare.append(fleet.bare_list(self._here.api.client))
            began = time.monotonic()
            with self._operator() as process, Memory({"operator": process.process.pid}) as memory:
                fleet.wait("first pass", lambda: bool(fleet.lines(process, "first_pass")), 300, 0.05)
                warm.append(time.monotonic() - began)
                said = fleet.lines(process, "first_pass")[0]
                if said["tenants"] != self._plan.tenants or said["stand"] != self._plan.tenants:
                    raise RuntimeError(f"not all tenants stand: {said}")
                first.append(said["seconds"])
                if number == self._plan.rounds - 1:
                    self._resynced(process, time.monotonic() + 1.1 * self._plan.resync)
            peaks.append(memory.peak("operator"))
        written = [entry for entry in audit.entries() if fleet.of_operator(entry)]
        for entry in written[:5]:
            print(entry["verb"], entry["objectRef"], file=sys.stderr)
        return {
            "tenants": self._plan.tenants,
            "made_per_s": round(grown, 1),
            "bare_list_s": round(median(bare), 3),
            "first_pass_s": round(median(first), 3),
            "first_pass_vs_bare_list": round(median(a / b for a, b in zip(first, bare, strict=True)), 2),
            "start_to_first_pass_s": round(median(warm), 2),
            "writes": len(written),
            "peak_rss_mb": round(max(peaks), 1),
        }

    def _resynced(self, process: OperatorProcess, end: float) -> None:
        """Every tenant is due by `end`: none is left then that was not looked at."""
        fleet.wait("resync", lambda: time.monotonic() > end and fleet.late(process) < 1, 2 * self._plan.resync + 60)
        if (done := fleet.passes(process)) < self._plan.tenants:
            raise RuntimeError(f"{done:.0f} passes over {self._plan.tenants} tenants")

    def _grow(self, process: OperatorProcess, count: int) -> None:
        self._fleet.grow(count)
        fleet.wait("tenants ready", lambda: fleet.tenants(process, "Ready") == len(self._fleet.tenants), PATIENCE, 1)

    def _change(self, count: int, every: float) -> None:
        began = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began + number * every - time.monotonic()))
            self._fleet.change(number, f"s{number}")


def delays(audit: Audit) -> list[float]:
    """From the answer to each change of a tenant to the start of the operator's next write for that tenant, seconds."""
    waiting: dict[tuple[str, str], float] = {}
    late = []
    for entry in audit.entries():
        ref = entry["objectRef"]
        key = (ref.get("namespace", ""), ref.get("name", "").removesuffix("-footfall"))
        if fleet.of_operator(entry):
            if key in waiting:
                late.append(_moment(entry, "requestReceivedTimestamp") - waiting.pop(key))
        elif ref["resource"] == "trackingtenants" and entry["verb"] == "patch":
            waiting[key] = _moment(entry, "stageTimestamp")
    return late


def _moment(entry: Mapping[str, Any], name: str) -> float:
    return dt.datetime.fromisoformat(entry[name]).timestamp()


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="make bench NAME=operator", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of it")
    parser.add_argument("--keep", action="store_true", help="add the line to bench/results")
    options = parser.parse_args()
    plan = QUICK if options.quick else PLAN
    with (
        tempfile.TemporaryDirectory(prefix="footfall-operator-") as folder,
        unattended(Path(folder), audit_megabytes=8_192) as here,
    ):
        platform(here)
        bench = Bench(here, plan)
        figures = bench.changes()
        print(json.dumps(figures), file=sys.stderr)
        figures |= bench.unchanged()
    report.finish("operator", figures, report.versions(["kopf", "kubernetes", "pydantic"]), keep=options.keep)


if __name__ == "__main__":
    main()
