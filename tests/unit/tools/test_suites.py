"""The runner of the suites: what it counts, what it ends."""

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest

import suites
from footfall_common.testing import eventually

RESULTS = """<testsuites><testsuite>
<testcase classname="a" name="passes"/>
<testcase classname="a" name="breaks"><failure message="no"/></testcase>
<testcase classname="a" name="cannot start"><error message="no"/></testcase>
<testcase classname="a" name="fails as expected"><skipped type="pytest.xfail" message="known"/></testcase>
<testcase classname="a" name="waits"><skipped type="pytest.skip" message="no such browser"/></testcase>
</testsuite></testsuites>"""


RAN = suites.Outcome("unit", seconds=1.0, budget=50)


def test_counts_and_reasons_are_read_from_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "IN_CI", False)
    results = tmp_path / "unit.xml"
    results.write_text(RESULTS, encoding="utf-8")
    assert suites.counted(RAN, results) == RAN._replace(passed=2, failed=2, skips=["a.waits: no such browser"])


def test_a_skip_fails_the_suite_in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "IN_CI", True)
    results = tmp_path / "unit.xml"
    results.write_text(RESULTS, encoding="utf-8")
    assert suites.counted(RAN, results).problem == "with CI=true nothing may be skipped"


def test_results_cut_off_leave_the_outcome_as_it_was(tmp_path: Path) -> None:
    results = tmp_path / "unit.xml"
    results.write_text(RESULTS[:100], encoding="utf-8")
    ended = RAN._replace(problem="over its budget of 50 s, ended")
    assert suites.counted(ended, results) == ended


async def test_a_suite_over_its_budget_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    started = tmp_path / "child.pid"
    # The shell's child outlives the shell unless the whole group is ended.
    command = ["sh", "-c", f"sleep 300 & echo $! > {started}; wait"]
    problem = await asyncio.to_thread(suites.run_within, command, 0.5, os.environ)
    assert problem == "over its budget of 0 s, ended"
    child = int(started.read_text(encoding="utf-8"))
    await eventually(lambda: _ended(child), 10)


@pytest.mark.parametrize(("code", "said"), [(0, ""), (3, "the control plane could not be built")])
def test_what_the_cluster_suite_needs_is_built_meanwhile(monkeypatch: pytest.MonkeyPatch, code: int, said: str) -> None:
    monkeypatch.setattr(suites, "BUILD", (sys.executable, "-c", f"raise SystemExit({code})"))
    with suites.built(["unit", "cluster"]) as problem:
        assert problem() == said


async def test_a_build_that_nobody_waits_for_any_more_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "build.pid"
    monkeypatch.setattr(suites, "BUILD", ("sh", "-c", f"echo $$ > {started}; sleep 300"))
    with suites.built(["cluster"]):
        await eventually(lambda: started.exists() and started.read_text("utf-8"))
    assert _ended(int(started.read_text("utf-8")))


def test_nothing_is_built_for_suites_that_need_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "BUILD", ("false",))
    with suites.built(["unit"]) as problem:
        assert not problem()


def _ended(pid: int) -> bool:
    """Whether that process is gone, or only waits to be reaped by whoever adopted it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_an_exit_code_is_told() -> None:
    assert suites.run_within([sys.executable, "-c", "raise SystemExit(3)"], 30, os.environ) == "exit code 3"
    assert suites.run_within([sys.executable, "-c", ""], 30, os.environ) == ""


def test_every_suite_with_tests_has_a_budget() -> None:
    assert set(suites.suites_present()) <= suites.budgets().keys()
