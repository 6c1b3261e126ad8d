"""Rules about the repository itself that no linter knows; the import rules are contracts in pyproject.toml."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60
SUITE_SECONDS = 1_800


def python_files(*folders: str) -> Iterator[Path]:
    """Our own Python files below the folders that exist."""
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            if "node_modules" not in path.parts:
                yield path


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def relative(path: Path, line: int | None = None) -> str:
    return f"{path.relative_to(ROOT)}" + (f":{line}" if line else "")


def test_folders_that_would_shadow_a_library_are_no_packages() -> None:
    # operator/__init__.py would hide the standard library's operator; infra and components likewise must stay folders.
    folders = [
        ROOT / "operator",
        ROOT / "infra",
        ROOT / "infra/pulumi",
        ROOT / "tests",
        *(ROOT / "components").glob("*"),
    ]
    assert [relative(found) for folder in folders if (found := folder / "__init__.py").exists()] == []


def test_modules_and_functions_stay_short() -> None:
    too_long = []
    for path in python_files("components", "operator", "infra", "tools", "bench", "tests"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_MODULE:
            too_long.append(f"{relative(path)}: {lines} lines")
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    too_long.append(f"{relative(path, node.lineno)}: {node.name} has {length} lines")
    assert too_long == []


def test_every_component_has_a_manifest_and_its_types() -> None:
    for folder in (ROOT / "components").iterdir():
        package = folder / "src" / f"footfall_{folder.name}"
        manifest = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        assert manifest["project"]["name"] == f"footfall-{folder.name.replace('_', '-')}"
        assert (package / "__init__.py").is_file()
        assert (package / "py.typed").is_file()


def test_all_packages_have_one_version() -> None:
    manifests = [ROOT / "pyproject.toml", *(ROOT / "components").glob("*/pyproject.toml")]
    projects = [tomllib.loads(path.read_text(encoding="utf-8"))["project"] for path in manifests]
    own = [requirement for project in projects for requirement in project.get("dependencies", [])]
    versions = {project["version"] for project in projects}
    versions |= {requirement.split("==")[1] for requirement in own if requirement.startswith("footfall-")}
    assert len(versions) == 1


def test_one_library_has_one_range_in_all_manifests() -> None:
    ranges: dict[str, set[str]] = {}
    for path in (ROOT / "components").glob("*/pyproject.toml"):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        extras = [each for extra in project.get("optional-dependencies", {}).values() for each in extra]
        for requirement in map(Requirement, [*project["dependencies"], *extras]):
            ranges.setdefault(requirement.name, set()).add(str(requirement.specifier))
    assert {name: found for name, found in ranges.items() if len(found) > 1} == {}


def test_requirements_are_hashed_and_name_no_index() -> None:
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert files
    for path in files:
        text = path.read_text(encoding="utf-8")
        pins = re.findall(r"^[a-z0-9][^ ]*==[^ \n]+", text, flags=re.MULTILINE)
        assert pins, f"{path.name} pins nothing"
        assert len(pins) == len(re.findall(r"^[a-z0-9]", text, flags=re.MULTILINE)), (
            f"{path.name} has a line without pin"
        )
        assert text.count("--hash=sha256:") >= len(pins), f"{path.name} lacks hashes"
        assert not re.search(r"://|--(extra-)?index|--find-links|^-[ef]|file:", text, flags=re.MULTILINE)


def test_package_locks_record_no_addresses() -> None:
    for path in ROOT.glob("*/package-lock.json"):
        lock = json.loads(path.read_text(encoding="utf-8"))
        packages = {name: entry for name, entry in lock["packages"].items() if name}
        assert [name for name, entry in packages.items() if "resolved" in entry] == []
        assert [name for name, entry in packages.items() if "integrity" not in entry and not entry.get("link")] == []


def test_every_target_of_the_makefile_explains_itself() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):(?!=)", text, flags=re.MULTILINE))
    explained = set(re.findall(r"^([a-z][a-z-]*):.*## \S", text, flags=re.MULTILINE))
    assert {"setup", "run", "test", "check", "bench", "prove"} <= targets
    assert targets == explained
    assert targets == set(re.findall(r"^\.PHONY: (\S+)$", text, flags=re.MULTILINE))


def test_suites_together_keep_to_their_bound() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert sum(settings["tool"]["footfall"]["suites"].values()) <= SUITE_SECONDS


def waits(call: ast.Call) -> bool:
    """Whether a call waits for time to pass; sleep(0) only lets other tasks run."""
    if ast.unparse(call.func).rpartition(".")[2] != "sleep":
        return False
    return not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0)


def test_no_test_sleeps_to_wait_for_a_state() -> None:
    # A pause that waits for no state, such as one before a kill at a random moment, says so on its line.
    found = []
    for path in python_files("tests"):
        lines = path.read_text(encoding="utf-8").splitlines()
        calls = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call) and waits(node)]
        found += [relative(path, call.lineno) for call in calls if "# no wait: " not in lines[call.lineno - 1]]
    assert found == []


@pytest.mark.parametrize("rule", ["ignore", "per-file-ignores"])
def test_every_rule_of_ruff_that_is_excused_says_why(rule: str) -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    start = {"ignore": "\nignore = [", "per-file-ignores": "\n[tool.ruff.lint.per-file-ignores]"}[rule]
    section = text.split(start)[1].split("\n[")[0]
    excuses = [line for line in section.splitlines() if re.match(r'\s+"[A-Z]+[0-9]*"', line)]
    assert excuses
    assert [line for line in excuses if not re.search(r"# \w", line)] == []


def test_noqa_and_type_ignores_name_their_rule_and_reason() -> None:
    bare = []
    for path in python_files("components", "operator", "infra", "tools", "bench", "tests"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            excused = re.search(r"#\s*(noqa|type:\s*ignore)(.*)$", line)
            if (
                excused
                and path != Path(__file__)
                and not re.search(r"[:\[]\s*[A-Za-z][\w, -]*\]?\s+[-#] ?\w", excused[2])
            ):
                bare.append(relative(path, number))
    assert bare == []
