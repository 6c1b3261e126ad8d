"""What an answer means: it comes after the sync, and a full disk is a 503 that heals."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from footfall_common.testing import eventually
from tests.support.process import Up, event, manifest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def one(**fields: Any) -> dict[str, Any]:
    """An event of a fresh visitor, now."""
    return event(str(uuid.uuid4()), "2999-01-01T00:00:00Z", **fields)  # the future is corrected to now


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A manifest of one site."""
    path = tmp_path / "tenant.yaml"
    path.write_text(manifest("acme", {"name": "shop"}))
    return path


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not on this machine; apt-get install strace")
async def test_the_sync_comes_before_the_answer(tmp_path: Path, acme: Path) -> None:
    async with Up(tmp_path / "data", "-f", acme) as up:
        credentials = up.credentials()
        trace = tmp_path / "trace"
        calls = "trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg"
        tracer = await asyncio.create_subprocess_exec(
            *("strace", "-f", "-y", "-s", "4096", "-e", calls, "-o", trace, "-p", str(up.process.pid)),
            stderr=subprocess.PIPE,
        )
        assert tracer.stderr is not None
        attached = await tracer.stderr.readline()
        assert b"attached" in attached, attached
        sent = one()
        answer = await up.post_events(credentials["tenantId"], credentials["resources"][0], sent)
        tracer.send_signal(signal.SIGINT)
        await tracer.communicate()
        assert answer.json()["events"][0]["status"] == "accepted"
    lines = trace.read_text().splitlines()
    answered = next(n for n, line in enumerate(lines) if re.search(r"(write|writev|send\w+)\(.*HTTP/1.1 200", line))
    written = [n for n, line in enumerate(lines) if "bus.db-wal" in line and sent["id"] in line]
    assert written, "the event was not written to the bus's log"
    synced = [n for n, line in enumerate(lines) if re.search(r"fd?a?t?a?sync\(.*bus\.db-wal", line)]
    assert any(written[0] < n < answered for n in synced), "\n".join(lines[written[0] : answered + 1])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return path


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a sized tmpfs needs root")
async def test_a_full_disk_is_503_and_heals_without_a_restart(small_disk: Path, acme: Path) -> None:
    async with Up(small_disk / "data", "-f", acme) as up:
        credentials = up.credentials()
        tenant, shop = credentials["tenantId"], credentials["resources"][0]
        visitor = str(uuid.uuid4())
        kept = event(visitor, "2999-01-01T00:00:00Z", name="kept")
        assert (await up.post_events(tenant, shop, kept)).status_code == 200
        filler = fill(small_disk)

        async def refused() -> dict[str, Any] | None:
            answer = await up.post_events(tenant, shop, one(properties={"note": "x" * 30_000}))
            if answer.status_code == 200:
                return None
            return {"status": answer.status_code, "retry": answer.headers["retry-after"], **answer.json()["error"]}

        said = await eventually(refused, 30)
        assert said is not None
        assert (said["status"], said["code"], said["retry"]) == (503, "bus_unavailable", "1")
        assert (await up.client.get(f"{up.base}/readyz")).status_code == 503
        assert (await up.client.get(f"{up.base}/livez")).status_code == 200

        filler.unlink()
        later = event(visitor, "2999-01-01T00:00:00Z", name="later")

        async def taken() -> bool:
            return (await up.post_events(tenant, shop, later)).status_code == 200

        assert await eventually(taken, 30)

        async def ready() -> bool:
            return (await up.client.get(f"{up.base}/readyz")).status_code == 200

        assert await eventually(ready, 30)
        token = await up.token(credentials)

        async def both() -> set[str] | None:
            names = {line["eventName"] for line in await up.feed(token, visitor)}
            return names if len(names) == 2 else None

        assert await eventually(both, 30) == {"kept", "later"}
