"""What the manifests say: which packages make up the workspace, and what they and the tools need."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"


def load(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def packages() -> dict[str, Path]:
    """Distribution name -> manifest of each package in the workspace, sorted by name."""
    members = load(ROOT / "pyproject.toml")["tool"]["uv"]["workspace"]["members"]
    manifests = [folder / "pyproject.toml" for member in members for folder in ROOT.glob(member)]
    return dict(sorted((load(path)["project"]["name"], path) for path in manifests if path.exists()))


def dependencies(manifest: Path, known: dict[str, Path], extras: frozenset[str] = frozenset()) -> set[str]:
    """Requirements of a manifest, with those of the workspace packages that it names in their place.

    A workspace package is always named with `==`, and its extras in brackets: `footfall-common[segments]==0.1.0`.
    """
    project = load(manifest)["project"]
    found: set[str] = set()
    for requirement in [
        *project["dependencies"],
        *(each for name in extras for each in project["optional-dependencies"][name]),
    ]:
        name, _, bracket = requirement.split("==")[0].removesuffix("]").partition("[")
        if name in known:
            found |= dependencies(known[name], known, frozenset(bracket.split(",")) - {""})
        else:
            found.add(requirement)
    return found


def group(name: str) -> set[str]:
    """Requirements of a dependency group of the root manifest, included groups resolved."""
    found: set[str] = set()
    for entry in load(ROOT / "pyproject.toml")["dependency-groups"][name]:
        found |= {entry} if isinstance(entry, str) else group(entry["include-group"])
    return found
