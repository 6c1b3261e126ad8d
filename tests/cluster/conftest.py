"""Real control planes: one a worker for the resources themselves, one for those tests in which the operator acts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import Api, connected
from tests.support.operating import Installation, operator
from tests.support.planes import known, plane, platform, unattended
from tools.kubernetes.build import lacking
from tools.kubernetes.handle import ControlPlaneServers


@pytest.fixture(scope="session", autouse=True)
def possible() -> None:
    """Whether one can be had here."""
    if reason := lacking():
        pytest.skip(f"no control plane here: {reason}")


@pytest.fixture(scope="session")
def servers() -> Iterator[ControlPlaneServers]:
    """Nobody acts on what stands in it."""
    with plane() as held:
        yield held


@pytest.fixture(scope="session")
def api(servers: ControlPlaneServers) -> Iterator[Api]:
    """Its administrator."""
    with connected(servers.kubeconfig) as admin:
        known(admin)
        yield admin


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A control plane in which the operator acts, with the example's platform."""
    with unattended(tmp_path_factory.mktemp("operator")) as here:
        platform(here)
        with operator(here.servers, here.mounted) as process:
            yield here._replace(process=process)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Installation]:
    """One of its own, without a platform."""
    with unattended(tmp_path) as installation:
        yield installation


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One for all of a module's tests, with the example's platform: what they make must not meet."""
    with unattended(tmp_path_factory.mktemp("common")) as installation:
        platform(installation)
        yield installation
