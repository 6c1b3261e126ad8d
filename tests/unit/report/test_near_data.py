"""What report keeps near and may lose: cached chunks, the cursor's key file."""

import hashlib
import itertools
import os
from pathlib import Path

import pytest

from footfall_common.errors import SettingsInvalid
from footfall_common.testing import ManualClock
from footfall_report.repository.chunks import DiskChunks, MemoryChunks
from footfall_report.repository.keys import KeyFile

DAY_SECONDS = 86_400


def chunk(number: int, size: int = 100) -> tuple[bytes, bytes]:
    body = bytes([number]) * size
    return hashlib.sha256(body).digest(), body


ONE, TWO, THREE = chunk(1), chunk(2), chunk(3)


def on_disk(folder: Path, limit: int) -> DiskChunks:
    cache = DiskChunks(folder / "chunks", limit)
    cache.open()
    return cache


@pytest.mark.parametrize("kind", ["disk", "memory"])
async def test_the_least_used_chunk_leaves_first(tmp_path: Path, kind: str) -> None:
    # A file carries its digest as well: room for two chunks, not for three.
    cache = on_disk(tmp_path, 280) if kind == "disk" else MemoryChunks(280)
    await cache.put(dict([ONE, TWO]))
    assert await cache.get([ONE[0]]) == dict([ONE])
    await cache.put(dict([THREE]))
    assert await cache.get([ONE[0], TWO[0], THREE[0]]) == dict([ONE, THREE])


async def test_a_disk_cache_is_taken_over(tmp_path: Path) -> None:
    await on_disk(tmp_path, 1_000).put(dict([ONE, TWO]))
    for left in ("half.new", "x" * 64):
        (tmp_path / "chunks" / left).write_bytes(b"left by a killed process")
    smaller = on_disk(tmp_path, 280)
    assert await smaller.get([ONE[0], TWO[0]]) == dict([ONE, TWO])
    await smaller.put(dict([THREE]))
    assert len(list((tmp_path / "chunks").iterdir())) == 2


async def test_a_torn_or_missing_file_is_no_chunk(tmp_path: Path) -> None:
    cache = on_disk(tmp_path, 1_000)
    await cache.put(dict([ONE, TWO, THREE]))
    (tmp_path / "chunks" / ONE[0].hex()).write_bytes(b"\0" * 132)
    (tmp_path / "chunks" / TWO[0].hex()).unlink()
    assert await cache.get([ONE[0], TWO[0], THREE[0]]) == dict([THREE])
    await cache.put(dict([ONE]))
    assert await cache.get([ONE[0]]) == dict([ONE])


async def test_a_cache_that_cannot_be_written_stays_empty(tmp_path: Path) -> None:
    cache = on_disk(tmp_path, 1_000)
    (tmp_path / "chunks").rmdir()
    await cache.put(dict([ONE]))
    assert await cache.get([ONE[0]]) == {}


def key_file(path: Path, clock: ManualClock, days: int = 30) -> KeyFile:
    numbers = itertools.count(1)
    keys = KeyFile(path, days=days, random_bytes=lambda size: bytes([next(numbers)]) * size, clock=clock)
    keys.open()
    return keys


def test_a_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "cursor.keys"
    first = key_file(path, ManualClock()).accepted()
    assert first == (b"\1" * 32,)
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_file(path, ManualClock()).accepted() == first


def test_a_key_is_replaced_when_old_and_the_one_before_still_holds(tmp_path: Path) -> None:
    path, clock = tmp_path / "cursor.keys", ManualClock()
    keys = key_file(path, clock)
    made = clock.now_ms() / 1000
    os.utime(path, (made, made))
    clock.advance(seconds=30 * DAY_SECONDS - 1)
    assert not keys.rotate_if_due()
    clock.advance(seconds=1)
    assert keys.rotate_if_due()
    assert keys.accepted() == (b"\2" * 32, b"\1" * 32)
    os.utime(path, (made, made))
    assert keys.rotate_if_due()
    assert keys.accepted() == (b"\3" * 32, b"\2" * 32)


def test_a_file_managed_by_others_is_never_rotated(tmp_path: Path) -> None:
    path = tmp_path / "cursor.keys"
    keys = key_file(path, ManualClock(), days=0)
    os.utime(path, (0, 0))
    assert not keys.rotate_if_due()


@pytest.mark.parametrize("content", ["", "not hex", "abcd", "é" * 64])
def test_a_useless_key_file_stops_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "cursor.keys"
    path.write_text(content)
    with pytest.raises(SettingsInvalid, match=r"64 hex digits"):
        key_file(path, ManualClock())
