"""The whole proof: 100,000 events of 2,000 visitors, a tenth of them repeated, one in twenty malformed, ten kills."""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from bench.kit import processes, records, report
from tests.support.proof import a_seed, prove
from tests.support.traffic import Plan


def main() -> None:
    """Prove, print, keep."""
    parser = argparse.ArgumentParser(prog="make prove NAME=embedded", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--visitors", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=a_seed(), help="repeats a run's traffic and moments")
    parser.add_argument("--keep", action="store_true", help="add the line to bench/results")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="footfall-prove-") as folder:
        plan = Plan(options.events, options.visitors, options.seed)
        proof = asyncio.run(prove(Path(folder), processes.free_port(), plan))
    figures = {**proof._asdict(), "seconds": round(time.monotonic() - began)}
    used = report.versions(["uvicorn", "msgspec", "pyarrow", "duckdb", "httpx"])
    report.finish("prove-embedded", figures, used, keep=options.keep, covers=records.COVERS)
    if proof.lost or proof.double:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
