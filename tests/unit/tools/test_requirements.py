"""requirements/ against the manifests it is compiled from."""

from pathlib import Path

import pytest

import requirements
import workspace


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(requirements, "REQUIREMENTS", tmp_path)
    return tmp_path


def compiled(folder: Path, stem: str, needs: set[str]) -> None:
    (folder / f"{stem}.txt").write_text(f"{requirements.DIGEST_LINE}{requirements.digest(needs)}\n", encoding="utf-8")


def test_a_file_compiled_from_these_needs_is_fresh(folder: Path) -> None:
    compiled(folder, "receiver", {"msgspec>=0.22,<1"})
    assert requirements.stale({"receiver": {"msgspec>=0.22,<1"}}) == []


@pytest.mark.parametrize("now", [{"msgspec>=0.23,<1"}, set[str](), {"msgspec>=0.22,<1", "httpx"}])
def test_a_changed_added_or_removed_need_makes_it_stale(folder: Path, now: set[str]) -> None:
    compiled(folder, "receiver", {"msgspec>=0.22,<1"})
    [problem] = requirements.stale({"receiver": now})
    assert problem == "requirements/receiver.txt is not compiled from the present manifests: make requirements"


def test_a_missing_file_is_stale_and_one_of_nothing_is_named(folder: Path) -> None:
    compiled(folder, "gone", set())
    assert len(requirements.stale({"receiver": set()})) == 2


def test_a_component_needs_what_common_needs_and_only_the_extras_it_names(tmp_path: Path) -> None:
    common, receiver, report = tmp_path / "common.toml", tmp_path / "receiver.toml", tmp_path / "report.toml"
    common.write_text("[project]\ndependencies=['a']\noptional-dependencies={segments=['b']}", encoding="utf-8")
    receiver.write_text("[project]\ndependencies=['footfall-common==1', 'c[x]>=2']", encoding="utf-8")
    report.write_text("[project]\ndependencies=['footfall-common[segments]==1']", encoding="utf-8")
    known = {"footfall-common": common}
    assert workspace.dependencies(receiver, known) == {"a", "c[x]>=2"}
    assert workspace.dependencies(report, known) == {"a", "b"}


def test_every_deployable_has_its_file() -> None:
    stems = requirements.wanted().keys()
    assert {"dev", "build", "node", "receiver", "standalone"} <= stems
    assert "common" not in stems
