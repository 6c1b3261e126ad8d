"""The embedded process against nginx's `return 204` on the same core, in one run.

Capacity = 1e6 / CPU-microseconds of our process a request; every answer comes after the sync. First the receiver alone
(consumer paused by its setting), then the whole process below saturation until nothing is pending.
"""

import argparse
import statistics
import tempfile
import threading
import time
import uuid
from pathlib import Path

from typing_extensions import override

from bench.kit import load, processes, report
from bench.kit.runs import Run, Seeds, measured, median
from bench.kit.service import Service, footfall

BATCH = 20
CALM = {"single": load.Load(1, 64, 10, 12), "batch": load.Load(BATCH, 16, 10, 60)}
LAG = "footfall_consumer_lag_records"
LAG_PERIOD = 0.2


def settle(service: Service) -> None:
    """Wait until nothing is pending, seen over several readings of the lag."""
    end = time.monotonic() + 120
    calm = 0
    while calm < 5:
        if time.monotonic() > end:
            raise TimeoutError("the process does not catch up")
        time.sleep(LAG_PERIOD)
        calm = calm + 1 if service.metric(LAG) == 0 else 0


class Probe(threading.Thread):
    """Sends an event now and then and waits until the feed shows it; also watches memory."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._token = service.token()
        self._stopping = threading.Event()
        self.seconds: list[float] = []
        self.rss: list[float] = []

    @override
    def run(self) -> None:
        """Until stopped."""
        while not self._stopping.wait(0.2):
            visitor = uuid.uuid4()
            began = time.monotonic()
            self._service.send(self._service.event(visitor))
            while not self._service.feed(self._token, [visitor]):
                time.sleep(0.02)
            self.seconds.append(time.monotonic() - began)
            self.rss.append(processes.rss_mb(self._service.pid))

    def stop(self) -> None:
        """End after the event that is under way."""
        self._stopping.set()
        self.join()


def alone(folder: Path, seeds: Seeds, rounds: int, seconds: int) -> dict[str, float]:
    """An nginx and the receiver with its consumer paused, turn by turn."""
    runs: dict[str, list[Run]] = {}
    with (
        processes.nginx(folder) as (port, nginx_pid),
        footfall(folder / "alone", FOOTFALL_RAW_RECEIVER_PAUSED="true") as service,
    ):
        peer = load.Target(f"http://127.0.0.1:{port}/", "t", "r")
        for _ in range(rounds):
            for name, batch in (("single", 1), ("batch", BATCH)):
                shape = load.Load(batch, 128, seconds)
                for pid, target, who in ((nginx_pid, peer, "nginx"), (service.pid, service.target, "receiver")):
                    run = measured([pid], lambda: load.drive(target, shape, folder, seeds()))  # noqa: B023 - run at once
                    runs.setdefault(f"{who}_{name}", []).append(run)
    return {f"{name}_us": round(median(found).micros, 2) for name, found in runs.items()} | {
        f"{name}_rps": round(median(found).rate) for name, found in runs.items()
    }


def whole(folder: Path, seeds: Seeds, seconds: int) -> dict[str, float]:
    """The whole process at a load below saturation: what an event costs until nothing is pending, then how late it is.

    Cost and lateness are measured one after the other: asking the feed all the time has a price of its own.
    """
    figures: dict[str, float] = {}
    seen: list[float] = []
    rss: list[float] = []
    with footfall(folder / "whole", FOOTFALL_RAW_RECEIVER_LAG_SECONDS=str(LAG_PERIOD)) as service:
        for name, calm in CALM.items():
            shape = load.Load(calm.batch, calm.connections, seconds, calm.delay)
            lag = [0.0]

            def drive() -> load.Outcome:
                outcome = load.drive(service.target, shape, folder, seeds())  # noqa: B023 - run at once
                lag[0] = service.metric(LAG)  # noqa: B023 - run at once
                return outcome

            run = measured([service.pid], drive, lambda: settle(service))
            figures |= {
                f"whole_{name}_us": round(run.micros, 2),
                f"whole_{name}_rps": round(run.rate),
                f"whole_{name}_lag_s": round(lag[0] / run.rate, 3),
            }
            probe = Probe(service)
            probe.start()
            drive()
            probe.stop()
            settle(service)
            seen += probe.seconds
            rss += probe.rss
    figures["event_to_feed_p95_s"] = round(statistics.quantiles(seen, n=20)[-1], 3)
    figures["event_to_feed_probes"] = len(seen)
    figures["rss_mb"] = round(max(rss), 1)
    return figures


def ratios(figures: dict[str, float]) -> dict[str, float]:
    """The bars: our capacity by nginx's for the same requests; for batches, our events by its requests."""
    single, batch = figures["nginx_single_us"], figures["nginx_batch_us"]
    return {
        "receiver_single_vs_nginx": round(single / figures["receiver_single_us"], 3),
        "receiver_batch_events_vs_nginx": round(BATCH * batch / figures["receiver_batch_us"], 3),
        "whole_single_vs_nginx": round(single / figures["whole_single_us"], 3),
        "whole_batch_events_vs_nginx": round(BATCH * batch / figures["whole_batch_us"], 3),
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="make bench NAME=embedded", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of nginx and receiver, turn by turn")
    parser.add_argument("--seconds", type=int, default=6, help="seconds a run")
    parser.add_argument("--keep", action="store_true", help="add the line to bench/results")
    options = parser.parse_args()
    seeds = Seeds()
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        figures = alone(Path(name), seeds, options.rounds, options.seconds)
        figures |= whole(Path(name), seeds, options.seconds * 2)
    figures |= ratios(figures)
    used = report.versions(["uvicorn", "uvloop", "httptools", "msgspec", "starlette", "pyarrow", "duckdb"])
    report.finish("embedded", figures, used, keep=options.keep)


if __name__ == "__main__":
    main()
