"""`footfall up` as a process of its own, on a free port and a data directory of the test's."""

import asyncio
import base64
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from footfall_common.testing import eventually

COMMAND = (sys.executable, "-c", "from footfall_standalone.cli import main; main()")
START_SECONDS = 40.0
STOP_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def ending_with_us() -> None:
    """For a child between fork and exec: it ends with this test process, even when that is killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def footfall(*arguments: object, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> "Finished":
    """A command that ends by itself."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env=_environment(env),
        timeout=STOP_SECONDS,
        check=False,
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


class Finished:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


class Up:
    """A running `footfall up`; leaving the block ends it, by its pid, whatever happened."""

    def __init__(self, data: Path, *arguments: object, env: Mapping[str, str] | None = None) -> None:
        self.data = data
        self._arguments = [*COMMAND, "up", "--data", str(data), *map(str, arguments)]
        if "--port" not in arguments:
            self._arguments += ["--port", "0"]
        self._env = _environment(env)
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.AsyncClient(trust_env=False, timeout=20)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    @property
    def run(self) -> dict[str, Any]:
        """`run.json`."""
        content: dict[str, Any] = json.loads((self.data / "run.json").read_bytes())
        return content

    @property
    def base(self) -> str:
        return str(self.run["local"])

    async def __aenter__(self) -> Self:
        self.start()
        await self.ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()  # first: a process that is killed writes no coverage
            try:
                await asyncio.to_thread(self._process.wait, STOP_SECONDS)
            finally:
                self._process.kill()
                self._process.wait()

    def start(self) -> None:
        """Start it without waiting until it is ready."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with self._log("out").open("ab") as out, self._log("err").open("ab") as err:
            self._process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self._env,
                preexec_fn=ending_with_us,  # noqa: PLW1509 - no threads run between fork and exec
            )

    async def ready(self) -> None:
        """Return once /readyz answers 200."""
        await eventually(self._is_ready, START_SECONDS)

    async def stopped(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal, wait, and give the exit code."""
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """The exit code, once there is one."""
        return await asyncio.to_thread(self.process.wait, STOP_SECONDS)

    async def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it by that signal and start it again on the same data."""
        await self.stopped(number)
        self.start()
        await self.ready()

    def errors(self) -> list[dict[str, Any]]:
        """Its lines of JSON on stderr."""
        return [json.loads(line) for line in self.stderr().splitlines() if line.startswith("{")]

    def stderr(self) -> str:
        return self._log("err").read_text(encoding="utf-8")

    def stdout(self) -> str:
        return self._log("out").read_text(encoding="utf-8")

    def credentials(self, tenant: str | None = None) -> dict[str, Any]:
        """What `footfall credentials --json` prints."""
        named = ("--tenant", tenant) if tenant else ()
        content: dict[str, Any] = footfall("credentials", "--data", self.data, "--json", *named).json()
        return content

    async def post_events(self, tenant: str, resource: str, *events: Mapping[str, Any]) -> httpx.Response:
        body = {"v": 1, "tenant": tenant, "resource": resource, "events": list(events)}
        return await self.client.post(f"{self.base}/receiver/api/events", json=body)

    async def token(self, credentials: Mapping[str, Any]) -> str:
        answer = await self.ask_token(credentials)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def ask_token(self, credentials: Mapping[str, Any]) -> httpx.Response:
        basic = base64.b64encode(f"{credentials['clientId']}:{credentials['clientSecret']}".encode()).decode()
        return await self.client.post(
            f"{self.base}/identity/connect/token",
            data={"grant_type": "client_credentials", "scope": "tracking_api"},
            headers={"authorization": f"Basic {basic}"},
        )

    async def feed(self, token: str, *visitors: str) -> list[dict[str, Any]]:
        """The newest 500 events of these visitors."""
        answer = await self.client.post(
            f"{self.base}/report/api/Event/feed",
            json={"offset": None, "count": 500, "creatioTrackingIds": list(visitors)},
            headers={"authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["errorMessage"] == ""
        events: list[dict[str, Any]] = answer.json()["events"]
        return events

    def _log(self, name: str) -> Path:
        return self.data.with_name(f"{self.data.name}.{name}")

    async def _is_ready(self) -> bool:
        code = self.process.poll()
        assert code is None, f"it ended with {code}: {self.stderr()}"
        with contextlib.suppress(FileNotFoundError, httpx.TransportError):
            if self.run["pid"] == self.process.pid:
                return (await self.client.get(f"{self.base}/readyz")).status_code == 200
        return False


@contextlib.asynccontextmanager
async def many() -> AsyncIterator[Callable[..., Up]]:
    """Makes processes that all end with the block."""
    async with contextlib.AsyncExitStack() as stack:

        def make(data: Path, *arguments: object, env: Mapping[str, str] | None = None) -> Up:
            up = Up(data, *arguments, env=env)
            stack.push_async_exit(up.__aexit__)
            return up

        yield make


def manifest(tenant_id: str, *sites: Mapping[str, Any], **spec: Any) -> str:
    """A TrackingTenant as YAML (JSON is YAML)."""
    return json.dumps(
        {
            "apiVersion": "footfall.dev/v1alpha1",
            "kind": "TrackingTenant",
            "metadata": {"name": tenant_id},
            "spec": {"tenantId": tenant_id, "placement": "Pooled", "sites": list(sites), **spec},
        },
        indent=1,
    )


def event(visitor: str | None, occurred: str, **fields: Any) -> dict[str, Any]:
    """An event with a fresh id."""
    return {"id": str(uuid.uuid4()), "trackingId": visitor, "type": "page-load", "occurred": occurred, **fields}


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """This process's, without settings of its own, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
    return {**kept, **(extra or {})}
