"""Chunks kept near: bounded, by hash, the least used leave first. Losing any of it changes no number."""

import asyncio
import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

_log = structlog.get_logger(__name__)
_DIGEST = 32
_NAME = re.compile(f"[0-9a-f]{{{2 * _DIGEST}}}")


class ChunkCache(Protocol):
    """A place for chunks; `get` may forget anything at any time."""

    async def get(self, ids: Sequence[bytes]) -> dict[bytes, bytes]:
        """Those that are here."""
        ...

    async def put(self, chunks: dict[bytes, bytes]) -> None:
        """Keep these, as far as there is room."""
        ...


class MemoryChunks:
    """Chunks in memory, at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0

    async def get(self, ids: Sequence[bytes]) -> dict[bytes, bytes]:
        found = {chunk: self._held[chunk] for chunk in ids if chunk in self._held}
        for chunk in found:
            self._held.move_to_end(chunk)
        return found

    async def put(self, chunks: dict[bytes, bytes]) -> None:
        for chunk, body in chunks.items():
            self._size += len(body) - len(self._held.pop(chunk, b""))
            self._held[chunk] = body
        while self._size > self._limit:
            _, body = self._held.popitem(last=False)
            self._size -= len(body)


class DiskChunks:
    """Chunks as files of one folder, at most `limit` bytes. A file carries its own digest: a torn one is none.

    The folder belongs to this process. What is in it at the start is taken over, in the order of last use.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._sizes: OrderedDict[bytes, int] = OrderedDict()
        self._total = 0

    def open(self) -> None:
        """Take over what the folder holds; OSError when it cannot be used."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for _, file in sorted((file.stat().st_mtime_ns, file) for file in self._folder.iterdir()):
            if _NAME.fullmatch(file.name):
                self._note(bytes.fromhex(file.name), file.stat().st_size)
            else:
                file.unlink()

    async def get(self, ids: Sequence[bytes]) -> dict[bytes, bytes]:
        found = await asyncio.to_thread(self._read, [chunk for chunk in ids if chunk in self._sizes])
        for chunk in found.keys() & self._sizes.keys():
            self._sizes.move_to_end(chunk)
        return found

    async def put(self, chunks: dict[bytes, bytes]) -> None:
        try:
            for chunk, size in (await asyncio.to_thread(self._write, chunks)).items():
                self._note(chunk, size)
        except OSError as error:
            _log.warning("chunk_cache_full", folder=str(self._folder), error=str(error))  # a cache may stay empty
        while self._total > self._limit:
            chunk, size = self._sizes.popitem(last=False)
            self._total -= size
            self._file(chunk).unlink(missing_ok=True)

    def _note(self, chunk: bytes, size: int) -> None:
        self._total += size - self._sizes.pop(chunk, 0)
        self._sizes[chunk] = size

    def _read(self, ids: Sequence[bytes]) -> dict[bytes, bytes]:
        found = {}
        for chunk in ids:
            try:
                content = self._file(chunk).read_bytes()
                os.utime(self._file(chunk))
            except OSError:
                continue  # gone or unreadable: the store has it
            if hashlib.sha256(content[_DIGEST:]).digest() == content[:_DIGEST]:
                found[chunk] = content[_DIGEST:]
        return found

    def _write(self, chunks: dict[bytes, bytes]) -> dict[bytes, int]:
        written = {}
        for chunk, body in chunks.items():
            beside = self._file(chunk).with_suffix(".new")
            beside.write_bytes(hashlib.sha256(body).digest() + body)
            beside.replace(self._file(chunk))
            written[chunk] = len(body) + _DIGEST
        return written

    def _file(self, chunk: bytes) -> Path:
        return self._folder / chunk.hex()
