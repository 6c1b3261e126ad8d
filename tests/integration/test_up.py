"""`footfall up` as its user meets it. The tests of this module share one running process and change none of it."""

import datetime as dt
import json
import stat
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from footfall_common.tenancy import default_resource_id, wire_guid
from footfall_common.testing import eventually
from tests.support.process import Up, event, footfall, manifest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

ACME = str(wire_guid("acme"))
DEMO = str(wire_guid("demo"))
SHOP = {"name": "shop", "goals": [{"name": "order", "event": "purchase"}]}
PROXIES = dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    folder = tmp_path_factory.mktemp("up")
    file = folder / "acme.yaml"
    file.write_text(manifest("acme", SHOP, placement="Dedicated", kafka={"partitions": 3}), encoding="utf-8")
    async with Up(folder / "data", "--demo", "-f", file) as running:
        yield running


def resource(site: str, tenant: str = "acme") -> str:
    return str(default_resource_id(wire_guid(tenant), site))


def ago(minutes: int) -> str:
    return (dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes)).isoformat()


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_what_is_sent_comes_back_in_the_feed(up: Up, tmp_path: Path) -> None:
    visitor, other = str(uuid.uuid4()), str(uuid.uuid4())
    events = [
        event(visitor, ago(3), href="https://shop.example/a", title="A"),
        event(visitor, ago(2), type="purchase", name="boots", value="42", cost=129.5),
        event(visitor, ago(1), type="PAGE-LOAD", unheard="of"),
        event(other, ago(1)),
    ]
    lines = tmp_path / "events.jsonl"
    lines.write_text("\n".join(json.dumps(one) for one in events), encoding="utf-8")
    arguments = ("send", lines, "--data", up.data, "--tenant", "acme", "--json", "--batch", "3")
    sent = footfall(*arguments)
    assert sent.code == 1
    summary = json.loads(sent.out)
    assert (summary["accepted"], summary["duplicate"], summary["rejected"]) == (3, 0, 1)
    (reject,) = summary["rejects"]
    assert (reject["line"], reject["id"], reject["reason"], reject["field"]) == (
        3,
        events[2]["id"],
        "unknown_field",
        "unheard",
    )

    token = await up.token(up.credentials("acme"))
    found = await eventually(lambda: _of_length(2, up.feed(token, visitor)), 20)
    assert [one["eventId"] for one in found] == [events[1]["id"], events[0]["id"]]
    assert (found[0]["eventType"], found[0]["eventName"], found[0]["eventCost"]) == ("purchase", "boots", "129.5")

    assert json.loads(footfall(*arguments).out)["duplicate"] == 3
    assert len(await up.feed(token, visitor)) == 2


async def _of_length(length: int, asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await asked
    return found if len(found) == length else []


async def test_the_data_directory_says_who_serves_it_and_keeps_its_secrets(up: Up) -> None:
    run = up.run
    assert run["pid"] == up.process.pid
    assert dt.datetime.fromisoformat(run["started"]).tzinfo is not None
    assert run["addresses"]["receiver"] == f"{up.base}/receiver"
    held = list(up.data.rglob("*"))
    assert {up.data / name for name in ("admin.token", f"credentials/{ACME}.json", "run.json", "bus.db")} <= {*held}
    others = [str(one) for one in (up.data, *held) if rights(one) & 0o077]
    assert others == []  # whatever is kept is about people
    stored = json.loads((up.data / "credentials" / f"{ACME}.json").read_bytes())
    urls = {name: f"{up.base}/{name}" for name in ("receiver", "tenant", "report", "identity")}
    assert up.credentials("acme") == {**stored, "tenantId": ACME, "resources": [resource("shop")], "urls": urls}
    assert up.credentials(ACME.upper()) == up.credentials("acme")
    assert all(f"{address}" in up.stdout() for address in urls.values())


async def test_of_several_tenants_one_must_be_named(up: Up) -> None:
    done = footfall("credentials", "--data", up.data, "--json")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert f"acme ({ACME}), demo ({DEMO})" in done.err


async def test_probes_and_metrics_stand_at_the_root_and_at_each_component(up: Up) -> None:
    for prefix in ("", "/receiver", "/tenant", "/report", "/identity", "/raw_receiver"):
        for probe in ("livez", "readyz", "metrics"):
            assert (await up.client.get(f"{up.base}{prefix}/{probe}")).status_code == 200, f"{prefix}/{probe}"
    await up.post_events(ACME, resource("shop"), event(None, ago(0)))
    assert "footfall_receiver_events_total{" in (await up.client.get(f"{up.base}/metrics")).text
    missing = await up.client.get(f"{up.base}/nothing", headers={"x-request-id": "mine"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    assert missing.headers["x-request-id"] == "mine"
    assert (await up.client.get(f"{up.base}/tenant/admin/v1/tenants/{ACME}")).status_code == 401


async def test_a_second_process_on_the_same_data_or_port_ends_with_3(up: Up, tmp_path: Path) -> None:
    same = footfall("up", "--data", up.data, "--port", 0)
    assert (same.code, same.err.count("\n")) == (3, 1)
    assert f"in use by another process (pid {up.process.pid})" in same.err
    port = up.base.rpartition(":")[2]
    other = footfall("up", "--data", tmp_path / "other", "--port", port)
    assert (other.code, other.err.count("\n")) == (3, 1)
    assert f"Port {port}" in other.err
    assert (await up.client.get(f"{up.base}/readyz")).status_code == 200


async def test_fields_that_act_in_a_cluster_only_are_named_at_the_start(up: Up) -> None:
    path = up.data.with_name("acme.yaml")
    named = [line for line in up.errors() if line["event"] == "field_without_effect"]
    assert [(line["file"], line["field"]) for line in named] == [
        (str(path), "spec.placement"),
        (str(path), "spec.kafka"),
    ]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert ['"placement"' in lines[named[0]["line"] - 1], '"kafka"' in lines[named[1]["line"] - 1]] == [True, True]


async def test_the_demo_is_a_shop_whose_snippet_names_the_receiver(up: Up) -> None:
    page = await up.client.get(f"{up.base}/demo?utm_source=x", follow_redirects=True)
    assert (page.status_code, str(page.url)) == (200, f"{up.base}/demo/?utm_source=x")
    assert f'"{up.base}/receiver"' in page.text
    assert f'"{resource("shop", "demo")}"' in page.text
    assert "{{" not in page.text
    assert (await up.client.get(f"{up.base}/demo/shop.css")).headers["content-type"].startswith("text/css")
    missing = await up.client.get(f"{up.base}/demo/..%2Fsettings.py")
    assert missing.status_code == 404
    engine = await up.client.get(f"{up.base}/receiver/JS/creatio-tracking-engine.min.js")
    assert engine.status_code == 200


async def test_the_demo_shows_a_visitors_own_events_and_no_other_tenants(up: Up) -> None:
    visitor = str(uuid.uuid4())
    shown = event(visitor, ago(1), href="http://localhost/demo/")
    await up.post_events(ACME, resource("shop"), event(visitor, ago(1)))
    await up.post_events(DEMO, resource("shop", "demo"), shown)
    token = await up.token(up.credentials("acme"))
    await eventually(lambda: up.feed(token, visitor), 20)
    found = await eventually(lambda: _demo_feed(up, visitor), 20)
    assert [one["eventId"] for one in found] == [shown["id"]]
    assert await _demo_feed(up, str(uuid.uuid4())) == []
    asked = {"origin": "https://elsewhere.example"}
    answer = await up.client.get(f"{up.base}/demo/feed", params={"trackingId": visitor}, headers=asked)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]  # no other site may read it
    wrong = await up.client.get(f"{up.base}/demo/feed", params={"trackingId": "nobody"})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "trackingId")


async def _demo_feed(up: Up, visitor: str) -> list[dict[str, Any]]:
    answer = await up.client.get(f"{up.base}/demo/feed", params={"trackingId": visitor})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["events"])


async def test_a_proxy_of_the_environment_is_for_other_machines(up: Up) -> None:
    assert footfall("dead", "--data", up.data, "--json", env=PROXIES).json() == []
    arguments = ("send", "--data", up.data, "--tenant", "acme", "--fill", "--json")
    assert footfall(*arguments, stdin=b'{"type": "LEAD"}', env=PROXIES).json()["accepted"] == 1


async def test_what_send_cannot_send_it_says(up: Up) -> None:
    unknown = footfall(
        *("send", "--receiver", f"{up.base}/receiver", "--tenant", "acme", "--site", str(uuid.uuid4()), "--fill"),
        stdin=b'{"type": "LEAD"}',
    )
    assert unknown.code == 1
    assert "401 unknown_resource" in unknown.err
    faulty = footfall("send", "--data", up.data, "--tenant", "acme", stdin=b'oops\n{"type": "x"}\n')
    assert faulty.code == 1
    assert "0 accepted, 0 duplicate, 2 rejected" in faulty.out
    assert "line 1: not_json" in faulty.out
    assert "line 2: missing_field (id)" in faulty.out
