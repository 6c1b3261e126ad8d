"""The control plane's one program: built once from pinned Go modules, kept in the user's cache folder by their hash.

    python -m tools.kubernetes.build

About five minutes on two idle cores and 2.4 GB of memory; afterwards nothing, until go.mod, go.sum or main.go change.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.servers.cache import Missing, cache, made_by, offered, once

HERE: Final = Path(__file__).parent
SOURCES: Final = tuple(HERE / name for name in ("go.mod", "go.sum", "main.go"))
NAMES: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
GO: Final = (1, 25)
SECONDS: Final = 1_800.0
_DIGITS: Final = 16
_PROGRAM: Final = "kubernetes"
_STAMPED: Final = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def version(module: str = "k8s.io/kubernetes") -> str:
    """The version that go.mod asks for, as v1.35.4."""
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)", (HERE / "go.mod").read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise Missing(f"go.mod names no {module}")
    return found[1]


def place() -> Path:
    """Where the programs lie once they are built."""
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in SOURCES))
    return cache() / f"kubernetes-{digest.hexdigest()[:_DIGITS]}"


def lacking() -> str | None:
    """Why no control plane can be built here; None where it can, or stands already."""
    if place().is_dir():
        return None
    if shutil.which("go") is None:
        return f"there is no go: install Go {GO[0]}.{GO[1]} or later"
    said = subprocess.run(["go", "env", "GOVERSION"], check=False, capture_output=True, text=True, cwd="/").stdout
    found = re.match(r"go(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < GO:
        return f"go is {said.strip() or 'broken'}: install Go {GO[0]}.{GO[1]} or later"
    return None


def programs() -> Path:
    """The folder that holds etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl."""
    if reason := lacking():
        raise Missing(reason)
    return once(place(), _build)


def stamps(release: str) -> str:
    """Linker flags for what Kubernetes' own build scripts stamp: without them features and versions go wrong."""
    major, minor, _ = release.removeprefix("v").split(".")
    values: Mapping[str, str] = {
        "gitVersion": release,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "0" * 40,
        "buildDate": "1970-01-01T00:00:00Z",
    }
    return " ".join(f"-X {package}.{name}={value}" for package in _STAMPED for name, value in values.items())


def _build(beside: Path, lock: int) -> None:
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", f"-ldflags=-s -w {stamps(version())}"]
    environ = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    whole = [*command, "-o", str(beside / _PROGRAM), "."]
    made_by(whole, "the control plane could not be built", SECONDS, lock, cwd=HERE, environ=environ)
    for name in NAMES:
        (beside / name).symlink_to(_PROGRAM)


if __name__ == "__main__":
    sys.exit(offered(lambda: print(programs()), "control plane"))
