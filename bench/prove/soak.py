"""Steady load for a long time: whether receiver and raw receiver grow.

Memory is sampled after a quarter of the time, when caches are full; the slope is Theil and Sen's.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from bench.kit import records, report
from bench.kit.memory import Memory
from bench.kit.slope import growth
from bench.kit.stack import Stack, a_stack
from bench.kit.steady import Steady, Traffic

RECORD = 5
BAR = 2.0
"""MB in 10 minutes."""


def soak(stack: Stack, minutes: float, rate: int) -> dict[str, float]:
    """Load, sample, judge."""
    with (
        stack.receiver() as receiver,
        stack.raw_receiver() as raw,
        Memory({"receiver": receiver.pid, "raw_receiver": raw.pid}, every=1.0) as memory,
    ):
        target = stack.target(receiver)
        traffic = Traffic(target, RECORD, 2_000, lambda: time.time_ns() // 1_000_000)
        outcome = asyncio.run(Steady(target, traffic, rate).run(minutes * 60))
    if outcome.refused or outcome.broken:
        raise RuntimeError(f"not every request was answered 2xx: {outcome}")
    figures: dict[str, float] = {"minutes": minutes, "events": outcome.requests * RECORD}
    for name, samples in memory.samples.items():
        figures[f"{name}_rss_mb"] = round(memory.peak(name), 1)
        figures[f"{name}_rss_slope_mb_per_10min"] = round(growth(samples), 2)
    figures["rss_slope_mb_per_10min"] = max(value for name, value in figures.items() if "slope" in name)
    return figures


def main() -> None:
    """Prove, print, keep."""
    parser = argparse.ArgumentParser(prog="make prove NAME=soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=int, default=1_000, help="events a second")
    parser.add_argument("--no-bar", action="store_true", help="tell the slope, whatever it is")
    parser.add_argument("--keep", action="store_true", help="add the line to bench/results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="footfall-soak-") as folder, a_stack(Path(folder)) as stack:
        figures, versions = soak(stack, options.minutes, options.rate), stack.versions
    used = report.versions(["uvicorn", "uvloop", "msgspec", "aiokafka", "cassandra-driver", "pyarrow"])
    report.finish("prove-soak", figures, used | versions, keep=options.keep, covers=records.COVERS)
    if figures["rss_slope_mb_per_10min"] > BAR and not options.no_bar:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
