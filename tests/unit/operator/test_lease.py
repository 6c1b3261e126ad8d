"""The lease: never two processes that may write, whatever the network does; the next one leads in bounded time."""

import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_operator.lease import RELEASED, Conflict, Election, Fence, Fenced, Record, Step, Unreachable, decide

SECONDS = 15.0


class Cluster:
    """One Lease, shared; time, and a network that fails as it is told."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.record: Record | None = None
        self.version = 0

    def clock(self) -> float:
        return self.now


class Link:
    """One process's way to it. `cut` = nothing passes; `deaf` = writes arrive, their answers do not."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.cut = self.deaf = False
        self.slow = 0.0

    def read(self) -> Record | None:
        self.cluster.now += self.slow
        if self.cut:
            raise Unreachable("cut off")
        return self.cluster.record

    def write(self, holder: str, seconds: float, seen: Record | None) -> None:
        self.cluster.now += self.slow
        if self.cut:
            raise Unreachable("cut off")
        if seen != self.cluster.record:
            raise Conflict("changed")
        self.cluster.version += 1
        text = str(self.cluster.version)
        self.cluster.record = Record(holder, seconds, text, text)
        if self.deaf:
            raise Unreachable("no answer")


class Process:
    def __init__(self, cluster: Cluster, name: str) -> None:
        self.link = Link(cluster)
        self.fence = Fence(cluster.clock)
        self.election = Election(self.link, name, SECONDS, cluster.clock, self.fence)
        self.alive = True

    def step(self) -> None:
        self.alive = self.alive and self.election.step()

    def may_write(self) -> bool:
        try:
            self.fence.check()
        except Fenced:
            return False
        return True


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_the_first_leads_and_the_second_waits(cluster: Cluster) -> None:
    first, second = Process(cluster, "a"), Process(cluster, "b")
    assert not first.may_write()
    for _ in range(20):
        first.step()
        second.step()
        cluster.now += 2
        assert (first.may_write(), second.may_write()) == (True, False)
    assert second.election.silent <= 2


def test_a_leader_that_was_killed_is_followed_within_a_lease_and_one_try(cluster: Cluster) -> None:
    first, second = Process(cluster, "a"), Process(cluster, "b")
    first.step()
    second.step()
    killed = cluster.now
    while not second.may_write():
        cluster.now += 2
        second.step()
    assert SECONDS <= cluster.now - killed <= SECONDS + 2


def test_a_leader_that_leaves_is_followed_at_once(cluster: Cluster) -> None:
    first, second = Process(cluster, "a"), Process(cluster, "b")
    first.step()
    first.election.leave()
    assert not first.may_write()
    second.step()
    assert second.may_write()


def test_one_that_never_led_clears_nothing_when_it_leaves(cluster: Cluster) -> None:
    first, second = Process(cluster, "a"), Process(cluster, "b")
    first.step()
    second.step()
    second.election.leave()
    assert cluster.record is not None
    assert cluster.record.holder == "a"


def test_a_leader_cut_off_stops_writing_before_another_may(cluster: Cluster) -> None:
    first, second = Process(cluster, "a"), Process(cluster, "b")
    first.step()
    second.step()
    first.link.cut = True
    while first.alive:
        cluster.now += 2
        first.step()
        second.step()
        assert not (first.may_write() and second.may_write())
    assert not second.may_write()


def test_a_leader_that_was_stopped_for_long_finds_that_it_is_one_no_more(cluster: Cluster) -> None:
    first, second = Process(cluster, "a"), Process(cluster, "b")
    first.step()
    for _ in range(60):
        cluster.now += 1
        second.step()
    assert second.may_write()
    assert not first.may_write(), "before it can even look"
    first.step()
    assert not first.alive


def test_a_lease_that_somebody_gave_away_is_lost_at_once(cluster: Cluster) -> None:
    first = Process(cluster, "a")
    first.step()
    assert cluster.record is not None
    cluster.record = replace(cluster.record, holder="admin's choice", version="x")
    first.step()
    assert not first.alive
    assert not first.may_write()


def test_a_renewal_whose_answer_is_lost_does_not_count(cluster: Cluster) -> None:
    first = Process(cluster, "a")
    first.step()
    first.link.deaf = True
    cluster.now += 9
    first.step()
    assert not first.alive


def test_a_slow_call_counts_from_its_start(cluster: Cluster) -> None:
    first = Process(cluster, "a")
    first.link.slow = 6
    first.step()
    assert not first.may_write(), "two calls of 6 s have eaten up the 10 s"


@pytest.mark.parametrize(
    ("seen", "had", "unchanged", "ours", "step"),
    [
        (None, 0, 0, False, Step.TAKE),
        (None, 15, 14.9, False, Step.WAIT),
        (None, 15, 15, False, Step.TAKE),
        (Record("", RELEASED, "1", "1"), 0, 0, False, Step.TAKE),
        (Record("", 15, "1", "1"), 0, 14.9, False, Step.WAIT),
        (Record("", 15, "1", "1"), 0, 15, False, Step.TAKE),
        (Record("me", 15, "1", "1"), 0, 0, True, Step.TAKE),
        (Record("me", 15, "1", "1"), 0, 14.9, False, Step.WAIT),
        (Record("you", 15, "1", "1"), 15, 14.9, False, Step.WAIT),
        (Record("you", 15, "1", "1"), 15, 15, False, Step.TAKE),
        (Record("you", 60, "1", "1"), 60, 15, False, Step.WAIT),
    ],
)
def test_a_lease_is_taken_when_nobody_else_may_hold_it(
    seen: Record | None,
    had: float,
    unchanged: float,
    ours: bool,  # noqa: FBT001 - a row of the table
    step: Step,
) -> None:
    assert decide(seen, had, unchanged, ours=ours) is step


STEPS = st.tuples(
    st.sampled_from("abc"),
    st.sampled_from(
        ["step", "step", "step", "cut", "mend", "deaf", "hear", "slow", "quick", "leave", "delete", "blank", "give"]
    ),
    st.floats(0, 7),
)


@given(st.lists(STEPS, max_size=120))
def test_no_two_may_ever_write(steps: list[tuple[str, str, float]]) -> None:
    cluster = Cluster()
    processes = {name: Process(cluster, name) for name in "abc"}
    for process in processes.values():
        process.step()  # all have seen who leads; of one that never has, see `decide`
    for name, what, passes in steps:
        _acts(processes[name], what)
        assert sum(process.may_write() for process in processes.values()) <= 1
        cluster.now += passes
        assert sum(process.may_write() for process in processes.values()) <= 1


def _acts(one: Process, what: str) -> None:
    if what == "step":
        one.step()
    elif what in {"cut", "mend"}:
        one.link.cut = what == "cut"
    elif what in {"deaf", "hear"}:
        one.link.deaf = what == "deaf"
    elif what in {"slow", "quick"}:
        one.link.slow = 3.0 if what == "slow" else 0.0
    elif what == "leave":
        one.election.leave()
        one.alive = False
    else:
        _meddles(one.link.cluster, what)


def _meddles(cluster: Cluster, what: str) -> None:
    """Somebody's hand at the Lease."""
    if what == "delete":
        cluster.record = None
    elif cluster.record is not None:
        cluster.version += 1
        holder = "" if what == "blank" else "c"
        cluster.record = replace(cluster.record, holder=holder, version=str(cluster.version))


def test_the_thread_tells_once_that_it_lost_and_ends() -> None:
    cluster = Cluster()
    process = Process(cluster, "a")
    election = Election(process.link, "a", 0.15, cluster.clock, process.fence)
    won, lost = threading.Event(), threading.Event()
    thread = threading.Thread(target=election.run, args=[won.set, lost.set])
    thread.start()
    assert won.wait(5)
    process.link.cut = True
    cluster.now += 1
    thread.join(5)
    assert lost.is_set()


def test_a_thread_that_breaks_is_a_lease_that_is_lost() -> None:
    cluster = Cluster()
    process = Process(cluster, "a")
    lost = threading.Event()

    def breaks() -> Record | None:
        raise KeyError("nobody foresaw it")

    process.link.read = breaks  # type: ignore[method-assign] # as a library's error would
    process.election.run(lambda: None, lost.set)
    assert lost.is_set()
    assert not process.may_write()


def test_the_thread_ends_when_it_is_to_leave() -> None:
    cluster = Cluster()
    process = Process(cluster, "a")
    thread = threading.Thread(target=process.election.run, args=[lambda: None, pytest.fail])
    thread.start()
    assert process.election.elected.wait(5)
    process.election.leave()
    thread.join(5)
    assert not thread.is_alive()
    assert cluster.record is not None
    assert cluster.record.holder == ""
