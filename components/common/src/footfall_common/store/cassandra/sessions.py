"""The one place that opens the driver's session: addresses, log-in, TLS, time-outs and retries become a `Connected`."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Final, NamedTuple, TypeVar

from cassandra import ConsistencyLevel, InvalidRequest, Unauthorized
from cassandra.auth import AuthProvider, PlainTextAuthenticator
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.io.libevreactor import LibevConnection
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    RetryPolicy,
    TokenAwarePolicy,
)
from cassandra.query import PreparedStatement, tuple_factory
from typing_extensions import override

from footfall_common.errors import SettingsInvalid, StoreUnavailable
from footfall_common.store.cassandra import statements
from footfall_common.store.cassandra.frames import VERSION, Handler
from footfall_common.store.cassandra.migrations import packaged
from footfall_common.store.cassandra.settings import CassandraSettings

T = TypeVar("T")

# Sent at once: without it the kernel holds a small request back until the answer to the one before, some 40 ms.
_NO_DELAY: Final = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]

_CHANGE_SECONDS: Final = 30.0
"""How long a change of the schema may take."""


class Connected(NamedTuple):
    """A session on a keyspace, and every statement prepared on it by its text."""

    cluster: Cluster
    session: Session
    keyspace: str
    prepared: Mapping[str, PreparedStatement]


class _Connection(LibevConnection):  # type: ignore[misc] # the driver ships no types
    """libev's, sending a batch by one call of the kernel where it takes it."""

    out_buffer_size = 128 * 1024


class Retries(RetryPolicy):  # type: ignore[misc] # the driver ships no types
    """Everything here may be written twice, so a time-out is tried once more, on another node where there is one.

    Conditional writes are not: whether one took effect must be read first (`directory`).
    """

    @override
    def on_read_timeout(self, query: Any, *_: Any, retry_num: int, **__: Any) -> tuple[int, Any]:
        return self._once(query, retry_num)

    @override
    def on_write_timeout(self, query: Any, *_: Any, retry_num: int, **__: Any) -> tuple[int, Any]:
        return self._once(query, retry_num)

    def _once(self, query: Any, retry_num: int) -> tuple[int, Any]:
        return (self.RETRY_NEXT_HOST if query.is_idempotent and retry_num == 0 else self.RETHROW), None


class _FromFile(AuthProvider):  # type: ignore[misc] # the driver ships no types
    """Reads the password at each log-in: a replaced file needs no restart."""

    def __init__(self, settings: CassandraSettings) -> None:
        self._settings = settings

    @override
    def new_authenticator(self, host: str) -> PlainTextAuthenticator:
        return PlainTextAuthenticator(self._settings.user, _password(self._settings))


def cluster_of(settings: CassandraSettings, *, request_seconds: float | None = None) -> Cluster:
    """A cluster that is not connected yet. `request_seconds` None = who asks keeps the time of a whole group."""
    local = TokenAwarePolicy(DCAwareRoundRobinPolicy(settings.local_dc), shuffle_replicas=True)
    profile = ExecutionProfile(
        load_balancing_policy=local,
        retry_policy=Retries(),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=request_seconds,
        row_factory=tuple_factory,
    )
    if settings.user:
        _password(settings)  # a missing file is said before anything is opened
    return Cluster(
        list(settings.hosts),
        port=settings.port,
        protocol_version=VERSION,
        connection_class=_Connection,
        compression=False,
        auth_provider=_FromFile(settings) if settings.user else None,
        ssl_context=_tls(settings),
        sockopts=_NO_DELAY,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ExponentialReconnectionPolicy(
            settings.reconnect_seconds, settings.reconnect_max_seconds, max_attempts=None
        ),
        connect_timeout=settings.connect_seconds,
        control_connection_timeout=settings.connect_seconds,
        idle_heartbeat_interval=settings.heartbeat_seconds,
        idle_heartbeat_timeout=2 * settings.heartbeat_seconds,
        monitor_reporting_enabled=False,
    )


def connect(settings: CassandraSettings, keyspace: str) -> Connected:
    """Connect and prepare every statement. Blocks; raises StoreUnavailable with the reason and the way out."""
    cluster = cluster_of(settings)
    try:
        session = cluster.connect()
        session.client_protocol_handler = Handler
        session.use_client_timestamp = False  # every statement whose time matters names it
        session.default_fetch_size = settings.page_rows
        _refuse_old(session, keyspace)
        prepared = {text: _prepared(session, text, keyspace) for text in statements.ALL}
    except BaseException as error:
        cluster.shutdown()
        if isinstance(error, SettingsInvalid) or not isinstance(error, Exception):
            raise
        raise unavailable(error, settings, keyspace) from error
    return Connected(cluster, session, keyspace, prepared)


def _refuse_old(session: Session, keyspace: str) -> None:
    """Tables may all be there and yet lack what a later migration changes."""
    applied = {number for number, _ in session.execute(statements.within(keyspace, statements.MIGRATIONS))}
    missing = [migration.name for migration in packaged() if migration.number not in applied]
    if missing:
        raise StoreUnavailable(f"Keyspace '{keyspace}' lacks {', '.join(missing)}: run `footfall migrate`.")


class Administration:
    """A session for `migrate`: one statement after the other, each blocking; failures are StoreUnavailable."""

    def __init__(self, session: Session, settings: CassandraSettings) -> None:
        self._session = session
        self._settings = settings

    def rows(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement, its values in place of `%s`."""
        try:
            return list(self._session.execute(text, values or None))
        except Exception as error:
            raise _refused(error, text, self._settings) from error

    def change(self, text: str) -> None:
        """Run a statement that changes the schema; returns once every node knows of it."""
        try:
            agreed = self._session.execute(text).response_future.is_schema_agreed
        except Exception as error:
            raise _refused(error, text, self._settings) from error
        if not agreed:
            raise StoreUnavailable("The nodes do not agree on the schema: look for one that is down, then run again.")

    def use(self, keyspace: str) -> None:
        """Further statements that name no keyspace mean this one."""
        self._session.set_keyspace(keyspace)


@contextlib.contextmanager
def administration(settings: CassandraSettings) -> Iterator[Administration]:
    """A session without keyspace, for as long as the block takes."""
    cluster = cluster_of(settings, request_seconds=_CHANGE_SECONDS)
    try:
        try:
            session = cluster.connect()
        except Exception as error:
            raise unavailable(error, settings, "") from error
        yield Administration(session, settings)
    finally:
        cluster.shutdown()


def _refused(error: Exception, text: str, settings: CassandraSettings) -> Exception:
    if isinstance(error, Unauthorized):
        return StoreUnavailable(f"Role '{settings.user}' may not: {text}. Do it with a role that may, or grant it.")
    return unavailable(error, settings, "")


def unavailable(error: Exception, settings: CassandraSettings, keyspace: str) -> StoreUnavailable:
    """What the driver raised, as one sentence with the way out."""
    if isinstance(error, StoreUnavailable):
        return error
    if isinstance(error, Unauthorized):
        return StoreUnavailable(f"Role '{settings.user}' may not do this in keyspace '{keyspace}' ({error}): grant it.")
    if isinstance(error, InvalidRequest):
        return StoreUnavailable(
            f"Keyspace '{keyspace}' does not hold Footfall's tables ({error}): run `footfall migrate`."
        )
    reasons = error.errors if isinstance(error, NoHostAvailable) and isinstance(error.errors, dict) else {}
    said = "; ".join(sorted({f"{host}: {reason}" for host, reason in reasons.items()})) or str(error)
    if "AuthenticationFailed" in f"{type(error).__name__} {reasons}" or "Bad credentials" in said:
        return StoreUnavailable(f"Cassandra refused role '{settings.user}' ({said}): check its password_file.")
    return StoreUnavailable(f"Cassandra does not answer: {type(error).__name__}: {said}")


def in_thread(function: Callable[[], T]) -> Future[T]:
    """Run something that blocks on a thread of its own, which does not keep the process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - whoever awaits the future gets it
            with contextlib.suppress(Exception):
                future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="cassandra", daemon=True).start()
    return future


def _prepared(session: Session, text: str, keyspace: str) -> PreparedStatement:
    statement = session.prepare(statements.within(keyspace, text))
    statement.is_idempotent = " IF " not in text
    return statement


def _password(settings: CassandraSettings) -> str:
    if settings.password_file is None:
        raise SettingsInvalid(
            "FOOTFALL_CASSANDRA_USER is set and FOOTFALL_CASSANDRA_PASSWORD_FILE is not: name the file that holds "
            "its password.",
            field="FOOTFALL_CASSANDRA_PASSWORD_FILE",
        )
    try:
        return settings.password_file.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise SettingsInvalid(
            f"FOOTFALL_CASSANDRA_PASSWORD_FILE cannot be read ({error}): put the password of role "
            f"'{settings.user}' there.",
            field="FOOTFALL_CASSANDRA_PASSWORD_FILE",
        ) from error


def _tls(settings: CassandraSettings) -> ssl.SSLContext | None:
    if settings.ca_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(settings.ca_file))
        context.check_hostname = settings.check_names
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsInvalid(
            f"FOOTFALL_CASSANDRA_CA_FILE, CERT_FILE or KEY_FILE cannot be used ({error}): name PEM files.",
            field="FOOTFALL_CASSANDRA_CA_FILE",
        ) from error
    return context
