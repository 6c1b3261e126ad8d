"""One stack for all tests of this folder, which break it and leave it whole: they run on one worker."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.faults.servers import Wanted
from tests.support.faults.stack import Stack, a_stack
from tests.support.servers import possible


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Three brokers, one node and every component."""
    possible()
    folder = tmp_path_factory.mktemp("faults")
    async with a_stack(folder, Wanted(brokers=3, nodes=1)) as running:
        yield running
