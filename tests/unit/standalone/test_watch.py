"""Which files act, and when."""

import os
from pathlib import Path

from footfall_common.manifest import MAX_BYTES
from footfall_standalone.watch import Contents, Look, changed, contents

A, B = Path("a.yaml"), Path("b.yaml")


def acted(looks: list[Contents]) -> list[tuple[Path, ...]]:
    """What acts at each look after the first."""
    look = Look(looks[0], looks[0])
    due = []
    for now in looks[1:]:
        look, paths = changed(look, now)
        due.append(paths)
    return due


def test_content_acts_once_at_the_second_look_that_saw_it() -> None:
    assert acted([{A: b"1"}, {A: b"2"}, {A: b"2"}, {A: b"2"}]) == [(), (A,), ()]


def test_a_file_that_is_being_written_does_not_act() -> None:
    assert acted([{A: b"old"}, {A: b""}, {A: b"ne"}, {A: b"new"}, {A: b"new"}]) == [(), (), (), (A,)]


def test_an_edit_taken_back_before_it_acted_never_acts() -> None:
    assert acted([{A: b"1"}, {A: b"2"}, {A: b"1"}, {A: b"1"}]) == [(), (), ()]


def test_files_act_independently() -> None:
    looks: list[Contents] = [{A: b"1", B: b"1"}, {A: b"2", B: b"1"}, {A: b"2", B: b"2"}, {A: b"2", B: b"2"}]
    assert acted(looks) == [(), (A,), (B,)]


def test_a_file_that_goes_and_comes_back_acts_both_times() -> None:
    looks: list[Contents] = [{A: b"1"}, {A: None}, {A: None}, {A: b"1"}, {A: b"1"}]
    assert acted(looks) == [(), (A,), (), (A,)]


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    there = tmp_path / "there.yaml"
    there.write_bytes(b"x")
    assert contents([there, tmp_path / "gone.yaml"]) == {there: b"x", tmp_path / "gone.yaml": None}


def test_of_a_long_file_no_more_is_read_than_a_manifest_may_have(tmp_path: Path) -> None:
    long = tmp_path / "long.yaml"
    long.write_bytes(b"x" * (MAX_BYTES + 2))
    (content,) = contents([long]).values()
    assert content is not None
    assert len(content) == MAX_BYTES + 1


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert contents([pipe]) == {pipe: None}
