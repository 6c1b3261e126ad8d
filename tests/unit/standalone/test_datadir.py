"""The data directory: its lock, its rights, its files."""

import multiprocessing
import os
import stat
import uuid
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from footfall_common.errors import FootfallError, Unavailable
from footfall_standalone.addresses import below
from footfall_standalone.datadir import Credentials, DataDir, KnownSite, KnownTenant, Run, write_private
from footfall_standalone.exits import CommandFailed, ExitCode

TENANT = uuid.UUID(int=7)


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    made = DataDir(tmp_path / "deep" / "data")
    made.path.mkdir(parents=True)
    return made


def own(path: Path, pipe: Connection) -> None:
    with DataDir(path).owned():
        pipe.send("owned")
        pipe.recv()


def test_one_process_owns_it_and_others_see_that_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "data"
    data = DataDir(path)
    assert not data.running()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=own, args=(path, theirs), daemon=True)
    process.start()
    try:
        assert ours.poll(30)
        assert ours.recv() == "owned"
        assert data.running()
        with pytest.raises(CommandFailed, match="in use by another process") as refused, data.owned():
            pytest.fail("two processes own it")
        assert refused.value.code == ExitCode.IN_USE
        process.kill()
        process.join(30)
        assert not data.running()
        with data.owned():
            assert data.running()
    finally:
        process.kill()
        process.join(30)
        process.close()


def test_a_directory_that_cannot_be_made_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandFailed, match="cannot be used") as refused, DataDir(tmp_path / "file" / "x").owned():
        pytest.fail("it is no directory")
    assert refused.value.code == ExitCode.INVALID


def test_the_admin_token_is_made_once_for_its_owner_alone(data: DataDir) -> None:
    first = data.admin_token(lambda size: b"\x01" * size)
    assert first == "01" * 32
    assert data.admin_token(lambda size: b"\x02" * size) == first
    assert stat.S_IMODE((data.path / "admin.token").stat().st_mode) == 0o600
    (data.path / "admin.token").chmod(0o644)  # as a restored backup may have it
    assert data.admin_token(lambda size: b"\x02" * size) == first
    assert stat.S_IMODE((data.path / "admin.token").stat().st_mode) == 0o600
    (data.path / "admin.token").unlink()
    with pytest.raises(Unavailable, match="cannot be read"):
        data.read_admin_token()


def test_what_is_written_is_read_back(data: DataDir) -> None:
    assert (data.run(), data.credentials(TENANT), data.tenants()) == (None, None, [])
    run = Run(pid=1, started="2026-11-23T10:00:00+00:00", local="http://x", addresses=below("http://x"))
    credentials = Credentials(tenant_id=str(TENANT), client_id="c", client_secret="s")
    known = [KnownTenant(str(TENANT), "acme", (KnownSite("shop", "r"),)), KnownTenant("other", "abel", ())]
    data.write_run(run)
    data.write_credentials(TENANT, credentials)
    for tenant in known:
        data.write_tenant(tenant)
    assert (data.run(), data.credentials(TENANT)) == (run, credentials)
    assert data.tenants() == [known[1], known[0]]


def test_a_tenant_that_did_not_change_is_not_written_again(data: DataDir) -> None:
    known = KnownTenant(str(TENANT), "acme", ())
    data.write_tenant(known)
    path = data.path / "tenants" / f"{TENANT}.json"
    before = path.stat().st_ino
    data.write_tenant(known)
    assert path.stat().st_ino == before
    data.write_tenant(KnownTenant(str(TENANT), "acme", (KnownSite("shop", "r"),)))
    assert path.stat().st_ino != before


def test_a_file_is_private_whatever_a_crash_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secret"
    path.parent.mkdir()
    left = path.with_name(".secret.new")
    left.write_text("half of")
    left.chmod(0o644)
    old = os.umask(0)
    try:
        write_private(path, b"whole")
    finally:
        os.umask(old)
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_token_whose_rights_cannot_be_taken_back_is_named(data: DataDir) -> None:
    (data.path / "admin.token").symlink_to("admin.token")
    with pytest.raises(Unavailable, match=r"admin\.token cannot be made private"):
        data.admin_token(lambda size: b"\x01" * size)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]"])
def test_a_file_that_someone_else_wrote_is_named(data: DataDir, content: bytes) -> None:
    (data.path / "run.json").write_bytes(content)
    with pytest.raises(FootfallError, match=r"run\.json cannot be read"):
        data.run()
