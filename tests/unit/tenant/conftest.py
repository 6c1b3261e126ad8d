"""A tenant service with the tenants acme and other registered."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.tenant_service import Service, service_on

OpenService = Callable[..., Awaitable[Service]]


@pytest.fixture
async def open_service(tmp_path: Path) -> AsyncIterator[OpenService]:
    """Opens a service with settings of the test's choice."""
    async with AsyncExitStack() as stack:

        async def opened(**settings: Any) -> Service:
            service = await stack.enter_async_context(service_on(tmp_path, **settings))
            await service.register()
            await service.register(tenant_id="other")
            return service

        yield opened


@pytest.fixture
async def service(open_service: OpenService) -> Service:
    """A service with default settings."""
    return await open_service()
