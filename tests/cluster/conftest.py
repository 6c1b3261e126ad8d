"""A real control plane: one a worker, with our resources known to it."""

import asyncio
from collections.abc import Iterator

import pytest

from footfall_common.testing import eventually
from tests.support.api import PLURALS, Api, connected
from tests.support.crds import ROOT
from tools.kubernetes.build import lacking
from tools.kubernetes.handle import ControlPlaneServers, control_plane


@pytest.fixture(scope="session")
def servers() -> Iterator[ControlPlaneServers]:
    """The worker's own control plane."""
    if reason := lacking():
        pytest.skip(f"no control plane here: {reason}")
    with control_plane() as held:
        held.kubectl("apply", "--server-side", "-k", str(ROOT / "config"))
        held.kubectl("wait", "--for=condition=Established", *(f"crd/{name}.footfall.dev" for name in PLURALS.values()))
        yield held


@pytest.fixture(scope="session")
def api(servers: ControlPlaneServers) -> Iterator[Api]:
    """An administrator."""
    with connected(servers.kubeconfig) as admin:
        # Established comes a moment before the API server answers for a kind.
        asyncio.run(eventually(lambda: all(map(admin.knows, PLURALS)), 30))
        yield admin
