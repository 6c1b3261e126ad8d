"""The entry for faults: it dies exactly where it is told to, and only the product's clock is off."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.faults.entry import CLOCK, TRIP, Trip

pytestmark = pytest.mark.integration

MODULE = """
import asyncio, sys, time
from footfall_common.clock import SystemClock
from footfall_common.pipeline.ordered import OrderedSink
from footfall_common.pipeline.effects import Effects

class Consumer:
    async def commit(self, offsets):
        print("committed", flush=True)

async def work():
    sink = OrderedSink(None, None, "", Consumer())
    for _ in range(3):
        await sink.apply(Effects())
    print("ended", sys.argv[1:], SystemClock().now_ms() - time.time_ns() // 1_000_000, flush=True)

if __name__ == "__main__":
    asyncio.run(work())
"""


def ran(folder: Path, **faults: str) -> subprocess.CompletedProcess[str]:
    (folder / "a_module.py").write_text(MODULE)
    path = os.pathsep.join([str(folder), str(Path.cwd())])
    return subprocess.run(
        [sys.executable, "-m", "tests.support.faults.entry", "a_module", "one"],
        env=os.environ | {"PYTHONPATH": path} | faults,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(("when", "committed"), [("before", 1), ("after", 2)])
def test_it_is_killed_at_that_call_of_that_method(tmp_path: Path, when: str, committed: int) -> None:
    done = ran(tmp_path, **{TRIP: f"footfall_common.pipeline.ordered:OrderedSink.apply:{when}:2"})
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.splitlines() == ["committed"] * committed


@pytest.mark.parametrize("seconds", [600, -3600])
def test_the_products_clock_is_off_and_no_other(tmp_path: Path, seconds: int) -> None:
    before = time.time()
    done = ran(tmp_path, **{CLOCK: str(seconds * 1000)})
    assert (done.returncode, done.stderr) == (0, "")
    words = done.stdout.split()
    assert words[-2] == "['one']"
    assert abs(int(words[-1]) - seconds * 1000) <= (time.time() - before) * 1000


def test_a_trip_is_written_as_it_is_read() -> None:
    text = "a.b:C.d:after:7"
    assert str(Trip.parse(text)) == text
    with pytest.raises(ValueError, match="neither before nor after"):
        Trip.parse("a.b:C.d:during:7")
