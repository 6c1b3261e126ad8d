"""Creatio's feed on real Cassandra with a year of history.

The history is written straight into the store through the raw receiver's own writes; then report alone answers, over
HTTP and with a token of identity's, 300 tracking ids in pages of 50. One node, which shares this machine's cores with
report and with the asking: latencies are longer than with a cluster of its own.
"""

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx

from bench.kit import history, processes, report
from bench.kit.runs import p95
from bench.kit.stack import Stack, a_stack
from footfall_common.store import EventRow

PAGE = 50
CHUNK = 500
"""Rows of one write, as the raw receiver's."""
LANES = 4
"""Writes at once."""
SEED = 7


class Reader:
    """Pages through the feed as Creatio does, and times every page."""

    def __init__(self, client: httpx.Client, url: str, token: str, visitors: Sequence[uuid.UUID]) -> None:
        self._client = client
        self._url = f"{url}/api/Event/feed"
        self._headers = {"authorization": f"Bearer {token}"}
        self._visitors = [str(visitor) for visitor in visitors]
        self.first: list[float] = []
        self.later: list[float] = []
        """Milliseconds of each first page, and of each that followed."""

    def chain(self, most: int) -> list[dict[str, Any]]:
        """The events of at most so many pages from the newest on."""
        events: list[dict[str, Any]] = []
        offset = None
        for number in range(most):
            page = self._page(offset, self.later if number else self.first)
            events += page["events"]
            offset = page["offset"]
            if offset is None:
                break
        return events

    def _page(self, offset: str | None, milliseconds: list[float]) -> dict[str, Any]:
        asked = {"offset": offset, "count": PAGE, "creatioTrackingIds": self._visitors}
        began = time.perf_counter()
        answer = self._client.post(self._url, json=asked, headers=self._headers)
        milliseconds.append((time.perf_counter() - began) * 1000)
        answer.raise_for_status()
        page: dict[str, Any] = answer.json()
        if page["errorMessage"]:
            raise RuntimeError(page["errorMessage"])
        return page


async def write(stack: Stack, rows: Iterable[EventRow]) -> int:
    """Write all rows; how many there were."""
    written = 0
    async with stack.store() as store:
        source = iter(rows)
        chunks = iter(lambda: list(itertools.islice(source, CHUNK)), [])

        async def lane() -> None:
            nonlocal written
            for chunk in chunks:
                await store.writes.write(chunk, [])
                written += len(chunk)

        async with asyncio.TaskGroup() as group:
            for _ in range(LANES):
                group.create_task(lane())
    return written


def check(events: Sequence[dict[str, Any]], expected: int) -> None:
    """Newest first, none twice, and as many as were asked for; else what was timed is no feed."""
    times = [event["timestamp"] for event in events]
    ids = {event["eventId"] for event in events}
    if len(events) != expected or len(ids) != expected or times != sorted(times, reverse=True):
        raise RuntimeError(f"{len(events)} events, {len(ids)} distinct, {expected} due, newest first")


def measure(stack: Stack, scale: float, first_pages: int) -> dict[str, float]:
    """Write the history, then page through all of it."""
    people = history.people(history.CREATIO, scale, SEED)
    ahead = itertools.accumulate((person.events for person in people), initial=0)
    now = time.time_ns() // 1_000_000
    tenant, resource = stack.who.tenant, stack.who.resource
    began = time.monotonic()
    written = asyncio.run(
        write(
            stack,
            itertools.chain.from_iterable(
                history.rows(tenant, resource, person, now, offset)
                for person, offset in zip(people, ahead, strict=False)
            ),
        )
    )
    took = time.monotonic() - began
    partition = stack.largest_partition_mb()
    with stack.report() as reporting, httpx.Client(timeout=60) as client:
        reader = Reader(client, reporting.url, stack.who.token(), [person.visitor for person in people])
        check(reader.chain(1), min(PAGE, written))  # the first call opens connections
        reader.first.clear()
        for _ in range(first_pages):
            reader.chain(1)
        check(reader.chain(written), written)
        memory = processes.rss_mb(reporting.pid)
    return {
        "visitors": len(people),
        "events": written,
        "written_per_s": round(written / took),
        "largest_partition_mb": round(partition, 2),
        "feed_first_page_p95_ms": round(p95(reader.first), 1),
        "feed_first_page_median_ms": round(statistics.median(reader.first), 1),
        "feed_first_pages": len(reader.first),
        "feed_page_p95_ms": round(p95(reader.later), 1),
        "feed_page_median_ms": round(statistics.median(reader.later), 1),
        "feed_pages": len(reader.later),
        "report_rss_mb": round(memory, 1),
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(
        prog="make bench NAME=feed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0, help="the part of the history's events that is written")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the history: whether it works")
    parser.add_argument("--keep", action="store_true", help="add the line to bench/results")
    options = parser.parse_args()
    scale, first_pages = (0.01, 5) if options.quick else (options.scale, 100)
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name, a_stack(Path(name)) as stack:
        figures = measure(stack, scale, first_pages)
        used = report.versions(["uvicorn", "uvloop", "msgspec", "cassandra-driver", "fastapi"])
        report.finish("feed", figures, used | stack.versions, keep=options.keep)


if __name__ == "__main__":
    main()
