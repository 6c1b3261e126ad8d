"""A component in a process of its own, while what it stands on is away: started, judged, stopped and broken."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from footfall_common.testing import eventually
from tests.support.components import COMPONENTS, Alone, alone

AWAY = {"FOOTFALL_KAFKA_SERVERS": "127.0.0.1:1", "FOOTFALL_KAFKA_SECURITY": "PLAINTEXT"}
STORE_AWAY = {
    **AWAY,
    "FOOTFALL_CASSANDRA_HOSTS": "127.0.0.1",
    "FOOTFALL_CASSANDRA_PORT": "1",
    "FOOTFALL_PROCESS_ISSUER": "https://identity.test",
}


BROKEN = str(Path(__file__).parents[1] / "support" / "broken.py")


async def judged(name: str, folder: Path, environ: dict[str, str], *options: str) -> tuple[int, str]:
    """How a component ends that must not start, and what it wrote."""
    one = Alone(name, folder, environ, command=("-m", f"footfall_{name}", *options))
    one.spawn()
    try:
        return await one.ended(), one.output()
    finally:
        await one.end()


@pytest.mark.parametrize("name", COMPONENTS)
async def test_it_starts_without_bus_and_store_and_says_which_of_them_is_away(name: str, tmp_path: Path) -> None:
    needed = {"bus"} if name == "receiver" else {"bus", "store"}
    async with alone(name, tmp_path, AWAY if name == "receiver" else STORE_AWAY) as one:
        assert (await one.client.get(f"{one.base}/livez")).status_code == 200

        async def says_why() -> bool:
            status, failing = await one.readiness()
            return status == 503 and set(failing) == needed and "127.0.0.1:1" in failing["bus"]

        await eventually(says_why, 20)
        answer = await one.client.post(f"{one.base}/api/events", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "starting")
        assert "retry-after" in answer.headers
        assert "127.0.0.1" not in answer.text
        assert await one.stopped() == 0
        assert one.lines("stopped")


async def test_the_pauses_between_tries_grow(tmp_path: Path) -> None:
    quick = {"FOOTFALL_PROCESS_RETRY_SECONDS": "0.01", "FOOTFALL_PROCESS_RETRY_MAX_SECONDS": "0.04"}
    async with alone("receiver", tmp_path, {**AWAY, **quick}) as one:
        await eventually(lambda: len(one.lines("not_open")) >= 5, 20)
        lines = one.lines("not_open")
    assert [line["retry_s"] for line in lines[:5]] == [0.01, 0.02, 0.04, 0.04, 0.04]
    assert {line["part"] for line in lines} == {"bus"}


@pytest.mark.parametrize(
    ("name", "environ", "told"),
    [
        ("receiver", {}, "FOOTFALL_KAFKA_SERVERS is not set"),
        ("receiver", {**AWAY, "FOOTFALL_RECEIVER_REPLICA": "2"}, "did you mean FOOTFALL_RECEIVER_REPLICAS?"),
        ("receiver", {**AWAY, "FOOTFALL_CASANDRA_HOSTS": "c"}, "FOOTFALL_CASANDRA_HOSTS is not a setting"),
        ("receiver", {**AWAY, "FOOTFALL_KAFKA_SECURITY": "SASL_SSL"}, "FOOTFALL_KAFKA_PASSWORD_FILE"),
        ("receiver", {**AWAY, "FOOTFALL_NAMES_TOPIC_RAW": "a topic"}, "FOOTFALL_NAMES_TOPIC_RAW is 'a topic'"),
        ("raw_receiver", {**STORE_AWAY, "FOOTFALL_RAW_RECEIVER_ROLES": "worker"}, "FOOTFALL_RAW_RECEIVER_ROLES"),
        ("raw_receiver", {**STORE_AWAY, "FOOTFALL_RAW_RECEIVER_ROLES": ""}, "FOOTFALL_RAW_RECEIVER_ROLES"),
        ("report", {**STORE_AWAY, "FOOTFALL_PROCESS_ISSUER": ""}, "FOOTFALL_PROCESS_ISSUER is not set"),
        ("identity", {**STORE_AWAY, "FOOTFALL_PROCESS_ADMIN_TOKEN_FILE": "/no/such"}, "ADMIN_TOKEN_FILE is '/no/such'"),
    ],
)
async def test_a_wrong_setting_ends_it_with_2_and_is_named(
    name: str, environ: dict[str, str], told: str, tmp_path: Path
) -> None:
    code, output = await judged(name, tmp_path, environ, "--check-settings")
    assert code == 2
    assert told in output
    assert "Traceback" not in output


async def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    wrong = {"FOOTFALL_KAFKA_LINGER_MS": "soon", "FOOTFALL_RECEIVER_MAX_EVENTS": "0", "FOOTFALL_PROCESS_PORT": "-1"}
    code, output = await judged("receiver", tmp_path, AWAY | wrong)  # a start, and not a question
    assert code == 2
    assert all(variable in output for variable in wrong)


async def test_settings_can_be_judged_without_a_start(tmp_path: Path) -> None:
    assert await judged("receiver", tmp_path, AWAY, "--check-settings") == (0, "")
    code, output = await judged("raw_receiver", tmp_path, {}, "--help")
    assert code == 0
    assert "docs/settings.md" in output
    assert "FOOTFALL_RAW_RECEIVER_ROLES = raw-receiver,bucket-worker" in output
    assert "FOOTFALL_CASSANDRA_HOSTS" in output


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    async with alone("receiver", tmp_path, AWAY) as one:
        port = one.base.rpartition(":")[2]
        code, output = await judged("receiver", tmp_path, {**AWAY, "FOOTFALL_PROCESS_PORT": port})
    assert code == 2
    assert f"port {port}" in output


async def test_it_says_that_it_drains_before_it_stops(tmp_path: Path) -> None:
    async with alone("receiver", tmp_path, {**AWAY, "FOOTFALL_PROCESS_NOTICE_SECONDS": "30"}) as one:
        one.send(signal.SIGTERM)

        async def draining() -> bool:
            answer = await one.client.get(f"{one.base}/readyz")
            return answer.status_code == 503 and answer.json()["status"] == "draining"

        await eventually(draining)
        assert (await one.client.get(f"{one.base}/livez")).headers["connection"] == "close"
        one.send(signal.SIGTERM)  # once more: at once, for all that it still has to do
        assert await one.ended() == -signal.SIGTERM


async def test_a_process_that_lost_a_task_ends_with_a_line_in_the_log(tmp_path: Path) -> None:
    async with alone("broken", tmp_path, AWAY, command=(BROKEN, "dies")) as one:
        assert await one.ended() == 1
        (line,) = one.lines("failed")
    assert (line["level"], line["component"]) == ("error", "broken")
    assert "LookupError: the task is dead" in line["exception"]


async def test_a_part_that_will_not_end_does_not_keep_the_process(tmp_path: Path) -> None:
    soon = {"FOOTFALL_PROCESS_STOP_SECONDS": "1"}
    async with alone("broken", tmp_path, AWAY | soon, command=(BROKEN, "hangs")) as one:
        await eventually(lambda: one.lines("running"), 20)
        assert await one.stopped() == 1
        assert "in hangs" in one.output()


@pytest.mark.parametrize(
    ("name", "unwanted"),
    [
        ("receiver", {"cassandra", "pyarrow", "duckdb", "footfall_common.sqlite", "sqlite3", "numpy", "ua_parser"}),
        ("identity", {"pyarrow", "duckdb", "numpy", "footfall_common.sqlite"}),
        ("tenant", {"pyarrow", "duckdb", "numpy", "footfall_common.sqlite"}),
        ("raw_receiver", {"duckdb", "footfall_common.sqlite"}),
        ("report", {"footfall_common.sqlite", "ua_parser"}),
    ],
)
def test_a_process_loads_only_what_it_speaks_to(name: str, unwanted: set[str]) -> None:
    """What is loaded is memory that every replica pays for, and a driver that may fail."""
    statement = f"import sys, footfall_{name}.__main__; print(*sys.modules)"
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    loaded = subprocess.run(
        [sys.executable, "-c", statement], capture_output=True, text=True, check=True, timeout=60, env=unmeasured
    ).stdout.split()
    assert not unwanted & set(loaded)
    assert f"footfall_{name}.app" in loaded
