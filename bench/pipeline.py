"""The pipeline on real Kafka and real Cassandra, one node each, every component a process of its own.

Capacity = 1e6 / CPU-microseconds of our processes a request. First the receiver alone, turn by turn with nginx's
`return 204` to single requests; every answer comes after Kafka's acknowledgement. Then the whole pipeline: it fills one
15-minute bucket with 15 minutes' events at --rate as fast as it can (what the raw receiver's CPU is charged to, until
nothing is pending), and then takes --rate events a second into that bucket while probes tell how late it is.

Servers, load and our processes share this machine's cores. That does not touch CPU a request; it makes every latency
longer than it would be with servers of their own.
"""

import argparse
import asyncio
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import httpx

from bench.kit import load, probes, processes, report
from bench.kit.component import Component
from bench.kit.memory import Memory
from bench.kit.runs import Run, Seeds, measured, median, p95
from bench.kit.stack import UNREAD, Stack, a_stack
from bench.kit.steady import Steady, Traffic

BATCH = 20
RECORD = 5
"""Events a request while the whole pipeline is measured: what a tracker gathers on a page."""
VISITORS = 10_000
"""Visitors a minute while the history is sent: it goes several times as fast as it would have happened."""
BUCKET_SECONDS = 900
CONNECTIONS = 512
BUSY = 0.5
FILLING = 20_000
"""Events a second that filling is assumed to reach when its last run is cut to what is left."""
PATIENCE = 1_200
SETTLING = 0.2
"""Seconds in which the last requests are answered."""
LAG_SECONDS = 1.0
EVENTS = "footfall_receiver_events_total"
LAG = "footfall_consumer_lag_records"
STORED = "footfall_stored_events_total"
STAGES = "footfall_raw_receiver_stage_seconds_total"


class Plan(NamedTuple):
    """How long and how much."""

    rounds: int
    seconds: int
    """A run of the receiver alone."""
    rate: int
    """Events a second, also of the history."""
    history: int
    """Seconds of history at that rate."""
    probing: int
    """Seconds of probing."""


PLAN = Plan(rounds=3, seconds=6, rate=2_000, history=BUCKET_SECONDS, probing=120)
QUICK = Plan(rounds=1, seconds=2, rate=500, history=20, probing=8)


def alone(stack: Stack, folder: Path, seeds: Seeds, plan: Plan) -> dict[str, float]:
    """The receiver and nginx, turn by turn; what it publishes lands in a topic that nobody reads."""
    shapes = {
        "single": load.Load(1, CONNECTIONS, plan.seconds),
        "batch": load.Load(BATCH, 128, plan.seconds),
        "mixed": load.Load(BATCH, 128, plan.seconds, mixed=True),
    }
    runs: dict[str, list[Run]] = {}
    with (
        processes.nginx(folder) as (port, nginx_pid),
        stack.receiver(core=processes.SERVER_CORE, raw=UNREAD) as receiver,
        Memory({"receiver": receiver.pid}) as memory,
    ):
        peer = load.Target(f"http://127.0.0.1:{port}/", "t", "r")
        target = stack.target(receiver)
        for _ in range(plan.rounds):
            single = shapes["single"]
            run = measured([nginx_pid], lambda: load.drive(peer, single, folder, seeds()))  # noqa: B023 - run at once
            runs.setdefault("nginx", []).append(run)
            for name, shape in shapes.items():
                run = measured([receiver.pid], lambda: counted(receiver, target, shape, folder, seeds()))  # noqa: B023 - likewise
                runs.setdefault(name, []).append(run)
    return _alone_figures({name: median(found) for name, found in runs.items()}) | {
        "receiver_rss_mb": round(memory.peak("receiver"), 1)
    }


def counted(receiver: Component, target: load.Target, shape: load.Load, folder: Path, seed: int) -> load.Outcome:
    """Drive, and count as requests what the receiver took: wrk leaves those out that are under way at its end."""
    before = receiver.metrics(EVENTS).get("accepted", 0)
    outcome = load.drive(target, shape, folder, seed)
    time.sleep(SETTLING)
    taken = receiver.metrics(EVENTS)["accepted"] - before
    if taken < outcome.requests * shape.batch:
        raise RuntimeError(f"{outcome.requests} requests of {shape.batch} were answered 2xx, {taken} events accepted")
    return dataclasses.replace(outcome, requests=round(taken / shape.batch))


def _alone_figures(runs: Mapping[str, Run]) -> dict[str, float]:
    nginx = runs["nginx"].micros
    figures = {"nginx_single_us": round(nginx, 2)}
    for name, run in runs.items():
        if name != "nginx":
            figures[f"receiver_{name}_us"] = round(run.micros, 2)
            figures[f"receiver_{name}_rps"] = round(run.rate)
            figures[f"receiver_{name}_busy"] = round(run.busy, 2)
    return figures | {
        "receiver_single_vs_nginx": round(nginx / runs["single"].micros, 3),
        "receiver_batch_events_vs_nginx": round(BATCH * nginx / runs["batch"].micros, 3),
        "receiver_mixed_batch_events_vs_nginx": round(BATCH * nginx / runs["mixed"].micros, 3),
    }


def whole(stack: Stack, folder: Path, seeds: Seeds, plan: Plan) -> dict[str, float]:
    """The whole pipeline: what an event costs, and how late it is in a bucket that is full already.

    That bucket is the one before the present: it is over, so no event of it lies ahead, and it is not closed yet.
    """
    start = (int(time.time()) // BUCKET_SECONDS - 1) * BUCKET_SECONDS
    with (
        stack.receiver() as receiver,
        stack.raw_receiver() as raw,
        stack.report() as reporting,
        Memory({"receiver": receiver.pid, "raw": raw.pid}) as memory,
    ):
        shape = load.Load(RECORD, 64, 10, visitors=VISITORS, start=start)
        figures = fill(stack, receiver, raw, shape, seeds, plan, folder)
        print(json.dumps(figures), file=sys.stderr)
        figures |= asyncio.run(lateness(stack, receiver, reporting, start, plan))
    return figures | {
        "receiver_rss_mb": round(memory.peak("receiver"), 1),
        "raw_receiver_rss_mb": round(memory.peak("raw"), 1),
    }


def fill(
    stack: Stack, receiver: Component, raw: Component, shape: load.Load, seeds: Seeds, plan: Plan, folder: Path
) -> dict[str, float]:
    """Send the history as fast as it is taken, wait until nothing is pending, charge the raw receiver's CPU to it."""
    due = plan.rate * plan.history
    stages, before, began = raw.metrics(STAGES), processes.cpu_seconds(raw.pid), time.monotonic()
    sent = 0
    while sent < due:
        rest = due - sent
        seconds = min(shape.seconds, max(1, rest // FILLING))
        outcome = load.drive(stack.target(receiver), dataclasses.replace(shape, seconds=seconds), folder, seeds())
        if outcome.refused or outcome.broken:
            raise RuntimeError(f"not every request was answered 2xx: {outcome}")
        sent += outcome.requests * RECORD
    behind = raw.metric(LAG)
    settle(raw, sent)
    took, used = time.monotonic() - began, processes.cpu_seconds(raw.pid) - before
    stored = raw.metrics(STORED)["stored"]
    spent = {name: seconds - stages.get(name, 0) for name, seconds in raw.metrics(STAGES).items()}
    return {
        "raw_receiver_events_per_cpu_s": round(stored / used),
        "raw_receiver_busy": round(used / took, 2),
        "filled_events": stored,
        "filled_events_per_s": round(stored / took),
        "filled_lag_records": behind,
    } | {f"stage_{name}_us": round(seconds / stored * 1e6, 2) for name, seconds in sorted(spent.items())}


def settle(raw: Component, sent: int) -> None:
    """Wait until everything sent is stored and no group has anything pending, seen over several readings of the lag."""
    end = time.monotonic() + PATIENCE
    calm = 0
    while calm < 3:
        if time.monotonic() > end:
            raise TimeoutError(f"the raw receiver does not catch up within {PATIENCE} s: {raw.metrics(LAG)}")
        time.sleep(LAG_SECONDS)
        caught_up = raw.metrics(STORED).get("stored", 0) >= sent and raw.metric(LAG) == 0
        calm = calm + 1 if caught_up else 0


async def lateness(stack: Stack, receiver: Component, reporting: Component, start: int, plan: Plan) -> dict[str, float]:
    """Probes, while the rate goes on."""
    began = time.time_ns() // 1_000_000

    def moment() -> int:
        """Now, as if the bucket began when the probing did."""
        return start * 1_000 + (time.time_ns() // 1_000_000 - began) % (BUCKET_SECONDS * 1_000)

    traffic = Traffic(stack.target(receiver), RECORD, 2_000, moment)
    steady = Steady(stack.target(receiver), traffic, plan.rate)
    feed: list[float] = []
    overview: list[float] = []
    over = asyncio.Event()
    async with httpx.AsyncClient(timeout=probes.PATIENCE) as client, asyncio.TaskGroup() as group:
        doors = probes.Doors(stack.target(receiver, watched=True), reporting.url, stack.who.token(), client, moment)
        group.create_task(probes.repeated(lambda: probes.to_feed(doors), 0.2, feed, over))
        group.create_task(probes.repeated(lambda: probes.to_overview(doors), 0.5, overview, over))
        outcome = await steady.run(plan.probing)
        over.set()
    if outcome.refused or outcome.broken:
        raise RuntimeError(f"not every request was answered 2xx: {outcome}")
    return {
        "steady_events_per_s": round(outcome.requests * RECORD / plan.probing),
        "event_to_feed_p95_s": round(p95(feed), 3),
        "event_to_feed_probes": len(feed),
        "event_to_overview_p95_s": round(p95(overview), 3),
        "event_to_overview_probes": len(overview),
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(
        prog="make bench NAME=pipeline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="under a minute: whether it works, not how fast")
    parser.add_argument("--rate", type=int, help="events a second (default 2000, quick 500)")
    parser.add_argument("--only", choices=("alone", "whole"), help="one half of it")
    parser.add_argument("--keep", action="store_true", help="add the line to bench/results")
    options = parser.parse_args()
    plan = QUICK if options.quick else PLAN
    plan = plan._replace(rate=options.rate or plan.rate)
    seeds = Seeds()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name, a_stack(Path(name)) as stack:
        if options.only != "whole":
            figures |= alone(stack, Path(name), seeds, plan)
        if options.only != "alone":
            alone_rss = figures.get("receiver_rss_mb", 0.0)
            figures |= whole(stack, Path(name), seeds, plan)
            figures["receiver_rss_mb"] = max(figures["receiver_rss_mb"], alone_rss)
        used = report.versions(["uvicorn", "uvloop", "httptools", "msgspec", "aiokafka", "cassandra-driver", "duckdb"])
        report.finish("pipeline", figures, used | stack.versions, keep=options.keep)


if __name__ == "__main__":
    main()
