"""What the control plane is built from, before Go runs."""

from pathlib import Path

import pytest

from tools.kubernetes import build
from tools.servers.cache import Missing

GO = """#!/bin/sh
test "$1" = env && echo {version} && exit
echo "no such module"; exit 1
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a folder that holds all commands."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin/go"


def stands(go: Path, version: str) -> None:
    go.write_text(GO.format(version=version))
    go.chmod(0o755)


def test_versions_come_from_go_mod() -> None:
    assert build.version().startswith("v1.")
    with pytest.raises(Missing, match=r"go\.mod names no example\.com/none"):
        build.version("example.com/none")


def test_features_and_versions_are_stamped_into_both_packages() -> None:
    stamped = build.stamps("v1.35.4")
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        assert f"-X {package}.gitVersion=v1.35.4" in stamped
        assert f"-X {package}.gitMinor=35" in stamped


@pytest.mark.parametrize("version", ["go1.19.8", "go1.24.9", "nonsense"])
def test_a_go_that_is_too_old_is_named(go: Path, version: str) -> None:
    stands(go, version)
    with pytest.raises(Missing, match=rf"^go is {version}: install Go 1\.25 or later$"):
        build.programs()


def test_no_go_is_said_in_a_sentence(go: Path) -> None:
    assert build.lacking() == "there is no go: install Go 1.25 or later"


def test_a_build_that_failed_says_why_and_leaves_no_folder(go: Path) -> None:
    stands(go, "go1.26.8")
    with pytest.raises(Missing, match="could not be built:\nno such module"):
        build.programs()
    assert not build.place().exists()


def test_what_stands_needs_no_go(go: Path) -> None:
    build.place().mkdir(parents=True)
    assert build.programs() == build.place()
