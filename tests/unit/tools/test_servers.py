"""What servers are made of, before one starts: jars and ports."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.servers import cache, jars, ports
from tools.servers.lease import ROOT
from tools.servers.server import awake

MAVEN = """#!/bin/sh
echo "$$" >> {calls}
[ "$(wc -l < {calls})" -gt {failures} ] || {{ echo "no route to host"; exit 1; }}
for word; do case $word in -DoutputDirectory=*) folder=${{word#*=}};; esac; done
mkdir "$folder" && echo code > "$folder/server.jar"
"""


@pytest.fixture
def pom(tmp_path: Path) -> Path:
    """A manifest of versions."""
    file = tmp_path / "shop" / "pom.xml"
    file.parent.mkdir()
    file.write_text("<dependency><artifactId>till</artifactId>\n<version>1.2</version></dependency>")
    return file


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """Puts programs of ours in the place of Maven, which fails so many times, and of Java: the file of its calls."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(time, "sleep", lambda _: None)

    def installed(failures: int) -> Path:
        programs, calls = tmp_path / "bin", tmp_path / "calls"
        programs.mkdir()
        (programs / "mvn").write_text(MAVEN.format(calls=calls, failures=failures))
        (programs / "java").write_text("#!/bin/sh\n")
        for program in programs.iterdir():
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
        return calls

    return installed


def test_jars_are_resolved_once_for_all_who_ask_at_once(pom: Path, maven: Callable[[int], Path]) -> None:
    calls = maven(0)
    found: list[Path] = []
    asking = [threading.Thread(target=lambda: found.append(jars.jars(pom))) for _ in range(4)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert found == [jars.place(pom)] * 4
    assert (found[0] / "server.jar").read_text() == "code\n"
    assert len(calls.read_text().splitlines()) == 1


def test_other_versions_have_other_jars(pom: Path, maven: Callable[[int], Path]) -> None:
    maven(0)
    before = jars.jars(pom)
    pom.write_text(pom.read_text().replace("1.2", "1.3"))
    assert jars.version(pom, "till") == "1.3"
    assert jars.jars(pom) != before


def test_a_network_that_fails_is_tried_again(pom: Path, maven: Callable[[int], Path]) -> None:
    calls = maven(jars.TRIES - 1)
    assert (jars.jars(pom) / "server.jar").exists()
    assert len(calls.read_text().splitlines()) == jars.TRIES


def test_what_maven_said_last_is_told_and_nothing_half_done_is_left(pom: Path, maven: Callable[[int], Path]) -> None:
    maven(jars.TRIES)
    with pytest.raises(cache.Missing, match=r"could not resolve .*\n.*no route to host"):
        jars.jars(pom)
    assert not jars.place(pom).exists()


def test_a_machine_without_java_is_told_in_a_sentence(
    pom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(cache.Missing, match=r"^there is no java: install a Java 17 runtime$"):
        jars.jars(pom)


def test_maven_is_needed_only_until_the_jars_are_here(
    pom: Path, maven: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maven(0)
    (tmp_path / "bin" / "mvn").rename(tmp_path / "mvn")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert jars.lacking([pom]) == "there is no mvn: install Maven"
    jars.place(pom).mkdir(parents=True)
    assert jars.lacking([pom]) is None


def test_a_port_is_leased_to_one_at_a_time_and_given_back_by_a_process_that_ends() -> None:
    seed = random.randrange(2**32)
    leasing = f"import random; from tools.servers.ports import free; print(*free(5, dice=random.Random({seed})))"

    def others() -> set[int]:
        command = [sys.executable, "-c", leasing]
        return {int(port) for port in subprocess.check_output(command, cwd=ROOT, text=True).split()}

    first = others()
    assert others() == first, "the same dice find the same ports, for nobody has them any more"
    mine = set(ports.free(5, dice=random.Random(seed)))
    assert mine == first
    assert not mine & others()
    assert max(mine) < int(ports.EPHEMERAL.read_text().split()[0])


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(cache.Missing, match=r"192\.0\.2\.1 is no address of this machine"):
        ports.free(1, "192.0.2.1")


def test_loopback_addresses_are_neighbours_in_a_net_of_their_own() -> None:
    dice = random.Random(random.randrange(2**32))
    nets = [ports.subnet(3, (9042,), dice) for _ in range(3)]
    assert all([host.rpartition(".")[2] for host in net] == ["1", "2", "3"] for net in nets)
    assert len({host for net in nets for host in net}) == 9


def test_a_process_that_hangs_or_has_ended_is_not_awake() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert awake(process.pid)
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        assert not awake(process.pid)
        process.kill()
    assert not awake(process.pid)
    assert not awake(0)
