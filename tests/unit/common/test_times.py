"""Days of moments, however their zone is written."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from footfall_common.clock import to_ms
from footfall_common.events.times import day_of, day_of_moment

zones = st.one_of(
    st.just(dt.UTC), st.integers(-1439, 1439).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
)


@given(st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1), timezones=zones))  # noqa: DTZ001 - bounds; the zone is drawn
def test_the_day_of_a_moment_is_that_of_its_milliseconds(moment: dt.datetime) -> None:
    assert day_of_moment(moment) == day_of(to_ms(moment))
