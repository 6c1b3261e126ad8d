"""Every adapter of the store port, each as a factory that opens the same store again (a restart)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import pytest

from tests.support.servers import CassandraServers
from tests.support.stores import Keyspace, OpenedStore, embedded, keyspace_of, on_cassandra, settings_of

OpenStore = Callable[[], Awaitable[OpenedStore]]

ADAPTERS = ("embedded", pytest.param("cassandra", marks=pytest.mark.cassandra))


@pytest.fixture(scope="session")
def keyspace(cassandra: CassandraServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyspace]:
    """One keyspace a worker: making tables takes longer than all tests on them."""
    with keyspace_of(settings_of(cassandra, tmp_path_factory.mktemp("cassandra"))) as made:
        yield made


@pytest.fixture(params=ADAPTERS)
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens the store; a further call opens what the former one left."""
    opening: Callable[[], AbstractAsyncContextManager[OpenedStore]]
    if request.param == "cassandra":
        shared: Keyspace = request.getfixturevalue("keyspace")
        shared.clear()
        opening = lambda: on_cassandra(shared)  # noqa: E731 - two ways to open, one name
    else:
        opening = lambda: embedded(tmp_path)  # noqa: E731 - likewise
    async with AsyncExitStack() as stack:

        async def again() -> OpenedStore:
            await stack.aclose()
            return await stack.enter_async_context(opening())

        yield again


@pytest.fixture
async def opened(open_store: OpenStore) -> OpenedStore:
    """An open store."""
    return await open_store()
