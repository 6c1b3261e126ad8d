"""What holders of a control plane see of it."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.servers.handle import Servers, held


class ControlPlaneServers(Servers):
    """A held control plane; its servers are numbered as in tools.kubernetes.cluster."""

    @property
    def url(self) -> str:
        """Of the API server."""
        return str(self._facts["url"])

    @property
    def kubeconfig(self) -> Path:
        """An administrator's."""
        return Path(self._facts["kubeconfig"])

    @property
    def programs(self) -> Path:
        """The folder of kubectl and the servers."""
        return Path(self._facts["programs"])

    def kubectl(self, *arguments: str, body: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Our own kubectl, as administrator; RuntimeError with its words where it fails and `check` stands."""
        done = subprocess.run(
            [str(self.programs / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments],
            check=False,
            capture_output=True,
            text=True,
            input=body,
            env={**os.environ, "HOME": str(self.folder)},  # its cache of what the API server knows goes with the set
        )
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done

    @property
    def audit_file(self) -> Path:
        """Where every write is noted down, a JSON line each; made by the first one."""
        return Path(self._facts["audit"])

    def audit(self) -> list[Mapping[str, Any]]:
        """Every write that was answered until now, oldest first; what it sent, but for Secrets, is `requestObject`."""
        file = self.audit_file
        lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []  # the last one may be half written
        return [json.loads(line) for line in lines]


@contextmanager
def control_plane(*, share: str | None = None, **options: Any) -> Iterator[ControlPlaneServers]:
    """A control plane while the block lasts; `options` as in tools.kubernetes.cluster.Options."""
    with held("kubernetes", options, share) as lease:
        yield ControlPlaneServers(lease)
