"""Settings: read, refused, documented."""

from typing import ClassVar

import pytest
from pydantic import Field

from footfall_common.entry.loaded import PREFIXES
from footfall_common.errors import SettingsInvalid
from footfall_common.settings import Listed, Settings, refuse_unknown, settings_page
from tools.docs.generate import settings_classes


class ShopSettings(Settings):
    """A shop."""

    prefix: ClassVar[str] = "SHOP"

    port: int = Field(8080, ge=0, le=65_535)
    """Port to listen on; 0 = any | free one."""

    name: str
    """What it is called."""

    hosts: Listed = ()
    """Hosts that it answers to."""

    api_token: str = Field("long enough", min_length=8)
    """Opens the till."""


def test_variables_are_read_into_types_and_the_rest_has_defaults() -> None:
    environ = {"FOOTFALL_SHOP_NAME": "corner", "FOOTFALL_SHOP_PORT": "0", "FOOTFALL_SHOP_HOSTS": " a, b ,", "PATH": "/"}
    assert ShopSettings.load(environ) == ShopSettings(name="corner", port=0, hosts=("a", "b"))


def test_a_wrong_value_is_named_with_its_variable_the_reason_and_the_way_out() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        ShopSettings.load({"FOOTFALL_SHOP_NAME": "corner", "FOOTFALL_SHOP_PORT": "99999"})
    assert caught.value.field == "FOOTFALL_SHOP_PORT"
    assert caught.value.message == (
        "FOOTFALL_SHOP_PORT is '99999': Input should be less than or equal to 65535; "
        "correct it, or leave it out for its default."
    )


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        ShopSettings.load({"FOOTFALL_SHOP_PORT": "eighty"})
    assert "FOOTFALL_SHOP_PORT is 'eighty'" in caught.value.message
    assert "FOOTFALL_SHOP_NAME is not set and has no default; set it." in caught.value.message


def test_a_secret_is_not_repeated_in_the_error() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        ShopSettings.load({"FOOTFALL_SHOP_NAME": "a", "FOOTFALL_SHOP_API_TOKEN": "hunter2"})
    assert "hunter2" not in caught.value.message
    assert "FOOTFALL_SHOP_API_TOKEN is hidden" in caught.value.message


def test_an_unknown_variable_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        refuse_unknown({"FOOTFALL_SHOP_PROT": "1", "FOOTFALL_XYZZY": "1", "HOME": "/"}, [ShopSettings])
    assert caught.value.field == "FOOTFALL_SHOP_PROT"
    assert "FOOTFALL_SHOP_PROT is not a setting: did you mean FOOTFALL_SHOP_PORT?" in caught.value.message
    assert "FOOTFALL_XYZZY is not a setting: take it out" in caught.value.message


def test_what_other_processes_read_is_theirs_to_judge_but_not_what_has_our_own_prefix() -> None:
    environ = {"FOOTFALL_BARN_DOOR": "1", "FOOTFALL_SHOP_PORT": "1", "FOOTFALL_SHOP_PROT": "1"}
    with pytest.raises(SettingsInvalid) as caught:
        refuse_unknown(environ, [ShopSettings], elsewhere=["BARN", "SHOP"])
    assert "BARN" not in caught.value.message
    assert caught.value.field == "FOOTFALL_SHOP_PROT"


def test_every_prefix_there_is_is_known_to_components_that_share_an_environment() -> None:
    assert {cls.prefix for cls in settings_classes()} == set(PREFIXES)


def test_known_variables_pass() -> None:
    refuse_unknown(dict.fromkeys(ShopSettings.variables(), "x") | {"HOME": "/"}, [ShopSettings])


def test_the_page_lists_every_setting_with_default_bounds_and_meaning() -> None:
    page = settings_page([ShopSettings]).splitlines()
    assert "## ShopSettings" in page
    assert "| `FOOTFALL_SHOP_PORT` | `8080` | >= 0, <= 65535 | Port to listen on; 0 = any \\| free one. |" in page
    assert "| `FOOTFALL_SHOP_NAME` | required | any | What it is called. |" in page
    assert sum(line.startswith("| `FOOTFALL_") for line in page) == len(ShopSettings.model_fields)


def test_a_setting_without_words_or_prefix_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="mute"):
        type("Mute", (Settings,), {"prefix": "MUTE", "__annotations__": {"mute": int}, "mute": 1})
    with pytest.raises(TypeError, match="prefix"):
        type("Nameless", (Settings,), {})


def test_settings_are_frozen_and_closed() -> None:
    settings = ShopSettings(name="a")
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc] # that it is refused is the point
    with pytest.raises(ValueError, match="extra"):
        ShopSettings.model_validate({"name": "a", "colour": "red"})
