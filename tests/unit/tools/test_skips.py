"""With CI=true a skip is a failure that still names its reason."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "conftest.py"
SKIPS = {
    "at run time": "import pytest\ndef test_it(): pytest.skip('no browser here')",
    "by mark": "import pytest\n@pytest.mark.skip(reason='no browser here')\ndef test_it(): ...",
    "of a module": "import pytest\npytest.skip('no browser here', allow_module_level=True)",
}
XFAIL = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert False"


def run_pytest(folder: Path, test: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Run one test file under a copy of the shared conftest, far from this repository's settings."""
    shutil.copy(SHARED, folder)
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "test_it.py").write_text(test, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider"]
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"CI": ci}, capture_output=True, text=True, check=False, timeout=50
    )


@pytest.mark.parametrize("how", SKIPS)
def test_a_skip_fails_in_ci(tmp_path: Path, how: str) -> None:
    ended = run_pytest(tmp_path, SKIPS[how], ci="true")
    assert ended.returncode != 0
    assert "with CI=true nothing may be skipped" in ended.stdout
    assert "no browser here" in ended.stdout


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    ended = run_pytest(tmp_path, SKIPS["at run time"], ci="")
    assert ended.returncode == 0
    assert "1 skipped" in ended.stdout


def test_an_expected_failure_stays_one_in_ci(tmp_path: Path) -> None:
    ended = run_pytest(tmp_path, XFAIL, ci="true")
    assert ended.returncode == 0
    assert "1 xfailed" in ended.stdout
