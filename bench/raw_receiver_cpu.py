"""CPU of the raw receiver's own Python for an event: read, decide, enrich, encode, rows and marks. No bus, no store.

python -m bench.raw_receiver_cpu            prints microseconds an event, in records of 1 and of 20 events
python -m bench.raw_receiver_cpu --profile  and where they go
"""

import argparse
import cProfile
import gc
import json
import pstats
import time
import uuid
from collections.abc import Sequence

import msgspec

from footfall_common.bus import Partition, Received
from footfall_common.clock import from_ms
from footfall_common.events.keys import bus_key
from footfall_common.events.model import Event, RawRecord, Screen, Sdk
from footfall_common.store import Placed, VisitorDay
from footfall_raw_receiver.service.deciding import Decider, effects_of
from footfall_raw_receiver.service.enriching import Enricher
from footfall_raw_receiver.service.reading import ids_of, pieces, read

EVENTS = 40_000
CHUNK_RECORDS = 500
PIECE_BYTES = 65_536
RECEIVED = 1_795_428_000_000
UA = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
TENANT, RESOURCE = uuid.uuid4(), uuid.uuid4()


def event(number: int, visitor: uuid.UUID) -> Event:
    """A page view as the tracker sends it."""
    return Event(
        id=uuid.uuid4(),
        tracking_id=visitor,
        page_view=uuid.uuid4(),
        seq=number % 100,
        type="page-load",
        occurred=from_ms(RECEIVED - number % 60_000),
        href=f"https://shop.example/products/{number % 500}?utm_source=google&utm_medium=cpc",
        referrer="https://www.google.com/",
        title="Running shoes - Shop",
        language="en-US",
        languages=["en-US", "fr"],
        platform="Win32",
        screen=Screen(1920, 1080, 1920, 1040, 24, 24),
        consent="granted",
    )


def records(size: int) -> list[Received]:
    """Records of `size` events, each of one of 2,000 visitors."""
    visitors = [uuid.uuid4() for _ in range(2_000)]
    found = []
    for number in range(EVENTS // size):
        visitor = visitors[number % len(visitors)]
        record = RawRecord(
            v=1,
            tenant=TENANT,
            resource=RESOURCE,
            received=RECEIVED,
            sent=RECEIVED - 20,
            sdk=Sdk("footfall-tracker", "0.1.0"),
            user_agent=UA.format(100 + number % 40),
            address="203.0.113.0",
            events=[event(number * size + index, visitor) for index in range(size)],
        )
        value = msgspec.json.encode(record)
        found.append(Received(Partition("raw", number % 4), number // 4, bus_key(TENANT, visitor), value, (), RECEIVED))
    return found


def run(stream: Sequence[Received], decider: Decider) -> int:
    """What `RawReceiver.handle` does, without its awaits."""
    rows = 0
    for start in range(0, len(stream), CHUNK_RECORDS):
        chunk = stream[start : start + CHUNK_RECORDS]
        decisions = []
        read_pieces = [read(some) for some in pieces(chunk, PIECE_BYTES)]
        known: dict[VisitorDay, dict[uuid.UUID, Placed]] = {day: {} for day in ids_of(read_pieces)}
        for piece in read_pieces:
            decision = decider.decide(piece, known)
            for day, ids in decision.fresh.items():
                known[day].update(ids)
            decisions.append(decision)
        rows += len(effects_of(chunk, decisions).rows)
    return rows


def main() -> None:
    """Print the figures as JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--profile", action="store_true", help="print the costliest functions as well")
    profile = options.parse_args().profile
    decider = Decider(Enricher(user_agents=5_000, attributions=5_000), lambda _: ("shop.example",))
    figures = {}
    for size in (1, 20):
        stream = records(size)
        gc.collect()
        gc.freeze()  # as the process does after start
        best, stored = float("inf"), 0
        for _ in range(5):
            start = time.process_time()
            stored = run(stream, decider)
            best = min(best, time.process_time() - start)
        figures[f"us_an_event_in_records_of_{size}"] = round(best / stored * 1e6, 2)
        if profile:
            with cProfile.Profile() as profiler:
                run(stream, decider)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(18)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
