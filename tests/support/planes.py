"""Real control planes that hold config/, for tests and benches. Callers see to it that one can be had here."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from footfall_common.testing import eventually
from tests.support.api import PLURALS, Api, connected
from tests.support.crds import ROOT
from tests.support.operating import Installation, account
from tools.kubernetes.handle import ControlPlaneServers, control_plane


@contextmanager
def plane(**options: Any) -> Iterator[ControlPlaneServers]:
    """A control plane that holds config/."""
    with control_plane(**options) as held:
        held.kubectl("apply", "--server-side", "-k", str(ROOT / "config"))
        held.kubectl("wait", "--for=condition=Established", *(f"crd/{name}.footfall.dev" for name in PLURALS.values()))
        yield held


@contextmanager
def unattended(folder: Path, **options: Any) -> Iterator[Installation]:
    """A control plane with config/ and nothing that acts; `process` is nobody."""
    with plane(**options) as held, connected(held.kubeconfig) as admin:
        known(admin)
        nobody: Any = None
        yield Installation(held, admin, account(admin.client, held, folder / "account"), nobody)


def platform(bare: Installation) -> None:
    """The example's."""
    bare.servers.kubectl("apply", "--server-side", "-f", str(ROOT / "examples/platform.yaml"))


def known(admin: Api) -> None:
    """Established comes a moment before the API server answers for a kind."""
    asyncio.run(eventually(lambda: all(map(admin.knows, PLURALS)), 30))
