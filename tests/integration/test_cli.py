"""The commands that need no running process, and what the command line says of itself."""

import re
import uuid
from pathlib import Path

import pytest

from footfall_common.errors import InvalidInput, NotFound
from footfall_common.snippet import fill
from footfall_standalone import cli
from footfall_standalone.addresses import below
from footfall_standalone.datadir import Credentials, DataDir, KnownSite, KnownTenant, Run
from footfall_standalone.exits import CommandFailed, ExitCode

COMMANDS = ("credentials", "dead", "migrate", "replay", "send", "snippet", "up")
ACME = KnownTenant(
    "e0fb017c-1d1d-501a-8926-6c437902e3f7",
    "acme",
    (
        KnownSite("shop", "00000000-0000-4000-8000-000000000001"),
        KnownSite("blog", "00000000-0000-4000-8000-000000000002"),
    ),
)
OTHER = KnownTenant("00000000-0000-4000-8000-00000000000f", "00000000-0000-4000-8000-00000000000f", ())


class Ended:
    """How a command ended in this process."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = " ".join(re.sub(r"[│╭╮╰╯─]", " ", out).split())
        self.err = err


@pytest.fixture
def footfall(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> "Footfall":
    monkeypatch.setenv("COLUMNS", "100")
    return Footfall(capsys)


class Footfall:
    """Calls the command line."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        out, err = self._capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0, out, err)


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    """What a `footfall up` of one tenant with two sites leaves."""
    made = DataDir(tmp_path / "data")
    made.path.mkdir()
    made.write_run(Run(1, "2026-11-23T10:00:00+00:00", "http://127.0.0.1:1", below("https://track.example")))
    made.write_tenant(ACME)
    return made


def test_help_lists_every_command_with_its_purpose_and_the_exit_codes(footfall: Footfall) -> None:
    shown = footfall("--help")
    assert shown.code == 0
    for name in COMMANDS:
        assert f" {name} " in shown.out
    for code in ExitCode:
        assert f"{code.value} =" in shown.out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_teaches_with_an_example(footfall: Footfall, name: str) -> None:
    shown = footfall(name, "--help")
    assert shown.code == 0
    assert "Examples:" in shown.out
    assert f"• footfall {name}" in shown.out or f"| footfall {name}" in shown.out
    assert "Exit codes: 0 = done" in shown.out


@pytest.mark.parametrize("arguments", [("upp",), ("credentials", "--datta", "x"), ("up", "--port", "99999")])
def test_a_wrong_command_line_ends_with_2_without_a_traceback(footfall: Footfall, arguments: tuple[str, ...]) -> None:
    ended = footfall(*arguments)
    assert ended.code == 2
    assert "Error" in ended.err
    assert "Traceback" not in ended.err


def test_another_package_adds_its_command_by_an_entry_point(
    footfall: Footfall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "extra-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[footfall.commands]\nextra = footfall_extra_command:command\n")
    code = 'def command() -> None:\n    """Do something more."""\n    print("it ran")\n'
    (tmp_path / "footfall_extra_command.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    assert footfall("extra").out == "it ran"
    listed = footfall("--help").out
    assert "extra Do something more." in listed
    assert " credentials " in listed


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandFailed("Do this.", ExitCode.UNREACHABLE), 4),
        (InvalidInput("Do this."), 2),
        (NotFound("Do this."), 1),
    ],
)
def test_an_error_is_one_sentence_on_stderr(
    footfall: Footfall, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def failing() -> None:
        raise error

    monkeypatch.setattr(cli, "_load", lambda _: {"fail": failing})
    ended = footfall("fail")
    assert (ended.code, ended.out, ended.err) == (code, "", "footfall: Do this.\n")


def test_credentials_without_a_tenant_name_those_there_are(footfall: Footfall, data: DataDir) -> None:
    data.write_tenant(OTHER)
    ended = footfall("credentials", "--data", data.path, "--json")
    assert (ended.code, ended.out) == (2, "")
    assert f"acme ({ACME.tenant})" in ended.err
    assert OTHER.tenant in ended.err


@pytest.mark.parametrize("wanted", ["acme", ACME.tenant, ACME.tenant.upper()])
def test_credentials_of_a_tenant_by_either_of_its_names(footfall: Footfall, data: DataDir, wanted: str) -> None:
    data.write_tenant(OTHER)
    data.write_credentials(uuid.UUID(ACME.tenant), Credentials(ACME.tenant, "client", "secret"))
    shown = footfall("credentials", "--data", data.path, "--tenant", wanted)
    assert shown.code == 0
    for text in ("client", "secret", "site blog", "https://track.example/report"):
        assert text in shown.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--tenant", "nobody"), "There is no tenant nobody"),
        ((), "The credentials of acme are not there"),
    ],
)
def test_credentials_that_are_not_there(
    footfall: Footfall, data: DataDir, arguments: tuple[str, ...], says: str
) -> None:
    ended = footfall("credentials", "--data", data.path, *arguments)
    assert ended.code == 2
    assert says in ended.err


@pytest.mark.parametrize("name", ["credentials", "dead", "send", "snippet"])
def test_a_directory_where_nothing_was_started(footfall: Footfall, tmp_path: Path, name: str) -> None:
    ended = footfall(name, "--data", tmp_path / "none")
    assert ended.code == 2
    assert "footfall up" in ended.err


def test_a_directory_without_tenants(footfall: Footfall, data: DataDir) -> None:
    (data.path / "tenants" / f"{ACME.tenant}.json").unlink()
    ended = footfall("credentials", "--data", data.path)
    assert ended.code == 2
    assert "No tenant stands in" in ended.err


def test_the_snippet_of_a_site(footfall: Footfall, data: DataDir) -> None:
    shown = footfall("snippet", "--data", data.path, "--site", "blog")
    assert shown.code == 0
    for text in ("https://track.example/receiver", ACME.tenant, ACME.sites[1].resource_id):
        assert f'"{text}"' in shown.out
    named = footfall("snippet", "--data", data.path, "--site", ACME.sites[0].resource_id, "--receiver", "https://x/r/")
    assert '"https://x/r"' in named.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [((), "has several sites: shop, blog"), (("--site", "docs"), "has no site docs; name one of: shop, blog")],
)
def test_a_site_that_is_not_clear(footfall: Footfall, data: DataDir, arguments: tuple[str, ...], says: str) -> None:
    ended = footfall("snippet", "--data", data.path, *arguments)
    assert ended.code == 2
    assert says in ended.err


def test_a_tenant_without_sites(footfall: Footfall, data: DataDir) -> None:
    data.write_tenant(OTHER)
    ended = footfall("snippet", "--data", data.path, "--tenant", OTHER.tenant)
    assert ended.code == 2
    assert "has no site" in ended.err


def test_values_cannot_leave_their_place_in_the_snippet() -> None:
    filled = fill('<script>a="{{hst}}"</script>', receiver='"</script>\u2028', tenant="", resource="")
    assert filled == '<script>a="\\"\\u003c/script>\\u2028"</script>'


def test_dead_letters_need_a_running_process(footfall: Footfall, data: DataDir) -> None:
    ended = footfall("dead", "--data", data.path)
    assert ended.code == 4
    assert "start it with `footfall up" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("none.jsonl", "--site", "shop"), 2, "none.jsonl cannot be read"),
        (("--receiver", "http://127.0.0.1:1", "--tenant", "acme"), 2, "the site's GUID with --site"),
        (("--receiver", "ftp://x", "--tenant", "acme"), 2, "ftp://x is no web address"),
        (("--receiver", "track.example", "--tenant", "acme"), 2, "track.example is no web address"),
        (("--receiver", "http://[x", "--tenant", "acme"), 2, "http://[x is no web address"),
        (("--receiver", "http://xn--/r", "--tenant", "acme"), 2, "http://xn--/r is no web address"),
    ],
)
def test_what_send_needs(footfall: Footfall, data: DataDir, arguments: tuple[str, ...], code: int, says: str) -> None:
    ended = footfall("send", "--data", data.path, *arguments)
    assert ended.code == code
    assert says in ended.err


def test_send_gives_up_on_a_receiver_that_does_not_answer(
    footfall: Footfall, data: DataDir, tmp_path: Path, unused_port: int
) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text('{"type": "LEAD"}\n')
    receiver = f"http://127.0.0.1:{unused_port}/receiver"
    site = ACME.sites[0].resource_id
    ended = footfall("send", events, "--receiver", receiver, "--tenant", "acme", "--site", site, "--tries", 1)
    assert ended.code == 4
    assert "Gave up at line 1 after 1 tries" in ended.err
    assert "0 before that were stored" in ended.err
