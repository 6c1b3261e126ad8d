"""Requests straight onto a replica's connection, at a third of the cost of the driver's way of one request.

What the driver does for each request (a future, a plan of hosts, timers, waking its thread) serves the rare case that a
request fails. So here only the common case is short: a replica that is up, a free stream of its connection, one write
for all requests that go there, and an answer that is empty or one page of rows. Whatever else comes back, or where
nothing can be sent to, the request goes the driver's ordinary way, with its retries, other hosts and preparing again:
doing it twice is harmless. What is not harmless twice (conditional writes) goes that way from the start.

This is the one place that touches parts of the driver that are not documented: `Session._pools`, `Connection._requests`
and `Connection.push`, in the way of `ResponseFuture._query` and `Connection.send_msg`.
"""

# ruff: noqa: SLF001 - see above

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Protocol

from cassandra.cluster import ResponseFuture
from cassandra.protocol import RESULT_KIND_ROWS, ResultMessage

from footfall_common.store.cassandra.frames import Bound, Handler, UnloggedBatch
from footfall_common.store.cassandra.sessions import Connected

Row = tuple[Any, ...]
Request = UnloggedBatch | Bound
_VOID: Final = (1).to_bytes(4, "big")


class Outcomes(Protocol):
    """Hears of each request once, by its index, on whichever thread."""

    def more(self, index: int, rows: Sequence[Row]) -> None:
        """A page of its rows, and others follow."""

    def answered(self, index: int, rows: Sequence[Row]) -> None:
        """All there is, or the last page of it."""

    def failed(self, error: Exception) -> None:
        """It will not be answered."""


class Sender:
    """Sends requests on a connected session."""

    def __init__(self, connected: Connected) -> None:
        self._session = connected.session
        self._metadata = connected.cluster.metadata
        self._keyspace = connected.keyspace
        self._turn = 0

    def send(self, requests: Sequence[Request], outcomes: Outcomes) -> None:
        """Send all of them. Never raises: what cannot be sent fails."""
        frames: dict[Any, list[bytes]] = defaultdict(list)
        sent: dict[Any, list[tuple[int, int, Request]]] = defaultdict(list)
        for index, request in enumerate(requests):
            try:
                pool = self._pool(request)
                connection, stream = pool.borrow_connection(timeout=0)
            except Exception:  # noqa: BLE001 - no replica is up, or none has room: the driver's own way knows what to do
                self._ordinary(index, request, outcomes)
                continue
            answered = partial(self._answered, pool, connection, index, request, outcomes)
            connection._requests[stream] = (answered, _decoded, request.metadata)
            frames[connection].append(request.frame(stream))
            sent[connection].append((stream, index, request))
        for connection, some in frames.items():
            connection.push(b"".join(some))
            if connection.is_defunct or connection.is_closed:
                self._again(connection, sent[connection], outcomes)

    def _pool(self, request: Request) -> Any:
        """The connections to one of the request's replicas, in turn; LookupError where it is not to go straight."""
        key = request.routing_key  # None: several partitions, or one that the statement's text names
        if key is None or not request.is_idempotent:
            raise LookupError
        replicas = self._metadata.get_replicas(self._keyspace, key)
        pools = self._session._pools
        self._turn += 1
        for n in range(len(replicas)):
            host = replicas[(self._turn + n) % len(replicas)]
            pool = pools.get(host)
            if pool is not None and host.is_up and not pool.is_shutdown:
                return pool
        raise LookupError

    def _again(self, connection: Any, sent: Sequence[tuple[int, int, Request]], outcomes: Outcomes) -> None:
        """The connection broke before it knew of these: nobody would ever answer them."""
        for stream, index, request in sent:
            if connection._requests.pop(stream, None) is not None:
                self._ordinary(index, request, outcomes)

    def _answered(
        self, pool: Any, connection: Any, index: int, request: Request, outcomes: Outcomes, response: Any
    ) -> None:
        pool.return_connection(connection)
        if response is None:
            outcomes.answered(index, ())
        elif isinstance(response, ResultMessage) and response.kind == RESULT_KIND_ROWS and not response.paging_state:
            outcomes.answered(index, response.parsed_rows)
        else:
            self._ordinary(index, request, outcomes)

    def _ordinary(self, index: int, request: Request, outcomes: Outcomes) -> None:
        try:
            future = self._session.execute_async(request)
        except Exception as error:  # noqa: BLE001 - it fails this request, as an answer would
            outcomes.failed(error)
            return
        future.add_callbacks(_page, outcomes.failed, (index, future, outcomes))


def _page(rows: Sequence[Row] | None, index: int, future: ResponseFuture, outcomes: Outcomes) -> None:
    if future.has_more_pages:
        outcomes.more(index, rows or ())
        future.start_fetching_next_page()
    else:
        outcomes.answered(index, rows or ())


def _decoded(version: int, types: Any, stream: int, flags: int, opcode: int, body: bytes, *rest: Any) -> Any:
    """None for the empty result, which is the answer to a write; else a message as the driver reads it."""
    if body == _VOID and opcode == ResultMessage.opcode and not flags:
        return None
    return Handler.decode_message(version, types, stream, flags, opcode, body, *rest)
