"""The settings of the whole process."""

from pathlib import Path

import pytest

from footfall_common.errors import SettingsInvalid
from footfall_standalone.addresses import below, local_base
from footfall_standalone.configuration import load, placed
from footfall_standalone.datadir import DataDir


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("FOOTFALL_STANDALONE_HOSTS", "x", "did you mean FOOTFALL_STANDALONE_HOST?"),
        ("FOOTFALL_STANDALONE_POLL_SECONDS", "5", "less than or equal to 1"),
        ("FOOTFALL_STANDALONE_PUBLIC_URL", "track.example", "should match pattern"),
        ("FOOTFALL_STANDALONE_PUBLIC_URL", "https://track.example/", "should match pattern"),
        ("FOOTFALL_RECEIVER_MAX_EVENTS", "0", "greater than or equal to 1"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsInvalid, match=name) as refused:
        load({name: value, "HOME": "/home/x"})
    assert says in refused.value.message


def test_the_process_fills_in_what_it_alone_knows() -> None:
    addresses, data = below("http://127.0.0.1:1"), DataDir(Path("data"))
    here = placed(load({}), addresses, data)
    assert here.identity.issuer == "http://127.0.0.1:1/identity"
    assert here.report.data_dir == Path("data/report")


def test_what_is_given_stands() -> None:
    given = {"FOOTFALL_IDENTITY_ISSUER": "https://id.example", "FOOTFALL_REPORT_DATA_DIR": "elsewhere"}
    here = placed(load(given), below("http://127.0.0.1:1"), DataDir(Path("data")))
    assert here.identity.issuer == "https://id.example"
    assert here.report.data_dir == Path("elsewhere")


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("192.0.2.1", "http://192.0.2.1:80"),
        ("tracker.internal", "http://tracker.internal:80"),
    ],
)
def test_how_this_machine_reaches_the_process(host: str, base: str) -> None:
    assert local_base(host, 80) == base
