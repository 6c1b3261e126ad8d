"""Real control planes: one a worker for the resources themselves, one for those tests in which the operator acts."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from footfall_common.testing import eventually
from tests.support.api import PLURALS, Api, connected
from tests.support.crds import ROOT
from tests.support.operating import Installation, account, operator
from tools.kubernetes.build import lacking
from tools.kubernetes.handle import ControlPlaneServers, control_plane


@contextmanager
def plane(**options: Any) -> Iterator[ControlPlaneServers]:
    """A control plane that holds config/."""
    if reason := lacking():
        pytest.skip(f"no control plane here: {reason}")
    with control_plane(**options) as held:
        held.kubectl("apply", "--server-side", "-k", str(ROOT / "config"))
        held.kubectl("wait", "--for=condition=Established", *(f"crd/{name}.footfall.dev" for name in PLURALS.values()))
        yield held


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
    with plane() as held, connected(held.kubeconfig) as admin:
        known(admin)
        mounted = account(admin.client, held, tmp_path_factory.mktemp("operator") / "account")
        held.kubectl("apply", "--server-side", "-f", str(ROOT / "examples/platform.yaml"))
        with operator(held, mounted) as process:
            yield Installation(held, admin, mounted, process)


@contextmanager
def unattended(folder: Path, **options: Any) -> Iterator[Installation]:
    """A control plane with config/ and nothing that acts; `process` is nobody."""
    with plane(**options) as held, connected(held.kubeconfig) as admin:
        known(admin)
        nobody: Any = None
        yield Installation(held, admin, account(admin.client, held, folder / "account"), nobody)


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


def platform(bare: Installation) -> None:
    """The example's."""
    bare.servers.kubectl("apply", "--server-side", "-f", str(ROOT / "examples/platform.yaml"))


def known(admin: Api) -> None:
    """Established comes a moment before the API server answers for a kind."""
    asyncio.run(eventually(lambda: all(map(admin.knows, PLURALS)), 30))
