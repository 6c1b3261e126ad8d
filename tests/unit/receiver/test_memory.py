"""The hints of one receiver process."""

from footfall_receiver.memory import DailyCounts, Guards, Recent


def test_the_newest_keys_are_remembered_and_old_ones_forgotten() -> None:
    recent = Recent(3)
    for number in range(10):
        recent.add(number)
    assert all(number in recent for number in (7, 8, 9))
    assert 0 not in recent


def test_counts_are_of_one_day_and_may_be_taken_back() -> None:
    counts = DailyCounts(10)
    counts.add("a", 1, 3)
    counts.take_back("a", 1, 2)
    assert (counts.count("a", 1), counts.count("a", 2)) == (1, 0)


def test_a_request_that_outlives_its_day_does_not_bring_it_back() -> None:
    guards = Guards(duplicates=10, visitors=10, daily_limit=5)
    late = guards.tally(b"t", 1)
    assert late.look(b"v", b"1", 1, anonymous=False) == "fresh"
    late.reserve()
    guards.counts.add((b"t", b"v"), 2, 4)
    late.release()
    assert guards.counts.count((b"t", b"v"), 2) == 4
