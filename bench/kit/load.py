"""Load by wrk: native requests with fresh event ids, of 2,000 visitors a minute, every minute others."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.kit.processes import LOAD_CORE

SCRIPT = """
local seed, batch, delay_ms = %(seed)d, %(batch)d, %(delay)d
local hex, n = string.format("%%08x", seed), 0
local head = '{"v":1,"tenant":"%(tenant)s","resource":"%(resource)s","sdk":{"name":"bench","version":"1"},"events":['
local tail = ']}'
local stamp, at, first = "", 0, 0
local visitors, mixed, start, span = %(visitors)d, %(mixed)s, %(start)d, %(span)d
local headers = {["Content-Type"] = "text/plain;charset=UTF-8",
  ["User-Agent"] = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " ..
  "Chrome/126.0.0.0 Safari/537.36"}
local function event(visitor)
  n = n + 1
  if start > 0 then stamp = os.date("!%%Y-%%m-%%dT%%H:%%M:%%S.000Z", start + n %% span) end
  return string.format('{"id":"%%s-0000-4000-8000-%%012x","trackingId":"00000000-0000-4000-8000-%%012x",' ..
    '"pageView":"11111111-0000-4000-8000-%%012x","seq":%%d,"type":"page-load","name":"","value":"",' ..
    '"cost":null,"occurred":"%%s","href":"https://shop.example/page/%%d",' ..
    '"referrer":"https://shop.example/","title":"Page","language":"en-US",' ..
    '"languages":["en-US","fr"],"platform":"Win32","screen":{"width":1920,"height":1080,' ..
    '"availWidth":1920,"availHeight":1040,"pixelDepth":24,"colorDepth":24},"properties":{},' ..
    '"consent":"granted"}',
    hex, n, visitor, n, n %% 1000, stamp, n %% 50)
end
function delay() return delay_ms end
function request()
  local now = os.time()
  if now ~= at then
    at = now; stamp = os.date("!%%Y-%%m-%%dT%%H:%%M:%%S.000Z", now); first = math.floor(now / 60) * visitors
  end
  local visitor = first + math.random(visitors)
  local parts = {}
  for i = 1, batch do
    parts[i] = event(visitor)
    if mixed then visitor = first + math.random(visitors) end
  end
  return wrk.format("POST", nil, headers, head .. table.concat(parts, ",") .. tail)
end
function done(summary, latency, requests)
  print(string.format("FIGURES %%d %%d %%d", summary.requests, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


@dataclass(frozen=True)
class Target:
    """Where to send, and as whom."""

    url: str
    tenant: str
    resource: str


@dataclass(frozen=True)
class Load:
    """How to send: events a request, connections, milliseconds a connection thinks between requests.

    `mixed` = each event of a request is another visitor's. `start` (seconds since the epoch) dates the events, in turn,
    into the `span` seconds from there on; 0 = now.
    """

    batch: int = 1
    connections: int = 128
    seconds: int = 5
    delay: int = 0
    visitors: int = 2000
    mixed: bool = False
    start: int = 0
    span: int = 900


@dataclass(frozen=True)
class Outcome:
    """What was answered with a 2xx, and what was not."""

    requests: int
    refused: int
    broken: int


def drive(target: Target, load: Load, folder: Path, seed: int) -> Outcome:
    """Run wrk once. `seed` keeps the event ids of runs apart."""
    script = folder / f"load-{seed}.lua"
    script.write_text(
        SCRIPT
        % {
            "seed": seed,
            "batch": load.batch,
            "delay": load.delay,
            "visitors": load.visitors,
            "mixed": str(load.mixed).lower(),
            "start": load.start,
            "span": load.span,
            "tenant": target.tenant,
            "resource": target.resource,
        }
    )
    if not load.delay:  # wrk calls delay() for its mere existence, at a price
        script.write_text(re.sub(r"function delay\(\).*\n", "", script.read_text()))
    command = [
        "taskset",
        "-c",
        LOAD_CORE,
        "wrk",
        "-t1",
        f"-c{load.connections}",
        f"-d{load.seconds}s",
        "--timeout",
        "10s",
    ]
    run = subprocess.run([*command, "-s", str(script), target.url], capture_output=True, text=True, check=True)
    match = re.search(r"FIGURES (\d+) (\d+) (\d+)", run.stdout)
    if match is None:
        raise RuntimeError(run.stdout + run.stderr)
    requests, refused, broken = (int(group) for group in match.groups())
    return Outcome(requests - refused, refused, broken)
