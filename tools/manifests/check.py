"""Whether what we install, and what the operator makes, is sound: checkov, and the schemas of two Kubernetes versions.

    python -m tools.manifests.check

Looks at crds/, config/ and examples/, and at the golden objects that tests hold the operator to
(tests/data/wishes).
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tools.kubernetes.build import version
from tools.manifests.environment import environment
from tools.servers.cache import offered

ROOT: Final = Path(__file__).parents[2]
OLDEST: Final = "1.30"
"""The first Kubernetes with stable admission policies."""
_OURS: Final = "footfall.dev"


def objects(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """Every object of Kubernetes' own kinds, by the name of a file for it; tests try ours against their CRDs."""
    found = dict(_installed(root)) | dict(_made(root))
    return {name: body for name, body in found.items() if not body["apiVersion"].startswith(f"{_OURS}/")}


def _installed(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted([path for place in ("crds", "config/**", "examples") for path in root.glob(f"{place}/*.yaml")]):
        for index, body in enumerate(yaml.safe_load_all(file.read_text("utf-8"))):
            if body["kind"] != "Kustomization":
                yield f"{file.parent.name}-{file.stem}-{index}.json", body


def _made(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(root.glob("tests/data/wishes/*.yaml")):
        for index, body in enumerate(yaml.safe_load(file.read_text("utf-8"))["objects"]):
            yield f"wishes-{file.stem}-{index}.json", body


def problems(bodies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line for whatever is wrong with them; none where all is well."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, body in bodies.items():
            (folder / file).write_text(json.dumps(body, indent=1), encoding="utf-8")
        return [*_unsound(folder), *(line for asked in versions() for line in _invalid(folder, asked))]


def versions() -> tuple[str, str]:
    """The oldest Kubernetes that we support, and the one that tests run on."""
    newest = re.match(r"v(\d+\.\d+)\.", version())
    if newest is None:
        raise ValueError(f"go.mod names no version of Kubernetes, but {version()}")
    return OLDEST, newest[1]


def _run(module: str, *arguments: str, succeeds: Sequence[int] = (0, 1)) -> str:
    """What a program of that environment printed. Raises where it ended otherwise than by saying yes or no."""
    command = [str(environment() / "python"), "-m", module, *arguments]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if ended.returncode not in succeeds:
        raise RuntimeError(f"{module} ended with {ended.returncode}: {ended.stderr[-2_000:]}")
    return ended.stdout


def _unsound(folder: Path) -> Iterator[str]:
    options = ("--config-file", str(ROOT / ".checkov.yaml"), "--skip-download", "--compact", "--output", "json")
    said = json.loads(_run("checkov.main", "--directory", str(folder), *options))
    workloads = {
        file.name for file in folder.glob("*.json") if json.loads(file.read_text("utf-8"))["kind"] == "Deployment"
    }
    looked = {check["file_path"].removeprefix("/") for check in said["results"]["passed_checks"]}
    if unseen := workloads - looked:
        yield f"checkov did not look at {', '.join(sorted(unseen))}"
    for check in said["results"]["failed_checks"]:
        yield f"checkov: {check['check_id']} {check['check_name']}: {check['resource']} ({check['file_path'][1:]})"


def _invalid(folder: Path, asked: str) -> Iterator[str]:
    files = sorted(folder.glob("*.json"))
    lines = _run("kubernetes_validate", "--strict", "-k", asked, *map(str, files)).splitlines()
    passed = [line for line in lines if " passed for resource " in line]
    if len(passed) != len(files):
        yield f"Kubernetes {asked}: {len(files) - len(passed)} of {len(files)} objects are not valid"
        yield from (line for line in lines if line not in passed)


def check() -> None:
    bodies = objects()
    if found := problems(bodies):
        sys.exit("\n".join(found))
    print(f"{len(bodies)} objects are sound, and valid in Kubernetes {' and '.join(versions())}")


if __name__ == "__main__":
    sys.exit(offered(check, "check of manifests"))
