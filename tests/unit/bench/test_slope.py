"""The slope that the soak is judged by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.kit.slope import theil_sen


def test_a_straight_line_has_its_slope() -> None:
    assert theil_sen([(x, 3 + 0.5 * x) for x in range(10)]) == pytest.approx(0.5)


def test_a_burst_does_not_bend_it() -> None:
    calm = [(float(x), 100.0) for x in range(60)]
    burst = [(x, y + 80 if 20 <= x < 30 else y) for x, y in calm]
    assert theil_sen(burst) == 0


def test_the_same_moment_twice_counts_for_no_slope() -> None:
    assert theil_sen([(0, 1), (0, 99), (1, 2)]) == pytest.approx((1 + -97) / 2)


@pytest.mark.parametrize("points", [[], [(1.0, 2.0)], [(1.0, 2.0), (1.0, 3.0)]])
def test_no_slope_exists_of_fewer_than_two_moments(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="at least two"):
        theil_sen(points)


@given(
    slope=st.integers(-50, 50),
    points=st.dictionaries(st.integers(0, 1_000), st.integers(-9, 9), min_size=2, max_size=20),
)
def test_a_trend_added_to_the_points_is_added_to_the_slope(slope: int, points: dict[int, int]) -> None:
    plain = [(float(x), float(y)) for x, y in points.items()]
    tilted = [(x, y + slope * x) for x, y in plain]
    assert theil_sen(tilted) == pytest.approx(theil_sen(plain) + slope)
