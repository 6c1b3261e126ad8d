"""What every benchmark ends with: one JSON line, kept under bench/results with commit and date."""

import datetime as dt
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.kit import records

RESULTS = Path(__file__).parents[1] / "results"


def machine() -> dict[str, Any]:
    """What it ran on, without naming the machine."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Installed versions of distributions."""
    return {name: importlib.metadata.version(name) for name in packages}


def _commit() -> str:
    run = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    return run.stdout.strip() or "none"


def finish(
    bench: str,
    figures: Mapping[str, Any],
    used: Mapping[str, str],
    *,
    keep: bool,
    covers: Sequence[str] = (),
) -> None:
    """Print the line; with `keep` also add it to `bench/results/<bench>.jsonl`.

    `covers` = folders that a proof is about: their tree hashes join the line, so that an old record can be told.
    """
    line: dict[str, Any] = {"bench": bench, "figures": dict(figures), "versions": dict(used), "machine": machine()}
    if covers:
        line["tree"] = records.trees(covers)
    if keep:
        RESULTS.mkdir(exist_ok=True)
        kept = {"date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d"), "commit": _commit()} | line
        with (RESULTS / f"{bench}.jsonl").open("a") as file:
            file.write(json.dumps(kept) + "\n")
    print(json.dumps(line))
