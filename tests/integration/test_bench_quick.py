"""The benches on the real servers, short: that their figures come out, not what they are."""

import pytest

from tests.support.benching import figures

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.kafka,
    pytest.mark.cassandra,
    pytest.mark.timeout(180),
]


def test_the_pipeline_bench_tells_all_its_figures() -> None:
    found = figures("bench.pipeline", "--quick")
    for name in (
        "receiver_single_vs_nginx",
        "receiver_batch_events_vs_nginx",
        "receiver_mixed_batch_events_vs_nginx",
        "raw_receiver_events_per_cpu_s",
        "event_to_feed_p95_s",
        "event_to_overview_p95_s",
        "receiver_rss_mb",
        "raw_receiver_rss_mb",
    ):
        assert found[name] > 0, name


def test_the_feed_bench_pages_through_all_of_its_history() -> None:
    found = figures("bench.feed", "--quick")
    assert found["visitors"] == 300
    assert found["feed_pages"] >= (found["events"] - 1) // 50
    for name in ("feed_first_page_p95_ms", "feed_page_p95_ms", "largest_partition_mb"):
        assert found[name] > 0, name
