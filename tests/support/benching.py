"""A bench run short, as CI does it."""

import json
import subprocess
import sys
from typing import Any

from tests.support.crds import ROOT


def figures(bench: str, *arguments: str) -> dict[str, Any]:
    """What its last line says."""
    run = subprocess.run(
        [sys.executable, "-m", bench, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])["figures"]
    return found
