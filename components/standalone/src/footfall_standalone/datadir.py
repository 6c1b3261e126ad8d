"""The data directory of one process: its lock, its secrets (0600) and what it says about itself.

Layout: `lock`, `bus.db`, `store.db`, `admin.token`, `run.json`, `credentials/<wire guid>.json`,
`tenants/<wire guid>.json`. Files are replaced whole, so a reader or a crash never meets half of one.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from footfall_common.errors import Unavailable
from footfall_standalone.addresses import Addresses
from footfall_standalone.exits import CommandFailed, ExitCode

_TOKEN_BYTES = 32
_OWNER_ALONE = 0o600
_LOCK_TRIES = 25  # half a second: `running` holds the lock shared for an instant
_LOCK_PAUSE = 0.02

T = TypeVar("T")


class Run(msgspec.Struct, frozen=True):
    """`run.json`: the process that serves this directory, or served it last.

    `started` is ISO 8601, UTC; `local` the base address on this machine, `addresses` those that others are told.
    """

    pid: int
    started: str
    local: str
    addresses: Addresses


class Credentials(msgspec.Struct, frozen=True, rename="camel"):
    """`credentials/<wire guid>.json`: what Creatio is given. `tenant_id` is the wire GUID."""

    tenant_id: str
    client_id: str
    client_secret: str


class KnownSite(msgspec.Struct, frozen=True, rename="camel"):
    """One site of a tenant as the tenant service answered it."""

    name: str
    resource_id: str


class KnownTenant(msgspec.Struct, frozen=True, rename="camel"):
    """`tenants/<wire guid>.json`: a tenant as it was last applied, its sites in the manifest's order."""

    tenant: str
    tenant_id: str
    sites: tuple[KnownSite, ...]


class DataDir:
    """Paths and whole-file reads and writes below one directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bus = path / "bus.db"
        self.store = path / "store.db"
        self._lock = path / "lock"
        self._token = path / "admin.token"
        self._run = path / "run.json"
        self._credentials = path / "credentials"
        self._tenants = path / "tenants"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the directory for this process alone; it is made where it is missing. In use = exit 3."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ALONE)
        except OSError as error:
            raise CommandFailed(
                f"The data directory {self.path} cannot be used ({error.strerror}); name another with --data.",
                ExitCode.INVALID,
            ) from error
        try:
            if not _locked(handle, fcntl.LOCK_EX, _LOCK_TRIES):
                raise CommandFailed(
                    f"The data in {self.path} is in use by another process{self._by()}; stop it, or name another "
                    "directory with --data.",
                    ExitCode.IN_USE,
                )
            yield
        finally:
            os.close(handle)

    def running(self) -> bool:
        """Whether a process holds the directory now. The lock tells: a pid may have gone to another program."""
        try:
            handle = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _locked(handle, fcntl.LOCK_SH, 1)
        finally:
            os.close(handle)

    def admin_token(self, random_bytes: Callable[[int], bytes]) -> str:
        """The token of the admin APIs, made once; its file is for its owner alone, however it came here."""
        try:
            self._token.chmod(_OWNER_ALONE)
        except FileNotFoundError:
            write_private(self._token, random_bytes(_TOKEN_BYTES).hex().encode() + b"\n")
        except OSError as error:
            raise Unavailable(f"{self._token} cannot be made private ({error.strerror}); remove it.") from error
        return self.read_admin_token()

    def read_admin_token(self) -> str:
        """The token of the admin APIs as the file says now."""
        try:
            return self._token.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"{self._token} cannot be read ({error}); start `footfall up` again.") from error

    def run(self) -> Run | None:
        """What the process that serves here, or served here last, said of itself."""
        return _read(self._run, Run)

    def write_run(self, run: Run) -> None:
        _write(self._run, run)

    def credentials(self, tenant: uuid.UUID) -> Credentials | None:
        return _read(self._credentials / f"{tenant}.json", Credentials)

    def write_credentials(self, tenant: uuid.UUID, credentials: Credentials) -> None:
        _write(self._credentials / f"{tenant}.json", credentials)

    def tenants(self) -> list[KnownTenant]:
        """Every tenant that was ever applied here, by tenantId."""
        found = (_read(path, KnownTenant) for path in self._tenants.glob("*.json"))
        return sorted((tenant for tenant in found if tenant), key=lambda known: known.tenant_id)

    def write_tenant(self, tenant: KnownTenant) -> None:
        path = self._tenants / f"{tenant.tenant}.json"
        try:
            same = _read(path, KnownTenant) == tenant
        except Unavailable:  # nothing is lost with it: all that it says is known here
            same = False
        if not same:
            _write(path, tenant)

    def _by(self) -> str:
        run = self.run()
        return f" (pid {run.pid})" if run else ""


def write_private(path: Path, body: bytes) -> None:
    """Replace `path` whole and durably, readable by its owner alone."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)  # what a crash left may have other rights
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ALONE), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _locked(handle: int, kind: int, tries: int) -> bool:
    for left in range(tries, 0, -1):
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if left > 1:
                time.sleep(_LOCK_PAUSE)
        else:
            return True
    return False


def _write(path: Path, value: msgspec.Struct) -> None:
    write_private(path, msgspec.json.format(msgspec.json.encode(value)) + b"\n")


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable(f"{path} cannot be read ({error}); remove it, and `footfall up` makes a new one.") from error
