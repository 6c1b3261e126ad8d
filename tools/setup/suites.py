"""Run the test suites one after the other, each within its budget of seconds, and say what was skipped and why.

    python tools/setup/suites.py [SUITE...] [-- PYTEST_ARGUMENT...]

A suite is a folder in tests/, `tracker` for the tracker's own tests, or `servers` for the tests of every folder that
need real Kafka or Cassandra, which the other suites leave out. `cluster` comes last: what it needs is built meanwhile,
at the lowest priority. Budgets stand in pyproject.toml under
[tool.footfall.suites]. A suite that passes its budget is ended, with all that it started, and counts as failed. The
coverage floor holds when everything was run. Exit code: 0 = all passed, 1 = something failed, 2 = wrong usage.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
TRACKER = "tracker"
SERVERS = "servers"
ON_SERVERS = "kafka or cassandra"
CLUSTER = "cluster"
BUILD = (sys.executable, "-m", "tools.kubernetes.build")
BUILD_SECONDS = 1_800.0
# Folders whose tests may need servers.
WITH_SERVERS = ("tests/contract", "tests/integration")
IN_CI = os.environ.get("CI", "").lower() == "true"
# What a suite gets to clean up in before it is killed.
GRACE_SECONDS = 10.0


class Outcome(NamedTuple):
    """What became of one suite; `skips` are the reasons, one for each test."""

    suite: str
    seconds: float
    budget: int
    problem: str = ""
    passed: int = 0
    failed: int = 0
    skips: Sequence[str] = ()


def budgets() -> dict[str, int]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["tool"]["footfall"]["suites"])


def suites_present() -> list[str]:
    """Suites that have tests here, in the order of the budgets: the quick ones first."""
    with_tests = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    with_tests.add(SERVERS)
    if (ROOT / "tracker-js" / "package-lock.json").exists():
        with_tests.add(TRACKER)
    unknown = with_tests - budgets().keys()
    if unknown:
        sys.exit(f"{sorted(unknown)} in tests/ has no budget: name it in pyproject.toml, [tool.footfall.suites]")
    return [suite for suite in budgets() if suite in with_tests]


def run_within(command: Sequence[str], seconds: float, environment: Mapping[str, str]) -> str:
    """Run a command in a process group of its own; the problem in words, or nothing when it went well."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        end(process)
        return f"over its budget of {seconds:.0f} s, ended"
    except KeyboardInterrupt:
        end(process)
        raise
    return f"exit code {code}" if code else ""


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole group to stop, then kill what is left of it."""
    os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def command_of(suite: str, results: Path, arguments: Sequence[str]) -> list[str]:
    if suite == TRACKER:
        return ["tools/setup/node", "npm", "--prefix", "tracker-js", "test", "--silent"]
    chosen = [*WITH_SERVERS, "-m", ON_SERVERS] if suite == SERVERS else [f"tests/{suite}", "-m", f"not ({ON_SERVERS})"]
    return [
        *("pytest", *chosen, "-n", "2"),
        *("--cov", "--cov-append", "--cov-report=", "--cov-fail-under=0"),
        *("--junitxml", str(results), *arguments),
    ]


def environment_of(suite: str, results: Path, scratch: Path) -> dict[str, str]:
    """Where coverage goes, and for Node's own runner, which takes no such argument through npm, where results go."""
    variables = os.environ | {"COVERAGE_FILE": str(scratch / "coverage")}
    if suite == TRACKER:
        reporters = ("spec", "stdout", "junit", str(results))
        names = ("--test-reporter", "--test-reporter-destination") * 2
        variables["NODE_OPTIONS"] = " ".join(f"{name}={value}" for name, value in zip(names, reporters, strict=True))
    return variables


def run(suite: str, scratch: Path, arguments: Sequence[str]) -> Outcome:
    print(f"\n== {suite} ==", flush=True)
    results = scratch / f"{suite}.xml"
    budget = budgets()[suite]
    began = time.monotonic()
    problem = run_within(command_of(suite, results, arguments), budget, environment_of(suite, results, scratch))
    outcome = Outcome(suite, time.monotonic() - began, budget, problem)
    return counted(outcome, results) if results.exists() else outcome


def counted(outcome: Outcome, results: Path) -> Outcome:
    """Add the counts and the reasons of skips that the runner wrote down; an expected failure counts as passed."""
    try:
        cases = list(ET.parse(results).iter("testcase"))  # noqa: S314 - our own runner wrote it a moment ago
    except ET.ParseError:  # ended in the middle of writing; that it was ended is said already
        return outcome
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skips = [
        f"{case.get('classname')}.{case.get('name')}: {found.text or found.get('message')}"
        for case in cases
        if (found := case.find("skipped")) is not None and found.get("type") != "pytest.xfail"
    ]
    passed = len(cases) - len(failed) - len(skips)
    problem = outcome.problem or ("with CI=true nothing may be skipped" if skips and IN_CI else "")
    return outcome._replace(problem=problem, passed=passed, failed=len(failed), skips=skips)


def coverage_problem(scratch: Path) -> str:
    """Report the coverage of everything that ran, keep its data for `coverage html`, and hold it to the floor."""
    data = scratch / "coverage"
    if not data.exists():
        return "no coverage was measured"
    shutil.copy(data, ROOT / ".coverage")
    print("\n== coverage ==", flush=True)
    reported = subprocess.run(["coverage", "report"], cwd=ROOT, check=False)
    return "coverage is below its floor" if reported.returncode else ""


@contextlib.contextmanager
def built(asked: Sequence[str]) -> Iterator[Callable[[], str]]:
    """Build what the cluster suite runs on while the others run; called, it waits, and says what went wrong."""
    if CLUSTER not in asked:
        yield lambda: ""
        return
    process = subprocess.Popen(["nice", "-n", "19", *BUILD], cwd=ROOT, start_new_session=True)

    def problem() -> str:
        try:
            code = process.wait(BUILD_SECONDS)
        except subprocess.TimeoutExpired:
            return f"the control plane was not built within {BUILD_SECONDS:.0f} s"
        return "the control plane could not be built" if code else ""

    try:
        yield problem
    finally:
        if process.poll() is None:
            end(process)


def run_all(asked: Sequence[str], scratch: Path, arguments: Sequence[str]) -> list[Outcome]:
    """One after the other."""
    outcomes = []
    with built(asked) as waited:
        for suite in asked:
            began = time.monotonic()
            problem = waited() if suite == CLUSTER else ""
            if seconds := round(time.monotonic() - began):
                print(f"\nwaited {seconds} s for the control plane")
            outcome = run(suite, scratch, arguments)
            outcomes.append(outcome._replace(problem=outcome.problem or problem))
    return outcomes


def report(outcomes: Sequence[Outcome], problems: Sequence[str]) -> None:
    """Say what was skipped, how long each suite took, and close with one line that counts."""
    skips = [reason for outcome in outcomes for reason in outcome.skips]
    print("\n== skipped on this machine ==" if skips else "\nnothing was skipped")
    for reason in skips:
        print(f"  {reason}")
    print("\n== seconds ==")
    for outcome in outcomes:
        print(f"  {outcome.suite:<12} {outcome.seconds:6.1f} of {outcome.budget:<4} {outcome.problem or 'passed'}")
    for problem in problems:
        print(f"  {problem}")
    passed = sum(outcome.passed for outcome in outcomes)
    # A suite that died before it could count, or a floor that was missed, is one failure too.
    failed = sum(outcome.failed or bool(outcome.problem) for outcome in outcomes) + len(problems)
    print(f"\n{passed} passed, {failed} failed, {len(skips)} skipped", flush=True)


def main(arguments: Sequence[str]) -> int:
    split = arguments.index("--") if "--" in arguments else len(arguments)
    asked, passed_on = list(arguments[:split]), list(arguments[split + 1 :])
    present = suites_present()
    if unknown := set(asked) - set(present):
        sys.stderr.write(f"no tests in {sorted(unknown)}; there are {present}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="footfall-tests-") as folder:
        scratch = Path(folder)
        outcomes = run_all(asked or present, scratch, passed_on)
        whole = not asked and not passed_on
        problems = [problem for problem in [coverage_problem(scratch)] if problem] if whole else []
    report(outcomes, problems)
    return 1 if problems or any(outcome.problem for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
