"""A twentieth of the operator's bench: what it writes, remembers and misses."""

import pytest

from tests.support.benching import figures

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_leader_of_unchanged_tenants_writes_nothing_and_each_change_is_followed_by_a_write() -> None:
    found = figures("bench.operator", "--quick")
    assert found["tenants"] == 500
    assert found["changes"] == 60
    assert found["writes"] == 0
    assert 0 < found["peak_rss_mb"] <= 550
    assert 0 < found["first_pass_vs_bare_list"] <= 2 * 3, "twice the bar: two workers share this machine's cores"
    assert 0 < found["change_to_write_p99_s"] < 5, "no change waits for the time-outs of those that fail"
