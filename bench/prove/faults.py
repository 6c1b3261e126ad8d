"""The fault matrix: servers, processes, connections, disks and clocks fail while events arrive and are counted."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.kit import records, report
from tests.support.faults.frame import Outcome, Times, figures, run
from tests.support.faults.scenarios import SCENARIOS, Scenario
from tests.support.faults.servers import Wanted
from tests.support.faults.stack import a_stack
from tests.support.proof import a_seed
from tests.support.traffic import Plan

EVENTS = 112_000
"""Sent over all scenarios; a twentieth is malformed and rejected."""
VISITORS = 200


async def prove(
    folder: Path, scenarios: Sequence[Scenario], events: int, seed: int, times: Times
) -> tuple[list[Outcome], Mapping[str, str]]:
    """Every scenario on one stack, one after the other; and the versions of the servers."""
    wanted = Wanted(
        brokers=max(one.brokers for one in scenarios),
        nodes=max(one.nodes for one in scenarios),
        disk=any(one.disk for one in scenarios),
    )
    outcomes: list[Outcome] = []
    plan = Plan(events // len(scenarios), VISITORS, seed)
    async with a_stack(folder, wanted) as stack:
        for scenario in scenarios:
            print(f"{scenario.name}: {scenario.what}", flush=True)
            outcome = await run(stack, scenario, plan, times)
            print(_line(outcome), flush=True)
            outcomes.append(outcome)
        return outcomes, stack.world.versions


def _line(outcome: Outcome) -> str:
    numbers = (
        f"    accepted {outcome.accepted}, lost {outcome.lost}, double {outcome.double}, retries {outcome.retries} "
        f"{dict(outcome.refusals)}, slowest answer {outcome.slowest} s, {outcome.seconds} s in all"
    )
    return f"{numbers}\n    FAILED: {outcome.failure or 'see the numbers'}" if not outcome.right else numbers


def main() -> None:
    """Prove, print, keep."""
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(prog="make prove NAME=faults", description=__doc__)
    parser.add_argument("--only", action="append", choices=names, help="this scenario; may be given again")
    parser.add_argument("--events", type=int, help=f"sent in all; {EVENTS} over all scenarios")
    parser.add_argument("--outage", type=float, default=Times().outage, help="seconds that Cassandra stays away")
    parser.add_argument("--seed", type=int, default=a_seed(), help="repeats a run's traffic and moments")
    parser.add_argument("--keep", action="store_true", help="add the line to bench/results")
    options = parser.parse_args()
    chosen = [one for one in SCENARIOS if not options.only or one.name in options.only]
    events = options.events or EVENTS * len(chosen) // len(SCENARIOS)
    print(f"seed {options.seed}")
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="footfall-faults-"))
    outcomes, servers = asyncio.run(prove(folder, chosen, events, options.seed, Times(outage=options.outage)))
    failed = [one.name for one in outcomes if not one.right]
    found = {
        **figures(outcomes),
        "of": len(SCENARIOS),
        "seed": options.seed,
        "seconds": round(time.monotonic() - began),
    }
    used = report.versions(["aiokafka", "cassandra-driver", "uvicorn", "msgspec", "httpx"]) | dict(servers)
    report.finish("prove-faults", found, used, keep=options.keep, covers=records.COVERS)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; the logs are in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
