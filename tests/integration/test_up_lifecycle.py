"""Starting, stopping and starting again: processes of their own."""

import asyncio
import datetime as dt
import json
import signal
import socket
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from footfall_common.bus import Outgoing
from footfall_common.bus import embedded as embedded_bus
from footfall_common.bus.embedded import BusLimits, EmbeddedBus, topic_specs
from footfall_common.clock import SystemClock
from footfall_common.documents import NIL
from footfall_common.errors import BusUnavailable
from footfall_common.placement import Placement, names
from footfall_common.sqlite import SqliteFile
from footfall_common.tenancy import default_resource_id, wire_guid
from footfall_common.testing import eventually
from tests.support.process import Up, event, footfall, manifest

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]

ACME = str(wire_guid("acme"))
SHOP = {"name": "shop"}
RESOURCE = str(default_resource_id(wire_guid("acme"), "shop"))


def now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "acme.yaml"
    path.write_text(manifest("acme", SHOP), encoding="utf-8")
    return path


@pytest_asyncio.fixture
async def up(tmp_path: Path, file: Path) -> AsyncIterator[Up]:
    async with Up(tmp_path / "data", "-f", file) as running:
        yield running


async def test_credentials_are_made_once_and_anew_where_their_file_was_lost(up: Up) -> None:
    first = up.credentials()
    old_token = await up.token(first)
    assert await up.stopped(signal.SIGINT) == 0

    up.start()
    await up.ready()
    kept = up.credentials()
    assert kept["clientSecret"] == first["clientSecret"]

    # As after a crash between identity's answer and the file.
    await up.stopped(signal.SIGKILL)
    (up.data / "credentials" / f"{ACME}.json").unlink()
    up.start()
    await up.ready()
    second = up.credentials()
    assert second["clientId"] == first["clientId"]
    assert second["clientSecret"] != first["clientSecret"]
    assert (await up.ask_token(first)).status_code == 401
    assert await up.feed(await up.token(second), str(uuid.uuid4())) == []
    refused = await up.client.post(f"{up.base}/report/api/Event/feed", headers={"authorization": f"Bearer {old_token}"})
    assert refused.status_code == 401


@pytest.mark.parametrize(("method", "below"), [("POST", "/rotate"), ("DELETE", "")])
async def test_credentials_that_hold_no_more_are_replaced_at_the_next_start(up: Up, method: str, below: str) -> None:
    first = up.credentials()
    admin = {"authorization": f"Bearer {(up.data / 'admin.token').read_text().strip()}"}
    client = f"{up.base}/identity/admin/v1/tenants/{ACME}/clients/creatio{below}"
    assert (await up.client.request(method, client, headers=admin)).is_success
    assert (await up.ask_token(first)).status_code == 401
    await up.restart()
    second = up.credentials()
    assert second["clientSecret"] != first["clientSecret"]
    assert (await up.ask_token(second)).status_code == 200


async def test_sigterm_lets_a_request_end_whose_body_comes_late(up: Up) -> None:
    body = json.dumps({"v": 1, "tenant": ACME, "resource": RESOURCE, "events": event(None, now())}).encode()
    host, _, port = up.base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /receiver/api/events HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n")
    # The server asks for the body: from here on the request is in its hands.
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    up.process.send_signal(signal.SIGTERM)
    await eventually(lambda: _refuses(host, int(port)), 10)
    writer.write(body)
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"accepted"' in answer
    assert await up.ended() == 0
    assert "Traceback" not in up.stderr()
    assert json.loads((up.data / "run.json").read_bytes())["pid"] == up.process.pid


def _refuses(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) != 0


async def test_dead_letters_are_listed_while_it_runs(up: Up) -> None:
    await up.stopped()
    await _publish_raw(up.data, b"\x00 no record")
    up.start()
    await up.ready()

    async def letters() -> list[dict[str, object]]:
        done = await asyncio.to_thread(footfall, "dead", "--data", up.data, "--json")
        found: list[dict[str, object]] = done.json()
        return found

    (letter,) = await eventually(letters, 20)
    assert letter | {"reason": "", "partition": 0} == {
        "stage": "decode",
        "reason": "",
        "partition": 0,
        "offset": 0,
        "index": 0,
        "bytes": "ACBubyByZWNvcmQ=",
    }
    assert letter["reason"]
    assert "no record" in footfall("dead", "--data", up.data).out
    metrics = (await up.client.get(f"{up.base}/metrics")).text
    assert 'footfall_dead_letters_total{reason="unreadable",stage="decode"} 1.0' in metrics

    await up.stopped()
    done = footfall("dead", "--data", up.data, "--json")
    assert (done.code, done.err.count("\n")) == (4, 1)
    assert "No `footfall up` serves" in done.err


async def _publish_raw(data: Path, value: bytes) -> None:
    """Put bytes on the raw topic of a process that does not run, as a sender of another version might."""
    topics = names(NIL, Placement.POOLED).topics
    files = {
        "bus": SqliteFile(data / "bus.db", embedded_bus.SCHEMA, unavailable=BusUnavailable, readers=1),
        "store": SqliteFile(data / "store.db", embedded_bus.SCHEMA, unavailable=BusUnavailable, readers=1),
    }
    bus = EmbeddedBus({"bus": files["bus"], "store": files["store"]}, topic_specs(topics), SystemClock(), BusLimits())
    await bus.open()
    await bus.publish([Outgoing(topics.raw, b"key", value)])
    await bus.close()
    for opened in files.values():
        await opened.close()


@pytest.mark.parametrize("backup", ["older", "none"])
async def test_settings_come_back_where_bus_db_was_lost_before_any_event_came(up: Up, backup: str) -> None:
    await up.stopped()
    bus_file = up.data / "bus.db"
    await asyncio.to_thread(bus_file.unlink)
    if backup == "older":
        await _publish_raw(up.data, b"no record")  # makes a bus.db without settings
    up.start()
    await up.ready()
    answer = await up.post_events(ACME, RESOURCE, event(str(uuid.uuid4()), now()))
    assert answer.json()["events"][0]["status"] == "accepted"


async def test_an_older_bus_db_ends_with_2_and_starts_again_once_the_files_agree(up: Up) -> None:
    visitor = str(uuid.uuid4())
    await up.stopped()
    bus_file, aside = up.data / "bus.db", up.data / "aside.db"
    older = await asyncio.to_thread(bus_file.read_bytes)
    up.start()
    await up.ready()
    await up.post_events(ACME, RESOURCE, event(visitor, now()))
    token = await up.token(up.credentials())
    await eventually(lambda: _one_of(up, token, visitor), 20)
    await up.stopped()
    await asyncio.to_thread(bus_file.rename, aside)
    await asyncio.to_thread(bus_file.write_bytes, older)
    done = await asyncio.to_thread(footfall, "up", "--data", up.data, "--port", 0)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"{bus_file} is older than {up.data / 'store.db'}" in done.err

    await asyncio.to_thread(aside.replace, bus_file)
    up.start()
    await up.ready()
    answer = await up.post_events(ACME, RESOURCE, event(visitor, now()))
    assert answer.json()["events"][0]["status"] == "accepted"


async def _one_of(up: Up, token: str, visitor: str) -> bool:
    return len(await up.feed(token, visitor)) == 1


async def test_a_manifest_that_the_tenant_service_refuses_at_the_start_ends_with_2(up: Up, file: Path) -> None:
    await up.stopped()
    await asyncio.to_thread(file.write_text, manifest("acme", SHOP, placement="Dedicated"), "utf-8")
    done = footfall("up", "--data", up.data, "--port", 0, "-f", file)
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith(f"footfall: {file}:9: spec.placement: ")


async def test_another_address_for_the_public_is_what_others_are_told(tmp_path: Path, file: Path) -> None:
    public = {"FOOTFALL_STANDALONE_PUBLIC_URL": "https://track.example"}
    async with Up(tmp_path / "data", "-f", file, env=public) as up:
        credentials = up.credentials()
        assert credentials["urls"]["receiver"] == "https://track.example/receiver"
        assert "https://track.example/receiver" in footfall("snippet", "--data", up.data).out
        discovery = await up.client.get(f"{up.base}/identity/.well-known/openid-configuration")
        assert discovery.json()["issuer"] == "https://track.example/identity"
        assert await up.feed(await up.token(credentials), str(uuid.uuid4())) == []
        assert (await up.client.get(f"{up.base}/demo/")).status_code == 404


@pytest.mark.parametrize(
    ("text", "line", "field"),
    [
        (manifest("acme", {"name": "shop", "timezone": "UTC"}), 13, "spec.sites[0].timezone"),
        ("kind: [", 1, None),
    ],
)
def test_a_bad_manifest_at_the_start_ends_with_2_and_says_where(
    tmp_path: Path, text: str, line: int, field: str | None
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    done = footfall("up", "--data", tmp_path / "data", "--port", 0, "-f", path)
    assert done.code == 2
    assert done.err.startswith(f"footfall: {path}:{line}: {field + ': ' if field else ''}")
    assert done.err.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_tenant_of_two_files_ends_with_2(tmp_path: Path, file: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(manifest("ACME".lower(), SHOP), encoding="utf-8")
    done = footfall("up", "--data", tmp_path / "data", "--port", 0, "-f", file, "-f", other)
    assert (done.code, done.err.startswith(f"footfall: {other}:8: spec.tenantId: ")) == (2, True)


def test_an_unknown_setting_ends_with_2(tmp_path: Path) -> None:
    done = footfall("up", "--data", tmp_path / "data", env={"FOOTFALL_STANDALONE_HOSTS": "x"})
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "did you mean FOOTFALL_STANDALONE_HOST?" in done.err


def test_an_address_of_another_machine_ends_with_2(tmp_path: Path) -> None:
    done = footfall("up", "--data", tmp_path / "data", env={"FOOTFALL_STANDALONE_HOST": "192.0.2.1"})
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "Cannot listen on port 8080 of 192.0.2.1" in done.err


def test_data_that_is_no_database_ends_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "store.db").write_bytes(b"not SQLite, and long enough to be looked at" * 100)
    done = footfall("up", "--data", tmp_path / "data", "--port", 0)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "store.db" in done.err
