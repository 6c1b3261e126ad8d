"""Every adapter of the store port, each as a factory that opens the same store again (a restart)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.stores import OpenedStore, embedded

OpenStore = Callable[[], Awaitable[OpenedStore]]

ADAPTERS = {"embedded": embedded}
"""An adapter joins by a name and a context manager that opens it in a folder."""


@pytest.fixture(params=ADAPTERS)
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens the store; a further call opens what the former one left."""
    async with AsyncExitStack() as stack:

        async def again() -> OpenedStore:
            await stack.aclose()
            return await stack.enter_async_context(ADAPTERS[request.param](tmp_path))

        yield again


@pytest.fixture
async def opened(open_store: OpenStore) -> OpenedStore:
    """An open store."""
    return await open_store()
