"""A component in its own process, as a pod runs it."""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench.kit import processes

START_SECONDS = 60
_SHOWN = 6_000


@dataclass(frozen=True)
class Component:
    """A running one."""

    pid: int
    url: str

    def metrics(self, name: str) -> dict[str, float]:
        """The values of a metric by its last label; none where it has not been counted yet."""
        text = httpx.get(f"{self.url}/metrics", timeout=30).text
        found: dict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name:
                    found[next(reversed(sample.labels.values()), "")] += sample.value
        return dict(found)

    def metric(self, name: str) -> float:
        """Their sum."""
        return sum(self.metrics(name).values())


@contextmanager
def component(name: str, folder: Path, environ: Mapping[str, str], core: str) -> Iterator[Component]:
    """`python -m footfall_<name>`, once it is ready."""
    port = processes.free_port()
    log = folder / f"{name}-{port}.log"
    own = {"FOOTFALL_PROCESS_PORT": str(port), "FOOTFALL_PROCESS_NOTICE_SECONDS": "0"}
    with processes.running([sys.executable, "-m", f"footfall_{name}"], log, core, **environ, **own) as process:
        url = f"http://127.0.0.1:{port}"
        _wait_ready(url, process, log)
        yield Component(process.pid, url)


def _wait_ready(url: str, process: Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    said = ""
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(_end_of(log))
        try:
            answer = httpx.get(f"{url}/readyz", timeout=10)
        except httpx.TransportError as error:
            said = repr(error)
        else:
            if answer.status_code == 200:
                return
            said = answer.text
        time.sleep(0.05)
    raise TimeoutError(f"not ready: {said}\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    """The last it said."""
    return log.read_text()[-_SHOWN:]
