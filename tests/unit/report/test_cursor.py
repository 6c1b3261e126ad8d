"""The cursor keeps what it carries, and no one else can make one."""

import uuid
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.errors import InvalidInput
from footfall_report.models.cursor import Asker, Cursor, FeedKey, seal, unseal

TENANT = uuid.UUID(int=7)
KEY, PREVIOUS, FOREIGN = b"k" * 32, b"p" * 32, b"f" * 32
LAST_TS = 1_795_435_200_000
A, B = uuid.UUID(int=1), uuid.UUID(int=2)


def cursor(following: Mapping[uuid.UUID, int]) -> Cursor:
    return Cursor(FeedKey(-LAST_TS, uuid.UUID(int=5), A), following)


@given(
    last=st.builds(FeedKey, st.integers(-(2**60), 2**60), st.uuids(), st.uuids()),
    backs=st.dictionaries(st.uuids(), st.none() | st.integers(0, 2**60), max_size=40),
)
def test_what_goes_in_comes_out(last: FeedKey, backs: dict[uuid.UUID, int | None]) -> None:
    asker = Asker(TENANT, sorted(backs))
    made = Cursor(last, {visitor: -last.minus_ts - back for visitor, back in backs.items() if back is not None})
    assert unseal(seal(made, asker, KEY), asker, [KEY]) == made


@pytest.mark.parametrize(
    ("asker", "keys"),
    [
        (Asker(TENANT, [A, B]), [FOREIGN]),
        (Asker(TENANT, [A, B]), []),
        (Asker(uuid.UUID(int=8), [A, B]), [KEY]),
        (Asker(TENANT, [A]), [KEY]),
        (Asker(TENANT, [A, B, uuid.UUID(int=3)]), [KEY]),
    ],
)
def test_a_cursor_of_someone_else_is_refused(asker: Asker, keys: list[bytes]) -> None:
    made = seal(cursor({A: LAST_TS - 1}), Asker(TENANT, [A, B]), KEY)
    with pytest.raises(InvalidInput) as refused:
        unseal(made, asker, keys)
    assert refused.value.field == "offset"


def test_the_key_before_still_holds() -> None:
    asker = Asker(TENANT, [A, B])
    made = cursor({B: LAST_TS - 3_600_000})
    assert unseal(seal(made, asker, PREVIOUS), asker, [KEY, PREVIOUS]) == made


@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_changed_byte_is_refused(place: int, change: int) -> None:
    asker = Asker(TENANT, [A, B])
    made = seal(cursor({A: LAST_TS - 1, B: LAST_TS - 5_000}), asker, KEY)
    spot = place % len(made)
    forged = made[:spot] + chr(ord(made[spot]) ^ change) + made[spot + 1 :]
    with pytest.raises(InvalidInput):
        unseal(forged, asker, [KEY])


@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        unseal(text, Asker(TENANT, [A, B]), [KEY])
