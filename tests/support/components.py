"""Components as processes of their own (`python -m footfall_receiver`), each on a free port, ended with the test."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from footfall_common.manifest import TrackingTenant, registration
from footfall_common.placement import Names
from footfall_common.store.cassandra.migrate import Waiting, migrate
from footfall_common.store.cassandra.migrations import packaged
from footfall_common.store.cassandra.settings import CassandraSettings
from footfall_common.testing import eventually
from footfall_standalone.addresses import Addresses
from footfall_standalone.administration import Administration
from footfall_standalone.datadir import Credentials as ClientCredentials
from tests.support.process import ending_with_us
from tools.cassandra.handle import CassandraServers
from tools.kafka.handle import KafkaServers
from tools.servers.handle import Credentials

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 40.0
PARTITIONS: Final = 3
COMPONENTS: Final = ("identity", "tenant", "report", "raw_receiver", "receiver")


class Alone:
    """One component; `environ` are its settings, read at each start. Its port stays the same over restarts."""

    def __init__(self, name: str, folder: Path, environ: Mapping[str, str], *, command: Sequence[str] = ()) -> None:
        self.name = name
        self.environ = dict(environ)
        self._command = [sys.executable, *(command or ("-m", f"footfall_{name}"))]
        self._log = folder / f"{name}.log"
        self._seen = 0
        self._port = "0"
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.AsyncClient(trust_env=False, timeout=20)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def base(self) -> str:
        """Where it answers, once it is `listening`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def rss_mb(self) -> float:
        """Megabytes that the process holds now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    async def start(self) -> None:
        """Start it and return once it listens; it need not be ready."""
        self.spawn()
        self._port = str(await eventually(self._listening, START_SECONDS))

    def spawn(self) -> None:
        """Start it and wait for nothing."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
        own = {"FOOTFALL_PROCESS_PORT": self._port, "FOOTFALL_PROCESS_NOTICE_SECONDS": "0"}
        self._seen = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**kept, **own, **self.environ},
                preexec_fn=ending_with_us,  # noqa: PLW1509 - no threads run between fork and exec
            )

    async def ready(self) -> None:
        """Return once /readyz answers 200."""
        await eventually(self._is_ready, START_SECONDS)

    async def readiness(self) -> tuple[int, dict[str, str]]:
        """The status of /readyz and what it says is failing."""
        answer = await self.client.get(f"{self.base}/readyz")
        return answer.status_code, answer.json().get("failing", {})

    async def metrics(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        """The samples of a metric, by their labels."""
        text = (await self.client.get(f"{self.base}/metrics")).text
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return {frozenset(sample.labels.items()): sample.value for sample in samples if sample.name == name}

    def send(self, number: signal.Signals) -> None:
        """SIGSTOP hangs it, SIGCONT wakes it, SIGKILL and SIGTERM end it."""
        self.process.send_signal(number)

    async def ended(self) -> int:
        """The exit code, once there is one."""
        return await asyncio.to_thread(self.process.wait, STOP_SECONDS)

    async def stopped(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal, wait, and give the exit code."""
        self.send(number)
        return await self.ended()

    async def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it by that signal and start it again at the same address."""
        await self.stopped(number)
        await self.start()
        await self.ready()

    async def end(self) -> None:
        """End it in whatever state it is; politely first, so that it writes its coverage."""
        await self.client.aclose()
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()

    def output(self) -> str:
        """All that it wrote since it was started last."""
        with self._log.open("rb") as log:
            log.seek(self._seen)
            return log.read().decode(errors="replace")

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Its log lines of that event since it was started last."""
        found = [json.loads(line) for line in self.output().splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in found if line["event"] == event]

    def _listening(self) -> int | None:
        self._assert_alive()
        return next((int(line["port"]) for line in self.lines("listening")), None)

    async def _is_ready(self) -> bool:
        self._assert_alive()
        with contextlib.suppress(httpx.TransportError):
            return (await self.client.get(f"{self.base}/readyz")).status_code == 200
        return False

    def _assert_alive(self) -> None:
        code = self.process.poll()
        assert code is None, f"{self.name} ended with {code}: {self.output()[-4000:]}"


def kafka_environ(kafka: KafkaServers, names: Names, folder: Path) -> dict[str, str]:
    """Topics and groups of these names with a user of their own, and the settings to reach them."""
    user = Credentials(names.kafka_user, secrets.token_hex(16))
    kafka.provision(names, user, PARTITIONS)
    (folder / "kafka.password").write_text(user.password)
    topics, groups = names.topics, names.groups
    return {
        "FOOTFALL_KAFKA_SERVERS": kafka.bootstrap,
        "FOOTFALL_KAFKA_SECURITY": kafka.protocol,
        "FOOTFALL_KAFKA_USER": user.user,
        "FOOTFALL_KAFKA_PASSWORD_FILE": str(folder / "kafka.password"),
        **({"FOOTFALL_KAFKA_CA_FILE": str(kafka.ca)} if kafka.ca else {}),
        "FOOTFALL_NAMES_TOPIC_RAW": topics.raw,
        "FOOTFALL_NAMES_TOPIC_DEAD": topics.dead,
        "FOOTFALL_NAMES_TOPIC_BUCKETS": topics.buckets,
        "FOOTFALL_NAMES_TOPIC_SETTINGS": topics.settings,
        "FOOTFALL_NAMES_GROUP_RAW_RECEIVER": groups.raw_receiver,
        "FOOTFALL_NAMES_GROUP_BUCKET_WORKER": groups.bucket_worker,
        "FOOTFALL_NAMES_KEYSPACE": names.keyspace,
    }


def cassandra_environ(cassandra: CassandraServers, names: Names, folder: Path) -> dict[str, str]:
    """A migrated keyspace of that name with a role of its own, and the settings to reach it."""
    role = Credentials(names.role, secrets.token_hex(16))
    cassandra.provision(names.keyspace, role)
    (folder / "cassandra.password").write_text(role.password)
    environ = {
        "FOOTFALL_CASSANDRA_HOSTS": ",".join(cassandra.hosts),
        "FOOTFALL_CASSANDRA_PORT": str(cassandra.port),
        "FOOTFALL_CASSANDRA_USER": role.user,
        "FOOTFALL_CASSANDRA_PASSWORD_FILE": str(folder / "cassandra.password"),
        **({"FOOTFALL_CASSANDRA_CA_FILE": str(cassandra.ca)} if cassandra.ca else {}),
    }
    migrate(CassandraSettings.load(environ), names.keyspace, packaged(), Waiting())
    return environ


@asynccontextmanager
async def alone(name: str, folder: Path, environ: Mapping[str, str], **options: Any) -> AsyncIterator[Alone]:
    """A component that listens; ended with the block."""
    one = Alone(name, folder, environ, **options)
    try:
        await one.start()
        yield one
    finally:
        await one.end()


class Together:
    """The five components, each alone, on one Kafka and one Cassandra: `environ` says which."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._token = secrets.token_hex(16)
        (folder / "admin.token").write_text(self._token)
        common = {
            "FOOTFALL_PROCESS_ADMIN_TOKEN_FILE": str(folder / "admin.token"),
            "FOOTFALL_PROCESS_ISSUER": "https://identity.test",
            **environ,
        }
        storeless = {name: value for name, value in common.items() if not name.startswith("FOOTFALL_CASSANDRA_")}
        self.identity = Alone("identity", folder, {**common, "FOOTFALL_IDENTITY_ISSUER": "https://identity.test"})
        self.tenant = Alone("tenant", folder, common)
        self.report = Alone("report", folder, {**common, "FOOTFALL_REPORT_DATA_DIR": str(folder / "report")})
        self.raw_receiver = Alone("raw_receiver", folder, common)
        self.receiver = Alone("receiver", folder, storeless)
        self.client = httpx.AsyncClient(trust_env=False, timeout=20)

    @property
    def all(self) -> Sequence[Alone]:
        return (self.identity, self.tenant, self.report, self.raw_receiver, self.receiver)

    async def start(self) -> None:
        """Start all, and return once all are ready."""
        await asyncio.gather(*(one.start() for one in self.all))
        await asyncio.gather(*(one.ready() for one in self.all))

    async def provision(self, tenant: TrackingTenant) -> ClientCredentials:
        """Make the tenant and a client of it by the admin APIs, as `footfall up` does."""
        bases = {one.name: one.base for one in self.all}
        admin = Administration(self.client, Addresses(**bases, demo=""), lambda: self._token)
        await admin.register(registration(tenant))
        return await admin.issue(tenant.guid)

    async def token(self, credentials: ClientCredentials) -> str:
        """An access token for tenant and report."""
        answer = await self.client.post(
            f"{self.identity.base}/connect/token",
            data={"grant_type": "client_credentials", "scope": "tracking_api"},
            auth=(credentials.client_id, credentials.client_secret),
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def post(self, tenant: str, resource: str, *events: Mapping[str, Any]) -> httpx.Response:
        body = {"v": 1, "tenant": tenant, "resource": resource, "events": list(events)}
        return await self.client.post(f"{self.receiver.base}/api/events", json=body)

    async def feed(self, token: str, *visitors: str) -> list[dict[str, Any]]:
        """The newest 500 events of these visitors."""
        answer = await self.client.post(
            f"{self.report.base}/api/Event/feed",
            json={"offset": None, "count": 500, "creatioTrackingIds": list(visitors)},
            headers={"authorization": f"Bearer {token}"},
        )
        assert (answer.status_code, answer.json()["errorMessage"]) == (200, ""), answer.text
        events: list[dict[str, Any]] = answer.json()["events"]
        return events

    async def overview(self, token: str, **query: str) -> dict[str, Any]:
        """The report's overview."""
        answer = await self.client.get(
            f"{self.report.base}/api/v1/overview", params=query, headers={"authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def together(folder: Path, environ: Mapping[str, str]) -> AsyncIterator[Together]:
    """The five components, all ready; ended with the block, those that feed others last."""
    five = Together(folder, environ)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(five.client.aclose)
        for one in five.all:
            stack.push_async_callback(one.end)
        await five.start()
        yield five
